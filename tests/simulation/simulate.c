/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * simulate [--seed=N] [--years=N] [--certificates=N] [--break=NAME]: ten years of 10,000
 * certificates at one authority, in half a minute; three years where samples are tried (tests/run). Prints
 * a table, and whether what is promised was kept.
 *
 * core/schedule.h and core/ledger.h decide as they do in the service, of which there is no more here than
 * a queue (see urgency()). The authority has records of its own of what it was asked, and published limits.
 * Time goes by in milliseconds, and what is asked takes a moment to arrive.
 *
 * Only within the window that was suggested for it is a renewal free of all limits; else it is of those of
 * orders and domains. --break: something is left out, so that a test fails; see breaks[].
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "simulate.h"
#include "util/text.h"

const char *const breaks[] = {
    [BREAK_NONE] = "none",       [BREAK_LIMITS] = "limits", /* orders do not wait for a limit */
    [BREAK_NAMES] = "names",     /* orders for one name do not wait for each other */
    [BREAK_RATE] = "rate",       /* there are as many in a minute as can be */
    [BREAK_BREAKER] = "breaker", /* an authority in trouble is asked all the same */
    [BREAK_BACKOFF] = "backoff", /* what failed is tried again after an hour */
    [BREAK_RESTART] = "restart", /* the ledger is lost when the service starts again */
    [BREAK_DUE] = "due",         /* renewals are due in the last seconds */
    [BREAK_LOST] = "lost",       /* what waits for a limit is forgotten */
    [BREAK_WASTE] = "waste",     /* the ledger is never written anew */
    [BREAK_ANEW] = "anew",       /* the end of an outage is for those as well whose proofs were refused */
};

/* ---- the ledger's file */

static void file_set(Simulation *s, char *text)
{
    free(s->file);
    s->file = check_memory(text);
    s->n_file = s->size_file = strlen(text);
}

static void file_append(Simulation *s)
{
    _cleanup_free_ char *lines = ledger_take(s->ledger);
    size_t n = lines ? strlen(lines) : 0;

    if (n == 0)
        return;
    if (s->n_file + n >= s->size_file) {
        s->size_file = 2 * (s->size_file + n);
        s->file = check_memory(realloc(s->file, s->size_file + 1));
    }
    memcpy(s->file + s->n_file, lines, n + 1);
    s->n_file += n;
    s->file_longest = MAX(s->file_longest, s->n_file);
    if (s->broken != BREAK_WASTE && ledger_is_wasteful(s->ledger, s->n_file)) {
        file_set(s, ledger_text(s->ledger, seconds(s)));
        s->n_rewritten++;
    }
}

/* The same for the same lines in whichever order. */
static uint64_t sum_lines(char *text)
{
    uint64_t sum = 0;

    for (char *state, *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        sum += text_hash(line, 0);
    return sum;
}

static void on_restart(Simulation *s)
{
    Ledger *fresh = check_memory(ledger_new(DIRECTORY));
    char *before, *after;

    if (s->broken != BREAK_RESTART)
        check(ledger_read(fresh, s->file, s->n_file, seconds(s)));
    before = check_memory(ledger_text(s->ledger, seconds(s)));
    ledger_free(s->ledger);
    s->ledger = fresh;
    after = check_memory(ledger_text(s->ledger, seconds(s)));
    if (sum_lines(before) != sum_lines(after))
        s->n_lost++;
    free(before);
    free(after);
    s->n_restarts++;
    add_event(s, KIND_RESTART, NULL, s->now + 30 * DAY * SECOND);
}

/* ---- the service: when something is due, and its queue */

static bool has_valid_chain(const Simulation *s, const Certificate *c)
{
    return c->chain && chain_not_after(c->chain) > seconds(s);
}

static int64_t window_after(const Simulation *s, const Certificate *c)
{
    int64_t early = ledger_early(s->ledger, c->name);

    return early > 0 ? early + schedule_window_pause(c->chain) : 0;
}

static void expect(Simulation *s, Certificate *c)
{
    OrderState state = { .failed = c->fault != FAULT_NONE, .retry = c->retry };
    int64_t due;

    if (c->state != STATE_IDLE)
        return;
    if (has_valid_chain(s, c)) {
        state.chain = c->chain;
        state.window = ledger_window(s->ledger, c->name, chain_leaf(c->chain)->fingerprint).window;
        state.window_after = window_after(s, c);
    }
    state.after = state.failed ? ledger_after(s->ledger, c->name) : c->first_order;
    if (s->broken == BREAK_BACKOFF && state.failed)
        state.after = seconds(s) + HOUR;
    due = schedule_order(&state);
    if (s->broken == BREAK_DUE && state.chain)
        due = MAX(due, chain_not_after(c->chain) - 10);
    c->generation++;
    add_event(s, KIND_DUE, c, due * SECOND);
}

/* Who has least time left is first: until the end of the chain, or, for who has no valid one, until a day
 * after it came to wait. That does not change while it waits, so that what comes after that moment stays
 * behind, and nobody waits for ever; and a crowd without chains keeps nobody from a renewal who has less
 * than a day left. */
static int64_t urgency(const Simulation *s, const Certificate *c)
{
    return has_valid_chain(s, c) ? chain_not_after(c->chain) * SECOND : c->joined + DAY * SECOND;
}

static LedgerOrder kind_of(const Simulation *s, const Certificate *c)
{
    RenewalWindow w;

    if (!c->chain)
        return LEDGER_NEW;
    w = ledger_window(s->ledger, c->name, chain_leaf(c->chain)->fingerprint).window;
    return w.start <= seconds(s) && seconds(s) < w.end ? LEDGER_IN_WINDOW : LEDGER_AGAIN;
}

static void queue(Simulation *s, Certificate *c)
{
    if (c->joined == 0)
        c->joined = s->now;
    heap_push(kind_of(s, c) == LEDGER_NEW ? &s->counted : &s->free,
              (Item){ .key = urgency(s, c), .which = (uint32_t)(c - s->certificates) });
    c->state = STATE_QUEUED;
}

static void wake_at(Simulation *s, int64_t at)
{
    if (at >= s->wake)
        return;
    s->wake = at;
    add_event(s, KIND_WAKE, NULL, at);
}

/* Whether the next order may begin now, whosever it is. */
static bool may_order(Simulation *s)
{
    int64_t now = seconds(s);

    if (s->n_running == LIMIT_ORDERS)
        return false;
    if (s->broken != BREAK_BREAKER) {
        LedgerState state = ledger_state(s->ledger, now);

        if (state == LEDGER_OPEN)
            wake_at(s, ledger_open_until(s->ledger) * SECOND);
        if (state == LEDGER_OPEN || (state == LEDGER_HALF_OPEN && s->probing))
            return false;
    }
    /* one second more, as theirs are whole ones */
    if (s->broken != BREAK_RATE && ledger_recent_orders(s->ledger, 61, now) >= RATE) {
        wake_at(s, (now + 1) * SECOND);
        return false;
    }
    return true;
}

static Heap *choose_queue(Simulation *s)
{
    bool counted = s->counted.n > 0 && s->counted_until <= seconds(s);

    if (s->free.n > 0 && counted)
        return item_is_before(s->free.items, s->counted.items) ? &s->free : &s->counted;
    return s->free.n > 0 ? &s->free : counted ? &s->counted : NULL;
}

/* That a name is refused is known when the order has ended: more of them at once could be too many. */
static bool shares_name(const Simulation *s, const Certificate *c)
{
    for (size_t i = 0; i < s->n_running && s->broken != BREAK_NAMES; i++)
        for (size_t a = 0; c->domain == s->running[i]->domain && c->names[a]; a++)
            if (strv_contains(s->running[i]->names, c->names[a]))
                return true;
    return false;
}

static Fault draw_outcome(Simulation *s, const Certificate *c, int64_t to)
{
    if (is_down(&s->network, s->now, to))
        return FAULT_NETWORK;
    if (is_down(&s->authority, s->now, to) || chance(s) % LONE_ERRORS == 0)
        return FAULT_AUTHORITY;
    return c->refused_from <= s->now && !c->kept ? FAULT_NAME : FAULT_NONE;
}

/* Whether it is renewed for the sake of its window, and not for its age. */
static bool is_early(const Simulation *s, const Certificate *c)
{
    return has_valid_chain(s, c) && schedule_leaf_renewal(c->chain, SOURCE_ACME) > seconds(s);
}

static void place_order(Simulation *s, Certificate *c)
{
    check(ledger_note_order(s->ledger, c->name, c->names, c->kind, seconds(s)));
    s->n_orders++;
    s->n_exempt += c->kind != LEDGER_NEW;
    if (times_add(&s->minute, s->now, 60 * SECOND) > RATE)
        s->n_over_minute++;
    s->most_minute = MAX(s->most_minute, s->minute.n);
    if (directory_answers(s) && c->kind == LEDGER_NEW)
        add_event(s, KIND_ASKED, NULL, s->now + between(s, 0, LATENCY_MAX));
}

static void begin_order(Simulation *s, Certificate *c)
{
    int64_t now = seconds(s), to = s->now + between(s, 5 * SECOND, 60 * SECOND);
    Outage *down = outage_after(&s->down, s->now);

    c->kind = kind_of(s, c);
    c->early = is_early(s, c);
    c->retry = false;
    c->joined = 0;
    c->n_attempts++;
    check(ledger_note_attempt(s->ledger, c->name, now));
    if (c->early)
        check(ledger_note_early(s->ledger, c->name, now));
    if (!s->probing && ledger_state(s->ledger, now) == LEDGER_HALF_OPEN)
        s->probing = c;
    if (!c->kept)
        place_order(s, c);
    c->outcome = draw_outcome(s, c, to);
    c->state = STATE_RUNNING;
    s->running[s->n_running++] = c;
    if (down && down->from <= s->now)
        down->n_orders++;
    add_event(s, KIND_END, c, to);
}

static void drive(Simulation *s)
{
    Heap *heap;

    while (may_order(s) && (heap = choose_queue(s))) {
        Item item = heap_pop(heap);
        Certificate *c = s->certificates + item.which;
        LedgerWait wait;
        LedgerLimit limit;
        int64_t until;

        if (shares_name(s, c)) {
            s->held[s->n_held++] = c;
            continue;
        }
        wait = ledger_wait(s->ledger, s->longer, c->names, kind_of(s, c), seconds(s));
        until = wait.until;
        limit = wait.limit;
        ledger_wait_done(&wait);
        if (until <= seconds(s) || c->kept || s->broken == BREAK_LIMITS) {
            begin_order(s, c);
        } else if (limit == LEDGER_ORDERS && heap == &s->counted) {
            s->counted_until = until;
            wake_at(s, until * SECOND);
            heap_push(heap, item);
        } else {
            c->state = STATE_IDLE;
            c->generation++;
            if (s->broken != BREAK_LOST)
                add_event(s, KIND_DUE, c, until * SECOND);
        }
    }
    if (s->counted.n > 0 && s->counted_until > seconds(s))
        wake_at(s, s->counted_until * SECOND);
}

/* ---- what comes of an order */

/* As Boulder suggests it: 1 % of the life before and after the moment, unless it was revoked. */
static void note_window(Simulation *s, Certificate *c)
{
    const ChainEntry *leaf = chain_leaf(c->chain);
    int64_t life = leaf->not_after - leaf->not_before;
    int64_t middle = leaf->not_after - (life < 10 * DAY ? life / 2 : life / 3);
    LedgerWindow w = { .window = { middle - life / 100, middle + life / 100 },
                       .check = seconds(s) + schedule_window_check(6 * HOUR) };

    if (c->revoked)
        w.window = (RenewalWindow){ seconds(s) - HOUR, seconds(s) - HOUR / 2 };
    check(ledger_note_window(s->ledger, c->name, leaf->fingerprint, &w));
}

static void issue(Simulation *s, Certificate *c)
{
    char fingerprint[40];
    ChainEntry leaf = { "CN=subject", "CN=issuer", "0A", fingerprint, seconds(s) - HOUR, 0 };
    Life *life = c->life;

    snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64 "%016" PRIx64, chance(s), chance(s));
    leaf.not_after = leaf.not_before + life->span - 1;
    life->n_issued++;
    if (c->chain) {
        life->n_renewed++;
        life->wait = MAX(life->wait, s->now - c->since);
        life->left = MIN(life->left, chain_not_after(c->chain) * SECOND - s->now);
        count_end_of_chain(s, c);
    } else
        life->first_wait = MAX(life->first_wait, s->now - c->since);
    if (c->revoked)
        s->revocation_longest = MAX(s->revocation_longest, s->now - s->revocation);
    c->revoked = false;
    chain_unref(c->chain);
    c->chain = check_memory(chain_new(&leaf, 1, NULL, 0, KEY_TYPE_ECDSA_P256, false));
    c->first_order = schedule_first_order(c->chain, seconds(s));
    c->since = 0;
    note_window(s, c);
}

/* What failed for want of it is tried again; but not what was refused before that, or else it would be tried
 * more than once a day, as often as there are outages. */
static void try_anew(Simulation *s)
{
    for (size_t i = 0; i < s->n; i++) {
        Certificate *c = s->certificates + i;

        if (c->fault <= FAULT_NAME || c->retry || c->state == STATE_RUNNING ||
            (c->refused && s->broken != BREAK_ANEW))
            continue;
        c->retry = true;
        expect(s, c);
    }
}

static void authority_issue(Simulation *s, const Certificate *c)
{
    if (c->kind == LEDGER_IN_WINDOW)
        return;
    authority_count(s, LEDGER_SET, s->sets + c->set);
    if (c->kind == LEDGER_NEW)
        authority_count(s, LEDGER_DOMAIN, &s->domains[c->domain].issued);
}

static void note_outcome(Simulation *s, Certificate *c)
{
    bool refused = c->outcome == FAULT_NAME, closed = ledger_state(s->ledger, seconds(s)) == LEDGER_CLOSED;

    c->fault = c->outcome;
    c->refused = c->outcome == FAULT_NAME || (c->refused && c->outcome != FAULT_NONE);
    if (c->outcome == FAULT_NONE) {
        if (!c->kept)
            authority_issue(s, c);
        c->kept = false;
        check(ledger_note_issued(s->ledger, c->name));
        issue(s, c);
    } else {
        c->life->n_failed[c->outcome]++;
        if (c->outcome > FAULT_NAME && c->refused_from > s->now && !c->kept && chance(s) % FINALIZED == 0) {
            authority_issue(s, c); /* but nobody was told: it stays counted */
            c->kept = true;
        } else if (!c->kept)
            check(ledger_note_failed(s->ledger, c->name, c->names, refused, seconds(s)));
        if (refused) {
            authority_count(s, LEDGER_FAILURES, &c->failures);
            if (c->names[1])
                authority_count(s, LEDGER_FAILURES, &s->domains[c->domain].failures);
        }
    }
    if (c->outcome > FAULT_NAME)
        check(ledger_note_outage(s->ledger, 0, seconds(s)));
    else {
        check(ledger_note_works(s->ledger));
        if (!closed)
            try_anew(s);
    }
}

static void on_end(Simulation *s, Certificate *c)
{
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i] == c) {
            s->running[i] = s->running[--s->n_running];
            break;
        }
    if (s->probing == c)
        s->probing = NULL;
    c->state = STATE_IDLE;
    note_outcome(s, c);
    expect(s, c);
    while (s->n_held > 0)
        queue(s, s->held[--s->n_held]);
}

/* ---- other events */

static void on_due(Simulation *s, Certificate *c)
{
    if (c->since == 0)
        c->since = s->now;
    queue(s, c);
}

static void on_probe(Simulation *s)
{
    int r = 0;

    if (!s->probing && ledger_probe_due(s->ledger) <= seconds(s))
        r = ledger_note_probe(s->ledger, directory_answers(s), seconds(s));
    check(r);
    if (r > 0)
        try_anew(s);
    add_event(s, KIND_PROBE, NULL, s->now + HOUR * SECOND + between(s, 0, LATE));
}

static void on_network_back(Simulation *s)
{
    if (ledger_state(s->ledger, seconds(s)) == LEDGER_OPEN)
        check(ledger_note_back(s->ledger, seconds(s)));
    try_anew(s);
}

static int64_t next_check(Simulation *s, bool answered)
{
    int64_t after = !answered || chance(s) % 4 == 0 ? 0 : between(s, HOUR, DAY);

    return schedule_window_check(after) * SECOND;
}

/* Only what comes of a check is an event. It falls anywhere between two. Of those that have the same names no more are revoked than
 * the authority would issue anew in a week. */
static void on_revocation(Simulation *s)
{
    s->revocation = s->now;
    s->n_revocations++;
    for (size_t i = 0; i < s->n; i++) {
        Certificate *c = s->certificates + i;

        if (!has_valid_chain(s, c) || c->refused_from != NEVER || c->crowded)
            continue;
        c->revoked = true;
        s->n_revoked++;
        add_event(s, KIND_NOTICE, c, s->now + between(s, 0, next_check(s, true)) + between(s, 0, LATE));
    }
}

static void on_notice(Simulation *s, Certificate *c)
{
    if (!c->revoked || !c->chain)
        return;
    if (is_down(&s->down, s->now, s->now)) {
        add_event(s, KIND_NOTICE, c, s->now + next_check(s, false) + between(s, 0, LATE));
        return;
    }
    note_window(s, c);
    expect(s, c);
}

static void dispatch(Simulation *s, const Item *e)
{
    Certificate *c = s->certificates + e->which;

    switch (e->kind) {
    case KIND_DUE:
        if (c->generation == e->generation && c->state == STATE_IDLE)
            on_due(s, c);
        break;
    case KIND_WAKE:
        s->wake = NEVER;
        break;
    case KIND_ASKED:
        authority_count(s, LEDGER_ORDERS, &s->orders);
        break;
    case KIND_END:
        on_end(s, c);
        break;
    case KIND_PROBE:
        on_probe(s);
        break;
    case KIND_NETWORK_BACK:
        on_network_back(s);
        break;
    case KIND_REVOCATION:
        on_revocation(s);
        break;
    case KIND_NOTICE:
        on_notice(s, c);
        break;
    case KIND_RESTART:
        on_restart(s);
        break;
    }
}

/* ---- beginning */

static Domain *add_domain(Simulation *s)
{
    Domain *d = s->domains + s->n_domains++;

    snprintf(d->name, sizeof(d->name), "d%zu.example", s->n_domains);
    return d;
}

static void add_certificate(Simulation *s, Domain *d)
{
    Certificate *c = s->certificates + s->n;

    c->life = s->lives + s->n % ELEMENTSOF(s->lives);
    c->life->n++;
    c->domain = (uint32_t)(d - s->domains);
    c->set = (uint32_t)s->n_sets++;
    c->refused_from = NEVER;
    snprintf(c->name, sizeof(c->name), "c%zu", s->n);
    snprintf(c->own_name, sizeof(c->own_name), "%s.%s", c->name, d->name);
    c->names[0] = c->own_name;
    s->n++;
}

/* Out of 10,000: 10 domains with 60 certificates, 20 sets of names with six, 13 domains where all is
 * refused, from the beginning or some time later, and where eight have one name in common; else four in a
 * domain. */
static void lay_out(Simulation *s, size_t n)
{
    Domain *d = NULL;

    for (size_t i = 0; i < n / 1000; i++) {
        d = add_domain(s);
        for (size_t k = 0; k < 60; k++)
            add_certificate(s, d);
    }
    for (size_t i = 0; i < n / 500; i++) {
        d = add_domain(s);
        for (size_t k = 0; k < 6; k++) {
            add_certificate(s, d);
            s->certificates[s->n - 1].names[0] = d->name;
            s->certificates[s->n - 1].set -= (uint32_t)k;
            s->certificates[s->n - 1].crowded = k >= limits[LEDGER_SET].count;
        }
    }
    for (size_t i = 0; i < (n + 799) / 800; i++) {
        int64_t from = i % 2 == 0 ? BEGIN : between(s, BEGIN, BEGIN + (s->end - BEGIN) / 2);

        d = add_domain(s);
        for (size_t k = 0; k < 8; k++) {
            add_certificate(s, d);
            s->certificates[s->n - 1].names[1] = d->name;
            s->certificates[s->n - 1].refused_from = from;
        }
    }
    for (size_t k = 0; s->n < n; k++) {
        if (k % 4 == 0)
            d = add_domain(s);
        add_certificate(s, d);
    }
}

static void start(Simulation *s, size_t n)
{
    static const int64_t spans[] = { 6 * DAY, 45 * DAY, 90 * DAY };

    s->random = s->seed;
    s->now = BEGIN;
    s->end = BEGIN + (int64_t)(365.25 * s->years) * DAY * SECOND;
    s->wake = NEVER;
    for (size_t i = 0; i < ELEMENTSOF(spans); i++)
        s->lives[i] = (Life){ .span = spans[i], .left = spans[i] * SECOND };
    s->certificates = check_memory(calloc(n, sizeof(Certificate)));
    s->held = check_memory(calloc(n, sizeof(Certificate *)));
    s->domains = check_memory(calloc(n, sizeof(Domain)));
    s->sets = check_memory(calloc(n, sizeof(Times)));
    s->ledger = check_memory(ledger_new(DIRECTORY));
    file_set(s, ledger_text(s->ledger, seconds(s)));
    memcpy(s->longer, limits, sizeof(limits));
    s->longer[LEDGER_ORDERS].span += LIMIT_ACME_TIME;
    s->longer[LEDGER_DOMAIN].span += LIMIT_ORDER_TIME;
    s->longer[LEDGER_SET].span += LIMIT_ORDER_TIME;
    lay_out(s, n);
    draw_outages(s, &s->authority, 4, 5 * 60, 5 * DAY);
    draw_outages(s, &s->network, 48, 2 * 60, DAY);
    join_outages(s);
    for (size_t i = 0; i < s->n; i++)
        expect(s, s->certificates + i);
    for (size_t i = 0; i < s->network.n; i++)
        add_event(s, KIND_NETWORK_BACK, NULL, s->network.list[i].to);
    for (int64_t i = 0; i < 2; i++) {
        int64_t half = (s->end - BEGIN) / 2;

        add_event(s, KIND_REVOCATION, NULL, BEGIN + i * half + between(s, half / 5, half * 4 / 5));
    }
    add_event(s, KIND_PROBE, NULL, s->now + HOUR * SECOND);
    add_event(s, KIND_RESTART, NULL, s->now + 30 * DAY * SECOND);
}

static void run(Simulation *s)
{
    while (s->events.n > 0 && s->events.items[0].key < s->end) {
        Item e = heap_pop(&s->events);

        s->now = e.key;
        s->n_events++;
        dispatch(s, &e);
        drive(s);
        file_append(s);
    }
    s->now = s->end;
}

static void finish(Simulation *s)
{
    for (size_t i = 0; i < s->n; i++) {
        chain_unref(s->certificates[i].chain);
        free(s->certificates[i].failures.times);
        free(s->domains[i].issued.times);
        free(s->domains[i].failures.times);
        free(s->sets[i].times);
    }
    ledger_free(s->ledger);
    free(s->certificates);
    free(s->domains);
    free(s->sets);
    free(s->held);
    free(s->file);
    free(s->events.items);
    free(s->free.items);
    free(s->counted.items);
    free(s->orders.times);
    free(s->minute.times);
    free(s->authority.list);
    free(s->network.list);
    free(s->down.list);
}

static void read_options(Simulation *s, int argc, char *argv[], size_t *ret_n)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' },
        { "years", required_argument, NULL, 'y' },
        { "break", required_argument, NULL, 'b' },
        { "certificates", required_argument, NULL, 'c' },
        {},
    };
    uint64_t n = 0;
    int o, r = 0;

    while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        r = o == 'b' ? TABLE_FROM_STRING(breaks, optarg) : o == '?' ? -1 : parse_uint64(optarg, &n);
        if (r < 0 || (o == 'y' && n > 100) || (o == 'c' && (n < 100 || n > 1000000)))
            break;
        if (o == 's')
            s->seed = n;
        else if (o == 'y')
            s->years = (unsigned)n;
        else if (o == 'c')
            *ret_n = n;
        else if (o == 'b')
            s->broken = (Break)r;
    }
    if (o >= 0 || optind < argc) {
        fputs("Bail out! See the first lines of simulate.c\n", stdout);
        exit(2);
    }
}

static bool is_sample(void)
{
    const char *full = getenv("CERTWRIGHT_TESTS_FULL");

    return getenv("CERTWRIGHT_TESTS_SEED") && !(full && streq(full, "1"));
}

int main(int argc, char *argv[])
{
    Simulation s = { .seed = 1, .years = is_sample() ? 3 : 10 };
    size_t n = 10000;
    bool kept;

    read_options(&s, argc, argv, &n);
    start(&s, n);
    run(&s);
    kept = print_results(&s, (double)clock() / CLOCKS_PER_SEC);
    finish(&s);
    return kept ? 0 : 1;
}
