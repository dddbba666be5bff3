/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger of an authority: whatever it holds is taken or passed over, and what was taken is written so
 * that it is read again. */
#include <errno.h>

#include "core/ledger.h"
#include "core/limits.h"
#include "target.h"

#define DIRECTORY "https://ca.example/dir"
#define NOW       1800000000LL
#define DAY       86400LL
#define LEAF      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char name[] = "a.example", base[] = "example.com", wild[] = "*.example.com",
            address[] = "2001:db8::1";
static char *const names[] = { name, wild, base, address, NULL };
static const char *const certificates[] = { name, wild, "a", "b", "-", "" };

static void ask(const Ledger *l)
{
    static const RateLimit limits[_LEDGER_LIMIT_MAX] = {
        [LEDGER_ORDERS] = { 3, DAY / 8 },
        [LEDGER_DOMAIN] = { 2, 7 * DAY },
        [LEDGER_SET] = { 1, LEDGER_SPAN_MAX },
        [LEDGER_FAILURES] = { 5, 3600 },
    };
    LedgerState state = ledger_state(l, NOW);

    for (unsigned exempt = 0; exempt < 2; exempt++) {
        LedgerWait w = ledger_wait(l, limits, names, exempt, NOW);

        require(w.until >= NOW && w.until <= NOW + 3600 + LEDGER_SPAN_MAX);
        ledger_wait_done(&w);
    }
    for (size_t i = 0; i < ELEMENTSOF(certificates); i++) {
        LedgerWindow w = ledger_window(l, certificates[i], LEAF);

        require(w.check <= NOW + 3 * DAY && (!w.explanation_url || strlen(w.explanation_url) <= LIMIT_URL));
        require(ledger_after(l, certificates[i]) <= NOW + 3 * DAY);
        require(ledger_early(l, certificates[i]) <= NOW + 3 * DAY);
        require(ledger_attempts(l, certificates[i]) > 0 || ledger_after(l, certificates[i]) == 0);
    }
    require((state == LEDGER_CLOSED) == (ledger_probe_due(l) == INT64_MAX));
    require((state == LEDGER_OPEN) == (ledger_open_until(l) > NOW));
    require(ledger_open_until(l) <= NOW + 3 * DAY);
    require(ledger_recent_orders(l, DAY, NOW) >= ledger_recent_orders(l, 60, NOW));
    (void)ledger_is_wasteful(l, SIZE_MAX);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Its lines, sorted. */
static char **lines_of(char *text, size_t *ret_n)
{
    char **lines = malloc((strlen(text) / 2 + 1) * sizeof(char *));
    size_t n = 0;

    require(lines);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        lines[n++] = line;
    }
    qsort(lines, n, sizeof(lines[0]), compare);
    *ret_n = n;
    return lines;
}

static void check_whole(Ledger *l)
{
    _cleanup_(ledger_freep) Ledger *again = ledger_new(DIRECTORY);
    _cleanup_free_ char *text = ledger_text(l, NOW), *same;
    _cleanup_free_ char **lines = NULL, **same_lines = NULL;
    size_t n, n_same;

    require(again && text);
    require(ledger_read(again, text, strlen(text), NOW) == 0);
    require(!ledger_take(again));
    same = ledger_text(again, NOW);
    require(same);
    lines = lines_of(text, &n);
    same_lines = lines_of(same, &n_same);
    require(n == n_same);
    for (size_t i = 0; i < n; i++)
        require(streq(lines[i], same_lines[i]));
    ask(again);
}

/* Whatever it holds, it goes on. */
static void note(Ledger *l)
{
    LedgerWindow w = { { NOW, NOW + DAY }, NOW + 60, "https://ca.example/why" };

    for (size_t i = 0; i < ELEMENTSOF(certificates) - 1; i++) {
        require(ledger_note_attempt(l, certificates[i], NOW) > NOW);
        require(ledger_note_order(l, certificates[i], names, i % 2 == 0, NOW) == 0);
        require(ledger_note_window(l, certificates[i], LEAF, &w) == 0);
        require(ledger_note_early(l, certificates[i], NOW) == 0);
        if (i > 1)
            require(ledger_note_failed(l, certificates[i], names, i > 2, NOW) == 0);
    }
    require(ledger_note_issued(l, name) == 0);
    require(ledger_attempts(l, name) == 0);
    require(ledger_note_outage(l, 0, NOW) == 0);
    require(ledger_note_probe(l, true, NOW) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(ledger_freep) Ledger *l = ledger_new(DIRECTORY);
    int r;

    require(l);
    r = ledger_read(l, (const char *)data, size, NOW);
    require(r == 0 || r == -ESTALE);
    ask(l);
    check_whole(l);
    note(l);
    check_whole(l);
    require(ledger_note_works(l) == 0);
    require(ledger_state(l, NOW) == LEDGER_CLOSED);
    return 0;
}
