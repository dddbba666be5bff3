/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "deploy/unit.h"
#include "util/text.h"
#include "util/time.h"

/* On a bus of this test, on which a thread behaves like systemd, or not. */

#define DAEMON  "/usr/bin/dbus-daemon"
#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1"
#define UNIT    MANAGER "/unit/web_2eservice"
#define JOB     MANAGER "/job/7"
#define WEB     "web.service"
#define OTHERS  200
#define AWHILE  (300 * USEC_PER_MSEC)
#define TIMEOUT (60 * USEC_PER_SEC)

typedef enum Manner {
    MANNER_AS_IT_SHOULD,
    MANNER_EARLY,   /* the result comes before the reply */
    MANNER_CROWDED, /* jobs of other units end meanwhile */
    MANNER_NEVER,   /* the job does not end */
    MANNER_FORGETS, /* the job is gone without a result */
    MANNER_REFUSES, /* there is no such unit */
    MANNER_RETURNS, /* leaves the bus for a while, as when it executes itself again */
    MANNER_LEAVES,  /* leaves it for good */
    MANNER_ENDS,    /* the bus itself ends */
} Manner;

typedef struct Systemd {
    Manner manner;
    const char *result, *state; /* of the job; of the unit */
    char *method;               /* that was called last */
    pid_t daemon;
    sd_bus *bus;
    bool has_job, absent;
    uint64_t due; /* of what follows the reply; 0: nothing */
    int stop;
    GThread *thread;
} Systemd;

static bool booted; /* with systemd, says the test */

int sd_booted(void)
{
    return booted;
}

/* ---- systemd */

static void send_result(Systemd *s, uint32_t id, const char *job, const char *unit)
{
    g_assert_cmpint(sd_bus_emit_signal(s->bus, MANAGER, SYSTEMD ".Manager", "JobRemoved", "uoss", id, job,
                                       unit, s->result),
                    >=, 0);
}

static void send_others(Systemd *s)
{
    for (uint32_t i = 100; i < 100 + OTHERS; i++) {
        char job[64];

        snprintf(job, sizeof(job), MANAGER "/job/%u", i);
        send_result(&(Systemd){ .bus = s->bus, .result = "failed" }, i, job, WEB);
    }
}

static int on_job(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Systemd *s = userdata;
    const char *unit, *mode;

    g_assert_cmpint(sd_bus_message_read(m, "ss", &unit, &mode), >=, 0);
    g_assert_cmpstr(unit, ==, WEB);
    g_assert_cmpstr(mode, ==, "replace");
    g_free(s->method);
    s->method = g_strdup(sd_bus_message_get_member(m));
    if (s->manner == MANNER_REFUSES)
        return sd_bus_error_set(error, SYSTEMD ".NoSuchUnit", "Unit web.service not found.");
    if (s->manner == MANNER_CROWDED)
        send_others(s);
    if (s->manner == MANNER_EARLY)
        send_result(s, 7, JOB, WEB);
    else
        s->due = usec_now(CLOCK_MONOTONIC) + AWHILE;
    s->has_job = s->manner != MANNER_EARLY;
    return sd_bus_reply_method_return(m, "o", JOB);
}

static int on_load(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    return sd_bus_reply_method_return(m, "o", UNIT);
}

static int on_subscribe(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    return sd_bus_reply_method_return(m, NULL);
}

static int get_state(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata,
                     sd_bus_error *error _unused_)
{
    const Systemd *s = userdata;

    return sd_bus_message_append(reply, "s", s->state);
}

static int get_job_state(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                         const char *property _unused_, sd_bus_message *reply, void *userdata _unused_,
                         sd_bus_error *error _unused_)
{
    return sd_bus_message_append(reply, "s", "running");
}

static int find_job(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                    void *userdata, void **ret, sd_bus_error *error _unused_)
{
    Systemd *s = userdata;

    *ret = s;
    return s->has_job;
}

static const sd_bus_vtable manager_table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Subscribe", NULL, NULL, on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("LoadUnit", "s", "o", on_load, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("StartUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ReloadUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RestartUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ReloadOrRestartUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("ActiveState", "s", get_state, 0, 0),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable job_table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("State", "s", get_job_state, 0, 0),
    SD_BUS_VTABLE_END,
};

/* The event a while after the reply, and the return of systemd another while later. */
static void go_on(Systemd *s)
{
    s->due = 0;
    if (s->absent || s->manner == MANNER_AS_IT_SHOULD || s->manner == MANNER_CROWDED) {
        if (s->absent)
            g_assert_cmpint(sd_bus_request_name(s->bus, SYSTEMD, 0), >=, 0);
        s->absent = s->has_job = false;
        send_result(s, 7, JOB, WEB);
    } else if (s->manner == MANNER_FORGETS)
        s->has_job = false;
    else if (s->manner == MANNER_RETURNS || s->manner == MANNER_LEAVES) {
        g_assert_cmpint(sd_bus_release_name(s->bus, SYSTEMD), >=, 0);
        s->absent = true;
        s->due = s->manner == MANNER_RETURNS ? usec_now(CLOCK_MONOTONIC) + 5 * AWHILE : 0;
    } else if (s->manner == MANNER_ENDS)
        g_assert_cmpint(kill(s->daemon, SIGKILL), ==, 0);
}

static void *run(void *userdata)
{
    Systemd *s = userdata;

    while (!g_atomic_int_get(&s->stop)) {
        int r = sd_bus_process(s->bus, NULL);

        if (r < 0)
            break; /* the bus has ended */
        if (s->due > 0 && usec_now(CLOCK_MONOTONIC) >= s->due)
            go_on(s);
        if (r == 0)
            (void)sd_bus_wait(s->bus, 20 * USEC_PER_MSEC);
    }
    return NULL;
}

/* ---- bus */

/* Without the services of this machine. */
#define CONFIGURATION \
    "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context='default'>" \
    "<allow user='*'/><allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/></policy></busconfig>"

static void start_daemon(Systemd *s)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *path = folder_path(&f, "bus.conf"), *option = g_strdup_printf("--config-file=%s", path);
    char *argv[] = { S(DAEMON), option, S("--nofork"), S("--print-address"), NULL };
    char address[512] = "";
    int out;

    folder_write(&f, "bus.conf", CONFIGURATION);
    g_assert_true(g_spawn_async_with_pipes(NULL, argv, NULL,
                                           G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                                           NULL, &s->daemon, NULL, &out, NULL, NULL));
    g_assert_cmpint(read(out, address, sizeof(address) - 1), >, 0);
    close(out);
    g_strchomp(address);
    g_assert_cmpint(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), ==, 0);
}

static void systemd_start(Systemd *s)
{
    start_daemon(s);
    g_assert_cmpint(sd_bus_open_system(&s->bus), >=, 0);
    g_assert_cmpint(sd_bus_add_object_vtable(s->bus, NULL, MANAGER, SYSTEMD ".Manager", manager_table, s),
                    >=, 0);
    g_assert_cmpint(sd_bus_add_object_vtable(s->bus, NULL, UNIT, SYSTEMD ".Unit", unit_table, s), >=, 0);
    g_assert_cmpint(
        sd_bus_add_fallback_vtable(s->bus, NULL, MANAGER "/job", SYSTEMD ".Job", job_table, find_job, s), >=,
        0);
    if (s->absent)
        s->due = usec_now(CLOCK_MONOTONIC) + 5 * AWHILE;
    else
        g_assert_cmpint(sd_bus_request_name(s->bus, SYSTEMD, 0), >=, 0);
    s->thread = g_thread_new("systemd", run, s);
}

static void systemd_stop(Systemd *s)
{
    g_atomic_int_set(&s->stop, 1);
    if (s->thread)
        g_thread_join(s->thread);
    sd_bus_unref(s->bus);
    g_free(s->method);
    (void)kill(s->daemon, SIGKILL);
    (void)waitpid(s->daemon, NULL, 0);
}
#define _cleanup_systemd_ _cleanup_(systemd_stop)

/* ---- tests */

static int run_job(Systemd *s, UnitAction action, uint64_t timeout, Problem *problem)
{
    _cleanup_(unit_manager_freep) UnitManager *m = NULL;

    systemd_start(s);
    g_assert_cmpint(unit_manager_connect(&m, problem), ==, 0);
    unit_manager_set_timeout(m, timeout);
    return unit_run(m, WEB, action, problem);
}

static void check_done(Manner manner, UnitAction action, const char *method)
{
    _cleanup_systemd_ Systemd s = { .manner = manner, .result = "done", .state = "active" };
    _cleanup_problem_ Problem problem = {};

    if (run_job(&s, action, TIMEOUT, &problem) < 0)
        note_failure("manner %d: %s", (int)manner, strempty(problem.text));
    g_assert_cmpstr(s.method, ==, method);
}

static void check_fails(Manner manner, const char *result, const char *state, uint64_t timeout,
                        const char *text)
{
    _cleanup_systemd_ Systemd s = { .manner = manner, .result = result, .state = state };
    _cleanup_problem_ Problem problem = {};
    int r = run_job(&s, UNIT_RELOAD_OR_RESTART, timeout, &problem);

    if (r >= 0 || !g_pattern_match_simple(text, strempty(problem.text)))
        note_failure("%d, \"%s\" instead of \"%s\"", r, strempty(problem.text), text);
}

static void test_actions(void)
{
    check_done(MANNER_AS_IT_SHOULD, UNIT_RELOAD, "ReloadUnit");
    check_done(MANNER_AS_IT_SHOULD, UNIT_RELOAD_OR_RESTART, "ReloadOrRestartUnit");
    check_done(MANNER_AS_IT_SHOULD, UNIT_RESTART, "RestartUnit");
    check_done(MANNER_AS_IT_SHOULD, UNIT_START, "StartUnit");
}

static void test_signals(void)
{
    check_done(MANNER_EARLY, UNIT_RELOAD, "ReloadUnit");
    check_done(MANNER_CROWDED, UNIT_RELOAD, "ReloadUnit");
    check_done(MANNER_FORGETS, UNIT_RELOAD, "ReloadUnit");
    check_done(MANNER_RETURNS, UNIT_RELOAD, "ReloadUnit");
}

static void test_failures(void)
{
    check_fails(MANNER_AS_IT_SHOULD, "failed", "active", TIMEOUT,
                "systemd could not reload or restart web.service: the job ended as \"failed\"; *");
    check_fails(MANNER_EARLY, "timeout", "active", TIMEOUT, "*the job ended as \"timeout\"; *");
    check_fails(MANNER_FORGETS, "done", "failed", TIMEOUT, "*the job ended as \"failed\"; *");
    check_fails(MANNER_REFUSES, "done", "inactive", TIMEOUT,
                "systemd could not reload or restart web.service: Unit web.service not found.");
    check_fails(MANNER_NEVER, "done", "reloading", 2 * USEC_PER_SEC,
                "systemd did not reload or restart web.service within 2 seconds; *");
    check_fails(MANNER_ENDS, "done", "active", TIMEOUT,
                "systemd could not reload or restart web.service: *");
}

static void test_absence(void)
{
    check_fails(MANNER_LEAVES, "done", "active", TIMEOUT,
                "systemd could not reload or restart web.service: *");
}

/* It is away before the first call. */
static void test_return(void)
{
    _cleanup_systemd_ Systemd s = { .result = "done", .state = "active", .absent = true };
    _cleanup_problem_ Problem problem = {};
    _cleanup_(unit_manager_freep) UnitManager *m = NULL;

    systemd_start(&s);
    booted = true;
    if (unit_manager_connect(&m, &problem) < 0)
        note_failure("%s", problem.text);
    booted = false;
}

/* One connection is for all jobs of a run. */
static void test_several(void)
{
    _cleanup_systemd_ Systemd s = { .result = "done", .state = "active" };
    _cleanup_(unit_manager_freep) UnitManager *m = NULL;

    systemd_start(&s);
    g_assert_cmpint(unit_manager_connect(&m, NULL), ==, 0);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(unit_run(m, WEB, UNIT_RELOAD, NULL), ==, 0);
}

static void test_states(void)
{
    static const struct {
        const char *state;
        bool running;
    } rows[] = {
        { "active", true },        { "reloading", true }, { "activating", true },   { "inactive", false },
        { "deactivating", false }, { "failed", false },   { "maintenance", false },
    };
    _cleanup_systemd_ Systemd s = { .state = "active" };
    _cleanup_(unit_manager_freep) UnitManager *m = NULL;

    systemd_start(&s);
    g_assert_cmpint(unit_manager_connect(&m, NULL), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        bool running = !rows[i].running;

        s.state = rows[i].state;
        g_assert_cmpint(unit_is_running(m, WEB, &running, NULL), ==, 0);
        if (running != rows[i].running)
            note_failure("%s", rows[i].state);
    }
}

static void test_none(void)
{
    _cleanup_systemd_ Systemd s = {};
    _cleanup_problem_ Problem none = {}, no_bus = {};
    UnitManager *m;

    start_daemon(&s);
    g_assert_cmpint(unit_manager_connect(&m, &none), <, 0);
    g_assert_true(g_str_has_prefix(none.text, "No service manager answers on the system bus ("));
    g_assert_cmpint(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), ==, 0);
    g_assert_cmpint(unit_manager_connect(&m, &no_bus), <, 0);
    g_assert_true(
        g_str_has_prefix(no_bus.text, "No service manager answers on the system bus (No such file"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    if (access(DAEMON, X_OK) < 0) {
        puts("1..0 # SKIP there is no " DAEMON " (package dbus-daemon)");
        return 0;
    }
    g_test_add_func("/unit/actions", test_actions);
    g_test_add_func("/unit/signals", test_signals);
    g_test_add_func("/unit/failures", test_failures);
    g_test_add_func("/unit/absence", test_absence);
    g_test_add_func("/unit/return", test_return);
    g_test_add_func("/unit/several", test_several);
    g_test_add_func("/unit/states", test_states);
    g_test_add_func("/unit/none", test_none);
    return g_test_run();
}
