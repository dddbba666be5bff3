/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/client.h"

/* Looks through the account's list of orders (RFC 8555 section 7.1.2.1) for those that were made just before a crash, when where
 * they are had not been noted yet: such an order is gone on with, instead of a second one for the same names. An authority
 * without such a list has none to be found. */
typedef struct OrderSearch OrderSearch;
/* Somebody who wants an order; until it is answered. */
typedef struct OrderSeeker OrderSeeker;

/* url: of an order that can still be finished and that nobody else was told; NULL when there is none, or when the list cannot
 * be read. Called once, from the event loop, never from within _add. */
typedef void (*OrderSearchDone)(const char *url, void *userdata);

/* known: URLs of orders that belong to somebody already. client is borrowed. */
int order_search_new(sd_event *event, AcmeClient *client, char *const *known, OrderSearch **ret);
/* Nobody is answered any more. */
OrderSearch *order_search_free(OrderSearch *s);
DEFINE_CLEANUP(OrderSearch *, order_search_free);
/* names: canonical, of the order that is sought. */
int order_search_add(OrderSearch *s, char *const *names, OrderSearchDone done, void *userdata,
                     OrderSeeker **ret);
/* It is not answered any more. */
OrderSeeker *order_seeker_cancel(OrderSeeker *k);
