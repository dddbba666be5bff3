/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"

/* The service starts from the index without reading the files, and verifies them afterwards, some certificates at a time, which
 * are busy meanwhile. */

typedef struct Check {
    Lifecycle *lifecycle;
    size_t n;
    struct {
        Certificate *certificate;
        int result;
    } items[];
} Check;

static void check_run(void *data)
{
    Check *check = data;

    for (size_t i = 0; i < check->n; i++) {
        const Record *rec = check->items[i].certificate->record;

        check->items[i].result = store_verify(check->lifecycle->store, rec, rec->served);
    }
}

/* Reads the record from its files after the store repaired them; if there are none, all chains count as lost. */
static void repair(Lifecycle *l, Certificate *c)
{
    Record *found = NULL;
    int r;

    log_fields(LOG_WARNING, MESSAGE_STORE_DAMAGED, ABOUT(certificate_name(c)),
               "%s: stored files are damaged, repairing.", certificate_name(c));
    r = store_reload(l->store, c->record->kind, certificate_name(c), c->record, &found);
    if (r >= 0) {
        record_free(c->record);
        c->record = found;
        return;
    }
    c->stored = false;
    for (Source s = 0; s < _SOURCE_MAX; s++)
        record_clear_slot(c->record, s);
    c->record->served = _SOURCE_INVALID;
}

static void on_checked(void *data, void *userdata _unused_)
{
    Check *check = data;
    Lifecycle *l = check->lifecycle;

    for (size_t i = 0; i < check->n; i++) {
        Certificate *c = check->items[i].certificate;
        bool damaged = check->items[i].result == -EBADMSG, again = c->work.again;

        c->work.busy = c->work.again = false;
        if (damaged)
            repair(l, c);
        if (damaged || again || !STAILQ_EMPTY(&c->work.requests))
            lifecycle_settle(l, c);
        l->observer->settled(c, l->userdata);
    }
    free(check);
}

int lifecycle_check(Lifecycle *l, Certificate *const *certificates, size_t n)
{
    Check *check = calloc(1, sizeof(Check) + n * sizeof(check->items[0]));
    int r;

    if (!check)
        return -ENOMEM;
    check->lifecycle = l;
    for (size_t i = 0; i < n; i++)
        if (!certificates[i]->work.busy && certificate_chain(certificates[i])) {
            check->items[check->n++].certificate = certificates[i];
            certificates[i]->work.busy = true;
        }
    r = workers_add(l->workers, check_run, on_checked, check);
    if (r < 0) {
        for (size_t i = 0; i < check->n; i++)
            check->items[i].certificate->work.busy = false;
        free(check);
    }
    return r;
}
