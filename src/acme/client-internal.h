/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "acme/client.h"
#include "core/limits.h"

/* Shared by client.c, which sends requests, directory.c, which has what they need, and account.c, which sees to the account. */

struct AcmeCall {
    TAILQ_ENTRY(AcmeCall) entry;
    AcmeClient *client; /* NULL: freed */
    AcmeResource resource;
    char *url, *payload, *type;
    const AccountKey *key;
    bool bare;    /* needs no account: signed with a key included in it */
    bool plain;   /* an unsigned GET */
    bool sending; /* handed to http */
    unsigned tries;
    AcmeDone done; /* NULL: cancelled */
    void *userdata;
};

TAILQ_HEAD(AcmeCallQueue, AcmeCall);

typedef enum AccountState {
    ACCOUNT_UNKNOWN,
    ACCOUNT_BUSY, /* being read, created or stored */
    ACCOUNT_READY,
} AccountState;

struct AcmeClient {
    AcmeContext context;
    AcmeAuthority authority;

    AcmeDirectory *directory;
    uint64_t directory_until; /* CLOCK_BOOTTIME, usec */
    bool fetching_directory;

    char *nonces[LIMIT_NONCES];
    size_t n_nonces, n_nonces_asked;

    AccountState account_state;
    AccountRecord *account;
    AccountKey *key, *next_key;
    struct {
        AcmeAccountDone done; /* NULL: no change in progress */
        void *userdata;
        bool deactivates;
        bool asked; /* the account is known to exist, and its change was requested */
    } change;

    struct AcmeCallQueue waiting, sent;
    unsigned n_outside; /* outstanding replies and tasks; the client outlives them */
    bool freed;
};

/* Makes progress wherever possible. */
void client_drive(AcmeClient *c);
/* Completes a change of the account, if there is one. */
void client_end_change(AcmeClient *c, const Problem *problem);
/* Fails calls that wait for the account (all: the others as well). */
void client_fail_waiting(AcmeClient *c, bool all, const AcmeFailure *failure);
int client_call(AcmeClient *c, const char *url, const char *payload, bool bare, const AccountKey *key,
                AcmeDone done, AcmeCall **ret);
void client_unref(AcmeClient *c);

void client_fail_all(AcmeClient *c, const Problem *problem, int64_t retry_after);
const char *client_name(const AcmeClient *c);
/* Returns true if the reply has exactly one Content-Type field, with this media type. */
bool client_reply_is(const HttpReply *reply, const char *type);
/* Seconds; 0: not said. */
int64_t client_retry_after(const HttpReply *reply);
/* what: the requested thing. */
void client_describe_refusal(const AcmeClient *c, const HttpReply *reply, const char *what,
                             Problem *problem);
HttpRequest client_request_to(const AcmeClient *c, HttpMethod method, const char *url);

/* directory.c */
void client_keep_nonce(AcmeClient *c, const HttpReply *reply);
void client_ask_nonce(AcmeClient *c);
bool client_directory_is_fresh(const AcmeClient *c);
void client_fetch_directory(AcmeClient *c);

/* account.c */
void client_ensure_account(AcmeClient *c);
/* The authority reports that the account does not exist any more (RFC 8555 section 6.7,
 * accountDoesNotExist). */
void client_forget_account(AcmeClient *c);
