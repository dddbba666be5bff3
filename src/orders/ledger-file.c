/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/log.h"

/* Ledgers are read when they are first needed. Each change is on disk before what it records is done; changes made while
 * another is being written are written together. */

typedef struct LedgerTask {
    LedgerFile *file;
    char *text;
    bool whole, sync;
    uint64_t noted; /* on disk with it */
    int result;
} LedgerTask;

static LedgerTask *ledger_task_free(LedgerTask *t)
{
    if (t)
        free(t->text);
    free(t);
    return NULL;
}

static void run_write(void *data)
{
    LedgerTask *t = data;
    Store *store = t->file->orders->store;

    t->result = t->whole ? store_write_ledger(store, t->file->authority, t->text)
                         : store_append_ledger(store, t->file->authority, t->text, t->sync);
}

static bool is_noted_in(const Ordering *o, const LedgerFile *f)
{
    return o->attempt.connection && o->attempt.connection->file == f;
}

/* Runs the orderings that waited for the changes up to this one, or fails them if these are not on disk. */
static void release_orderings(LedgerFile *f, uint64_t noted, int result)
{
    uint64_t former = f->kept;
    Ordering *o;

    f->kept = noted;
    TAILQ_FOREACH (o, &f->orders->queue.orderings, entry) {
        if (o->state != ORDERING_PREPARING || !is_noted_in(o, f) || o->attempt.waits_for > f->kept)
            continue;
        if (result < 0 && o->attempt.waits_for > former && o->owner == OWNER_WAITS)
            ordering_fail(o, result, "Writing to the ledger of the authority");
        else
            ordering_maybe_run(o);
    }
}

static void ledger_file_write(LedgerFile *f);

static void on_written(void *data, void *userdata _unused_)
{
    LedgerTask *t = data;
    LedgerFile *f = t->file;

    f->writing = false;
    if (t->result < 0)
        f->rewrites = true;
    else
        f->written = (t->whole ? 0 : f->written) + strlen(t->text);
    if (!f->orders->closing) {
        if (t->result < 0)
            log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", f->authority }),
                       "Failed to write the ledger of the authority %s: %s", f->authority,
                       strerror(-t->result));
        release_orderings(f, t->noted, t->result);
        ledger_file_write(f);
    } else if (t->result >= 0) /* ledger_file_close() writes what is left */
        f->kept = t->noted;
    ledger_task_free(t);
}

/* Results need not be flushed at once; what is about to be done has to be. */
static bool is_waited_for(const LedgerFile *f)
{
    const Ordering *o;

    TAILQ_FOREACH (o, &f->orders->queue.orderings, entry)
        if (is_noted_in(o, f) && o->attempt.waits_for > f->kept)
            return true;
    return false;
}

/* NULL when there is nothing to write. */
static int ledger_task_new(LedgerFile *f, LedgerTask **ret)
{
    bool whole = f->rewrites || ledger_is_wasteful(f->ledger, f->written);
    char *text = whole ? ledger_text(f->ledger, clock_now()) : ledger_take(f->ledger);
    LedgerTask *t = text ? calloc(1, sizeof(LedgerTask)) : NULL;

    if (!t) {
        free(text);
        return whole || text ? -ENOMEM : 0;
    }
    *t = (LedgerTask){ .file = f,
                       .text = text,
                       .whole = whole,
                       .sync = is_waited_for(f),
                       .noted = f->noted,
                       .result = -ECANCELED };
    f->rewrites = false;
    *ret = t;
    return 0;
}

static void ledger_file_write(LedgerFile *f)
{
    LedgerTask *t = NULL;
    int r;

    if (f->writing || f->noted == f->kept)
        return;
    r = f->retired ? 0 : orders_open(f->orders);
    if (r >= 0 && !f->retired)
        r = ledger_task_new(f, &t);
    if (r >= 0 && t)
        r = workers_add(f->orders->workers, run_write, on_written, t);
    if (r < 0) {
        (void)log_oom();
        f->rewrites = true;
        ledger_task_free(t);
    } else if (t)
        f->writing = true;
    else
        f->kept = f->noted; /* nothing has changed after all */
}

int ledger_file_changed(LedgerFile *f, int r)
{
    if (r < 0)
        (void)log_oom();
    f->noted++;
    ledger_file_write(f);
    return r;
}

/* An unreadable ledger is not replaced by an empty one: without it, the limits of the authority would be exceeded. */
static int ledger_file_read(LedgerFile *f)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = store_read_ledger(f->orders->store, f->authority, &text, &size);

    f->rewrites = true;
    if (r == -ENOENT)
        return 0;
    if (r == -E2BIG)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", f->authority }),
                   "The ledger of the authority %s is too large, starting another one.", f->authority);
    if (r < 0)
        return r == -E2BIG ? 0 : r;
    r = ledger_read(f->ledger, text, size, clock_now());
    f->written = size;
    f->rewrites = r < 0 || size == 0 || text[size - 1] != '\n';
    return r == -ESTALE ? 0 : r;
}

static LedgerFile *ledger_file_free(LedgerFile *f)
{
    ledger_free(f->ledger);
    free(f->authority);
    free(f->directory);
    free(f);
    return NULL;
}

static LedgerFile *ledger_file_new(Orders *s, const AuthoritySettings *a)
{
    LedgerFile *f = calloc(1, sizeof(LedgerFile));

    if (!f)
        return NULL;
    f->orders = s;
    f->authority = strdup(a->name);
    f->directory = strdup(a->directory);
    f->ledger = ledger_new(a->directory);
    return f->authority && f->directory && f->ledger ? f : ledger_file_free(f);
}

/* Retires one for another directory: the file belongs to the one that comes. */
static LedgerFile *find_ledger_file(Orders *s, const AuthoritySettings *a)
{
    LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry) {
        if (f->retired || !streq(f->authority, a->name))
            continue;
        if (streq(f->directory, a->directory))
            return f;
        f->retired = true;
    }
    return NULL;
}

LedgerFile *ledger_file_get(Orders *s, const AuthoritySettings *a)
{
    LedgerFile *f = find_ledger_file(s, a);
    int r;

    if (f && f->unreadable_until == 0)
        return f;
    if (f && f->unreadable_until > clock_boot())
        return NULL;
    if (!f) {
        f = ledger_file_new(s, a);
        if (!f)
            return NULL;
        TAILQ_INSERT_TAIL(&s->ledgers, f, entry);
    }
    r = ledger_file_read(f);
    f->unreadable_until = r < 0 ? clock_boot() + READ_AGAIN : 0;
    if (r < 0)
        log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", a->name }),
                   "Failed to read the ledger of the authority %s, not using it now: %s", a->name,
                   strerror(-r));
    return r < 0 ? NULL : f;
}

LedgerFile *ledger_file_close(LedgerFile *f)
{
    bool write = !f->retired && (f->noted != f->kept || (f->rewrites && f->noted > 0));
    _cleanup_free_ char *text = write ? ledger_text(f->ledger, clock_now()) : NULL;
    int r = text ? store_write_ledger(f->orders->store, f->authority, text) : 0;

    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "AUTHORITY", f->authority }),
                   "Failed to write the ledger of the authority %s: %s", f->authority, strerror(-r));
    return ledger_file_free(f);
}

void orders_clock_set(Orders *s)
{
    LedgerFile *f;

    TAILQ_FOREACH (f, &s->ledgers, entry)
        if (f->noted > 0 || f->written > 0) {
            f->rewrites = true;
            ledger_file_changed(f, 0);
        }
}
