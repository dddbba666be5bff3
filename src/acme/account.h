/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/client.h"
#include "util/workers.h"

/* The account at an authority (RFC 8555 section 7.3), and the client that uses it. The account is read from
 * the store when a request needs it, or created. */
typedef struct Account Account;

/* Members are borrowed. */
typedef struct AccountContext {
    sd_event *event;
    Http *http;
    Workers *workers; /* for keys and files */
    /* The store of accounts. Called in a thread of the workers, one call at a time for each authority.
     * Reading returns -ENOENT if there is no account; writing returns when the account is on disk. */
    int (*read_account)(void *accounts, const char *authority, AccountRecord **ret);
    int (*write_account)(void *accounts, const char *authority, const AccountRecord *account);
    int (*remove_account)(void *accounts, const char *authority);
    void *accounts;
} AccountContext;

/* Both are copied. */
int account_new(const AccountContext *context, const AcmeAuthority *authority, Account **ret);
/* Frees the client as well. */
Account *account_free(Account *a);
DEFINE_CLEANUP(Account *, account_free);
AcmeClient *account_client(const Account *a);

/* Replaces the account key (section 7.3.5), or deactivates the account (section 7.3.6). done is called with
 * PROBLEM_CANCELLED if the account is freed before. */
typedef void (*AccountDone)(const Problem *problem, void *userdata);
int account_change(Account *a, bool deactivate, AccountDone done, void *userdata, Problem *problem);
