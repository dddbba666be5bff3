/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/selection.h"

#include <time.h>

#include "cli/xalloc.h"
#include "util/text.h"
#include "util/time.h"

#define DAYS_MAX 36500

static const char *const sources[] = { "uploaded", "acme", "local" };
static const char *const states[] = { "expired", "expiring", "pending", "valid" }; /* the worst first */

/* ---- orders */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_names(const Certificate *a, const Certificate *b)
{
    return strverscmp(a->name, b->name);
}

/* Those without a time come last. */
static int compare_times(int64_t a, int64_t b)
{
    return compare_numbers(a ? a : INT64_MAX, b ? b : INT64_MAX);
}

static int compare_expiry(const Certificate *a, const Certificate *b)
{
    return compare_times(a->not_after, b->not_after);
}

static int compare_renewal(const Certificate *a, const Certificate *b)
{
    return compare_times(a->next_renewal, b->next_renewal);
}

static int compare_words(const char *const *words, size_t n, const char *a, const char *b)
{
    return compare_numbers((unsigned)table_from_string(words, n, a),
                           (unsigned)table_from_string(words, n, b));
}

static int compare_states(const Certificate *a, const Certificate *b)
{
    return compare_words(states, ELEMENTSOF(states), a->state, b->state);
}

static int compare_sources(const Certificate *a, const Certificate *b)
{
    return compare_words(sources, ELEMENTSOF(sources), a->source, b->source);
}

static int compare_issuers(const Certificate *a, const Certificate *b)
{
    return strcmp(a->issuer, b->issuer);
}

static const struct {
    const char *key;
    int (*compare)(const Certificate *a, const Certificate *b);
} orders[] = {
    { "name", compare_names },     { "expiry", compare_expiry },  { "state", compare_states },
    { "source", compare_sources }, { "issuer", compare_issuers }, { "renewal", compare_renewal },
};

/* ---- options */

static Exit order_parse(const char *key, Selection *s)
{
    s->compare = compare_names;
    for (size_t i = 0; key && i < ELEMENTSOF(orders); i++)
        if (streq(orders[i].key, key)) {
            s->compare = orders[i].compare;
            return EXIT_DONE;
        }
    return key ? fail(
                     EXIT_USAGE,
                     _("\"%s\" is nothing to sort by; use one of name, expiry, state, source, issuer, renewal."),
                     key)
               : EXIT_DONE;
}

/* text: words between commas. Returns the word that is none of them, or NULL; allocated. */
static char *words_parse(const char *text, const char *const *words, size_t n, unsigned *ret)
{
    _cleanup_free_ char *copy = text ? xstrdup(text) : NULL;

    for (char *rest = copy; rest;) {
        const char *word = strsep(&rest, ",");
        int i = table_from_string(words, n, word);

        if (i < 0)
            return xstrdup(word);
        *ret |= 1U << i;
    }
    return NULL;
}

static Exit words_check(Selection *s, const Options *o)
{
    _cleanup_free_ char *source = words_parse(o->source, sources, ELEMENTSOF(sources), &s->sources),
                        *state = words_parse(o->state, states, ELEMENTSOF(states), &s->states);

    if (source)
        return fail(EXIT_USAGE, _("\"%s\" is no source; use one of %s."), source, "uploaded, acme, local");
    if (state)
        return fail(EXIT_USAGE, _("\"%s\" is no state; use one of %s."), state,
                    "pending, valid, expiring, expired");
    return EXIT_DONE;
}

static Exit days_parse(const char *text, int64_t *ret)
{
    uint64_t days;

    if (!text)
        return EXIT_DONE;
    if (parse_uint64(text, &days) < 0 || days > DAYS_MAX)
        return fail(EXIT_USAGE, _("--expiring= takes a number of days, 0 for what has expired: \"%s\""),
                    text);
    *ret = time(NULL) + (int64_t)days * SEC_PER_DAY;
    return EXIT_DONE;
}

Exit selection_parse(Selection *s, const Options *o)
{
    Exit e;

    *s = (Selection){ .module = o->module };
    e = order_parse(o->sort, s);
    if (e == EXIT_DONE)
        e = words_check(s, o);
    return e == EXIT_DONE ? days_parse(o->expiring, &s->expires_before) : e;
}

/* ---- certificates */

bool selection_is_all(const Selection *s)
{
    return !s->module && s->sources == 0 && s->states == 0 && s->expires_before == 0;
}

static bool bits_have(unsigned bits, const char *const *words, size_t n, const char *word)
{
    int i = bits == 0 ? 0 : table_from_string(words, n, word);

    return bits == 0 || (i >= 0 && bits & 1U << i);
}

static bool selection_has(const Selection *s, const Certificate *c)
{
    return (!s->module || strv_contains(c->modules, s->module)) &&
           bits_have(s->sources, sources, ELEMENTSOF(sources), c->source) &&
           bits_have(s->states, states, ELEMENTSOF(states), c->state) &&
           (s->expires_before == 0 || (c->not_after != 0 && c->not_after <= s->expires_before));
}

static int certificate_compare(const void *a, const void *b, void *selection)
{
    const Certificate *x = *(const Certificate *const *)a, *y = *(const Certificate *const *)b;
    const Selection *s = selection;
    int r = s->compare == compare_names ? 0 : s->compare(x, y);

    if (r == 0 && s->labelled)
        r = strverscmp(certificate_label(x), certificate_label(y));
    return r ? r : compare_names(x, y);
}

const Certificate **selection_apply(const Selection *s, const CertificateList *l, size_t *ret_n)
{
    const Certificate **rows = xreallocarray(NULL, l->n + 1, sizeof *rows);
    Selection order = *s;
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        if (selection_has(s, &l->items[i]))
            rows[n++] = &l->items[i];
    if (n > 0)
        qsort_r(rows, n, sizeof *rows, certificate_compare, &order);
    *ret_n = n;
    return rows;
}
