/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/ledger-internal.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/text.h"
#include "util/time.h"

/* Reads a ledger, drops obsolete entries, and writes all of it. See ledger-lines.c for the format. */

#define FORMAT "ledger 1 "
#define ENTRY_KEEP \
    (400 * SEC_PER_DAY) /* entries of certificates without any event for that long are dropped */
#define AHEAD_MAX   (3 * SEC_PER_DAY) /* longer delays are due to a wrong clock */
#define EXEMPT_KEEP 3600LL            /* for orders that the authority does not count */
#define WASTE_MIN   (64 * 1024)
/* Appended to an incomplete line: gives it too many words to be valid. */
#define BREAK " . . . . . . .\n"

static bool entry_is_kept(const Entry *e, int64_t now)
{
    return MAX(MAX(MAX(e->tried, e->ordered), MAX(e->early, e->check)), e->foreseen.due) > now - ENTRY_KEEP;
}

/* Ends a delay that is due to a wrong clock. */
static void mend(int64_t *when, int64_t now)
{
    if (*when > now + AHEAD_MAX)
        *when = now;
}

static void prune(Ledger *l, int64_t now)
{
    Counter *c, *next_counter;
    Entry *e, *next_entry;

    HASH_ITER (hh, l->counters, c, next_counter) {
        int64_t keep = streq(c->key, EXEMPT_KEY) ? EXEMPT_KEEP : LEDGER_SPAN_MAX;
        size_t old = 0;

        while (old < c->n && c->times[old] <= now - keep)
            old++;
        for (size_t i = c->n; i > old && c->times[i - 1] > now; i--)
            c->times[i - 1] = now; /* it happened, but not at that time: the clock was wrong */
        memmove(c->times, c->times + old, (c->n - old) * sizeof(c->times[0]));
        c->n -= old;
        if (c->n == 0)
            counter_free(l, c);
    }
    HASH_ITER (hh, l->entries, e, next_entry) {
        if (entry_after(e) > now + AHEAD_MAX)
            entry_end_wait(e, now);
        mend(&e->early, now);
        mend(&e->check, now);
        mend(&e->foreseen.due, now);
        if (!entry_is_kept(e, now))
            entry_free(l, e);
    }
    mend(&l->breaker.until, now);
    mend(&l->breaker.probe, now);
}

/* Approximately the size of the whole text. */
static size_t useful_size(const Ledger *l)
{
    Counter *c, *next_counter;
    Entry *e, *next_entry;
    size_t size = 0;

    HASH_ITER (hh, l->counters, c, next_counter)
        size += c->n * (strlen(c->key) + 20);
    HASH_ITER (hh, l->entries, e, next_entry)
        size += 2 * strlen(e->name) + strlen(strempty(e->explanation_url)) +
                2 * strlen(strempty(e->foreseen.name)) + 100;
    return size;
}

bool ledger_is_wasteful(const Ledger *l, size_t written)
{
    return written > WASTE_MIN && ((written - WASTE_MIN) / 2 > l->n_whole || written > LIMIT_LEDGER / 2);
}

static int write_all(Ledger *l)
{
    Counter *c, *next_counter;
    Entry *e, *next_entry;
    int r = ledger_write_line(l, FORMAT "%s\n", l->directory);

    HASH_ITER (hh, l->counters, c, next_counter)
        for (size_t i = 0; i < c->n && r >= 0; i++)
            r = ledger_write_count(l, true, c->times[i], c->key);
    HASH_ITER (hh, l->entries, e, next_entry) {
        if (r >= 0 && (e->attempts > 0 || e->ordered > 0))
            r = ledger_write_attempt(l, e);
        if (r >= 0 && e->refused)
            r = ledger_write_refused(l, e);
        if (r >= 0 && e->released > 0)
            r = ledger_write_released(l, e);
        if (r >= 0 && e->foreseen.name)
            r = ledger_write_foreseen(l, e);
        if (r >= 0 && e->early > 0)
            r = ledger_write_early(l, e);
        if (r >= 0 && *e->fingerprint)
            r = ledger_write_window(l, e);
    }
    return r >= 0 && l->breaker.failures > 0 ? ledger_write_breaker(l) : r;
}

char *ledger_text(Ledger *l, int64_t now)
{
    char *fresh = TAKE_PTR(l->fresh), *text;
    size_t n = l->n_fresh, room = l->room;

    l->n_fresh = l->room = 0;
    prune(l, now);
    if (write_all(l) >= 0) { /* includes the lines to append */
        free(fresh);
        l->n_whole = l->n_fresh;
        return ledger_take(l);
    }
    text = l->fresh;
    l->fresh = fresh;
    l->n_fresh = n;
    l->room = room;
    free(text);
    return NULL;
}

/* ---- reading */

#define WORDS_MAX 7

/* A time, or a count up to max. */
static bool read_number(const char *word, uint64_t max, int64_t *ret)
{
    uint64_t n;

    if (parse_uint64(word, &n) < 0 || n > max)
        return false;
    *ret = (int64_t)n;
    return true;
}

/* The end of the year 9999, the latest possible expiry of a certificate. */
#define MOMENT_MAX UINT64_C(253402300799)

static bool read_moment(const char *word, int64_t *ret)
{
    return read_number(word, MOMENT_MAX, ret);
}

/* e: the entry of the certificate that is the first word; NULL for other lines. Lines with wrong values are
 * ignored. */
typedef int (*ReadLine)(Ledger *l, Entry *e, char *const *words);

static int read_count(Ledger *l, Entry *e _unused_, char *const *words)
{
    bool add = streq(words[0], "count");
    int64_t when;

    if (!read_moment(words[1], &when) || !strchr(LEDGER_LETTERS, *words[2]))
        return 0;
    return add ? counter_add(l, words[2], when) : counter_remove(l, words[2], when);
}

/* Returns false if the line has wrong values. */
static bool read_attempts(Entry *e, char *const *words)
{
    int64_t attempts, tried, ordered;

    if (!read_number(words[2], UINT32_MAX, &attempts) || !read_moment(words[3], &tried) ||
        !read_moment(words[4], &ordered))
        return false;
    e->attempts = (unsigned)attempts;
    e->tried = attempts > 0 ? tried : 0;
    e->ordered = ordered;
    e->again = false;
    e->refused = e->refused && attempts > 0;
    e->released = attempts > 0 ? e->released : 0;
    return true;
}

static int read_tried(Ledger *l _unused_, Entry *e, char *const *words)
{
    (void)read_attempts(e, words);
    return 0;
}

/* Earlier versions recorded the time of the next attempt instead of the last. */
static int read_attempt(Ledger *l _unused_, Entry *e, char *const *words)
{
    if (read_attempts(e, words) && e->attempts > 0)
        entry_end_wait(e, e->tried);
    return 0;
}

static int read_again(Ledger *l _unused_, Entry *e, char *const *words _unused_)
{
    e->again = e->ordered > 0;
    return 0;
}

static int read_refused(Ledger *l _unused_, Entry *e, char *const *words _unused_)
{
    e->refused = true;
    return 0;
}

static int read_released(Ledger *l _unused_, Entry *e, char *const *words)
{
    int64_t released;

    if (read_number(words[2], UINT32_MAX, &released))
        e->released = (unsigned)released;
    return 0;
}

static bool is_canonical(const char *name)
{
    _cleanup_free_ char *canonical = NULL;

    return name_canonicalize(name, &canonical, NULL) >= 0 && streq(canonical, name);
}

static int read_foreseen(Ledger *l _unused_, Entry *e, char *const *words)
{
    _cleanup_(foreseen_clear) Foreseen f = {};
    int64_t looks;

    if (!is_canonical(words[2]) || !text_is_hex(words[4], 16) ||
        !read_number(words[5], UINT32_MAX - 1, &looks) || !read_moment(words[6], &f.due))
        return 0;
    f.name = strdup(words[2]);
    f.solver = strdup(words[3]);
    f.what = strtoull(words[4], NULL, 16);
    f.looks = (unsigned)looks;
    if (!f.name || !f.solver)
        return -ENOMEM;
    foreseen_clear(&e->foreseen);
    e->foreseen = f;
    f = (Foreseen){};
    return 0;
}

static int read_unforeseen(Ledger *l _unused_, Entry *e, char *const *words _unused_)
{
    foreseen_clear(&e->foreseen);
    return 0;
}

static int read_early(Ledger *l _unused_, Entry *e, char *const *words)
{
    (void)read_moment(words[2], &e->early);
    return 0;
}

static int read_window(Ledger *l, Entry *e, char *const *words)
{
    LedgerWindow w = { .explanation_url =
                           streq(words[6], "-") || !text_is_plain(words[6]) ? NULL : words[6] };

    if (!text_is_hex(words[2], LEDGER_FINGERPRINT) || !read_moment(words[3], &w.check) ||
        !read_moment(words[4], &w.window.start) || !read_moment(words[5], &w.window.end) ||
        strlen(words[6]) > LIMIT_URL)
        return 0;
    return ledger_note_window(l, e->name, words[2], &w);
}

static int read_breaker(Ledger *l, Entry *e _unused_, char *const *words)
{
    int64_t failures, openings, until, probe, unreached;

    if (read_number(words[1], UINT32_MAX, &failures) && read_number(words[2], UINT32_MAX, &openings) &&
        read_moment(words[3], &until) && read_moment(words[4], &probe) &&
        read_number(words[5], 1, &unreached))
        l->breaker = (Breaker){ (unsigned)failures, (unsigned)openings, until, probe, unreached != 0 };
    return 0;
}

static const struct {
    const char *word;
    size_t n_words;
    bool of_certificate;
    ReadLine read;
} kinds[] = {
    { "count", 3, false, read_count },      { "uncount", 3, false, read_count },
    { "tried", 5, true, read_tried },       { "attempt", 5, true, read_attempt },
    { "early", 3, true, read_early },       { "window", 7, true, read_window },
    { "breaker", 6, false, read_breaker },  { "again", 2, true, read_again },
    { "refused", 2, true, read_refused },   { "released", 3, true, read_released },
    { "foreseen", 7, true, read_foreseen }, { "unforeseen", 2, true, read_unforeseen },
};

static int read_line(Ledger *l, char *line)
{
    char *words[WORDS_MAX] = {}, *state;
    size_t n = 0, i = 0;
    Entry *e;

    for (char *word = strtok_r(line, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        if (n == WORDS_MAX || strlen(word) > LIMIT_URL)
            return 0;
        words[n++] = word;
    }
    while (i < ELEMENTSOF(kinds) && (n != kinds[i].n_words || !streq(words[0], kinds[i].word)))
        i++;
    if (i == ELEMENTSOF(kinds))
        return 0;
    e = kinds[i].of_certificate ? ledger_get_entry(l, words[1]) : NULL;
    return kinds[i].of_certificate && !e ? -ENOMEM : kinds[i].read(l, e, words);
}

/* An incomplete line was being written when the machine stopped. */
static int read_lines(Ledger *l, char *text)
{
    char *line = text, *end = strchr(line, '\n');
    int r = 0;

    if (!end || strncmp(line, FORMAT, strlen(FORMAT)) != 0)
        return -ESTALE;
    *end = 0;
    if (!streq(line + strlen(FORMAT), l->directory))
        return -ESTALE;
    for (line = end + 1; (end = strchr(line, '\n')) && r >= 0; line = end + 1) {
        *end = 0;
        r = read_line(l, line);
    }
    return r;
}

int ledger_read(Ledger *l, const char *text, size_t size, int64_t now)
{
    _cleanup_free_ char *copy = malloc(size + 1);
    int r;

    if (!copy)
        return -ENOMEM;
    /* after a power failure, the disk may contain NULs at the end */
    for (size_t i = 0; i < size; i++)
        copy[i] = text[i] ? text[i] : '?';
    copy[size] = 0;
    l->reading = true;
    r = read_lines(l, copy);
    l->reading = false;
    if (r >= 0 && text[size - 1] != '\n')
        r = ledger_append(l, BREAK, strlen(BREAK));
    prune(l, now);
    l->n_whole = useful_size(l);
    return r;
}
