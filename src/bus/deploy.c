/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "util/log.h"
#include "util/timer.h"

/* Runs certwright-deploy for a module by its unit: asks systemd to start it, and then for its state until it has ended.
 * The gate drops all signals, so the end of its job is not signalled; a state is asked for soon at first, since most
 * runs take less than a second, and ever more rarely. */

#define SYSTEMD      "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define UNITS_PATH   SYSTEMD_PATH "/unit"
#define ASK_USEC_MIN (200 * USEC_PER_MSEC)
#define ASK_USEC_MAX (2 * USEC_PER_SEC)
#define ASKED_MAX    30 /* questions in a row without an answer */

struct DeployUnit {
    Bus *bus;
    char *module, *unit;
    char *path;        /* of its object */
    bool is_started;   /* systemd has taken the job, or may have */
    unsigned n_failed; /* questions in a row without an answer */
    sd_bus_slot *call; /* pending; NULL: none */
    sd_event_source *timer;
    uint64_t wait_usec; /* until the next question */
    LIST_ENTRY(DeployUnit) entry;
};

static DeployUnit *unit_free(DeployUnit *u)
{
    sd_bus_slot_unref(u->call);
    sd_event_source_disable_unref(u->timer);
    free(u->module);
    free(u->unit);
    free(u->path);
    free(u);
    return NULL;
}

static void unit_end(DeployUnit *u, const Problem *problem)
{
    Manager *m = u->bus->manager;
    char *module = TAKE_PTR(u->module);

    bus_reset_idle(u->bus);
    LIST_REMOVE(u, entry);
    unit_free(u);
    manager_deployed(m, module, problem);
    free(module);
}

static void ask_later(DeployUnit *u)
{
    (void)timer_arm(u->timer, u->wait_usec);
    u->wait_usec = MIN(u->wait_usec * 3 / 2, ASK_USEC_MAX);
}

/* The unit is at most as long under way as its TimeoutStartSec=, so questions end when systemd does not answer. */
static void ask_again(DeployUnit *u, const sd_bus_error *error)
{
    _cleanup_problem_ Problem problem = {};

    if (++u->n_failed < ASKED_MAX) {
        ask_later(u);
        return;
    }
    (void)problem_set(&problem, PROBLEM_DEPLOYMENT_FAILED, "systemd does not tell the state of %s: %s",
                      u->unit,
                      error ? strempty(error->message) : "there is no connection to the system bus.");
    unit_end(u, &problem);
}

/* A job that waits for others has not changed the state yet. */
static int on_job(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const sd_bus_error *e = sd_bus_message_get_error(reply);
    DeployUnit *u = userdata;
    Problem none = {};
    uint32_t job = 1;

    u->call = sd_bus_slot_unref(u->call);
    if (e || sd_bus_message_enter_container(reply, 'v', "(uo)") < 0 ||
        sd_bus_message_enter_container(reply, 'r', "uo") < 0 ||
        sd_bus_message_read_basic(reply, 'u', &job) < 0)
        ask_again(u, e);
    else if (job > 0)
        ask_later(u);
    else
        unit_end(u, &none);
    return 0;
}

static int ask(DeployUnit *u, const char *property, sd_bus_message_handler_t done)
{
    return sd_bus_call_method_async(u->bus->questions.bus, &u->call, SYSTEMD, u->path,
                                    "org.freedesktop.DBus.Properties", "Get", done, u, "ss", SYSTEMD ".Unit",
                                    property);
}

static int on_state(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const sd_bus_error *e = sd_bus_message_get_error(reply);
    DeployUnit *u = userdata;
    const char *state;

    u->call = sd_bus_slot_unref(u->call);
    if (e || sd_bus_message_enter_container(reply, 'v', "s") < 0 ||
        sd_bus_message_read_basic(reply, 's', &state) < 0) {
        ask_again(u, e);
        return 0;
    }
    u->n_failed = 0;
    if (!streq(state, "inactive") && !streq(state, "failed"))
        ask_later(u);
    else if (ask(u, "Job", on_job) < 0)
        ask_again(u, NULL);
    return 0;
}

static void explain_refusal(const DeployUnit *u, const sd_bus_error *e, Problem *problem)
{
    if (sd_bus_error_has_names(e, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                               "org.freedesktop.DBus.Error.Spawn.ChildExited"))
        (void)problem_set(
            problem, PROBLEM_DEPLOYMENT_FAILED,
            "There is no systemd on the system bus that could start %s; where it does not run, set "
            "Exec=direct in the section [Deploy] of certwright.conf.",
            u->unit);
    else if (sd_bus_error_has_names(e, SD_BUS_ERROR_ACCESS_DENIED,
                                    SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
        (void)problem_set(
            problem, PROBLEM_DEPLOYMENT_FAILED,
            "The service may not start %s: %s The rule of polkit that allows it, org.certwright1.rules, has "
            "to be installed.",
            u->unit, strempty(e->message));
    else
        (void)problem_set(problem, PROBLEM_DEPLOYMENT_FAILED, "systemd did not start %s: %s", u->unit,
                          strempty(e->message));
}

/* Without a reply in time, the unit may have been started. */
static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const sd_bus_error *e = sd_bus_message_get_error(reply);
    _cleanup_problem_ Problem problem = {};
    DeployUnit *u = userdata;

    u->call = sd_bus_slot_unref(u->call);
    u->is_started = true;
    if (!e || sd_bus_error_has_names(e, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT)) {
        ask_later(u);
        return 0;
    }
    explain_refusal(u, e, &problem);
    unit_end(u, &problem);
    return 0;
}

static int step(DeployUnit *u)
{
    Bus *b = u->bus;

    if (sd_bus_is_open(b->questions.bus) <= 0)
        return -ENOTCONN;
    if (u->is_started)
        return ask(u, "ActiveState", on_state);
    return sd_bus_call_method_async(b->questions.bus, &u->call, SYSTEMD, SYSTEMD_PATH, SYSTEMD ".Manager",
                                    "StartUnit", on_started, u, "ss", u->unit, "replace");
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    DeployUnit *u = userdata;

    if (step(u) < 0)
        ask_again(u, NULL);
    return 0;
}

/* The name of a module is valid in that of a unit, without escapes. */
static int unit_new(Bus *b, const char *module, DeployUnit **ret)
{
    DeployUnit *u = calloc(1, sizeof(DeployUnit));
    int r = u ? 0 : -ENOMEM;

    if (r >= 0 && asprintf(&u->unit, "certwright-deploy@%s.service", module) < 0) {
        u->unit = NULL;
        r = -ENOMEM;
    }
    if (r >= 0 && !(u->module = strdup(module)))
        r = -ENOMEM;
    if (r >= 0)
        r = sd_bus_path_encode(UNITS_PATH, u->unit, &u->path);
    if (r >= 0)
        r = timer_add(b->event, &u->timer, CLOCK_MONOTONIC, 1, on_timer, u);
    if (r >= 0)
        r = timer_arm(u->timer, 0);
    if (r < 0) {
        if (u)
            unit_free(u);
        return r;
    }
    u->bus = b;
    u->wait_usec = ASK_USEC_MIN;
    *ret = u;
    return 0;
}

void bus_deploy(Bus *b, const char *module)
{
    _cleanup_problem_ Problem problem = {};
    DeployUnit *u;
    int r;

    if (manager_settings(b->manager)->deploys_directly)
        r = deploy_directly(b, module, &problem);
    else if ((r = unit_new(b, module, &u)) >= 0)
        LIST_INSERT_HEAD(&b->deploys.units, u, entry);
    if (r >= 0)
        return;
    (void)problem_set_errno(&problem, r, "Starting certwright-deploy");
    manager_deployed(b->manager, module, &problem);
}

void bus_deploy_disconnect(Bus *b)
{
    DeployUnit *u;

    LIST_FOREACH (u, &b->deploys.units, entry) {
        u->call = sd_bus_slot_unref(u->call);
        (void)timer_arm(u->timer, ASK_USEC_MAX);
    }
}

void bus_deploy_done(Bus *b)
{
    DeployUnit *u;

    while ((u = LIST_FIRST(&b->deploys.units))) {
        LIST_REMOVE(u, entry);
        unit_free(u);
    }
    deploy_directly_done(b);
}
