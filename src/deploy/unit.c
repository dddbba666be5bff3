/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/unit.h"

#include <errno.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "core/limits.h"
#include "util/text.h"
#include "util/time.h"

#define SYSTEMD   "org.freedesktop.systemd1"
#define PATH      "/org/freedesktop/systemd1"
#define MANAGER   SYSTEMD ".Manager"
#define UNIT      SYSTEMD ".Unit"
#define JOB       SYSTEMD ".Job"
#define CALL_USEC (25 * USEC_PER_SEC)
#define LOOK_USEC USEC_PER_SEC /* until a job without a result is looked for */

static const char *const verbs[_UNIT_ACTION_MAX] = {
    [UNIT_RELOAD] = "reload",
    [UNIT_RELOAD_OR_RESTART] = "reload or restart",
    [UNIT_RESTART] = "restart",
    [UNIT_START] = "start",
};

static const char *const methods[_UNIT_ACTION_MAX] = {
    [UNIT_RELOAD] = "ReloadUnit",
    [UNIT_RELOAD_OR_RESTART] = "ReloadOrRestartUnit",
    [UNIT_RESTART] = "RestartUnit",
    [UNIT_START] = "StartUnit",
};

struct UnitManager {
    sd_bus *bus;
    uint64_t timeout; /* of a job */
    char *job;        /* that is waited for */
    char *result;     /* of it; NULL: none yet */
    int error;        /* while handling a signal */
};

void unit_manager_set_timeout(UnitManager *m, uint64_t usec)
{
    m->timeout = usec;
}

/* A job may end before the reply that names it has been read, so every result is looked at until then. */
static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    UnitManager *u = userdata;
    const char *job, *unit, *result;
    uint32_t id;

    if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0 || !u->job || !streq(u->job, job))
        return 0;
    if (text_set(&u->result, result) < 0)
        u->error = -ENOMEM;
    return 0;
}

/* ---- calls */

#define ABSENT_PREFIX "org.freedesktop.DBus.Error."
#define PAUSE_USEC    (200 * USEC_PER_MSEC)

/* systemd leaves the bus for a moment when it executes itself again. Nobody starts it by a message; the bus tries to. */
static bool is_absence(const sd_bus_error *e)
{
    static const char *const names[] = { "ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected" };
    const char *name = e->name && strncmp(e->name, ABSENT_PREFIX, strlen(ABSENT_PREFIX)) == 0
                           ? e->name + strlen(ABSENT_PREFIX)
                           : "";

    return TABLE_FROM_STRING(names, name) >= 0 || strncmp(name, "Spawn.", 6) == 0;
}

/* After a call failed: waits and returns true if it is to be tried again. *until: 0 at first. */
static bool wait_for_return(const UnitManager *m, sd_bus_error *error, uint64_t *until)
{
    uint64_t now = usec_now(CLOCK_MONOTONIC);

    if (*until == 0)
        *until = now + LIMIT_UNIT_ABSENCE * USEC_PER_SEC;
    if (!is_absence(error) || sd_bus_is_open(m->bus) <= 0 || sd_booted() <= 0 || now > *until)
        return false;
    sd_bus_error_free(error);
    (void)usleep(PAUSE_USEC);
    return true;
}

static int call_manager(UnitManager *m, const char *member, sd_bus_error *error, sd_bus_message **ret,
                        const char *unit, const char *mode)
{
    const char *types = !unit ? NULL : mode ? "ss" : "s";
    uint64_t until = 0;
    int r;

    do
        r = sd_bus_call_method(m->bus, SYSTEMD, PATH, MANAGER, member, error, ret, types, unit, mode);
    while (r < 0 && wait_for_return(m, error, &until));
    return r;
}

static int connect_failed(int r, const sd_bus_error *e, Problem *problem)
{
    return problem_set(
        problem, PROBLEM_INTERNAL,
        "No service manager answers on the system bus (%s); where systemd does not run, leave out "
        "Reload=, ReloadOrRestart=, Restart= and Start=.",
        QUOTE(e->message ? e->message : strerror(-r), 200));
}

int unit_manager_connect(UnitManager **ret, Problem *problem)
{
    _cleanup_(unit_manager_freep) UnitManager *m = calloc(1, sizeof(UnitManager));
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = m ? sd_bus_open_system(&m->bus) : -ENOMEM;

    if (r >= 0) {
        m->timeout = LIMIT_UNIT_TIME * USEC_PER_SEC;
        r = sd_bus_set_method_call_timeout(m->bus, CALL_USEC);
    }
    if (r >= 0)
        r = sd_bus_match_signal(m->bus, NULL, SYSTEMD, PATH, MANAGER, "JobRemoved", on_job_removed, m);
    if (r >= 0)
        r = call_manager(m, "Subscribe", &error, NULL, NULL, NULL);
    if (r < 0)
        return connect_failed(r, &error, problem);
    *ret = TAKE_PTR(m);
    return 0;
}

UnitManager *unit_manager_free(UnitManager *m)
{
    if (m) {
        sd_bus_flush_close_unref(m->bus);
        free(m->job);
        free(m->result);
        free(m);
    }
    return NULL;
}

static int call_failed(const char *unit, const char *doing, int r, const sd_bus_error *e, Problem *problem)
{
    const char *why = e && e->message ? e->message : strerror(-r);

    return problem_set(problem, PROBLEM_INTERNAL, "systemd could not %s %s: %s%s", doing, QUOTE(unit, 256),
                       QUOTE(why, 300), text_full_stop(why));
}

static int get_active_state(UnitManager *m, const char *unit, char **ret, sd_bus_error *error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = call_manager(m, "LoadUnit", error, &reply, unit, NULL);

    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    return r < 0 ? r : sd_bus_get_property_string(m->bus, SYSTEMD, path, UNIT, "ActiveState", error, ret);
}

int unit_is_running(UnitManager *m, const char *unit, bool *ret, Problem *problem)
{
    static const char *const running[] = { "active", "activating", "refreshing", "reloading" };
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *state = NULL;
    int r = get_active_state(m, unit, &state, &error);

    if (r < 0)
        return call_failed(unit, "tell the state of", r, &error, problem);
    *ret = TABLE_FROM_STRING(running, state) >= 0;
    return 0;
}

static int enqueue(UnitManager *m, const char *unit, UnitAction action, Problem *problem)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *job = NULL;
    int r;

    (void)text_set(&m->result, NULL);
    m->error = 0;
    r = call_manager(m, methods[action], &error, &reply, unit, "replace");
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &job);
    if (r >= 0)
        r = text_set(&m->job, job);
    return r < 0 ? call_failed(unit, verbs[action], r, &error, problem) : 0;
}

/* ---- the end of a job */

/* Signals that came before the reply wait in the queue of the connection. Returns 0 if there are no more. */
static int process_signals(UnitManager *m)
{
    int r;

    do
        r = sd_bus_process(m->bus, NULL);
    while (r > 0 && !m->result && m->error == 0);
    return r < 0 ? r : m->error;
}

/* The signal is lost if systemd executes itself again at that moment, as it does when it is upgraded. Then the job is
 * gone, or systemd is for a while. Returns 1 if there is no such job. */
static int look_for_job(UnitManager *m, bool *ret_absent)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *state = NULL;
    int r = sd_bus_get_property_string(m->bus, SYSTEMD, m->job, JOB, "State", &error, &state);

    *ret_absent = false;
    if (r >= 0)
        return 0;
    if (sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT))
        return 1;
    *ret_absent = sd_bus_is_open(m->bus) > 0;
    return *ret_absent ? 0 : -ECONNRESET;
}

/* Units that run, or that ended well, have no other failure to tell. */
static int guess_result(UnitManager *m, const char *unit)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *state = NULL;
    int r = process_signals(m);

    if (r < 0 || m->result)
        return r;
    r = get_active_state(m, unit, &state, &error);
    return r < 0 ? r : text_set(&m->result, streq(state, "failed") ? "failed" : "done");
}

static int wait_for_job(UnitManager *m, const char *unit)
{
    uint64_t now = usec_now(CLOCK_MONOTONIC), end = now + m->timeout, seen = now, look = now + LOOK_USEC;
    bool absent;
    int r;

    while ((r = process_signals(m)) >= 0 && !m->result) {
        now = usec_now(CLOCK_MONOTONIC);
        if (now >= end)
            return -ETIMEDOUT;
        if (now < look) {
            r = sd_bus_wait(m->bus, MIN(look, end) - now);
            if (r < 0 && r != -EINTR)
                return r;
            continue;
        }
        r = look_for_job(m, &absent);
        if (r > 0)
            return guess_result(m, unit);
        now = usec_now(CLOCK_MONOTONIC);
        if (r < 0 || (absent && now - seen > LIMIT_UNIT_ABSENCE * USEC_PER_SEC))
            return r < 0 ? r : -ECONNABORTED;
        seen = absent ? seen : now;
        look = now + LOOK_USEC;
    }
    return r;
}

int unit_run(UnitManager *m, const char *unit, UnitAction action, Problem *problem)
{
    int r = enqueue(m, unit, action, problem);

    if (r < 0)
        return r;
    r = wait_for_job(m, unit);
    if (r == -ETIMEDOUT)
        return problem_set(problem, PROBLEM_INTERNAL,
                           "systemd did not %s %s within %u seconds; \"systemctl status %s\" shows why.",
                           verbs[action], QUOTE(unit, 256), (unsigned)(m->timeout / USEC_PER_SEC),
                           QUOTE(unit, 256));
    if (r < 0)
        return call_failed(unit, verbs[action], r, NULL, problem);
    if (streq(m->result, "done"))
        return 0;
    return problem_set(
        problem, PROBLEM_INTERNAL,
        "systemd could not %s %s: the job ended as \"%s\"; \"systemctl status %s\" shows why.",
        verbs[action], QUOTE(unit, 256), QUOTE(m->result, 32), QUOTE(unit, 256));
}
