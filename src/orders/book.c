/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"

/* Ledgers: read when they are needed first; each change is on disk before what it is about is done. While one change is
 * being written others gather, and go together. */

typedef struct BookTask {
    Book *book;
    Store *store;
    char *text;
    bool whole, sync;
    uint64_t noted; /* on disk with it */
    int result;
} BookTask;

static void run_keep(void *data)
{
    BookTask *t = data;

    t->result = t->whole ? store_write_ledger(t->store, t->book->authority, t->text)
                         : store_append_ledger(t->store, t->book->authority, t->text, t->sync);
}

static void book_write(Book *b);

static void on_kept(void *data, void *userdata _unused_)
{
    BookTask *t = data;
    Book *b = t->book;
    uint64_t former;
    Ordering *o, *next;

    b->writing = false;
    if (b->orders->closing) { /* which then writes what is left */
        b->kept = t->result < 0 ? b->kept : t->noted;
        b->rewrites |= t->result < 0;
        free(t->text);
        free(t);
        return;
    }
    former = b->kept;
    if (t->result < 0) {
        log_warning("What was asked of the authority %s cannot be noted: %s", b->authority,
                    strerror(-t->result));
        b->rewrites = true;
    } else
        b->written = (t->whole ? 0 : b->written) + strlen(t->text);
    b->kept = t->noted;
    for (o = TAILQ_FIRST(&b->orders->orderings); o; o = next) {
        next = TAILQ_NEXT(o, entry);
        if (o->state != ORDERING_PREPARING || !o->connection || o->connection->book != b ||
            o->waits_for > b->kept)
            continue;
        if (t->result < 0 && o->waits_for > former && o->owner == OWNER_WAITS)
            ordering_fail(o, t->result, "Writing to the ledger of the authority");
        else
            ordering_maybe_run(o);
    }
    book_write(b);
    free(t->text);
    free(t);
}

/* What has come to an end is not worth waiting for the disk; what is about to be tried is. */
static bool is_waited_for(const Book *b)
{
    const Ordering *o;

    TAILQ_FOREACH (o, &b->orders->orderings, entry)
        if (o->connection && o->connection->book == b && o->waits_for > b->kept)
            return true;
    return false;
}

/* NULL when there is nothing to write. */
static int book_task(Book *b, BookTask **ret)
{
    bool whole = b->rewrites || ledger_is_wasteful(b->ledger, b->written);
    char *text = whole ? ledger_text(b->ledger, clock_now()) : ledger_take(b->ledger);
    BookTask *t = text ? calloc(1, sizeof(BookTask)) : NULL;

    if (!t) {
        free(text);
        return whole || text ? -ENOMEM : 0;
    }
    *t = (BookTask){ .book = b,
                     .store = b->orders->store,
                     .text = text,
                     .whole = whole,
                     .sync = is_waited_for(b),
                     .noted = b->noted,
                     .result = -ECANCELED };
    b->rewrites = false;
    *ret = t;
    return 0;
}

static void book_write(Book *b)
{
    BookTask *t = NULL;
    int r;

    if (b->writing || b->noted == b->kept)
        return;
    r = b->retired ? 0 : orders_open(b->orders);
    if (r >= 0 && !b->retired)
        r = book_task(b, &t);
    if (r >= 0 && t)
        r = workers_add(b->orders->workers, run_keep, on_kept, t);
    if (r < 0) {
        (void)log_oom();
        b->rewrites = true;
        if (t)
            free(t->text);
        free(t);
    } else if (t)
        b->writing = true;
    else
        b->kept = b->noted; /* nothing was different after all */
}

void book_changed(Book *b)
{
    b->noted++;
    book_write(b);
}

/* What there was before is begun anew only when there is nothing that could be read: without it the limits of the authority
 * would be exceeded. */
static int book_read(Book *b)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = store_read_ledger(b->orders->store, b->authority, &text, &size);

    b->rewrites = true;
    if (r == -ENOENT)
        return 0;
    if (r == -E2BIG)
        log_warning("The ledger of the authority %s is too large, and is begun anew.", b->authority);
    if (r < 0)
        return r == -E2BIG ? 0 : r;
    r = ledger_read(b->ledger, text, size, clock_now());
    b->written = size;
    b->rewrites = r < 0 || size == 0 || text[size - 1] != '\n';
    return r == -ESTALE ? 0 : r;
}

static Book *book_free(Book *b)
{
    ledger_free(b->ledger);
    free(b->authority);
    free(b->directory);
    free(b);
    return NULL;
}

static void retire_former(Orders *s, const char *authority)
{
    Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        if (streq(b->authority, authority))
            b->retired = true; /* the file belongs to the one that comes */
}

static Book *book_new(Orders *s, const AuthoritySettings *a)
{
    Book *b = calloc(1, sizeof(Book));

    if (!b)
        return NULL;
    b->orders = s;
    b->authority = strdup(a->name);
    b->directory = strdup(a->directory);
    b->ledger = ledger_new(a->directory);
    return b->authority && b->directory && b->ledger ? b : book_free(b);
}

static Book *find_book(const Orders *s, const AuthoritySettings *a)
{
    Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        if (!b->retired && streq(b->authority, a->name) && streq(b->directory, a->directory))
            return b;
    return NULL;
}

Book *book_get(Orders *s, const AuthoritySettings *a)
{
    Book *b = find_book(s, a);
    int r;

    if (b && b->unreadable_until == 0)
        return b;
    if (b && b->unreadable_until > clock_boot())
        return NULL;
    if (!b) {
        b = book_new(s, a);
        if (!b)
            return NULL;
        retire_former(s, a->name);
        TAILQ_INSERT_TAIL(&s->books, b, entry);
    }
    r = book_read(b);
    b->unreadable_until = r < 0 ? clock_boot() + READ_AGAIN : 0;
    if (r < 0)
        log_error(
            "What was asked of the authority %s before cannot be read, so nothing is asked of it now: %s",
            a->name, strerror(-r));
    return r < 0 ? NULL : b;
}

Book *book_close(Book *b)
{
    bool write = !b->retired && (b->noted != b->kept || (b->rewrites && b->noted > 0));
    _cleanup_free_ char *text = write ? ledger_text(b->ledger, clock_now()) : NULL;
    int r = text ? store_write_ledger(b->orders->store, b->authority, text) : 0;

    if (r < 0)
        log_warning("What was asked of the authority %s cannot be noted: %s", b->authority, strerror(-r));
    return book_free(b);
}

void orders_clock_set(Orders *s)
{
    Book *b;

    TAILQ_FOREACH (b, &s->books, entry)
        if (b->noted > 0 || b->written > 0) {
            b->rewrites = true;
            book_changed(b);
        }
}
