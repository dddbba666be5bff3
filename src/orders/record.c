/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "crypto/request.h"
#include "orders/orders-internal.h"
#include "util/log.h"
#include "util/text.h"

/* The records of orders (store/accounts.h): written before anything is asked of an authority, so that a crash loses neither the
 * key nor the order; and gone once the order has ended. */

typedef struct RecordTask {
    Store *store;
    OrderRecord *record; /* to be written, without key when it has to be made */
    KeyType key_type;
    const Record *former; /* the ordering's */
    bool keeps_key;
    char *name; /* to be removed */
    int result;
    Ordering *ordering; /* that waits for it; NULL */
    bool placed;        /* the order is under way, with a record of its own */
} RecordTask;

static void record_task_done(void *data, void *userdata _unused_);

static void run_remove(void *data)
{
    RecordTask *t = data;

    t->result = store_remove_order(t->store, t->name);
}

void orders_forget(Orders *s, const char *name)
{
    RecordTask *t = s->workers ? calloc(1, sizeof(RecordTask)) : NULL;

    if (!t || !(t->name = strdup(name))) {
        free(t);
        return;
    }
    t->store = s->store;
    if (workers_add(s->workers, run_remove, record_task_done, t) < 0)
        record_task_done(t, NULL);
}

/* What the order takes over from the chain that it renews, if that can be read: its key, and what it is called at the
 * authority that has issued it (RFC 9773 section 5). */
static void take_over(RecordTask *t)
{
    bool replaces = t->former->authority && streq(t->former->authority, t->record->authority);
    _cleanup_bundle_ Bundle *b = NULL;

    if ((!replaces && !t->keeps_key) || store_read(t->store, t->former, SOURCE_ACME, &b) < 0)
        return;
    if (replaces)
        (void)certificate_identifier(b->leaf, &t->record->replaces);
    if (t->keeps_key)
        t->record->key = TAKE_PTR(b->key);
}

static void run_write(void *data)
{
    RecordTask *t = data;

    if (!t->record->key && t->former)
        take_over(t);
    if (!t->record->key)
        t->result = request_make_key(t->key_type, &t->record->key);
    if (t->result >= 0)
        t->result = store_write_order(t->store, t->record);
}

static void on_written(Ordering *o, RecordTask *t)
{
    if (!t->placed)
        o->record = TAKE_PTR(t->record);
    if (o->orders->closing)
        return;
    if (o->owner != OWNER_WAITS)
        ordering_conclude(o);
    else if (t->placed) {
        if (t->result < 0)
            log_warning("%s: where the order is cannot be noted, so a crash would lose it: %s", o->name,
                        strerror(-t->result));
        if (o->ends)
            ordering_end_later(o);
        else if (o->order)
            order_noted(o->order);
    } else if (o->ends)
        ordering_end_later(o);
    else if (t->result < 0)
        ordering_fail(o, t->result, "Writing the order to the store");
    else
        ordering_maybe_run(o);
}

static void record_task_done(void *data, void *userdata _unused_)
{
    RecordTask *t = data;
    Orders *s = t->ordering ? t->ordering->orders : NULL;

    if (t->ordering) {
        t->ordering->outside = false;
        on_written(t->ordering, t);
        queue_drive(s);
    } else if (t->result < 0)
        log_warning("The record of an order cannot be written: %s", strerror(-t->result));
    order_record_free(t->record);
    free(t->name);
    free(t);
}

OrderRecord *ordering_make_record(const Ordering *o, const AuthoritySettings *a)
{
    _cleanup_(order_record_freep) OrderRecord *rec = calloc(1, sizeof(OrderRecord));

    if (!rec)
        return NULL;
    rec->name = strdup(o->name);
    rec->authority = strdup(a->name);
    rec->directory = strdup(a->directory);
    rec->created = clock_now();
    if (!rec->name || !rec->authority || !rec->directory || strv_copy(o->names, &rec->names) < 0 ||
        (a->profile && !(rec->profile = strdup(a->profile))))
        return NULL;
    return TAKE_PTR(rec);
}

static OrderRecord *record_copy_of(const OrderRecord *from)
{
    _cleanup_(order_record_freep) OrderRecord *rec = calloc(1, sizeof(OrderRecord));
    const char *const texts[] = { from->name, from->authority, from->directory, from->key,
                                  from->url,  from->profile,   from->replaces };
    char **copies[] = { &rec->name, &rec->authority, &rec->directory, &rec->key,
                        &rec->url,  &rec->profile,   &rec->replaces };

    if (!rec)
        return NULL;
    rec->created = from->created;
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i] && !(*copies[i] = strdup(texts[i])))
            return NULL;
    return strv_copy(from->names, &rec->names) < 0 ? NULL : TAKE_PTR(rec);
}

static int write_record(Ordering *o, OrderRecord *record, bool placed)
{
    RecordTask *t = calloc(1, sizeof(RecordTask));
    int r;

    if (!t || !record) {
        free(t);
        order_record_free(record);
        return -ENOMEM;
    }
    *t = (RecordTask){
        .store = o->orders->store,
        .record = record,
        .key_type = o->key_type,
        .former = o->former && o->former->slots[SOURCE_ACME].chain ? o->former : NULL,
        .keeps_key = o->keeps_key,
        .ordering = o,
        .placed = placed,
    };
    r = workers_add(o->orders->workers, run_write, record_task_done, t);
    if (r < 0) {
        order_record_free(record);
        free(t);
        return r;
    }
    o->outside = true;
    return 0;
}

int ordering_write(Ordering *o, OrderRecord *record)
{
    return write_record(o, record, false);
}

int ordering_write_place(Ordering *o)
{
    return write_record(o, record_copy_of(o->record), true);
}

const AuthoritySettings *ordering_take_up(Ordering *o, OrderRecord **ret)
{
    _cleanup_(order_record_freep) OrderRecord *rec = NULL;
    const AuthoritySettings *a;
    Orders *s = o->orders;

    if (o->reissue && s->settings->acme.reuse_key) /* it may be for the former key */
        return NULL;
    if ((!orders_has_order(s, o->name) && (o->reissue || !strv_contains(s->kept, o->name))) ||
        store_read_order(s->store, o->name, &rec) < 0)
        return NULL;
    a = orders_find_authority(s, rec->authority);
    if (!a || !streq(a->directory, rec->directory) || !authority_suits(a, o->names, o->authority) ||
        !strv_equal(rec->names, o->names))
        return NULL;
    *ret = TAKE_PTR(rec);
    return a;
}

int orders_left_urls(Orders *s, char ***ret)
{
    _cleanup_strv_ char **urls = calloc(strv_length(s->left) + 1, sizeof(char *));
    size_t n = 0;

    if (!urls)
        return -ENOMEM;
    for (size_t i = 0; s->left && s->left[i]; i++) {
        _cleanup_(order_record_freep) OrderRecord *rec = NULL;

        if (store_read_order(s->store, s->left[i], &rec) >= 0 && rec->url)
            urls[n++] = TAKE_PTR(rec->url);
    }
    *ret = TAKE_PTR(urls);
    return 0;
}
