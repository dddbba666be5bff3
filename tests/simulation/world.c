/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simulate.h"

#include <math.h>
#include <stdio.h>

const RateLimit limits[_LEDGER_LIMIT_MAX] = {
    [LEDGER_ORDERS] = { 300, 3 * HOUR },
    [LEDGER_DOMAIN] = { 50, 7 * DAY },
    [LEDGER_SET] = { 5, 7 * DAY },
    [LEDGER_FAILURES] = { 5, HOUR },
};

void *check_memory(void *p)
{
    if (!p) {
        fputs("Bail out! Out of memory\n", stdout);
        exit(1);
    }
    return p;
}

void check(int64_t r)
{
    if (r < 0)
        check_memory(NULL);
}

/* ---- chance: SplitMix64 */

uint64_t chance(Simulation *s)
{
    uint64_t z = (s->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double fraction(Simulation *s)
{
    return ((double)(chance(s) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

int64_t between(Simulation *s, int64_t from, int64_t to)
{
    return from + (int64_t)((double)(to - from) * fraction(s));
}

int64_t seconds(const Simulation *s)
{
    return s->now / SECOND;
}

/* ---- heaps */

bool item_is_before(const Item *a, const Item *b)
{
    return a->key != b->key ? a->key < b->key : a->sequence < b->sequence;
}

void heap_push(Heap *h, Item item)
{
    size_t at = h->n++;

    if (h->n > h->size) {
        h->size = MAX((size_t)64, 2 * h->size);
        h->items = check_memory(reallocarray(h->items, h->size, sizeof(Item)));
    }
    item.sequence = h->sequence++;
    for (; at > 0 && item_is_before(&item, h->items + (at - 1) / 2); at = (at - 1) / 2)
        h->items[at] = h->items[(at - 1) / 2];
    h->items[at] = item;
}

Item heap_pop(Heap *h)
{
    Item first = h->items[0], last = h->items[--h->n];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < h->n) {
        if (child + 1 < h->n && item_is_before(h->items + child + 1, h->items + child))
            child++;
        if (!item_is_before(h->items + child, &last))
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    h->items[at] = last;
    return first;
}

void add_event(Simulation *s, Kind kind, const Certificate *c, int64_t at)
{
    heap_push(&s->events, (Item){ .key = MAX(at, s->now),
                                  .kind = kind,
                                  .which = c ? (uint32_t)(c - s->certificates) : 0,
                                  .generation = c ? c->generation : 0 });
}

/* ---- the authority: what can be reached, and what it counts */

size_t times_add(Times *t, int64_t now, int64_t span)
{
    while (t->n > 0 && t->times[t->begin] <= now - span) {
        t->begin++;
        t->n--;
    }
    if (t->begin + t->n == t->size) {
        if (t->begin > t->size / 2)
            memmove(t->times, t->times + t->begin, t->n * sizeof(t->times[0]));
        else {
            int64_t *grown = check_memory(calloc(2 * t->size + 4, sizeof(t->times[0])));

            if (t->n > 0)
                memcpy(grown, t->times + t->begin, t->n * sizeof(t->times[0]));
            free(t->times);
            t->times = grown;
            t->size = 2 * t->size + 4;
        }
        t->begin = 0;
    }
    t->times[t->begin + t->n++] = now;
    return t->n;
}

void authority_count(Simulation *s, LedgerLimit limit, Times *times)
{
    size_t n = times_add(times, s->now, limits[limit].span * SECOND);

    s->most[limit] = MAX(s->most[limit], n);
    if (n > limits[limit].count)
        s->n_over[limit]++;
}

Outage *outage_after(const Outages *o, int64_t when)
{
    size_t low = 0, high = o->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (o->list[middle].to <= when)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->n ? o->list + low : NULL;
}

bool is_down(const Outages *o, int64_t from, int64_t to)
{
    const Outage *next = outage_after(o, from);

    return next && next->from <= to;
}

bool directory_answers(const Simulation *s)
{
    const Outage *next = outage_after(&s->authority, s->now);

    return !is_down(&s->network, s->now, s->now) && (!next || next->from > s->now || next->soft);
}

static Outage *outages_add(Outages *o, int64_t from, int64_t to)
{
    if (o->n == o->size) {
        o->size = 2 * o->size + 16;
        o->list = check_memory(reallocarray(o->list, o->size, sizeof(Outage)));
    }
    o->list[o->n] = (Outage){ .from = from, .to = to };
    return o->list + o->n++;
}

void draw_outages(Simulation *s, Outages *o, double a_year, int64_t shortest, int64_t longest)
{
    double mean = 365.25 * (double)(DAY * SECOND) / a_year;
    int64_t at = BEGIN;

    while ((at += (int64_t)(-log(fraction(s)) * mean)) < s->end) {
        double ratio = log((double)longest / (double)shortest);
        int64_t length = (int64_t)((double)(shortest * SECOND) * exp(fraction(s) * ratio));

        outages_add(o, at, at + length)->soft = chance(s) % 3 == 0;
        at += length;
    }
}

void join_outages(Simulation *s)
{
    size_t a = 0, n = 0;
    int64_t at = BEGIN;

    while (a < s->authority.n || n < s->network.n) {
        Outage none = { .from = NEVER, .to = NEVER };
        const Outage *x = a < s->authority.n ? s->authority.list + a : &none;
        const Outage *y = n < s->network.n ? s->network.list + n : &none;
        int64_t from = MAX(at, MIN(x->from, y->from)), to = MIN(x->to, y->to);

        to = MIN(to, MIN(x->from > from ? x->from : NEVER, y->from > from ? y->from : NEVER));
        outages_add(&s->down, from, to);
        at = to;
        a += x->to == at;
        n += y->to == at;
    }
}
