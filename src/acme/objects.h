/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/problem-document.h"

/* The JSON objects of RFC 8555 section 7.1 and RFC 9773 sent by an authority. They are parsed strictly (RFC
 * 8259; no duplicate keys, no NUL, nothing after the end, limited depth), and all texts are validated
 * according to the protocol. Members that nothing uses are not read. Optional members that are missing or invalid are NULL.
 * Each parser returns -EBADMSG with a problem
 * that names the invalid member; whose: name of the authority, as the start of the sentence. */

typedef enum AcmeStatus {
    ACME_PENDING,
    ACME_PROCESSING,
    ACME_READY,
    ACME_VALID,
    ACME_INVALID,
    ACME_DEACTIVATED,
    ACME_EXPIRED,
    ACME_REVOKED,
    _ACME_STATUS_MAX,
    _ACME_STATUS_INVALID = -22,
} AcmeStatus;

const char *acme_status_to_string(AcmeStatus s);

typedef struct AcmeDirectory {
    char *new_nonce, *new_account, *new_order;
    char *revoke_cert, *key_change; /* optional */
    char *renewal_info;             /* RFC 9773; NULL: it has none */
    bool needs_external_account;
    char **profiles; /* names (draft-aaron-acme-profiles) */
} AcmeDirectory;

typedef struct AcmeAccount {
    AcmeStatus status;
    char *orders; /* URL of the list of orders (RFC 8555 section 7.1.2.1) */
} AcmeAccount;

typedef struct AcmeOrder {
    AcmeStatus status;
    char **names;          /* canonical (core/name.h), as listed by the authority; others are an error */
    char **authorizations; /* URLs */
    char *finalize;
    char *certificate; /* URL */
    char *profile;
    AcmeProblem *problem;
} AcmeOrder;

typedef struct AcmeChallenge {
    char *type;
    char *url;
    char *token; /* [A-Za-z0-9_-]{22,128} */
    AcmeStatus status;
    AcmeProblem *problem;
} AcmeChallenge;

typedef struct AcmeAuthorization {
    AcmeStatus status;
    char *name; /* canonical, without "*." */
    bool wildcard;
    AcmeChallenge *challenges; /* of supported types */
    size_t n_challenges;
} AcmeAuthorization;

typedef struct AcmeOrderList {
    char **orders; /* URLs */
} AcmeOrderList;

typedef struct AcmeRenewalInfo {
    int64_t start, end; /* seconds since 1970-01-01 UTC; start < end */
    char *explanation;  /* URL */
} AcmeRenewalInfo;

#define DECLARE_OBJECT(Type, noun) \
    int acme_##noun##_parse(const char *whose, const void *data, size_t size, Type **ret, \
                            Problem *problem); \
    Type *acme_##noun##_free(Type *object); \
    DEFINE_CLEANUP(Type *, acme_##noun##_free)

DECLARE_OBJECT(AcmeDirectory, directory);
DECLARE_OBJECT(AcmeAccount, account);
DECLARE_OBJECT(AcmeOrder, order);
DECLARE_OBJECT(AcmeAuthorization, authorization);
DECLARE_OBJECT(AcmeChallenge, challenge);
DECLARE_OBJECT(AcmeOrderList, order_list);
DECLARE_OBJECT(AcmeRenewalInfo, renewal_info);

/* Payloads of requests; NULL on OOM. */
char *acme_account_payload(bool only_existing, bool terms_agreed, char *const *contact, const char *binding);
char *acme_contact_payload(char *const *contact);
char *acme_deactivation_payload(void);
/* names are canonical; addresses become identifiers of type ip (RFC 8738). profile and replaces may be
 * NULL. */
char *acme_order_payload(char *const *names, const char *profile, const char *replaces);
char *acme_finalize_payload(const char *request);
/* reason: RFC 5280 section 5.3.1; negative: none. */
char *acme_revocation_payload(const char *certificate, int reason);
char *acme_key_change_payload(const char *account, const char *jwk);
