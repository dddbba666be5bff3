/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/queue.h>

#include "core/name.h"
#include "core/server-address.h"
#include "crypto/account-key.h"
#include "crypto/digest.h"
#include "dns/client.h"
#include "solvers/dns-place.h"
#include "solvers/dns-propagation.h"
#include "solvers/task.h"
#include "util/log.h"
#include "util/text.h"

#define DNS_PORT 53

/* dns-01 (RFC 8555 section 8.4). A task finds the place of its record, then uses a record there. Tasks with
 * the same record (two orders that share an authorization) share it: it is created for the first one and
 * removed, in the background, after the last. A record keeps the settings that it was created with, which
 * are also used to remove it. */

typedef struct TxtRecord {
    TAILQ_ENTRY(TxtRecord) entry;
    struct DnsSolver *solver;
    DnsRequest change; /* to create or remove it */
    char *zone;        /* NULL for a hook without self-check */
    DnsJob *job;       /* the change in progress */
    bool there;        /* it was created, or may have been */
    size_t n_users;
} TxtRecord;

typedef enum TaskState {
    TASK_FINDING, /* the place */
    TASK_MAKING,  /* waits for the record */
    TASK_WAITING, /* waits for the name servers */
    TASK_TOLD,    /* or about to be */
} TaskState;

typedef struct DnsTask {
    Task task; /* first */
    TAILQ_ENTRY(DnsTask) entry;
    TaskState state;
    CheckMode check; /* SelfCheck= at the start */
    char *value;
    DnsPlace *place;
    TxtRecord *record;
    DnsPropagation *propagation;
} DnsTask;

typedef struct DnsSolver {
    Solver solver;
    DnsHelper *helper;
    TAILQ_HEAD(, DnsTask) tasks;
    TAILQ_HEAD(, TxtRecord) records;
} DnsSolver;

static void txt_drive(TxtRecord *rec);

static bool solver_suits(Solver *base, const char *name, bool wildcard, Problem *why)
{
    const AcmeSettings *settings = base->context->settings;

    if (name_is_address(name))
        (void)problem_set(why, PROBLEM_CHALLENGE_FAILED,
                          "dns-01 cannot prove the address %s (RFC 8738); only http-01 and tls-alpn-01 can.",
                          name);
    else if (!settings->dns_server && !settings->dns_hook)
        (void)problem_set(why, PROBLEM_CHALLENGE_FAILED,
                          "dns-01 is not set up for %s%s: set DNSServer= and DNSKeyFile=, or "
                          "DNSHook=, in [ACME]; see certwright-dns-hook(5).",
                          wildcard ? "*." : "", name);
    else
        return true;
    return false;
}

/* ---- tasks: results */

/* r: the problem, unless one is set already. */
static void dns_task_tell(DnsTask *t, int r)
{
    t->state = TASK_TOLD;
    problem_set_errno(&t->task.problem, r, "Proving a name by dns-01");
    task_tell(&t->task);
}

static void on_propagated(const Problem *problem, void *userdata)
{
    DnsTask *t = userdata;

    (void)problem_copy(problem, &t->task.problem);
    t->task.base.advises = t->check == CHECK_ADVISE;
    t->propagation = dns_propagation_free(t->propagation);
    dns_task_tell(t, 0);
}

static void task_look(DnsTask *t)
{
    const SolverContext *context = t->task.base.solver->context;
    const TxtRecord *rec = t->record;
    const DnsRecordWish wish = { .owner = rec->change.fqdn,
                                 .zone = rec->zone,
                                 .value = rec->change.value,
                                 .address = rec->change.address,
                                 .port = rec->change.port };
    int r;

    if (t->check == CHECK_NO || t->task.problem.code != PROBLEM_NONE) {
        dns_task_tell(t, 0);
        return;
    }
    t->state = TASK_WAITING;
    r = dns_propagation_start(context->event, context->dns, &wish, on_propagated, t, &t->propagation,
                              &t->task.problem);
    if (r < 0)
        dns_task_tell(t, r);
}

/* ---- records */

static TxtRecord *txt_free(TxtRecord *rec)
{
    if (!rec)
        return NULL;
    TAILQ_REMOVE(&rec->solver->records, rec, entry);
    dns_job_forget(rec->job);
    dns_request_clear(&rec->change);
    free(rec->zone);
    free(rec);
    return NULL;
}

/* The tasks that wait for the record. */
static void txt_tell(TxtRecord *rec, const Problem *problem)
{
    DnsTask *t;

    TAILQ_FOREACH (t, &rec->solver->tasks, entry) {
        if (t->record != rec || t->state != TASK_MAKING)
            continue;
        if (problem->code == PROBLEM_NONE)
            task_look(t);
        else {
            t->task.base.advises = false;
            (void)problem_copy(problem, &t->task.problem);
            dns_task_tell(t, 0);
        }
    }
}

static bool txt_is_awaited(const TxtRecord *rec)
{
    const DnsTask *t;

    TAILQ_FOREACH (t, &rec->solver->tasks, entry)
        if (t->record == rec && t->state == TASK_MAKING)
            return true;
    return false;
}

/* A failed hook may have created it nevertheless; an update is atomic (RFC 2136 section 3.7). */
static void on_made(const Problem *problem, void *userdata)
{
    TxtRecord *rec = userdata;

    rec->job = NULL;
    rec->there = problem->code == PROBLEM_NONE || rec->change.hook;
    txt_tell(rec, problem);
    txt_drive(rec);
}

static void on_removed(const Problem *problem, void *userdata)
{
    TxtRecord *rec = userdata;

    rec->job = NULL;
    rec->there = false;
    if (problem->code != PROBLEM_NONE)
        log_fields(LOG_WARNING, MESSAGE_DNS_RECORD_LEFT,
                   FIELDS({ "RECORD", rec->change.fqdn }, { "REASON", problem->text }),
                   "%s%s Remove the record %s. TXT \"%s\" manually.", strempty(problem->text),
                   text_full_stop(strempty(problem->text)), rec->change.fqdn, rec->change.value);
    txt_drive(rec);
}

static int txt_change(TxtRecord *rec, bool remove, Problem *problem)
{
    rec->change.remove = remove;
    return dns_helper_start(rec->solver->helper, &rec->change, remove ? on_removed : on_made, rec, &rec->job,
                            problem);
}

/* Takes the next step. May free the record. */
static void txt_drive(TxtRecord *rec)
{
    _cleanup_problem_ Problem problem = {};
    bool awaited = txt_is_awaited(rec);
    const Problem none = {};
    int r = 0;

    if (rec->job)
        return;
    if (awaited && rec->there)
        txt_tell(rec, &none);
    else if (awaited)
        r = txt_change(rec, false, &problem);
    else if (rec->n_users == 0 && rec->there)
        r = txt_change(rec, true, &problem);
    if (r < 0) {
        problem_set_errno(&problem, r, "Changing the DNS");
        if (awaited)
            txt_tell(rec, &problem);
        else
            on_removed(&problem, rec);
        return;
    }
    if (rec->n_users == 0 && !rec->there && !rec->job)
        txt_free(rec);
}

static int txt_set_server(TxtRecord *rec, const AcmeSettings *settings, Problem *problem)
{
    char address[ADDRESS_TEXT_SIZE];
    DnsRequest *q = &rec->change;
    int r;

    if (server_address_parse(settings->dns_server, address, &q->port) < 0)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The server for DNS updates is not an address; set DNSServer= as in 192.0.2.53 or "
            "[2001:db8::53]:5353.");
    q->port = q->port ? q->port : DNS_PORT;
    if ((r = text_set(&q->address, address)) < 0 || (r = text_set(&q->zone, rec->zone)) < 0)
        return r;
    return settings->dns_key_file ? tsig_read(settings->dns_key_file, &q->key, problem) : 0;
}

static int txt_set_way(TxtRecord *rec, Problem *problem)
{
    const AcmeSettings *settings = rec->solver->solver.context->settings;

    if (settings->dns_server && rec->zone)
        return txt_set_server(rec, settings, problem);
    if (settings->dns_hook)
        return text_set(&rec->change.hook, settings->dns_hook);
    return problem_set(
        problem, PROBLEM_CHALLENGE_FAILED,
        "DNSServer= or DNSHook= changed while %s was looked up, so the record was not created.",
        rec->change.fqdn);
}

static int txt_new(DnsSolver *s, const char *owner, const char *zone, const char *value, TxtRecord **ret,
                   Problem *problem)
{
    TxtRecord *rec = calloc(1, sizeof(TxtRecord));
    int r;

    if (!rec)
        return -ENOMEM;
    TAILQ_INSERT_TAIL(&s->records, rec, entry);
    rec->solver = s;
    if ((r = text_set(&rec->change.fqdn, owner)) < 0 || (r = text_set(&rec->change.value, value)) < 0 ||
        (r = text_set(&rec->zone, zone)) < 0 || (r = txt_set_way(rec, problem)) < 0)
        txt_free(rec);
    else
        *ret = rec;
    return r;
}

static int txt_get(DnsSolver *s, const char *owner, const char *zone, const char *value, TxtRecord **ret,
                   Problem *problem)
{
    TxtRecord *rec;

    TAILQ_FOREACH (rec, &s->records, entry)
        if (streq(rec->change.fqdn, owner) && streq(rec->change.value, value) && (rec->zone || !zone)) {
            *ret = rec;
            return 0;
        }
    return txt_new(s, owner, zone, value, ret, problem);
}

/* ---- tasks */

static int find_place(DnsTask *t, const char *name, bool zone, Problem *problem);

/* A zone that only the check needs cannot be found: that is a finding of the check. */
static bool place_without_zone(DnsTask *t)
{
    const AcmeSettings *settings = t->task.base.solver->context->settings;

    if (t->check != CHECK_ADVISE || t->task.base.advises || settings->dns_server || !settings->dns_hook)
        return false;
    t->task.base.advises = true;
    return find_place(t, t->task.name, false, NULL) >= 0;
}

static void on_place(const char *owner, const char *zone, const Problem *problem, void *userdata)
{
    DnsTask *t = userdata;
    int r = 0;

    if (problem->code == PROBLEM_NONE)
        r = txt_get((DnsSolver *)t->task.base.solver, owner, zone, t->value, &t->record, &t->task.problem);
    else if (t->task.problem.code == PROBLEM_NONE)
        (void)problem_copy(problem, &t->task.problem);
    t->place = dns_place_free(t->place);
    if (!t->record && r >= 0 && place_without_zone(t))
        return;
    if (!t->record) {
        t->task.base.advises = false;
        dns_task_tell(t, r);
        return;
    }
    t->state = TASK_MAKING;
    t->record->n_users++;
    txt_drive(t->record);
}

static SolverTask *solver_end(SolverTask *base)
{
    DnsTask *t = (DnsTask *)base;
    DnsSolver *s = (DnsSolver *)base->solver;

    TAILQ_REMOVE(&s->tasks, t, entry);
    dns_place_free(t->place);
    dns_propagation_free(t->propagation);
    if (t->record) {
        t->record->n_users--;
        txt_drive(t->record);
    }
    task_done(&t->task);
    free(t->value);
    free(t);
    return NULL;
}

/* The value of the record. */
static int proof_digest(const Proof *proof, char **ret)
{
    uint8_t digest[DIGEST_SIZE];
    int r = digest_sha256(proof->key_authorization, strlen(proof->key_authorization), digest);

    if (r >= 0)
        *ret = base64url_encode(digest, sizeof(digest));
    return r < 0 ? r : *ret ? 0 : -ENOMEM;
}

/* An update needs the zone, and so does the check, which may be disabled for a hook. */
static int find_place(DnsTask *t, const char *name, bool zone, Problem *problem)
{
    const SolverContext *context = t->task.base.solver->context;
    const DnsPlaceWish wish = { .name = name, .zone = zone, .guess = t->check != CHECK_REQUIRE };

    return dns_place_find(context->dns, &wish, on_place, t, &t->place, problem);
}

static int task_start(DnsTask *t, const Proof *proof, Problem *problem)
{
    const AcmeSettings *settings = t->task.base.solver->context->settings;
    int r;

    t->check = settings->self_check;
    r = proof_digest(proof, &t->value);
    return r < 0 ? r : find_place(t, proof->name, t->check != CHECK_NO || settings->dns_server, problem);
}

static int solver_start(Solver *base, const Proof *proof, SolverReady ready, void *userdata,
                        SolverTask **ret, Problem *problem)
{
    DnsTask *t;
    int r;

    if (!solver_suits(base, proof->name, proof->wildcard, problem))
        return -EINVAL;
    t = calloc(1, sizeof(DnsTask));
    if (!t)
        return problem_set_errno(problem, -ENOMEM, "Proving a name by dns-01");
    TAILQ_INSERT_TAIL(&((DnsSolver *)base)->tasks, t, entry);
    r = task_init(&t->task, base, proof, ready, userdata);
    if (r >= 0)
        r = task_start(t, proof, problem);
    if (r < 0) {
        solver_end(&t->task.base);
        return problem_set_errno(problem, r, "Proving a name by dns-01");
    }
    *ret = &t->task.base;
    return 0;
}

/* Its changes, including those of ended tasks. */
static bool solver_has_records(const Solver *base)
{
    return !TAILQ_EMPTY(&((const DnsSolver *)base)->records);
}

/* Changes in progress continue without it, including removals. */
static Solver *solver_dns_free(Solver *base)
{
    DnsSolver *s = (DnsSolver *)base;

    while (!TAILQ_EMPTY(&s->tasks))
        solver_end(&TAILQ_FIRST(&s->tasks)->task.base);
    while (!TAILQ_EMPTY(&s->records))
        txt_free(TAILQ_FIRST(&s->records));
    dns_helper_free(s->helper);
    free(s);
    return NULL;
}

static const SolverOps solver_dns_ops = {
    .type = "dns-01",
    .suits = solver_suits,
    .start = solver_start,
    .end = solver_end,
    .is_busy = solver_has_records,
    .free = solver_dns_free,
};

int solver_dns_new(const SolverContext *context, Solver **ret)
{
    DnsSolver *s = calloc(1, sizeof(DnsSolver));
    int r;

    if (!s)
        return -ENOMEM;
    s->solver.ops = &solver_dns_ops;
    s->solver.context = context;
    TAILQ_INIT(&s->tasks);
    TAILQ_INIT(&s->records);
    r = dns_helper_new(context->event, &s->helper);
    if (r < 0) {
        solver_dns_free(&s->solver);
        return r;
    }
    *ret = &s->solver;
    return 0;
}
