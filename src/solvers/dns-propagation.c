/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/dns-propagation.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/server-address.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

#define FIRST_PAUSE   (USEC_PER_SEC / 5) /* between two rounds; doubled each time */
#define LONGEST_PAUSE (10 * USEC_PER_SEC)
#define WITHOUT_CHECK "set DNSResolvers= in [ACME] to a resolver that sees what others see, or SelfCheck=no"

typedef enum Verdict {
    SILENT, /* never answered */
    LACKS,  /* answered, most recently without the value */
    HAS,    /* not queried again */
} Verdict;

/* One address of a name server. */
typedef struct Address {
    struct Server *server;
    char *text; /* ADDRESS[:PORT] to query */
    DnsQuery *query;
    Verdict verdict;
    char *why; /* it does not answer */
} Address;

typedef struct Server {
    DnsPropagation *check;
    char *name;
    DnsQuery *query; /* for its addresses */
    Address addresses[LIMIT_CHECK_ADDRESSES];
    size_t n_addresses;
} Server;

struct DnsPropagation {
    sd_event *event;
    Dns *dns;
    char *owner, *zone, *value, *address;
    uint16_t port; /* port of the server with this address */
    DnsQuery *query;
    Server servers[LIMIT_DNS_SERVERS];
    size_t n_servers, n_pending;
    sd_event_source *timer; /* the next round */
    uint64_t begun, pause;
    DnsPropagationDone done;
    void *userdata;
};

/* ---- the result */

/* The check must not be used after this. */
static void check_end(DnsPropagation *p, int r, Problem *problem)
{
    if (r < 0)
        problem_set_errno(problem, r, "Looking for a DNS record");
    p->done(problem, p->userdata);
}

/* The verdict of a server: an address that lacks the value counts more than one that has it, as authorities may query any. */
static Verdict server_judge(const Server *s)
{
    Verdict verdict = SILENT;

    for (size_t i = 0; i < s->n_addresses; i++)
        if (s->addresses[i].verdict == LACKS)
            return LACKS;
        else if (s->addresses[i].verdict == HAS)
            verdict = HAS;
    return verdict;
}

static size_t count(const DnsPropagation *p, Verdict verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_servers; i++)
        n += server_judge(p->servers + i) == verdict;
    return n;
}

static void describe_server(FILE *f, const Server *s, Verdict verdict)
{
    if (s->n_addresses == 0)
        fprintf(f, " %s: It has no address.", s->name);
    for (size_t i = 0; i < s->n_addresses; i++) {
        const Address *a = s->addresses + i;

        if (a->verdict != verdict)
            continue;
        if (verdict == LACKS)
            fprintf(f, " %s: At %s it does not have it.", s->name, a->text);
        else
            fprintf(f, " %s: %s", s->name, strempty(a->why));
    }
}

/* Sentences about the servers with this verdict, each with a blank before it. Returns NULL on OOM. */
static char *describe(const DnsPropagation *p, Verdict verdict)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    for (size_t i = 0; i < p->n_servers; i++)
        if (server_judge(p->servers + i) == verdict)
            describe_server(f, p->servers + i, verdict);
    (void)fclose(f);
    return text;
}

static int tell_late(const DnsPropagation *p, Problem *problem)
{
    _cleanup_free_ char *which = describe(p, LACKS);

    return problem_set(
        problem, PROBLEM_CHALLENGE_FAILED,
        "The TXT record of %s was created, but not all name servers of the zone %s have it after %d seconds."
        "%s Do they receive updates from the server that was changed? If only this machine sees it so, " WITHOUT_CHECK
        ".",
        p->owner, p->zone, LIMIT_DNS_PROPAGATION, strempty(which));
}

static int tell_silent(const DnsPropagation *p, Problem *problem)
{
    _cleanup_free_ char *which = describe(p, SILENT);

    return problem_set(
        problem, PROBLEM_CHALLENGE_FAILED,
        "The TXT record of %s was created, but could not be checked, as no name server of the zone %s "
        "answers.%s If only this machine cannot reach them, " WITHOUT_CHECK ".",
        p->owner, p->zone, strempty(which));
}

static void warn_of_silent(const DnsPropagation *p)
{
    _cleanup_free_ char *which = describe(p, SILENT);

    log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "ZONE", p->zone }),
               "Some name servers of the zone %s do not answer, ignoring.%s", p->zone, strempty(which));
}

/* ---- rounds */

static void ask_all(DnsPropagation *p);

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    ask_all(userdata);
    return 0;
}

static int wait_for_next(DnsPropagation *p)
{
    int r;

    p->timer = sd_event_source_disable_unref(p->timer);
    r = deadline_add(p->event, &p->timer, p->pause, on_timer, p);
    p->pause = MIN(p->pause * 2, LONGEST_PAUSE);
    return r;
}

static void check_conclude(DnsPropagation *p)
{
    uint64_t passed = loop_now(p->event, CLOCK_MONOTONIC) - p->begun;
    _cleanup_problem_ Problem problem = {};
    size_t lack = count(p, LACKS), silent = count(p, SILENT);
    int r = 0;

    if (lack == 0 && (silent == 0 || passed >= LIMIT_DNS_SILENCE * USEC_PER_SEC)) {
        if (silent == p->n_servers)
            r = tell_silent(p, &problem);
        else if (silent > 0)
            warn_of_silent(p);
    } else if (passed >= LIMIT_DNS_PROPAGATION * USEC_PER_SEC)
        r = tell_late(p, &problem);
    else if ((r = wait_for_next(p)) >= 0)
        return;
    check_end(p, r, &problem);
}

static void one_is_done(DnsPropagation *p)
{
    if (--p->n_pending == 0)
        check_conclude(p);
}

static void on_record(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    Address *a = userdata;

    a->query = NULL;
    if (result == DNS_FOUND && strv_contains(values, a->server->check->value))
        a->verdict = HAS;
    else if (result != DNS_FAILED)
        a->verdict = LACKS;
    else if (a->verdict == SILENT) {
        free(a->why);
        a->why = strdup(strempty(why->text));
    }
    one_is_done(a->server->check);
}

static int ask_address(Address *a, Problem *problem)
{
    DnsPropagation *p = a->server->check;
    int r;

    if (a->verdict == HAS)
        return 0;
    r = dns_query(p->dns, p->owner, DNS_TXT, a->text, on_record, a, &a->query, problem);
    p->n_pending += r >= 0;
    return r;
}

static void ask_all(DnsPropagation *p)
{
    _cleanup_problem_ Problem problem = {};
    int r = 0;

    for (size_t i = 0; i < p->n_servers && r >= 0; i++)
        for (size_t k = 0; k < p->servers[i].n_addresses && r >= 0; k++)
            r = ask_address(p->servers[i].addresses + k, &problem);
    if (r < 0)
        check_end(p, r, &problem);
    else if (p->n_pending == 0)
        check_conclude(p);
}

/* ---- the servers */

static int add_address(Server *s, const char *address)
{
    const DnsPropagation *p = s->check;
    Address *a = s->addresses + s->n_addresses;

    *a = (Address){ .server = s };
    a->text = server_address_format(address, p->address && streq(p->address, address) ? p->port : 0);
    if (!a->text)
        return -ENOMEM;
    s->n_addresses++;
    return 0;
}

/* A server without an address counts as silent. */
static void on_addresses(DnsResult result, char *const *values, const Problem *why _unused_, void *userdata)
{
    Server *s = userdata;
    DnsPropagation *p = s->check;
    int r = 0;

    s->query = NULL;
    for (size_t i = 0; result == DNS_FOUND && values[i] && s->n_addresses < LIMIT_CHECK_ADDRESSES && r >= 0;
         i++)
        r = add_address(s, values[i]);
    if (r < 0)
        (void)log_oom();
    if (--p->n_pending == 0)
        ask_all(p);
}

static int add_server(DnsPropagation *p, const char *name, Problem *problem)
{
    Server *s = p->servers + p->n_servers;
    int r;

    *s = (Server){ .check = p, .name = strdup(name) };
    if (!s->name)
        return -ENOMEM;
    p->n_servers++;
    r = dns_query(p->dns, name, DNS_ADDRESS, NULL, on_addresses, s, &s->query, problem);
    p->n_pending += r >= 0;
    return r;
}

static void on_servers(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    DnsPropagation *p = userdata;
    int r = 0;

    p->query = NULL;
    if (result == DNS_FAILED)
        r = problem_set(
            &problem, PROBLEM_CHALLENGE_FAILED,
            "The name servers of the zone %s cannot be found: %s If only this machine cannot query them, " WITHOUT_CHECK
            ".",
            p->zone, why->text);
    else if (result != DNS_FOUND)
        r = problem_set(&problem, PROBLEM_CHALLENGE_FAILED,
                        "The zone %s has no NS record, so no authority can find the proof; fix the zone.",
                        p->zone);
    else
        for (size_t i = 0; values[i] && p->n_servers < LIMIT_DNS_SERVERS && r >= 0; i++)
            r = add_server(p, values[i], &problem);
    if (r < 0)
        check_end(p, r, &problem);
}

/* ---- */

int dns_propagation_start(sd_event *event, Dns *dns, const DnsRecordWish *wish, DnsPropagationDone done,
                          void *userdata, DnsPropagation **ret, Problem *problem)
{
    _cleanup_(dns_propagation_freep) DnsPropagation *p = calloc(1, sizeof(DnsPropagation));
    int r;

    if (!p)
        return -ENOMEM;
    p->event = sd_event_ref(event);
    p->dns = dns;
    p->pause = FIRST_PAUSE;
    p->port = wish->port;
    p->done = done;
    p->userdata = userdata;
    p->begun = loop_now(p->event, CLOCK_MONOTONIC);
    if ((r = text_set(&p->owner, wish->owner)) >= 0 && (r = text_set(&p->zone, wish->zone)) >= 0 &&
        (r = text_set(&p->value, wish->value)) >= 0 && (r = text_set(&p->address, wish->address)) >= 0)
        r = dns_query(dns, p->zone, DNS_NS, NULL, on_servers, p, &p->query, problem);
    if (r >= 0)
        *ret = TAKE_PTR(p);
    return r;
}

DnsPropagation *dns_propagation_free(DnsPropagation *p)
{
    if (!p)
        return NULL;
    dns_cancel(p->query);
    for (size_t i = 0; i < p->n_servers; i++) {
        Server *s = p->servers + i;

        dns_cancel(s->query);
        free(s->name);
        for (size_t k = 0; k < s->n_addresses; k++) {
            dns_cancel(s->addresses[k].query);
            free(s->addresses[k].text);
            free(s->addresses[k].why);
        }
    }
    sd_event_source_disable_unref(p->timer);
    sd_event_unref(p->event);
    free(p->owner);
    free(p->zone);
    free(p->value);
    free(p->address);
    free(p);
    return NULL;
}
