/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "config/settings.h"
#include "core/now.h"
#include "orders/orders-internal.h"
#include "util/text.h"

/* The authorities as they are now. A worker reads the accounts from the disk. */
typedef struct Listing {
    Store *store;
    AuthorityState *list;
    size_t n;
    AuthoritiesListed done;
    void *userdata;
} Listing;

static void listing_free(Listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->list[i].name);
        free(l->list[i].directory);
        free(l->list[i].account);
    }
    free(l->list);
    free(l);
}

static void run_listing(void *data)
{
    Listing *l = data;

    for (size_t i = 0; i < l->n; i++) {
        _cleanup_(account_record_freep) AccountRecord *account = NULL;

        if (store_read_account(l->store, l->list[i].name, &account) >= 0 && account->url &&
            streq(strempty(account->directory), l->list[i].directory))
            (void)text_set(&l->list[i].account, account->url);
    }
}

static void on_listed(void *data, void *userdata _unused_)
{
    Listing *l = data;

    l->done(l->list, l->n, l->userdata);
    listing_free(l);
}

static int authority_describe(Orders *s, const AuthoritySettings *a, AuthorityState *ret)
{
    const RateLimit *limit = a->limits + LEDGER_ORDERS;
    LedgerFile *f = ledger_file_get(s, a);
    int64_t now = clock_now();

    *ret = (AuthorityState){ .is_public = a->is_public, .limit = limit->count, .span = limit->span };
    if (f) {
        ret->orders = limit->count > 0 ? ledger_recent_orders(f->ledger, limit->span, now) : 0;
        ret->avoided_until = ledger_state(f->ledger, now) == LEDGER_OPEN ? ledger_open_until(f->ledger) : 0;
    }
    return text_set(&ret->name, a->name) < 0 || text_set(&ret->directory, a->directory) < 0 ? -ENOMEM : 0;
}

static int listing_fill(Orders *s, Listing *l)
{
    l->list = calloc(MAX(s->settings->n_authorities, (size_t)1), sizeof(AuthorityState));
    if (!l->list)
        return -ENOMEM;
    FOREACH_AUTHORITY (a, s->settings)
        if (a->enabled && authority_describe(s, a, &l->list[l->n++]) < 0)
            return -ENOMEM;
    return 0;
}

int orders_list(Orders *s, AuthoritiesListed done, void *userdata)
{
    Listing *l = calloc(1, sizeof(Listing));
    int r = orders_open(s);

    if (!l)
        return -ENOMEM;
    *l = (Listing){ .store = s->store, .done = done, .userdata = userdata };
    if (r >= 0)
        r = listing_fill(s, l);
    if (r >= 0)
        r = workers_add(s->workers, run_listing, on_listed, l);
    if (r < 0)
        listing_free(l);
    return r;
}
