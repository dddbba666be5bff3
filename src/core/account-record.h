/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/text.h"

/* The stored state of an account at an ACME authority. */
typedef struct AccountRecord {
    char *directory; /* URL of the directory it was created at; NULL until then */
    char *url;       /* of the account; NULL until the authority returns it */
    char *orders;    /* URL of its list of orders (RFC 8555 section 7.1.2.1); may be NULL */
    char **contact;  /* as registered */
    char *key;       /* PEM, a secret */
    char *next_key; /* PEM: a key rollover to this one is in progress (RFC 8555 section 7.3.5); NULL: none */
} AccountRecord;

static inline AccountRecord *account_record_free(AccountRecord *a)
{
    if (a) {
        free(a->directory);
        free(a->url);
        free(a->orders);
        strv_free(a->contact);
        erase_and_free(a->key);
        erase_and_free(a->next_key);
        free(a);
    }
    return NULL;
}
DEFINE_CLEANUP(AccountRecord *, account_record_free);
