/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/client.h"

/* Searches the account's list of orders (RFC 8555 section 7.1.2.1) for orders placed just before a crash, or whose replies
 * were lost, so that their URLs are not known: these are resumed, instead of placing a second order for the same names.
 * Not all authorities have such a list. */
typedef struct OrderSearch OrderSearch;
/* A pending search for an order. */
typedef struct OrderSeeker OrderSeeker;

/* url: an order that can still be completed and was not returned to others; NULL if there is none, or if the
 * list cannot be read. Called once, from the event loop, never from within order_search_add(). */
typedef void (*OrderSearchDone)(const char *url, void *userdata);

/* known: URLs of orders in use. client is borrowed. */
int order_search_new(sd_event *event, AcmeClient *client, char *const *known, OrderSearch **ret);
/* Drops pending searches without calling done(). */
OrderSearch *order_search_free(OrderSearch *s);
DEFINE_CLEANUP(OrderSearch *, order_search_free);
/* names: canonical names of the order. */
int order_search_add(OrderSearch *s, char *const *names, OrderSearchDone done, void *userdata,
                     OrderSeeker **ret);
/* An order may have been placed without its URL being received: reads the list again for the next search, once nobody uses
 * the present one. */
void order_search_expect_more(OrderSearch *s);
/* Drops a search without calling done(). */
OrderSeeker *order_seeker_cancel(OrderSeeker *k);
