/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "acme/authority.h"
#include "acme/objects.h"
#include "core/account-record.h"
#include "crypto/account-key.h"
#include "net/http.h"
#include "util/workers.h"

/* One authority: its directory, its nonces, the account, and signed requests to it (RFC 8555 sections 6 and 7). Whatever a
 * request needs is seen to before it goes out: the directory is read once a day, the account is found in the store, or made;
 * each reply gives the nonce for another request, so that new ones are asked for only when more requests
 * are under way than ever before. */
typedef struct AcmeClient AcmeClient;
/* A request until its answer. */
typedef struct AcmeCall AcmeCall;

/* What clients work with; borrowed. */
typedef struct AcmeContext {
    sd_event *event;
    Http *http;
    Workers *workers; /* for keys and files */
    /* Where accounts are kept: called in a thread of the workers, for each authority one at a time. -ENOENT: there is none;
     * what is written is on disk when it returns. */
    int (*read_account)(void *accounts, const char *authority, AccountRecord **ret);
    int (*write_account)(void *accounts, const char *authority, const AccountRecord *account);
    int (*remove_account)(void *accounts, const char *authority);
    void *accounts;
} AcmeContext;

typedef enum AcmeResource {
    ACME_URL, /* request.url */
    ACME_NEW_ORDER,
    ACME_REVOKE_CERT,
    ACME_ACCOUNT,
    ACME_DIRECTORY, /* is only waited for: the reply is empty, acme_client_directory() has it */
} AcmeResource;

typedef struct AcmeRequest {
    AcmeResource resource;
    const char *url;     /* must lead to the authority's own origin, or one of Origins= */
    const char *payload; /* NULL: POST-as-GET (section 6.3) */
    const char *type;    /* media type of a good reply; NULL: its body does not matter */
    const AccountKey *
        key; /* that signs instead of the account's, as for revocation (section 7.6); stays until the answer */
} AcmeRequest;

typedef struct AcmeReply {
    unsigned status; /* 2xx */
    const void *body;
    size_t size;
    const char *location; /* an https URL of the authority; NULL */
    int64_t retry_after;  /* seconds; 0: not said */
    const HttpReply *http;
} AcmeReply;

typedef struct AcmeFailure {
    const Problem *problem;
    int64_t retry_after; /* seconds; 0: not said */
    bool
        at_authority; /* another authority may do better: it cannot be reached, is out of order or overloaded */
} AcmeFailure;

/* One of the two is NULL. Both are borrowed during the call. Never called from within acme_client_send. */
typedef void (*AcmeDone)(const AcmeReply *reply, const AcmeFailure *failure, void *userdata);

/* Both are copied. */
int acme_client_new(const AcmeContext *context, const AcmeAuthority *authority, AcmeClient **ret);
/* What is under way is not answered any more. */
AcmeClient *acme_client_free(AcmeClient *c);
DEFINE_CLEANUP(AcmeClient *, acme_client_free);
const AcmeAuthority *acme_client_authority(const AcmeClient *c);
/* Valid in a call's answer. */
const AcmeDirectory *acme_client_directory(const AcmeClient *c);
const AccountKey *acme_client_key(const AcmeClient *c);
/* Whether its list of orders can be asked for: NULL when there is none. */
const char *acme_client_orders_url(const AcmeClient *c);

int acme_client_send(AcmeClient *c, const AcmeRequest *request, AcmeDone done, void *userdata,
                     AcmeCall **ret);
/* The directory is read anew before the next request goes out. */
void acme_client_doubt_directory(AcmeClient *c);
/* It is not answered any more. */
AcmeCall *acme_call_cancel(AcmeCall *call);
/* URLs of the reply's links with this relation, those of the authority alone. */
int acme_reply_links(AcmeClient *c, const AcmeReply *reply, const char *relation, char ***ret);
/* RFC 9773: renewalInfo of a certificate, not signed. identifier: certificate_identifier(). */
int acme_client_get_renewal_info(AcmeClient *c, const char *identifier, AcmeDone done, void *userdata,
                                 AcmeCall **ret);

/* Another key for the account (section 7.3.5), or its end (section 7.3.6). done is told PROBLEM_CANCELLED when the
 * client is freed before. */
typedef void (*AcmeAccountDone)(const Problem *problem, void *userdata);
int acme_client_change_account(AcmeClient *c, bool deactivate, AcmeAccountDone done, void *userdata,
                               Problem *problem);
