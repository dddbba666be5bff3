/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/queue.h>

#include "solvers/solver.h"
#include "solvers/tls-check.h"
#include "solvers/tls-server.h"

#define PORT 443 /* RFC 8737 section 3 */

/* tls-alpn-01 (RFC 8737). The authority requests nothing but a name, so there is only one proof per name at
 * a time: if two orders have a name in common, the second one waits until the first has ended. */

typedef struct TlsTask {
    SolverTask task;
    sd_event_source *deferred; /* reports the result */
    TlsCheck *check;
    Problem problem;
    char *name, *key_authorization;
    bool shown; /* else it waits for another task of its name */
    SolverReady ready;
    void *userdata;
    TAILQ_ENTRY(TlsTask) entry;
} TlsTask;

typedef struct TlsSolver {
    Solver solver;
    TlsListener *listener;
    TAILQ_HEAD(TlsTasks, TlsTask) tasks;
} TlsSolver;

static TlsTask *find_shown(TlsSolver *s, const char *name)
{
    TlsTask *t;

    TAILQ_FOREACH (t, &s->tasks, entry)
        if (t->shown && streq(t->name, name))
            return t;
    return NULL;
}

static bool solver_suits(Solver *base, const char *name, bool wildcard, Problem *why)
{
    TlsSolver *s = (TlsSolver *)base;

    if (wildcard)
        (void)problem_set(
            why, PROBLEM_CHALLENGE_FAILED,
            "tls-alpn-01 cannot prove the wildcard *.%s; only dns-01 can: set DNSServer= or DNSHook=.",
            name);
    else if (!tls_listener_is_passed(s->listener) &&
             (!s->solver.context->settings->tls_listen || !s->solver.context->settings->tls_listen[0]))
        (void)problem_set(
            why, PROBLEM_CHALLENGE_FAILED,
            "tls-alpn-01 has no address to answer at: set TLSListen= in [ACME], as in \":443\".");
    else
        return true;
    return false;
}

static int on_deferred(sd_event_source *e _unused_, void *userdata)
{
    TlsTask *t = userdata;

    t->ready(&t->problem, t->userdata);
    return 0;
}

static void task_tell(TlsTask *t)
{
    (void)sd_event_source_set_enabled(t->deferred, SD_EVENT_ONESHOT);
}

/* The check is freed with the task: this is its callback. */
static void on_checked(const Problem *problem, void *userdata)
{
    TlsTask *t = userdata;

    (void)problem_copy(problem, &t->problem);
    task_tell(t);
}

static int task_show(TlsTask *t, Problem *problem)
{
    TlsSolver *s = (TlsSolver *)t->task.solver;
    const AcmeSettings *settings = s->solver.context->settings;
    int r = 0;

    if (!find_shown(s, t->name))
        r = tls_listener_add(s->listener, settings->tls_listen, t->name, t->key_authorization, problem);
    if (r < 0)
        return r;
    t->shown = true;
    if (!settings->self_check) {
        task_tell(t);
        return 0;
    }
    return tls_check_start(s->solver.context->event, s->solver.context->dns, t->name, t->key_authorization,
                           settings->tls_check_port ? settings->tls_check_port : PORT, on_checked, t,
                           &t->check, problem);
}

/* Starts tasks that waited for the name, until one has another proof. */
static void solver_show_next(TlsSolver *s, const char *name)
{
    TlsTask *t;

    TAILQ_FOREACH (t, &s->tasks, entry) {
        TlsTask *shown = find_shown(s, name);

        if (t->shown || !streq(t->name, name) || t->problem.code != PROBLEM_NONE)
            continue;
        if (shown && !streq(shown->key_authorization, t->key_authorization))
            return;
        if (task_show(t, &t->problem) < 0)
            task_tell(t);
    }
}

static void task_hide(TlsTask *t)
{
    TlsSolver *s = (TlsSolver *)t->task.solver;

    if (!t->shown)
        return;
    t->shown = false;
    if (!find_shown(s, t->name))
        tls_listener_remove(s->listener, t->name);
}

static SolverTask *solver_end(SolverTask *base)
{
    TlsTask *t = (TlsTask *)base;
    TlsSolver *s = (TlsSolver *)base->solver;

    TAILQ_REMOVE(&s->tasks, t, entry);
    tls_check_free(t->check);
    sd_event_source_disable_unref(t->deferred);
    task_hide(t);
    solver_show_next(s, t->name);
    problem_clear(&t->problem);
    free(t->name);
    erase_and_free(t->key_authorization);
    free(t);
    return NULL;
}

static int task_new(TlsSolver *s, const Proof *proof, TlsTask **ret)
{
    TlsTask *t = calloc(1, sizeof(TlsTask));
    int r = -ENOMEM;

    if (!t)
        return r;
    t->task.solver = &s->solver;
    t->name = strdup(proof->name);
    t->key_authorization = strdup(proof->key_authorization);
    if (t->name && t->key_authorization)
        r = sd_event_add_defer(s->solver.context->event, &t->deferred, on_deferred, t);
    if (r < 0) {
        free(t->name);
        free(t->key_authorization);
        free(t);
        return r;
    }
    (void)sd_event_source_set_enabled(t->deferred, SD_EVENT_OFF);
    (void)sd_event_source_set_description(t->deferred, "tls-alpn-01-ready");
    TAILQ_INSERT_TAIL(&s->tasks, t, entry);
    *ret = t;
    return 0;
}

static int solver_start(Solver *base, const Proof *proof, SolverReady ready, void *userdata,
                        SolverTask **ret, Problem *problem)
{
    TlsSolver *s = (TlsSolver *)base;
    const TlsTask *shown = find_shown(s, proof->name);
    TlsTask *t;
    int r;

    if (!solver_suits(base, proof->name, proof->wildcard, problem))
        return -EINVAL;
    r = task_new(s, proof, &t);
    if (r < 0)
        return problem_set_errno(problem, r, "Answering tls-alpn-01");
    t->ready = ready;
    t->userdata = userdata;
    if (!shown || streq(shown->key_authorization, t->key_authorization))
        r = task_show(t, problem);
    if (r < 0) {
        solver_end(&t->task);
        return r;
    }
    *ret = &t->task;
    return 0;
}

/* Ends the remaining tasks, starting with those that wait for others. */
static Solver *solver_tls_free(Solver *base)
{
    TlsSolver *s = (TlsSolver *)base;

    while (!TAILQ_EMPTY(&s->tasks))
        solver_end(&TAILQ_LAST(&s->tasks, TlsTasks)->task);
    tls_listener_free(s->listener);
    free(s);
    return NULL;
}

static const SolverOps solver_tls_ops = {
    .type = "tls-alpn-01",
    .suits = solver_suits,
    .start = solver_start,
    .end = solver_end,
    .free = solver_tls_free,
};

int solver_tls_new(const SolverContext *context, Solver **ret)
{
    TlsSolver *s = calloc(1, sizeof(TlsSolver));
    int r;

    if (!s)
        return -ENOMEM;
    s->solver.ops = &solver_tls_ops;
    s->solver.context = context;
    TAILQ_INIT(&s->tasks);
    r = tls_listener_new(context->event, &s->listener);
    if (r < 0) {
        solver_tls_free(&s->solver);
        return r;
    }
    *ret = &s->solver;
    return 0;
}
