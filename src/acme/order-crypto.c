/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/order-crypto.h"

#include <errno.h>

#include "core/now.h"
#include "crypto/request.h"
#include "util/text.h"

struct OrderWork {
    OrderWorkDone done; /* NULL: forgotten */
    void *userdata;
    char *key, **names;
    char *whose, *pem, *preferred; /* of a chain */
    OrderResults results;
};

static OrderWork *work_free(OrderWork *w)
{
    if (!w)
        return NULL;
    erase_and_free(w->key);
    strv_free(w->names);
    free(w->whose);
    free(w->pem);
    free(w->preferred);
    free(w->results.request);
    bundle_free(w->results.bundle);
    problem_clear(&w->results.problem);
    free(w);
    return NULL;
}
DEFINE_CLEANUP(OrderWork *, work_free);

static void on_done(void *data, void *userdata _unused_)
{
    OrderWork *w = data;

    if (w->done)
        w->done(&w->results, w->userdata);
    work_free(w);
}

static void run_request(void *data)
{
    OrderWork *w = data;

    w->results.result = request_make(w->names, w->key, &w->results.request);
}

static void run_accept(void *data)
{
    OrderWork *w = data;
    OrderResults *s = &w->results;

    s->preferred = !w->preferred;
    s->result = request_accept(w->whose, w->pem, w->key, w->names, clock_now(), &s->bundle, &s->problem);
    if (s->result >= 0 && w->preferred)
        s->result = bundle_has_issuer(s->bundle, w->preferred, &s->preferred);
}

int order_work_start(Workers *workers, const OrderTask *task, OrderWorkDone done, void *userdata,
                     OrderWork **ret)
{
    _cleanup_(work_freep) OrderWork *w = calloc(1, sizeof(OrderWork));
    int r;

    if (!w)
        return -ENOMEM;
    w->done = done;
    w->userdata = userdata;
    w->results.result = -ECANCELED; /* until it has run */
    if (text_set(&w->key, task->record->key) < 0 || strv_copy(task->record->names, &w->names) < 0 ||
        text_set(&w->whose, task->whose) < 0 || text_set(&w->pem, task->pem) < 0 ||
        text_set(&w->preferred, task->preferred) < 0)
        return -ENOMEM;
    r = workers_add(workers, task->pem ? run_accept : run_request, on_done, w);
    if (r >= 0)
        *ret = TAKE_PTR(w);
    return r;
}

OrderWork *order_work_forget(OrderWork *w)
{
    if (w)
        w->done = NULL;
    return NULL;
}
