/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "core/limits.h"
#include "solvers/http-server.h"
#include "solvers/self-check.h"
#include "solvers/web-root.h"
#include "util/log.h"
#include "util/text.h"

#define HTTP_PORT 80 /* RFC 8555 section 8.3: authorities use no other port */
#define ANOTHER_WAY \
    "let it hand /.well-known/acme-challenge/ to this service (certwright.conf(5), \"Behind a reverse proxy\"), or set " \
    "WebRoot= to the directory that it serves"

typedef struct HttpSolver {
    Solver solver;
    Listener *listener;
    WebRoot *root; /* last one used */
    LIST_HEAD(, HttpTask) tasks;
} HttpSolver;

typedef struct HttpTask {
    Task task; /* first */
    LIST_ENTRY(HttpTask) entry;
    char *url;
    char *root; /* path of the web root; NULL: served by the listener */
    ListenerProof *proof;
    WebProof *file;
    SelfCheck check;
} HttpTask;

/* ---- self-check */

static bool status_is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* RFC 8555 section 8.3: trailing white space is ignored. */
static bool body_is(const HttpReply *reply, const char *text)
{
    const char *body = reply->body;
    size_t size = reply->size;

    while (size > 0 && strchr(" \t\r\n", body[size - 1]) && body[size - 1])
        size--;
    return size == strlen(text) && memcmp(body, text, size) == 0;
}

static void describe_wrong(const HttpTask *t, const AddressProbe *p, const char *what, Problem *problem)
{
    if (t->root)
        problem_set(
            problem, PROBLEM_CHALLENGE_FAILED,
            "The proof for %s is in the web root %s, but %s at %s answered %s; correct WebRoot=, check that its "
            "web server can read the file and serves it over HTTP, and that the address is this machine's",
            t->task.name, t->root, t->url, p->address, what);
    else
        problem_set(
            problem, PROBLEM_CHALLENGE_FAILED,
            "%s cannot be proved: %s at %s answered %s, so another server answers there; if it is this machine's, " ANOTHER_WAY
            "; if not, correct the A and AAAA records of the name, or, " SEEN_OTHERWISE,
            t->task.name, t->url, p->address, what);
}

static void probe_judge(AddressProbe *p, const HttpReply *reply)
{
    const HttpTask *t = (HttpTask *)p->check->task;
    _cleanup_problem_ Problem problem = {};
    char what[64];

    if (status_is_redirect(reply->status))
        log_debug("http-01: %s at %s is a redirect, which authorities follow; skipping the check.", t->url,
                  p->address);
    else if (reply->status != 200) {
        snprintf(what, sizeof(what), "with status %u", reply->status);
        describe_wrong(t, p, what, &problem);
    } else if (!body_is(reply, t->task.key_authorization))
        describe_wrong(t, p, "with something else than the proof", &problem);
    p->answer = reply->status;
    address_probe_end(p, false, &problem);
}

static void probe_fail(AddressProbe *p, const Problem *why)
{
    const HttpTask *t = (HttpTask *)p->check->task;
    _cleanup_problem_ Problem problem = {};
    bool answered = why->code == PROBLEM_LIMITS_EXCEEDED;

    if (why->code == PROBLEM_CANCELLED)
        problem_set(&problem, why->code, "%s", strempty(why->text));
    else if (answered)
        describe_wrong(t, p, "with something larger than the proof", &problem);
    else
        problem_set(
            &problem, PROBLEM_CHALLENGE_FAILED,
            "%s cannot be proved: %s at %s cannot be reached. %s. Let port 80 of that address lead to this machine, or "
            "correct the A and AAAA records of the name; " SEEN_OTHERWISE,
            t->task.name, t->url, p->address, strempty(why->text));
    address_probe_end(p, problem.code != PROBLEM_CANCELLED && !answered, &problem);
}

static void on_reply(const HttpReply *reply, const Problem *problem, void *userdata)
{
    AddressProbe *p = userdata;

    if (p->check && reply)
        probe_judge(p, reply);
    else if (p->check)
        probe_fail(p, problem);
    free(p);
}

static int probe_ask(SelfCheck *c, const char *address)
{
    const HttpTask *t = (HttpTask *)c->task;
    AddressProbe *p = calloc(1, sizeof(AddressProbe));
    _cleanup_problem_ Problem problem = {};
    const HttpRequest request = {
        .url = t->url,
        .body_max = LIMIT_CHECK_BODY,
        .time_max = LIMIT_CHECK_TIME,
        .plain = true,
        .address = address,
    };

    if (!p)
        return -ENOMEM;
    address_probe_begin(p, c, address);
    if (http_send(t->task.base.solver->context->http, &request, on_reply, p, &problem) < 0)
        on_reply(NULL, &problem, p);
    return 0;
}

static const SelfCheckUse self_check_use = { .ask = probe_ask };

/* ---- tasks */

static SolverTask *http_task_end(SolverTask *task)
{
    HttpTask *t = (HttpTask *)task;

    LIST_REMOVE(t, entry);
    self_check_end(&t->check);
    listener_remove(t->proof);
    web_root_remove(t->file);
    task_done(&t->task);
    free(t->url);
    free(t->root);
    free(t);
    return NULL;
}

static char *proof_url(const Proof *proof, uint16_t port)
{
    bool six = strchr(proof->name, ':');
    char suffix[8] = "", *url;

    if (port != 0 && port != HTTP_PORT)
        snprintf(suffix, sizeof(suffix), ":%u", port);
    if (asprintf(&url, "http://%s%s%s%s/.well-known/acme-challenge/%s", six ? "[" : "", proof->name,
                 six ? "]" : "", suffix, proof->token) < 0)
        return NULL;
    return url;
}

static int solver_find_root(HttpSolver *s, const char *path)
{
    WebRoot *root;
    int r;

    if (s->root && streq(web_root_path(s->root), path))
        return 0;
    r = web_root_new(path, &root);
    if (r < 0)
        return r;
    web_root_unref(s->root);
    s->root = root;
    return 0;
}

static int task_put(HttpTask *t, const Proof *proof, Problem *problem)
{
    HttpSolver *s = (HttpSolver *)t->task.base.solver;
    int r;

    if (!t->root)
        return listener_add(s->listener, s->solver.context->settings->http_listen, proof->token,
                            proof->key_authorization, &t->proof, problem);
    r = solver_find_root(s, t->root);
    return r < 0 ? r : web_root_add(s->root, proof->token, proof->key_authorization, &t->file, problem);
}

static int task_start(HttpTask *t, const Proof *proof, Problem *problem)
{
    const AcmeSettings *settings = t->task.base.solver->context->settings;
    int r;

    t->url = proof_url(proof, settings->http_check_port);
    if (!t->url)
        return -ENOMEM;
    r = text_set(&t->root, settings->web_root);
    if (r >= 0)
        r = task_put(t, proof, problem);
    if (r >= 0 && settings->self_check)
        r = self_check_start(&t->check, &t->task, &self_check_use, problem);
    else if (r >= 0)
        task_tell(&t->task);
    return r;
}

static int http_solver_start(Solver *solver, const Proof *proof, SolverReady ready, void *userdata,
                             SolverTask **ret, Problem *problem)
{
    HttpTask *t;
    int r;

    if (!solver->ops->suits(solver, proof->name, proof->wildcard, problem))
        return -EOPNOTSUPP;
    t = calloc(1, sizeof(HttpTask));
    if (!t)
        return problem_set_errno(problem, -ENOMEM, "Answering http-01");
    LIST_INSERT_HEAD(&((HttpSolver *)solver)->tasks, t, entry);
    r = task_init(&t->task, solver, proof, ready, userdata);
    if (r >= 0)
        r = task_start(t, proof, problem);
    if (r < 0) {
        http_task_end(&t->task.base);
        return problem_set_errno(problem, r, "Answering http-01");
    }
    *ret = &t->task.base;
    return 0;
}

/* ---- the solver */

static bool http_solver_suits(Solver *solver, const char *name, bool wildcard, Problem *why)
{
    HttpSolver *s = (HttpSolver *)solver;
    const AcmeSettings *settings = s->solver.context->settings;

    if (wildcard)
        problem_set(
            why, PROBLEM_CHALLENGE_FAILED,
            "http-01 cannot prove the wildcard *.%s; set up dns-01 (DNSServer= or DNSHook= in [ACME])",
            name);
    else if (!settings->web_root && !settings->http_listen && !listener_is_passed(s->listener))
        problem_set(why, PROBLEM_CHALLENGE_FAILED,
                    "http-01 is not set up for %s; set HTTPListen= or WebRoot= in [ACME], or start "
                    "certwright-http.socket",
                    name);
    else
        return true;
    return false;
}

static Solver *http_solver_free(Solver *solver)
{
    HttpSolver *s = (HttpSolver *)solver;

    web_root_unref(s->root);
    listener_free(s->listener);
    free(s);
    return NULL;
}

static void on_seen(const ListenerProof *proof, void *userdata)
{
    HttpSolver *s = userdata;
    HttpTask *t;

    LIST_FOREACH (t, &s->tasks, entry)
        if (t->proof == proof && t->task.base.seen)
            t->task.base.seen(t->task.userdata);
}

int solver_http_new(const SolverContext *context, Solver **ret)
{
    static const SolverOps ops = {
        .type = "http-01",
        .checks_alone = true,
        .suits = http_solver_suits,
        .start = http_solver_start,
        .end = http_task_end,
        .free = http_solver_free,
    };
    HttpSolver *s = calloc(1, sizeof(HttpSolver));
    int r;

    if (!s)
        return -ENOMEM;
    *s = (HttpSolver){ .solver = { &ops, context } };
    r = listener_new(context->event, on_seen, s, &s->listener);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret = &s->solver;
    return 0;
}
