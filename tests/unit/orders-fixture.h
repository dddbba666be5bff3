/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include "config/settings.h"
#include "orders/orders-internal.h"

/* Orders without a service: one authority, called "away", at whose port of loopback nobody listens, so that what is asked of it
 * fails at once. */
typedef struct OrdersFixture {
    Folder state;
    sd_event *event;
    Store *store;
    Settings *settings; /* may be changed until orders_start() */
    Orders *orders;
    GHashTable *asked; /* Ordering -> Asked, of those that are not over */
    GString *back;     /* authorities that are back, each followed by a space; "network" */
    GString *begun;    /* names in the order in which they were begun, likewise */
} OrdersFixture;

void orders_fixture_init(OrdersFixture *f);
/* Another one like "away", tried after it; before orders_start(). */
AuthoritySettings *orders_add_authority(OrdersFixture *f, const char *name);
/* Writes the record of an order at "away", as if the service had been stopped. url NULL: before it was placed. */
void orders_leave(OrdersFixture *f, const char *name, const char *url);
/* Whether there is such a record. */
bool orders_are_left(OrdersFixture *f, const char *name);
/* Until nothing is being done. */
void orders_settle(OrdersFixture *f);
void orders_start(OrdersFixture *f);
/* Ends it, and whatever is being written with it. */
void orders_stop(OrdersFixture *f);
void orders_fixture_done(OrdersFixture *f);
#define _cleanup_orders_ _cleanup_(orders_fixture_done)
LedgerFile *orders_ledger_file(OrdersFixture *f);
/* Until what was noted in it is on disk. */
void orders_keep(OrdersFixture *f, LedgerFile *l);
/* The ledger's file; NULL: there is none. */
char *orders_ledger(OrdersFixture *f);

/* One order, and what came of it. */
typedef struct Asked {
    const char *name;
    Ordering *ordering; /* NULL: it is over */
    bool done, begun, waited, attempted;
    ProblemCode code;
    int64_t until;
} Asked;

/* request: all but the names; NULL: nothing special. */
void orders_ask(OrdersFixture *f, const char *name, const OrderingRequest *request, Asked *ret);
/* Frees it, as if nobody wanted it any more. */
void orders_cancel(OrdersFixture *f, Asked *a);
void orders_await(OrdersFixture *f, Asked *a);
