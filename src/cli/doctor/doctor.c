/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "cli/doctor/machine.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"
#include "core/name.h"
#include "util/text.h"

/* Looks at everything that the service needs, whether it runs or not, and lists what is wrong, the worst first.
 *
 * The checks of a round run in threads, side by side. A thread that is not over in time is left alone until the command exits:
 * it owns what it writes to. Without a bus, what needs one is left out; without an answer of the service, what looks at its
 * answer. Units are looked at when systemd has tried to start the service. */

typedef enum Round {
    ROUND_MACHINE,
    ROUND_BUS,
    ROUND_SERVICE,
    _ROUND_MAX,
} Round;

typedef struct Check {
    const char *name;
    void (*run)(const Machine *m, Findings *f); /* NULL: check_service() */
    unsigned seconds;
    Round round;
    bool needs_service;
} Check;

/* The order is that of the findings: causes first. */
static const Check checks[] = {
    { "bus", check_bus, 5, ROUND_MACHINE },
    { "programs", check_programs, 5, ROUND_MACHINE },
    { "polkit", check_polkit, 15, ROUND_BUS },
    { "units", check_units, 20, ROUND_SERVICE },
    { "disk", check_disk, 5, ROUND_MACHINE },
    { "clock", check_clock, 5, ROUND_MACHINE },
    { "service", NULL, 45, ROUND_BUS },
    { "configuration", check_configuration, 5, ROUND_SERVICE, true },
    { "dns", check_dns, 15, ROUND_SERVICE, true },
    { "network", check_network, 5, ROUND_SERVICE, true },
    { "ports", check_ports, 10, ROUND_SERVICE, true },
    { "authorities", check_authorities, 10, ROUND_SERVICE, true },
    { "services", check_services, 30, ROUND_SERVICE, true },
    { "deliveries", check_deliveries, 5, ROUND_SERVICE, true },
    { "chains", check_chains, 5, ROUND_SERVICE, true },
    { "uploads", check_uploads, 10, ROUND_SERVICE, true },
    { "time-service", check_time_service, 5, ROUND_MACHINE },
};

typedef struct Task {
    const Check *check;
    Machine machine;
    Findings findings;
    ServiceView *service; /* found by this check */
    pthread_t thread;
    bool started;
    struct Task *next; /* of those that are left alone */
} Task;

static Task *left_alone;

static void *task_run(void *userdata)
{
    Task *t = userdata;

    if (t->check->run)
        t->check->run(&t->machine, &t->findings);
    else
        check_service(&t->machine, &t->findings, &t->service);
    return NULL;
}

static Task *task_start(const Check *c, const Machine *m)
{
    Task *t = xcheck(calloc(1, sizeof *t));

    *t = (Task){ .check = c, .machine = *m };
    t->findings.check = c->name;
    t->findings.rank = (size_t)(c - checks);
    t->started = pthread_create(&t->thread, NULL, task_run, t) == 0;
    return t;
}

static bool task_join(Task *t, const struct timespec *begun)
{
    struct timespec end = { begun->tv_sec + t->check->seconds, begun->tv_nsec };

    return t->started && pthread_clockjoin_np(t->thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

/* A service that does not answer is an error, whatever else there is. */
static void task_leave_alone(Task *t, Findings *f)
{
    bool is_cause = t->check->round != ROUND_SERVICE;

    t->next = left_alone;
    left_alone = t;
    f->check = t->check->name;
    f->rank = (size_t)(t->check - checks);
    finding_add(
        f, is_cause ? SEVERITY_ERROR : SEVERITY_WARNING, "timeout", t->check->name,
        xasprintf(ngettext("%s: there was no answer within %u second.",
                           "%s: there was no answer within %u seconds.", t->check->seconds),
                  t->check->name, t->check->seconds),
        xstrdup(_(
            "See what it waits for: the journal (journalctl -b -p warning), and the load of the machine.")));
}

static bool task_finish(Task *t, const struct timespec *begun, Findings *f, Machine *m)
{
    if (!task_join(t, begun)) {
        task_leave_alone(t, f);
        return false;
    }
    if (t->service)
        m->service = t->service;
    findings_move(&t->findings, f);
    free(t);
    return true;
}

static bool check_is_due(const Check *c, const Machine *m, Round round)
{
    return c->round == round && (m->has_bus || round == ROUND_MACHINE) && (m->service || !c->needs_service);
}

static void run_round(Machine *m, Findings *f, Round round)
{
    Task *tasks[ELEMENTSOF(checks)] = {};
    struct timespec begun;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (size_t i = 0; i < ELEMENTSOF(checks); i++)
        if (check_is_due(&checks[i], m, round))
            tasks[i] = task_start(&checks[i], m);
    for (size_t i = 0; i < ELEMENTSOF(checks); i++)
        if (tasks[i] && !task_finish(tasks[i], &begun, f, m) && checks[i].run == check_bus)
            m->has_bus = false;
}

static Json *checks_to_json(const Machine *m)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < ELEMENTSOF(checks); i++)
        if ((m->has_bus || checks[i].round == ROUND_MACHINE) && (m->service || !checks[i].needs_service))
            json_object_array_add(array, json_text(checks[i].name));
    return array;
}

static Exit doctor_print_json(const Findings *f, const Machine *m)
{
    Json *j = json_object_new_object();

    json_set(j, "findings", findings_to_json(f));
    json_set(j, "checks", checks_to_json(m));
    json_set(j, "not_seen", json_texts(f->unseen));
    return json_print(j);
}

static void doctor_print(const Findings *f, const Machine *m, bool legend)
{
    findings_print(f);
    if (!legend)
        return;
    if (!findings_have(f, SEVERITY_WARNING))
        print_line(stdout, _("Nothing is wrong."));
    if (!m->service)
        hint(_(
            "Without an answer of the service, its configuration, certificates and deliveries cannot be looked at."));
    for (char **sentence = f->unseen; sentence && *sentence; sentence++)
        hint(_("Not looked at: %s"), *sentence);
}

static Exit names_canonicalize(char *const *arguments, char ***ret)
{
    for (; *arguments; arguments++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *name = NULL;

        if (name_canonicalize(*arguments, &name, &problem) < 0)
            return fail(EXIT_USAGE, "%s", strempty(problem.text));
        xcheck(strv_extend(ret, name) < 0 ? NULL : *ret);
    }
    return EXIT_DONE;
}

Exit verb_doctor(Session *s, const Options *o _unused_, char **arguments)
{
    _cleanup_findings_ Findings f = {};
    _cleanup_strv_ char **names = NULL;
    Machine m = { .has_bus = true };
    Exit e = names_canonicalize(arguments, &names);

    if (e != EXIT_DONE)
        return e;
    m.names = names;
    for (Round r = 0; r < _ROUND_MAX; r++) {
        run_round(&m, &f, r);
        m.has_bus = m.has_bus && !findings_have_code(&f, "no-bus");
    }
    findings_sort(&f);
    if (s->json)
        e = doctor_print_json(&f, &m);
    else
        doctor_print(&f, &m, s->legend);
    if (left_alone) /* they use both */
        (void)TAKE_PTR(names);
    else
        service_view_free(m.service);
    if (e != EXIT_DONE)
        return e;
    if (findings_have(&f, SEVERITY_ERROR))
        return EXIT_ERRORS;
    return findings_have(&f, SEVERITY_WARNING) ? EXIT_WARNINGS : EXIT_DONE;
}
