/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/solver.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "core/limits.h"
#include "core/name.h"
#include "solvers/http-server.h"
#include "solvers/web-root.h"
#include "util/log.h"
#include "util/text.h"

#define HTTP_PORT 80 /* RFC 8555 section 8.3: authorities use no other port */
#define ANOTHER_WAY \
    "let it hand /.well-known/acme-challenge/ to this service (there are lines for nginx, Apache, HAProxy and Caddy in " \
    "/usr/share/certwright/snippets), or set WebRoot= to the directory that it serves"
#define SEEN_FROM_HERE "if others see it but this machine does not, set SelfCheck=no"

typedef struct HttpSolver {
    Solver solver;
    Listener *listener;
    WebRoot *root; /* last one used */
    LIST_HEAD(, HttpTask) tasks;
} HttpSolver;

/* Started from the event loop, so that ready() is never called from within start(). */
typedef struct HttpTask {
    SolverTask task;
    LIST_ENTRY(HttpTask) entry;
    SolverReady ready;
    void *userdata;
    char *name, *url, *text;
    char *root; /* path of the web root; NULL: served by the listener */
    ListenerProof *proof;
    WebProof *file;
    sd_event_source *begin;
    DnsQuery *query;
    struct Check *check;
} HttpTask;

/* A request to one address. */
typedef struct Probe {
    struct Check *check;
    char *address;
} Probe;

/* Requests cannot be cancelled: if the task ends first, this remains until the last one has completed. */
typedef struct Check {
    HttpTask *task; /* NULL: ended */
    size_t n_pending, n_good, n_probes;
    Probe probes[LIMIT_CHECK_ADDRESSES];
    Problem wrong;       /* an address returned something else */
    Problem unreachable; /* no address returned anything */
} Check;

/* The task must not be used after this. */
static void task_tell(HttpTask *t, const Problem *problem)
{
    t->ready(problem, t->userdata);
}

/* ---- self-check: what comes back */

static Check *check_free(Check *c)
{
    for (size_t i = 0; i < c->n_probes; i++)
        free(c->probes[i].address);
    problem_clear(&c->wrong);
    problem_clear(&c->unreachable);
    free(c);
    return NULL;
}
DEFINE_CLEANUP(Check *, check_free);

static void check_leave(Check *c)
{
    c->task = NULL;
    if (c->n_pending == 0)
        check_free(c);
}

/* After all replies, or after a wrong one: the authority may choose that address. */
static void check_tell(Check *c)
{
    HttpTask *t = c->task;
    _cleanup_problem_ Problem problem = {};

    if (!t) {
        if (c->n_pending == 0)
            check_free(c);
        return;
    }
    if (c->n_pending > 0 && c->wrong.code == PROBLEM_NONE)
        return;
    if (c->wrong.code != PROBLEM_NONE)
        problem_move(&c->wrong, &problem);
    else if (c->n_good == 0)
        problem_move(&c->unreachable, &problem);
    t->check = NULL;
    check_leave(c);
    task_tell(t, &problem);
}

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

static void check_note_wrong(Check *c, const Probe *p, const char *what)
{
    const HttpTask *t = c->task;

    if (t->root)
        problem_set(
            &c->wrong, PROBLEM_CHALLENGE_FAILED,
            "The proof for %s is in the web root %s, but %s at %s answered %s; correct WebRoot=, check that its "
            "web server may read the file and serves it by http, and that the address is this machine's",
            t->name, t->root, t->url, p->address, what);
    else
        problem_set(
            &c->wrong, PROBLEM_CHALLENGE_FAILED,
            "%s cannot be proved: %s at %s answered %s, so another server answers there; if it is this machine's, " ANOTHER_WAY
            "; if not, correct the A and AAAA records of the name",
            t->name, t->url, p->address, what);
}

static void check_note_reply(Check *c, const Probe *p, const HttpReply *reply)
{
    char what[64];

    if (status_is_redirect(reply->status)) {
        c->n_good++;
        log_debug("http-01: %s at %s is a redirect, which authorities follow; skipping the check.",
                  c->task->url, p->address);
    } else if (reply->status != 200) {
        snprintf(what, sizeof(what), "with status %u", reply->status);
        check_note_wrong(c, p, what);
    } else if (!body_is(reply, c->task->text))
        check_note_wrong(c, p, "with something else than the proof");
    else
        c->n_good++;
}

static void check_note_problem(Check *c, const Probe *p, const Problem *problem)
{
    if (problem->code == PROBLEM_CANCELLED)
        (void)problem_copy(problem, &c->wrong);
    else if (problem->code == PROBLEM_LIMITS_EXCEEDED)
        check_note_wrong(c, p, "with something larger than the proof");
    else
        problem_set(
            &c->unreachable, PROBLEM_CHALLENGE_FAILED,
            "%s cannot be proved: %s at %s cannot be reached. %s. Let port 80 of that address lead to this machine, or "
            "correct the A and AAAA records of the name; " SEEN_FROM_HERE,
            c->task->name, c->task->url, p->address, strempty(problem->text));
}

static void on_reply(const HttpReply *reply, const Problem *problem, void *userdata)
{
    Probe *p = userdata;
    Check *c = p->check;

    c->n_pending--;
    if (c->task && reply)
        check_note_reply(c, p, reply);
    else if (c->task)
        check_note_problem(c, p, problem);
    check_tell(c);
}

/* ---- self-check: asking */

static void check_ask(Check *c, Probe *p)
{
    HttpSolver *s = (HttpSolver *)c->task->task.solver;
    HttpRequest request = {
        .url = c->task->url,
        .body_max = LIMIT_CHECK_BODY,
        .time_max = LIMIT_CHECK_TIME,
        .plain = true,
        .address = p->address,
    };
    _cleanup_problem_ Problem problem = {};

    if (http_send(s->solver.context->http, &request, on_reply, p, &problem) < 0)
        check_note_problem(c, p, &problem);
    else
        c->n_pending++;
}

static int check_new(HttpTask *t, char *const *addresses, Check **ret)
{
    _cleanup_(check_freep) Check *c = calloc(1, sizeof(Check));

    if (!c)
        return -ENOMEM;
    for (size_t i = 0; addresses[i] && i < ELEMENTSOF(c->probes); i++) {
        c->probes[i] = (Probe){ .check = c, .address = strdup(addresses[i]) };
        if (!c->probes[i].address)
            return -ENOMEM;
        c->n_probes++;
    }
    c->task = t;
    *ret = TAKE_PTR(c);
    return 0;
}

static void task_check(HttpTask *t, char *const *addresses)
{
    _cleanup_problem_ Problem problem = {};
    int r;

    r = check_new(t, addresses, &t->check);
    if (r < 0) {
        (void)problem_set_errno(&problem, r, "Looking for the proof");
        task_tell(t, &problem);
        return;
    }
    for (size_t i = 0; i < t->check->n_probes; i++)
        check_ask(t->check, t->check->probes + i);
    check_tell(t->check);
}

static void describe_resolution(const HttpTask *t, DnsResult result, const Problem *why, Problem *problem)
{
    const char *what =
        result == DNS_NO_NAME ? "the name does not exist in the DNS" : "it has no address in the DNS";

    if (result == DNS_FAILED)
        problem_set(problem, PROBLEM_NETWORK_FAILED,
                    "%s cannot be proved, for its addresses cannot be found out: %s", t->name,
                    why && why->text ? why->text : "no name server answered; check the network");
    else
        problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                    "%s cannot be proved: %s; add an A or AAAA record that leads to this machine", t->name,
                    what);
}

static void on_resolved(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    HttpTask *t = userdata;
    _cleanup_problem_ Problem problem = {};

    t->query = NULL;
    if (result == DNS_FOUND && values && values[0]) {
        task_check(t, values);
        return;
    }
    describe_resolution(t, result == DNS_FOUND ? DNS_NO_DATA : result, why, &problem);
    task_tell(t, &problem);
}

static int on_begin(sd_event_source *source _unused_, void *userdata)
{
    HttpTask *t = userdata;
    const SolverContext *context = t->task.solver->context;
    _cleanup_problem_ Problem problem = {};

    t->begin = sd_event_source_disable_unref(t->begin);
    if (!context->settings->self_check)
        task_tell(t, &problem);
    else if (name_is_address(t->name))
        task_check(t, (char *[]){ t->name, NULL });
    else if (dns_query(context->dns, t->name, DNS_ADDRESS, NULL, on_resolved, t, &t->query, &problem) < 0)
        task_tell(t, &problem);
    return 0;
}

/* ---- tasks */

static SolverTask *http_task_end(SolverTask *task)
{
    HttpTask *t = (HttpTask *)task;

    LIST_REMOVE(t, entry);
    sd_event_source_disable_unref(t->begin);
    dns_cancel(t->query);
    if (t->check)
        check_leave(t->check);
    listener_remove(t->proof);
    web_root_remove(t->file);
    free(t->name);
    free(t->url);
    free(t->text);
    free(t->root);
    free(t);
    return NULL;
}

static void task_endp(HttpTask **t)
{
    if (*t)
        http_task_end(&(*t)->task);
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

static int task_new(HttpSolver *s, const Proof *proof, HttpTask **ret)
{
    const AcmeSettings *settings = s->solver.context->settings;
    _cleanup_(task_endp) HttpTask *t = calloc(1, sizeof(HttpTask));

    if (!t)
        return -ENOMEM;
    t->task.solver = &s->solver;
    LIST_INSERT_HEAD(&s->tasks, t, entry);
    t->name = strdup(proof->name);
    t->text = strdup(proof->key_authorization);
    t->url = proof_url(proof, settings->http_check_port);
    t->root = settings->web_root ? strdup(settings->web_root) : NULL;
    if (!t->name || !t->text || !t->url || (settings->web_root && !t->root))
        return -ENOMEM;
    *ret = TAKE_PTR(t);
    return 0;
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

static int task_put(HttpSolver *s, HttpTask *t, const Proof *proof, Problem *problem)
{
    int r;

    if (!t->root)
        return listener_add(s->listener, s->solver.context->settings->http_listen, proof->token,
                            proof->key_authorization, &t->proof, problem);
    r = solver_find_root(s, t->root);
    if (r < 0)
        return problem_set_errno(problem, r, "Answering http-01");
    return web_root_add(s->root, proof->token, proof->key_authorization, &t->file, problem);
}

static int http_solver_start(Solver *solver, const Proof *proof, SolverReady ready, void *userdata,
                             SolverTask **ret, Problem *problem)
{
    HttpSolver *s = (HttpSolver *)solver;
    _cleanup_(task_endp) HttpTask *t = NULL;
    int r;

    if (!solver->ops->suits(solver, proof->name, proof->wildcard, problem))
        return -EOPNOTSUPP;
    r = task_new(s, proof, &t);
    if (r < 0)
        return problem_set_errno(problem, r, "Answering http-01");
    t->ready = ready;
    t->userdata = userdata;
    r = task_put(s, t, proof, problem);
    if (r < 0)
        return r;
    r = sd_event_add_defer(s->solver.context->event, &t->begin, on_begin, t);
    if (r < 0)
        return problem_set_errno(problem, r, "Answering http-01");
    (void)sd_event_source_set_description(t->begin, "http-01-begin");
    *ret = &TAKE_PTR(t)->task;
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
        if (t->proof == proof && t->task.seen)
            t->task.seen(t->userdata);
}

int solver_http_new(const SolverContext *context, Solver **ret)
{
    static const SolverOps ops = {
        .type = "http-01",
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
