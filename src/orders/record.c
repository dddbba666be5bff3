/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* The records of orders (store/accounts.h): written before an authority is asked, so that a crash loses neither the key nor the
 * order, and removed once the order has ended. */

typedef struct RecordTask {
    Store *store;
    Ordering *ordering; /* whose record is written; it leaves the record alone meanwhile */
    bool reuses_key;
    char *name; /* or whose record is removed */
    int result;
} RecordTask;

static void run_remove(void *data)
{
    RecordTask *t = data;

    t->result = store_remove_order(t->store, t->name);
}

static void on_removed(void *data, void *userdata _unused_)
{
    RecordTask *t = data;

    if (t->result < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(t->name),
                   "%s: Failed to remove the record of the order, ignoring: %s", t->name,
                   strerror(-t->result));
    free(t->name);
    free(t);
}

void orders_forget(Orders *s, const char *name)
{
    RecordTask *t = s->workers ? calloc(1, sizeof(RecordTask)) : NULL;

    if (!t || !(t->name = strdup(name))) {
        free(t);
        return;
    }
    t->store = s->store;
    if (workers_add(s->workers, run_remove, on_removed, t) < 0)
        on_removed(t, NULL);
}

/* Takes over from the chain that is renewed, if that can be read: its key, and its identifier at the authority that issued it
 * (RFC 9773 section 5). */
static void take_over(Store *store, const Record *former, bool reuses_key, OrderRecord *rec)
{
    bool replaces = former->authority && streq(former->authority, rec->authority);
    _cleanup_bundle_ Bundle *b = NULL;

    if ((!replaces && !reuses_key) || store_read(store, former, SOURCE_ACME, &b) < 0)
        return;
    if (replaces)
        (void)certificate_identifier(b->leaf, &rec->replaces);
    if (reuses_key)
        rec->key = TAKE_PTR(b->key);
}

static void run_write(void *data)
{
    RecordTask *t = data;
    OrderRecord *rec = t->ordering->attempt.record;
    const WantedChain *w = &t->ordering->wanted;

    if (!rec->key && w->former && w->former->slots[SOURCE_ACME].chain)
        take_over(t->store, w->former, t->reuses_key, rec);
    if (!rec->key)
        t->result = request_make_key(w->key_type, &rec->key);
    if (t->result >= 0)
        t->result = store_write_order(t->store, rec);
}

static void ordering_written(Ordering *o, int r)
{
    o->attempt.writing = false;
    if (o->orders->closing)
        return;
    if (r < 0 && o->state != ORDERING_PREPARING && o->owner == OWNER_WAITS)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(o->wanted.name),
                   "%s: Failed to write the record of the order, so a crash would lose it, ignoring: %s",
                   o->wanted.name, strerror(-r));
    if (o->owner != OWNER_WAITS)
        ordering_conclude(o);
    else if (o->state == ORDERING_SETTLING)
        ordering_end_later(o);
    else if (o->state == ORDERING_RUNNING)
        order_noted(o->attempt.order);
    else if (r < 0)
        ordering_fail(o, r, "Writing the order to the store");
    else
        ordering_maybe_run(o);
}

static void on_written(void *data, void *userdata)
{
    RecordTask *t = data;

    ordering_written(t->ordering, t->result);
    queue_drive(userdata);
    free(t);
}

int ordering_write(Ordering *o)
{
    RecordTask *t = calloc(1, sizeof(RecordTask));
    int r;

    if (!t)
        return -ENOMEM;
    *t = (RecordTask){ .store = o->orders->store,
                       .ordering = o,
                       .reuses_key = o->flags & ORDERING_REUSE_KEY };
    r = workers_add(o->orders->workers, run_write, on_written, t);
    if (r < 0)
        free(t);
    else
        o->attempt.writing = true;
    return r;
}

int ordering_make_record(Ordering *o, const AuthoritySettings *a)
{
    OrderRecord *rec = calloc(1, sizeof(OrderRecord));

    if (!rec)
        return -ENOMEM;
    o->attempt.record = rec;
    rec->name = strdup(o->wanted.name);
    rec->authority = strdup(a->name);
    rec->directory = strdup(a->directory);
    rec->created = clock_now();
    if (!rec->name || !rec->authority || !rec->directory || strv_copy(o->wanted.names, &rec->names) < 0 ||
        text_set(&rec->profile, a->profile) < 0)
        return -ENOMEM;
    return ordering_write(o);
}

/* ---- orders interrupted by the last stop */

bool orders_has_order(const Orders *s, const char *name)
{
    return strv_contains(s->interrupted.left, name);
}

const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret)
{
    _cleanup_(order_record_freep) OrderRecord *rec = NULL;
    bool reissue = o->flags & ORDERING_REISSUE;
    const WantedChain *w = &o->wanted;
    const AuthoritySettings *a;
    Orders *s = o->orders;
    bool may = orders_has_order(s, w->name) || (!reissue && strv_contains(s->interrupted.kept, w->name));

    strv_take(s->interrupted.left, w->name);
    strv_take(s->interrupted.kept, w->name);
    if (!may || (reissue && s->settings->acme.reuse_key) || /* it may be for the former key */
        store_read_order(s->store, w->name, &rec) < 0)
        return NULL;
    a = orders_find_authority(s, rec->authority);
    if (!a || !streq(a->directory, rec->directory) || !authority_suits(a, w->names, w->authority) ||
        !strv_equal(rec->names, w->names))
        return NULL;
    *ret = TAKE_PTR(rec);
    return a;
}

int orders_left_urls(Orders *s, char ***ret)
{
    _cleanup_strv_ char **urls = calloc(strv_length(s->interrupted.left) + 1, sizeof(char *));
    size_t n = 0;

    if (!urls)
        return -ENOMEM;
    for (size_t i = 0; s->interrupted.left && s->interrupted.left[i]; i++) {
        _cleanup_(order_record_freep) OrderRecord *rec = NULL;

        if (store_read_order(s->store, s->interrupted.left[i], &rec) >= 0 && rec->url)
            urls[n++] = TAKE_PTR(rec->url);
    }
    *ret = TAKE_PTR(urls);
    return 0;
}
