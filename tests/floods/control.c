/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <string.h>
#include <systemd/sd-bus.h>

static int method_answer(sd_bus_message *m, void *userdata G_GNUC_UNUSED, sd_bus_error *error G_GNUC_UNUSED)
{
    return sd_bus_reply_method_return(m, "s", "valid");
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Answer", "", "s", method_answer, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static int connect_to(const char *socket_path, sd_bus **ret)
{
    g_autofree char *address = g_strdup_printf("unix:path=%s", socket_path);
    int r = sd_bus_new(ret);

    if (r >= 0)
        r = sd_bus_set_address(*ret, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(*ret, 1);
    if (r >= 0)
        r = sd_bus_start(*ret);
    if (r >= 0)
        r = sd_bus_add_object_vtable(*ret, NULL, CONTROL_PATH, CONTROL, vtable, NULL);
    if (r >= 0)
        r = sd_bus_request_name(*ret, CONTROL, 0);
    return r;
}

void control_run(const char *socket_path, Record *record)
{
    sd_bus *bus = NULL;
    int r = connect_to(socket_path, &bus);

    g_atomic_int_set(&record->ready, r >= 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    g_error("the control service: %s", strerror(-r));
}
