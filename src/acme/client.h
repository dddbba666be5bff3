/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "acme/authority.h"
#include "acme/objects.h"
#include "core/account-record.h"
#include "crypto/account-key.h"
#include "net/http.h"
#include "util/workers.h"

/* A client of one authority: its directory, its nonces, the account, and signed requests to it (RFC 8555
 * sections 6 and 7). Prepares whatever a request needs first: the directory is read once a day, and the
 * account is read from the store or created. Each reply provides the nonce for the next request, so that
 * nonces are only requested if more requests than ever before are pending. */
typedef struct AcmeClient AcmeClient;
/* A request until its reply. */
typedef struct AcmeCall AcmeCall;

struct Store;

/* Used by clients; borrowed. */
typedef struct AcmeContext {
    sd_event *event;
    Http *http;
    Workers *workers; /* for keys and files */
    /* Where accounts are kept: called in a thread of the workers, for each authority one at a time. -ENOENT: there is none;
     * what is written is on disk when it returns. */
    int (*read_account)(struct Store *accounts, const char *authority, AccountRecord **ret);
    int (*write_account)(struct Store *accounts, const char *authority, const AccountRecord *account);
    int (*remove_account)(struct Store *accounts, const char *authority);
    struct Store *accounts;
} AcmeContext;

typedef enum AcmeResource {
    ACME_URL, /* request.url */
    ACME_NEW_ORDER,
    ACME_REVOKE_CERT,
    ACME_ACCOUNT,
    ACME_DIRECTORY, /* only waits for it: the reply is empty, see acme_client_directory() */
} AcmeResource;

typedef struct AcmeRequest {
    AcmeResource resource;
    const char *url;     /* must have the origin of the authority, or one of Origins= */
    const char *payload; /* NULL: POST-as-GET (section 6.3) */
    const char *type;    /* media type of a successful reply; NULL: any */
    /* signs instead of the account key, as for revocation (section 7.6); must stay valid until the reply */
    const AccountKey *key;
} AcmeRequest;

typedef struct AcmeReply {
    unsigned status; /* 2xx */
    const void *body;
    size_t size;
    const char *location; /* an https URL of the authority; NULL */
    int64_t retry_after;  /* seconds; 0: none */
    const HttpReply *http;
} AcmeReply;

typedef struct AcmeFailure {
    const Problem *problem;
    int64_t retry_after; /* seconds; 0: none */
    /* another authority may succeed: this one is unreachable, has an outage or is overloaded */
    bool at_authority;
} AcmeFailure;

/* Exactly one of the two is set. Both are borrowed during the call. Never called from within
 * acme_client_send(). */
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
/* Returns the URL of the account's list of orders; NULL if there is none. */
const char *acme_client_orders_url(const AcmeClient *c);

int acme_client_send(AcmeClient *c, const AcmeRequest *request, AcmeDone done, void *userdata,
                     AcmeCall **ret);
/* Reads the directory again before the next request is sent. */
void acme_client_doubt_directory(AcmeClient *c);
/* Drops the call without calling done(). */
AcmeCall *acme_call_cancel(AcmeCall *call);
/* Returns the URLs of links with this relation in a reply, only those of the authority. */
int acme_reply_links(AcmeClient *c, const AcmeReply *reply, const char *relation, char ***ret);
/* Requests renewalInfo of a certificate (RFC 9773), unsigned. identifier: certificate_identifier(). */
int acme_client_get_renewal_info(AcmeClient *c, const char *identifier, AcmeDone done, void *userdata,
                                 AcmeCall **ret);

/* Replaces the account key (section 7.3.5), or deactivates the account (section 7.3.6). done is called with
 * PROBLEM_CANCELLED if the client is freed before. */
typedef void (*AcmeAccountDone)(const Problem *problem, void *userdata);
int acme_client_change_account(AcmeClient *c, bool deactivate, AcmeAccountDone done, void *userdata,
                               Problem *problem);
