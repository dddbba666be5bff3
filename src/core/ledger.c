/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/ledger-internal.h"
#include "core/name.h"
#include "core/registered-domain.h"
#include "util/text.h"
#include "util/time.h"

#define FUTURE_MAX        SEC_PER_HOUR /* later entries were written with a wrong clock */
#define BREAKER_FAILURES  2U
#define FORESEEN_ATTEMPTS 3U /* the next back-off is that of 100 minutes */
#define RELEASES_MAX      8  /* early retries after outages, until an order succeeds */
#define LOOKS_SLOW        3U /* self-checks are repeated after 100 minutes from the third on */
#define BREAKER_MAX       (6 * SEC_PER_HOUR) /* certificates that last a few days cannot wait for a day */

static const char limit_letters[_LEDGER_LIMIT_MAX] = {
    [LEDGER_ORDERS] = 'o',
    [LEDGER_DOMAIN] = 'd',
    [LEDGER_SET] = 's',
    [LEDGER_FAILURES] = 'f',
};

/* ---- memory */

void counter_free(Ledger *l, Counter *c)
{
    HASH_DEL(l->counters, c);
    free(c->key);
    free(c->times);
    free(c);
}

void foreseen_clear(Foreseen *f)
{
    free(f->name);
    free(f->solver);
    *f = (Foreseen){};
}

void entry_free(Ledger *l, Entry *e)
{
    HASH_DEL(l->entries, e);
    foreseen_clear(&e->foreseen);
    free(e->name);
    free(e->explanation_url);
    free(e);
}

Ledger *ledger_new(const char *directory)
{
    _cleanup_(ledger_freep) Ledger *l = calloc(1, sizeof(Ledger));

    if (!l || !(l->directory = strdup(directory)))
        return NULL;
    return TAKE_PTR(l);
}

static void ledger_clear(Ledger *l)
{
    Counter *c, *next_counter;
    Entry *e, *next_entry;

    HASH_ITER (hh, l->counters, c, next_counter)
        counter_free(l, c);
    HASH_ITER (hh, l->entries, e, next_entry)
        entry_free(l, e);
    l->breaker = (Breaker){};
}

Ledger *ledger_free(Ledger *l)
{
    if (!l)
        return NULL;
    ledger_clear(l);
    free(l->directory);
    free(l->fresh);
    free(l);
    return NULL;
}

static Entry *find_entry(const Ledger *l, const char *name)
{
    Entry *e;

    HASH_FIND_STR(l->entries, name, e);
    return e;
}

Entry *ledger_get_entry(Ledger *l, const char *name)
{
    Entry *e = find_entry(l, name);

    if (e)
        return e;
    e = calloc(1, sizeof(Entry));
    if (!e || !(e->name = strdup(name))) {
        free(e);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, l->entries, e->name, strlen(e->name), e);
    return e;
}

/* ---- counting */

static size_t place_of(const Counter *c, int64_t when)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c->times[middle] < when)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int counter_add(Ledger *l, const char *key, int64_t when)
{
    Counter *c;
    int64_t *grown;
    size_t at;

    HASH_FIND_STR(l->counters, key, c);
    if (!c) {
        c = calloc(1, sizeof(Counter));
        if (!c || !(c->key = strdup(key))) {
            free(c);
            return -ENOMEM;
        }
        HASH_ADD_KEYPTR(hh, l->counters, c->key, strlen(c->key), c);
    }
    grown = reallocarray(c->times, c->n + 1, sizeof(c->times[0]));
    if (!grown)
        return -ENOMEM;
    c->times = grown;
    at = place_of(c, when);
    memmove(c->times + at + 1, c->times + at, (c->n - at) * sizeof(c->times[0]));
    c->times[at] = when;
    c->n++;
    return ledger_write_count(l, true, when, key);
}

int counter_remove(Ledger *l, const char *key, int64_t when)
{
    Counter *c;
    size_t at;

    HASH_FIND_STR(l->counters, key, c);
    at = c ? place_of(c, when) : 0;
    if (!c || at == c->n || c->times[at] != when)
        return 0;
    memmove(c->times + at, c->times + at + 1, (c->n - at - 1) * sizeof(c->times[0]));
    c->n--;
    return ledger_write_count(l, false, when, key);
}

static char *key_of(LedgerLimit limit, const char *what)
{
    char *key;

    return asprintf(&key, "%c%s", limit_letters[limit], what) < 0 ? NULL : key;
}

/* The names, independent of their order. */
static char *set_key(char *const *names)
{
    uint64_t sum = 0;
    char text[24];

    for (size_t i = 0; names[i]; i++)
        sum += text_hash(names[i], 0);
    snprintf(text, sizeof(text), "%016" PRIx64, sum);
    return key_of(LEDGER_SET, text);
}

static int registered_domains(char *const *names, char ***ret)
{
    _cleanup_strv_ char **domains = NULL;
    int r = 0;

    for (size_t i = 0; names[i] && r >= 0; i++) {
        _cleanup_free_ char *domain = domain_registered(names[i]);

        r = !domain ? -ENOMEM : strv_contains(domains, domain) ? 0 : strv_extend(&domains, domain);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(domains);
    return 0;
}

/* Returns the earliest time at which another one is within the limit. */
static int64_t free_at(const Counter *c, const RateLimit *limit, int64_t now)
{
    size_t begin = place_of(c, now - limit->span + 1), end = place_of(c, now + FUTURE_MAX + 1);

    return end - begin < limit->count ? now : c->times[end - limit->count] + limit->span;
}

static void wait_for(const Ledger *l, const RateLimit limits[static _LEDGER_LIMIT_MAX], LedgerLimit limit,
                     const char *what, int64_t now, LedgerWait *wait)
{
    _cleanup_free_ char *key = limits[limit].count > 0 ? key_of(limit, what) : NULL;
    int64_t until;
    Counter *c;

    if (!key)
        return;
    HASH_FIND_STR(l->counters, key, c);
    until = c ? free_at(c, limits + limit, now) : now;
    if (until <= wait->until)
        return;
    free(wait->subject);
    *wait = (LedgerWait){ .until = until, .limit = limit };
    if (limit == LEDGER_DOMAIN || limit == LEDGER_FAILURES)
        wait->subject = strdup(what);
}

LedgerWait ledger_wait(const Ledger *l, const RateLimit limits[static _LEDGER_LIMIT_MAX], char *const *names,
                       LedgerOrder kind, int64_t now)
{
    _cleanup_strv_ char **domains = NULL;
    _cleanup_free_ char *set = NULL;
    LedgerWait wait = { .until = now };

    for (size_t i = 0; names[i]; i++)
        wait_for(l, limits, LEDGER_FAILURES, name_base(names[i]), now, &wait);
    if (kind == LEDGER_IN_WINDOW)
        return wait;
    set = set_key(names);
    if (set)
        wait_for(l, limits, LEDGER_SET, set + 1, now, &wait);
    if (kind == LEDGER_AGAIN)
        return wait;
    wait_for(l, limits, LEDGER_ORDERS, "", now, &wait);
    if (limits[LEDGER_DOMAIN].count > 0 && registered_domains(names, &domains) >= 0)
        for (size_t i = 0; domains && domains[i]; i++)
            wait_for(l, limits, LEDGER_DOMAIN, domains[i], now, &wait);
    return wait;
}

void ledger_wait_done(LedgerWait *wait)
{
    free(wait->subject);
    *wait = (LedgerWait){};
}

static unsigned recent(const Ledger *l, const char *key, int64_t span, int64_t now)
{
    Counter *c;

    HASH_FIND_STR(l->counters, key, c);
    return c ? (unsigned)(place_of(c, now + FUTURE_MAX + 1) - place_of(c, now - span + 1)) : 0;
}

unsigned ledger_recent_orders(const Ledger *l, int64_t span, int64_t now)
{
    return recent(l, ORDERS_KEY, span, now) + recent(l, EXEMPT_KEY, span, now);
}

/* ---- orders */

int64_t entry_after(const Entry *e)
{
    return e->attempts > 0 && e->tried > 0 ? e->tried + schedule_back_off(e->name, e->attempts) : 0;
}

void entry_end_wait(Entry *e, int64_t now)
{
    e->tried = MAX(MIN(e->tried, now - schedule_back_off(e->name, e->attempts)), 0);
}

static int64_t note_attempt(Ledger *l, const char *certificate, bool another, int64_t now)
{
    Entry *e = ledger_get_entry(l, certificate);

    if (!e)
        return -ENOMEM;
    if (e->attempts < UINT32_MAX && (another || e->attempts == 0))
        e->attempts++;
    e->tried = now;
    return ledger_write_attempt(l, e) < 0 ? -ENOMEM : entry_after(e);
}

int64_t ledger_note_attempt(Ledger *l, const char *certificate, int64_t now)
{
    return note_attempt(l, certificate, true, now);
}

int64_t ledger_note_resumed(Ledger *l, const char *certificate, int64_t now)
{
    return note_attempt(l, certificate, false, now);
}

/* Certificates are counted when they are ordered, so that orders in progress count as well. again: only for
 * the same names. */
static int count_certificate(Ledger *l, char *const *names, bool again, int64_t when, bool add)
{
    int (*change)(Ledger *, const char *, int64_t) = add ? counter_add : counter_remove;
    _cleanup_free_ char *set = set_key(names);
    _cleanup_strv_ char **domains = NULL;
    int r = set ? change(l, set, when) : -ENOMEM;

    if (r >= 0 && !again)
        r = registered_domains(names, &domains);
    for (size_t i = 0; domains && domains[i] && r >= 0; i++) {
        _cleanup_free_ char *key = key_of(LEDGER_DOMAIN, domains[i]);

        r = key ? change(l, key, when) : -ENOMEM;
    }
    return r;
}

int ledger_note_order(Ledger *l, const char *certificate, char *const *names, LedgerOrder kind, int64_t now)
{
    Entry *e = ledger_get_entry(l, certificate);
    int r = 0;

    if (!e)
        return -ENOMEM;
    e->ordered = kind == LEDGER_IN_WINDOW ? 0 : now; /* so nothing has to be uncounted */
    e->again = kind == LEDGER_AGAIN;
    if (kind != LEDGER_IN_WINDOW)
        r = count_certificate(l, names, e->again, now, true);
    if (r >= 0)
        r = counter_add(l, kind == LEDGER_NEW ? ORDERS_KEY : EXEMPT_KEY, now);
    return r < 0 ? r : ledger_write_attempt(l, e);
}

int ledger_note_issued(Ledger *l, const char *certificate)
{
    Entry *e = find_entry(l, certificate);

    if (!e || (e->attempts == 0 && e->ordered == 0))
        return 0;
    e->attempts = 0;
    e->tried = e->ordered = 0;
    e->again = e->refused = false;
    e->released = 0;
    return ledger_write_attempt(l, e);
}

static int count_failures(Ledger *l, char *const *names, int64_t now)
{
    int r = 0;

    for (size_t i = 0; names[i] && r >= 0; i++) {
        _cleanup_free_ char *key = key_of(LEDGER_FAILURES, name_base(names[i]));

        r = key ? counter_add(l, key, now) : -ENOMEM;
    }
    return r;
}

int ledger_note_failed(Ledger *l, const char *certificate, char *const *names, bool refused, int64_t now)
{
    Entry *e = find_entry(l, certificate);
    int r = 0;

    if (e && e->ordered > 0) {
        r = count_certificate(l, names, e->again, e->ordered, false);
        e->ordered = 0;
        e->again = false;
        if (r >= 0)
            r = ledger_write_attempt(l, e);
    }
    if (r >= 0 && refused && e && !e->refused) {
        e->refused = true;
        r = ledger_write_refused(l, e);
    }
    return r >= 0 && refused ? count_failures(l, names, now) : r;
}

int ledger_note_unsent(Ledger *l, const char *certificate, char *const *names, bool attempted, int64_t now)
{
    Entry *e = find_entry(l, certificate);
    int r = 0;

    if (!e)
        return 0;
    if (e->ordered > 0) {
        r = count_certificate(l, names, e->again, e->ordered, false);
        if (r >= 0)
            r = counter_remove(l, e->again ? EXEMPT_KEY : ORDERS_KEY, e->ordered);
        e->ordered = 0;
        e->again = false;
    }
    if (attempted && e->attempts > 0)
        e->attempts--;
    entry_end_wait(e, now);
    return r < 0 ? r : ledger_write_attempt(l, e);
}

int ledger_note_foreseen(Ledger *l, const char *certificate)
{
    Entry *e = find_entry(l, certificate);

    if (!e || e->attempts == 0 || e->attempts >= FORESEEN_ATTEMPTS)
        return 0;
    e->attempts = FORESEEN_ATTEMPTS;
    return ledger_write_attempt(l, e);
}

static int64_t look_due(const Entry *e, int64_t now)
{
    return now + schedule_back_off(e->name, MIN(e->foreseen.looks + 1, LOOKS_SLOW));
}

static bool foreseen_equal(const Foreseen *f, const SolverFinding *found)
{
    return f->name && streq(f->name, found->name) && streq(f->solver, found->solver) &&
           f->what == found->what;
}

int ledger_note_finding(Ledger *l, const char *certificate, const SolverFinding *found, int64_t now)
{
    Entry *e = found ? ledger_get_entry(l, certificate) : find_entry(l, certificate);
    Foreseen new = {};

    if (!e)
        return found ? -ENOMEM : 0;
    if (!found && !e->foreseen.name)
        return 0;
    if (found) {
        new = (Foreseen){ .name = strdup(found->name),
                          .solver = strdup(found->solver),
                          .what = found->what,
                          .looks = foreseen_equal(&e->foreseen, found) ? e->foreseen.looks : 0 };
        if (!new.name || !new.solver) {
            foreseen_clear(&new);
            return -ENOMEM;
        }
    }
    foreseen_clear(&e->foreseen);
    e->foreseen = new;
    e->foreseen.due = found ? look_due(e, now) : 0;
    return ledger_write_foreseen(l, e);
}

bool ledger_finding(const Ledger *l, const char *certificate, LedgerFinding *ret)
{
    const Entry *e = find_entry(l, certificate);
    const Foreseen *f = e ? &e->foreseen : NULL;

    if (!f || !f->name)
        return false;
    *ret = (LedgerFinding){ .found = { f->name, f->solver, f->what },
                            .due = e->released < RELEASES_MAX ? f->due : INT64_MAX,
                            .soon = f->looks + 1 < LOOKS_SLOW };
    return true;
}

int ledger_note_looked(Ledger *l, const char *certificate, int64_t now)
{
    Entry *e = find_entry(l, certificate);

    if (!e || !e->foreseen.name)
        return 0;
    if (e->foreseen.looks < LOOKS_SLOW)
        e->foreseen.looks++;
    e->foreseen.due = look_due(e, now);
    return ledger_write_foreseen(l, e);
}

static int release(Ledger *l, Entry *e, int64_t now)
{
    int r;

    e->released++;
    if (e->attempts > 0)
        entry_end_wait(e, now);
    r = ledger_write_released(l, e);
    if (r >= 0)
        r = ledger_write_attempt(l, e);
    return r < 0 ? r : 1;
}

int ledger_note_changed(Ledger *l, const char *certificate, int64_t now)
{
    Entry *e = find_entry(l, certificate);

    if (!e || !e->foreseen.name || e->released >= RELEASES_MAX)
        return 0;
    e->foreseen.due = look_due(e, now); /* unless an order comes before */
    return ledger_write_foreseen(l, e) < 0 ? -ENOMEM : release(l, e, now);
}

int ledger_note_released(Ledger *l, const char *certificate, int64_t now)
{
    Entry *e = find_entry(l, certificate);

    if (!e || e->attempts == 0 || e->refused || e->released >= RELEASES_MAX)
        return 0;
    return release(l, e, now);
}

int ledger_note_withdrawn(Ledger *l, const char *certificate, int64_t now)
{
    Entry *e = find_entry(l, certificate);

    if (!e || entry_after(e) <= now)
        return 0;
    entry_end_wait(e, now);
    return ledger_write_attempt(l, e);
}

unsigned ledger_attempts(const Ledger *l, const char *certificate)
{
    const Entry *e = find_entry(l, certificate);

    return e ? e->attempts : 0;
}

int64_t ledger_after(const Ledger *l, const char *certificate)
{
    const Entry *e = find_entry(l, certificate);

    return e ? entry_after(e) : 0;
}

/* ---- the circuit breaker */

LedgerState ledger_state(const Ledger *l, int64_t now)
{
    if (l->breaker.failures < BREAKER_FAILURES)
        return LEDGER_CLOSED;
    return now < l->breaker.until ? LEDGER_OPEN : LEDGER_HALF_OPEN;
}

int64_t ledger_open_until(const Ledger *l)
{
    return l->breaker.failures < BREAKER_FAILURES ? 0 : l->breaker.until;
}

int64_t ledger_probe_due(const Ledger *l)
{
    return l->breaker.failures < BREAKER_FAILURES ? INT64_MAX : l->breaker.probe;
}

int ledger_note_outage(Ledger *l, int64_t retry_after, int64_t now)
{
    Breaker *b = &l->breaker;

    if (b->failures < UINT32_MAX)
        b->failures++;
    if (retry_after > 0) /* the authority itself reported an outage */
        b->failures = MAX(b->failures, BREAKER_FAILURES);
    if (b->failures >= BREAKER_FAILURES && now >= b->until) {
        if (b->openings < UINT32_MAX)
            b->openings++;
        b->until = now + MIN(schedule_back_off(l->directory, b->openings), BREAKER_MAX);
        b->probe = now + SEC_PER_HOUR;
    }
    b->until = MAX(b->until, retry_after > 0 ? now + retry_after : 0);
    b->probe = MAX(b->probe, retry_after > 0 ? now + retry_after : 0);
    return ledger_write_breaker(l);
}

int ledger_note_works(Ledger *l)
{
    if (l->breaker.failures == 0)
        return 0;
    l->breaker = (Breaker){};
    return ledger_write_breaker(l);
}

int ledger_note_back(Ledger *l, int64_t now)
{
    Breaker *b = &l->breaker;

    if (b->failures < BREAKER_FAILURES)
        return 0;
    b->openings = 0;
    b->until = now;
    return ledger_write_breaker(l);
}

int ledger_note_probe(Ledger *l, bool reached, int64_t now)
{
    Breaker *b = &l->breaker;
    bool back = reached && b->unreached;
    int r;

    if (b->failures < BREAKER_FAILURES)
        return 0;
    b->unreached = !reached;
    b->probe = now + SEC_PER_HOUR;
    if (back) {
        b->openings /= 2; /* if it fails again, the period grows from here */
        b->until = now;
    }
    r = ledger_write_breaker(l);
    return r < 0 ? r : back;
}

/* ---- windows */

LedgerWindow ledger_window(const Ledger *l, const char *certificate, const char *fingerprint)
{
    const Entry *e = find_entry(l, certificate);

    if (!e || !*e->fingerprint || strncmp(e->fingerprint, fingerprint, LEDGER_FINGERPRINT) != 0)
        return (LedgerWindow){};
    return (LedgerWindow){ .window = e->window, .check = e->check, .explanation_url = e->explanation_url };
}

int ledger_note_window(Ledger *l, const char *certificate, const char *fingerprint,
                       const LedgerWindow *window)
{
    Entry *e = ledger_get_entry(l, certificate);

    if (!e || text_set(&e->explanation_url, window->explanation_url) < 0)
        return -ENOMEM;
    snprintf(e->fingerprint, sizeof(e->fingerprint), "%.*s", LEDGER_FINGERPRINT, fingerprint);
    e->window = window->window;
    e->check = window->check;
    return ledger_write_window(l, e);
}

int64_t ledger_early(const Ledger *l, const char *certificate)
{
    const Entry *e = find_entry(l, certificate);

    return e ? e->early : 0;
}

int ledger_note_early(Ledger *l, const char *certificate, int64_t now)
{
    Entry *e = ledger_get_entry(l, certificate);

    if (!e)
        return -ENOMEM;
    e->early = now;
    return ledger_write_early(l, e);
}
