/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "acme/objects.h"
#include "acme/reply.h"
#include "core/account-record.h"
#include "crypto/account-key.h"

/* A client of one authority: its directory, its nonces, and signed requests to it (RFC 8555 sections 6 and
 * 7.1). Prepares whatever a request needs first: the directory is read once a day, and the account is
 * requested from its owner. Each reply provides the nonce for the next request, so that nonces are only
 * requested if more requests than ever before are pending. */
typedef struct AcmeClient AcmeClient;
/* A request until its reply. */
typedef struct AcmeCall AcmeCall;

typedef enum AccountState {
    ACCOUNT_UNKNOWN,
    ACCOUNT_BUSY, /* being read, created or stored */
    ACCOUNT_READY,
    /* Its key is about to be replaced: ACME_KEY_CHANGE is sent as soon as nothing else is pending that was signed with the
     * former key, or that the authority validates with it. Everything else waits. */
    ACCOUNT_CHANGING,
} AccountState;

/* The account, which signs all requests without a key of their own. */
typedef struct AcmeSigner AcmeSigner;
struct AcmeSigner {
    AccountState state;
    AccountKey *key;
    AccountRecord *record;
    /* A request waits for the account, and the state is ACCOUNT_UNKNOWN. Call acme_client_drive() or
     * acme_client_fail() when the account is ready or has failed. */
    void (*wanted)(AcmeSigner *s);
    /* The authority reports that the account does not exist any more (section 6.7,
     * accountDoesNotExist). */
    void (*lost)(AcmeSigner *s);
    /* The authority refuses a request as unauthorized: the account may be deactivated. */
    void (*doubted)(AcmeSigner *s);
    bool works; /* the authority has accepted a request since this was cleared */
};

typedef enum AcmeResource {
    ACME_URL, /* request.url */
    ACME_NEW_ORDER,
    ACME_REVOKE_CERT,
    ACME_ACCOUNT,
    ACME_KEY_CHANGE,
    ACME_DIRECTORY, /* only waits for it: the reply is empty, see acme_client_directory() */
} AcmeResource;

typedef struct AcmeRequest {
    AcmeResource resource;
    AcmeSubject subject; /* for messages */
    const char *url;     /* must have the origin of the authority, or one of Origins= */
    const char *payload; /* NULL: POST-as-GET (section 6.3) */
    const char *type;    /* media type of a successful reply; NULL: any */
    /* signs instead of the account, as for revocation (section 7.6); must stay valid until the reply */
    const AccountKey *key;
} AcmeRequest;

typedef struct AcmeFailure {
    const Problem *problem;
    int64_t retry_after; /* seconds; 0: none */
    /* the authority is unreachable, has an outage or is overloaded: another one may succeed */
    bool at_authority;
    bool lost; /* the request was sent, and its reply was not received: it may have been carried out */
} AcmeFailure;

/* Exactly one of the two is set. Both are borrowed during the call. Never called from within
 * acme_client_send(). */
typedef void (*AcmeDone)(const AcmeReply *reply, const AcmeFailure *failure, void *userdata);

/* authority and signer are borrowed. */
int acme_client_new(sd_event *event, Http *http, const AcmeAuthority *authority, AcmeSigner *signer,
                    AcmeClient **ret);
/* Drops pending requests without calling done(). */
AcmeClient *acme_client_free(AcmeClient *c);
const AcmeAuthority *acme_client_authority(const AcmeClient *c);
/* Valid during done() of a call. */
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
/* Requests renewalInfo of a certificate (RFC 9773), unsigned. identifier: certificate_identifier(). */
int acme_client_get_renewal_info(AcmeClient *c, const char *identifier, AcmeDone done, void *userdata,
                                 AcmeCall **ret);

/* The account key must not change while the authority may validate proofs, which contain its thumbprint. Each hold is
 * released once. A key change waits for them for LIMIT_KEY_CHANGE_WAIT seconds at most. */
void acme_client_hold_key(AcmeClient *c);
void acme_client_release_key(AcmeClient *c);

typedef enum AcmeScope {
    ACME_ALL_REQUESTS,
    ACME_REQUESTS_OF_ACCOUNT,        /* those that need it */
    ACME_REQUESTS_OF_FORMER_ACCOUNT, /* those that need it and are about an object that belongs to it */
} AcmeScope;

/* For the owner of the account: send whatever can be sent now; fail waiting requests. */
void acme_client_drive(AcmeClient *c);
void acme_client_fail(AcmeClient *c, AcmeScope scope, const AcmeFailure *failure);
