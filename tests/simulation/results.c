/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simulate.h"

#include <inttypes.h>
#include <stdio.h>

/* How long orders could have come to something without a break. */
static int64_t longest_reachable(const Simulation *s, int64_t from, int64_t to)
{
    const Outage *end = s->down.list + s->down.n;
    int64_t longest = 0;

    for (const Outage *o = outage_after(&s->down, from); o && o < end && o->from < to; o++) {
        longest = MAX(longest, o->from - from);
        from = o->to;
    }
    return MAX(longest, to - from);
}

void count_end_of_chain(Simulation *s, const Certificate *c)
{
    int64_t end = chain_not_after(c->chain) * SECOND, reachable;

    if (s->now <= end || c->refused_from != NEVER)
        return;
    reachable = longest_reachable(s, c->since, end);
    s->reachable = MAX(s->reachable, reachable);
    if (reachable >= DAY * SECOND || !is_down(&s->down, end - DAY * SECOND, end))
        c->life->n_expired++;
    else
        c->life->n_excused++;
}

typedef struct Results {
    unsigned n_expired, n_stormy, attempts, storm;
    int64_t storm_length, first_wait;
} Results;

/* More than may be ordered while nothing can come of it: until two have failed, and then by the breaker. */
static bool is_storm(const Outage *o)
{
    return o->n_orders > 20 + 5 * (o->to - o->from) / (DAY * SECOND);
}

static Results results(Simulation *s)
{
    Results r = {};

    for (size_t i = 0; i < s->n; i++) {
        Certificate *c = s->certificates + i;

        if (c->refused_from != NEVER)
            r.attempts = MAX(r.attempts, c->n_attempts);
        if (c->chain)
            count_end_of_chain(s, c);
        else if (c->refused_from == NEVER)
            c->life->first_wait = MAX(c->life->first_wait, s->now - BEGIN);
    }
    for (size_t i = 0; i < ELEMENTSOF(s->lives); i++) {
        r.n_expired += s->lives[i].n_expired;
        r.first_wait = MAX(r.first_wait, s->lives[i].first_wait);
    }
    for (size_t i = 0; i < s->down.n; i++) {
        const Outage *o = s->down.list + i;

        r.n_stormy += is_storm(o);
        if (o->n_orders > r.storm) {
            r.storm = o->n_orders;
            r.storm_length = o->to - o->from;
        }
    }
    return r;
}

static double days(int64_t t)
{
    return (double)t / (double)(DAY * SECOND);
}

static void print_outages(const Simulation *s, const char *what, const Outages *o)
{
    int64_t sum = 0, longest = 0;

    for (size_t i = 0; i < o->n; i++) {
        sum += o->list[i].to - o->list[i].from;
        longest = MAX(longest, o->list[i].to - o->list[i].from);
    }
    printf("# %-10s %5zu outages, %4.1f %% of the time, the longest of %.1f days\n", what, o->n,
           100 * (double)sum / (double)(s->end - BEGIN), days(longest));
}

static void print_table(const Simulation *s, const Results *r, double took)
{
    static const char *const names[_LEDGER_LIMIT_MAX] = { "orders", "domain", "set", "failures" };

    printf("# seed %" PRIu64 ", %u years, %zu certificates, %zu domains, broken: %s\n", s->seed, s->years,
           s->n, s->n_domains, breaks[s->broken]);
    printf("# %-5s %6s %8s %8s | %-26s | %-18s | %9s | %-15s\n", "", "", "", "", "failed orders by",
           "longest wait, days", "least left", "expired");
    printf("# %-5s %6s %8s %8s | %8s %9s %7s | %8s %9s | %9s  | %7s %7s\n", "life", "certs", "issued",
           "renewals", "name", "authority", "network", "first", "renewal", "hours", "wrongly", "excused");
    for (size_t i = 0; i < ELEMENTSOF(s->lives); i++) {
        const Life *l = s->lives + i;

        printf("# %2.0f d  %6u %8u %8u | %8u %9u %7u | %8.2f %9.2f | %9.1f  | %7u %7u\n",
               days(l->span * SECOND), l->n, l->n_issued, l->n_renewed, l->n_failed[FAULT_NAME],
               l->n_failed[FAULT_AUTHORITY], l->n_failed[FAULT_NETWORK], days(l->first_wait), days(l->wait),
               24 * days(l->left), l->n_expired, l->n_excused);
    }
    print_outages(s, "authority", &s->authority);
    print_outages(s, "network", &s->network);
    printf("# orders     %" PRIu64 ", not counted %" PRIu64 ", in a minute %zu at most\n", s->n_orders,
           s->n_exempt, s->most_minute);
    for (LedgerLimit l = 0; l < _LEDGER_LIMIT_MAX; l++)
        printf("# limit      %-8s %3u in %3" PRIi64 " hours; at most %zu, exceeded %u times\n", names[l],
               limits[l].count, limits[l].span / HOUR, s->most[l], s->n_over[l]);
    printf("# refused    %u attempts at most\n", r->attempts);
    printf("# in vain    %u orders at most in one outage, which lasted %.2f days\n", r->storm,
           days(r->storm_length));
    printf("# expired    that could have been renewed for %.1f hours at most\n", 24 * days(s->reachable));
    printf("# revoked    %zu in %zu times, the last replaced after %.1f hours\n", s->n_revoked,
           s->n_revocations, 24 * days(s->revocation_longest));
    printf("# ledger     read %u times, written anew %u times, at most %.1f MB\n", s->n_restarts,
           s->n_rewritten, (double)s->file_longest / 1e6);
    printf("# run        %.1f s, %" PRIu64 " events\n", took, s->n_events);
}

static unsigned n_tests, n_failures;

static void test(bool ok, const char *what)
{
    printf("%sok %u - %s\n", ok ? "" : "not ", ++n_tests, what);
    n_failures += !ok;
}

static void print_tests(const Simulation *s, const Results *r)
{
    test(r->n_expired == 0, "no chain ended while its authority could be reached for a whole day");
    test(r->first_wait <= FIRST_WAIT_MAX * SECOND, "every certificate came to its first chain");
    test(r->attempts <= 365.25 * s->years + 4, "what is always refused is tried once a day in the long run");
    test(s->n_over[LEDGER_ORDERS] == 0, "the limit of orders was kept");
    test(s->n_over[LEDGER_DOMAIN] == 0, "the limit of certificates for a domain was kept");
    test(s->n_over[LEDGER_SET] == 0, "the limit of certificates for the same names was kept");
    test(s->n_over[LEDGER_FAILURES] == 0, "the limit of failed validations was kept");
    test(s->n_over_minute == 0, "there were ten orders at most in any minute");
    test(r->n_stormy == 0, "an authority that did not answer was left alone");
    test(s->n_lost == 0, "what the ledger wrote is what it read");
    test(s->file_longest <= FILE_SHARE * s->n + FILE_LEAST, "its file stayed short");
    printf("1..%u\n", n_tests);
}

bool print_results(Simulation *s, double took)
{
    Results r = results(s);

    print_table(s, &r, took);
    print_tests(s, &r);
    return n_failures == 0;
}
