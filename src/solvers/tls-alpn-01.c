/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/queue.h>

#include "solvers/tls-check.h"
#include "solvers/tls-server.h"

#define PORT 443 /* RFC 8737 section 3 */

/* tls-alpn-01 (RFC 8737). The authority requests nothing but a name, so there is only one proof per name at
 * a time: if two orders have a name in common, the second one waits until the first has ended. */

typedef struct TlsTask {
    Task task; /* first */
    TlsCheck check;
    bool shown; /* else it waits for another task of its name */
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
        if (t->shown && streq(t->task.name, name))
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
        (void)problem_set(why, PROBLEM_CHALLENGE_FAILED,
                          "tls-alpn-01 is not set up: set TLSListen= in [ACME], as in \":443\".");
    else
        return true;
    return false;
}

static int task_show(TlsTask *t, Problem *problem)
{
    TlsSolver *s = (TlsSolver *)t->task.base.solver;
    const AcmeSettings *settings = s->solver.context->settings;
    int r = 0;

    if (!find_shown(s, t->task.name))
        r = tls_listener_add(s->listener, settings->tls_listen, t->task.name, t->task.key_authorization,
                             problem);
    if (r < 0)
        return r;
    t->shown = true;
    if (settings->self_check)
        return tls_check_start(&t->check, &t->task,
                               settings->tls_check_port ? settings->tls_check_port : PORT, problem);
    task_tell(&t->task);
    return 0;
}

/* Starts tasks that waited for the name, until one has another proof. */
static void solver_show_next(TlsSolver *s, const char *name)
{
    TlsTask *t;

    TAILQ_FOREACH (t, &s->tasks, entry) {
        TlsTask *shown = find_shown(s, name);

        if (t->shown || !streq(t->task.name, name) || t->task.problem.code != PROBLEM_NONE)
            continue;
        if (shown && !streq(shown->task.key_authorization, t->task.key_authorization))
            return;
        if (task_show(t, &t->task.problem) < 0)
            task_tell(&t->task);
    }
}

static SolverTask *solver_end(SolverTask *base)
{
    TlsTask *t = (TlsTask *)base;
    TlsSolver *s = (TlsSolver *)base->solver;

    TAILQ_REMOVE(&s->tasks, t, entry);
    self_check_end(&t->check.check);
    if (t->shown && !find_shown(s, t->task.name)) {
        tls_listener_remove(s->listener, t->task.name);
        solver_show_next(s, t->task.name);
    }
    task_done(&t->task);
    free(t);
    return NULL;
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
    t = calloc(1, sizeof(TlsTask));
    if (!t)
        return problem_set_errno(problem, -ENOMEM, "Answering tls-alpn-01");
    TAILQ_INSERT_TAIL(&s->tasks, t, entry);
    r = task_init(&t->task, base, proof, ready, userdata);
    if (r >= 0 && (!shown || streq(shown->task.key_authorization, proof->key_authorization)))
        r = task_show(t, problem);
    if (r < 0) {
        solver_end(&t->task.base);
        return problem_set_errno(problem, r, "Answering tls-alpn-01");
    }
    *ret = &t->task.base;
    return 0;
}

/* Ends the remaining tasks, starting with those that wait for others. */
static Solver *solver_tls_free(Solver *base)
{
    TlsSolver *s = (TlsSolver *)base;

    while (!TAILQ_EMPTY(&s->tasks))
        solver_end(&TAILQ_LAST(&s->tasks, TlsTasks)->task.base);
    tls_listener_free(s->listener);
    free(s);
    return NULL;
}

static const SolverOps solver_tls_ops = {
    .type = "tls-alpn-01",
    .checks_alone = true,
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
