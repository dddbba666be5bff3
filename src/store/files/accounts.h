/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"

/* What is kept of ACME authorities: accounts, and the orders that are under way. Reached through store/store.h. */

/* acme/AUTHORITY/{account.json,account.key} */
typedef struct AccountRecord {
    char *directory; /* URL that the account was made at; NULL until there is one */
    char *url;       /* of the account; NULL until the authority has told it */
    char *orders;    /* URL of its list of orders (RFC 8555 section 7.1.2.1); may be NULL */
    char **contact;  /* as the authority knows it */
    char *key;       /* PEM, a secret */
    char *next_key;  /* PEM: a change to this key was begun (RFC 8555 section 7.3.5); NULL: none was */
} AccountRecord;

AccountRecord *account_record_free(AccountRecord *a);
DEFINE_CLEANUP(AccountRecord *, account_record_free);

/* acme/orders/NAME.json: written before the order is made, and once more when the authority has told its URL; so a
 * service that was stopped goes on with the same order and the same key. */
typedef struct OrderRecord {
    char *name;      /* of the certificate */
    char *authority; /* name of its configuration */
    char *directory;
    char **names;
    char *key;      /* of the certificate, PEM: a secret */
    char *url;      /* NULL: the order may not have been made yet */
    char *profile;  /* NULL: the authority's default */
    char *replaces; /* RFC 9773 section 5; NULL */
    int64_t created;
} OrderRecord;

OrderRecord *order_record_free(OrderRecord *o);
DEFINE_CLEANUP(OrderRecord *, order_record_free);
