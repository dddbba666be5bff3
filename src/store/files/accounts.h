/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"

/* State of ACME authorities: accounts, and orders in progress. Accessed through store/store.h. */

/* acme/AUTHORITY/{account.json,account.key} */
typedef struct AccountRecord {
    char *directory; /* directory URL of the account; NULL until there is one */
    char *url;       /* of the account; NULL until known */
    char *orders;    /* URL of its list of orders (RFC 8555 section 7.1.2.1); may be NULL */
    char **contact;  /* as known to the authority */
    char *key;       /* PEM, a secret */
    char *next_key;  /* PEM: the new key of a rollover in progress (RFC 8555 section 7.3.5); NULL: none */
} AccountRecord;

AccountRecord *account_record_free(AccountRecord *a);
DEFINE_CLEANUP(AccountRecord *, account_record_free);

/* acme/orders/NAME.json: written before the order is placed, and again when its URL is known, so that a
 * restarted service resumes the same order with the same key. */
typedef struct OrderRecord {
    char *name;      /* of the certificate */
    char *authority; /* name of its section in the configuration */
    char *directory;
    char **names;
    char *key;      /* of the certificate, PEM: a secret */
    char *url;      /* NULL: the order may not have been placed yet */
    char *profile;  /* NULL: the authority's default */
    char *replaces; /* RFC 9773 section 5; NULL */
    int64_t created;
} OrderRecord;

OrderRecord *order_record_free(OrderRecord *o);
DEFINE_CLEANUP(OrderRecord *, order_record_free);
