/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <systemd/sd-daemon.h>

#include "bus/internal.h"
#include "util/log.h"
#include "util/time.h"

/* A service that cannot start takes the name for a moment and answers every call with the reason. Otherwise callers
 * would wait until the bus gives up on the activation, and would not learn why. It is not ready for systemd, whose start
 * job fails with the exit of the process. */

#define LINGER_USEC (3 * USEC_PER_SEC)

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    if (!sd_bus_message_is_method_call(m, NULL, NULL))
        return 0;
    refuse_call_for(m, userdata);
    return 1;
}

/* Answers calls until then; 0: those that have arrived. */
static int answer_until(sd_bus *bus, uint64_t end)
{
    uint64_t now;
    int r;

    do {
        while ((r = sd_bus_process(bus, NULL)) > 0)
            ;
        now = usec_now(CLOCK_MONOTONIC);
        if (r >= 0 && now < end)
            r = sd_bus_wait(bus, end - now);
    } while (r >= 0 && now < end);
    return r;
}

void bus_refuse(const Problem *problem)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r;

    (void)sd_notifyf(false, "STATUS=%s", strempty(problem->text));
    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_add_filter(bus, NULL, on_call, (void *)(uintptr_t)problem);
    if (r >= 0)
        r = sd_bus_request_name(bus, BUS_NAME, 0);
    if (r >= 0)
        r = answer_until(bus, usec_now(CLOCK_MONOTONIC) + LINGER_USEC);
    if (r >= 0)
        r = sd_bus_release_name(bus, BUS_NAME);
    if (r >= 0)
        r = answer_until(bus, 0); /* that the bus passed on before */
    if (r < 0)
        (void)log_warning_errno(r, "Failed to tell callers why the service cannot start, ignoring");
}
