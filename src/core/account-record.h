/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The stored state of an account at an ACME authority. */
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
