/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"
#include "core/mac-algorithm.h"

/* The configuration of an authority. */
typedef struct AcmeAuthority {
    char *name;       /* from its configuration; used in messages and paths */
    char *directory;  /* an https URL */
    char *trust_file; /* PEM; NULL: the authorities of the system */
    char **origins;   /* Origins=: https://HOST[:PORT], permitted in addition to that of the directory */
    char **contact;   /* mailto: URLs */
    char *preferred_chain; /* common name of the issuer; NULL: the authority's default */
    char *eab_key_id;      /* of the external account to bind to; NULL: none */
    char *eab_key_file;
    MacAlgorithm eab_algorithm;
    KeyType key_type;   /* of the account */
    bool needs_profile; /* fail instead of accepting another profile */
    bool terms_agreed;
} AcmeAuthority;

/* to is uninitialized; call acme_authority_done() also after a failure. */
int acme_authority_copy(const AcmeAuthority *from, AcmeAuthority *to);
void acme_authority_done(AcmeAuthority *a);
/* https://, graphic ASCII, at most LIMIT_URL. */
bool url_is_https(const char *url);
/* Returns true for an https URL of the authority's own origin or of one of Origins=. */
bool acme_authority_has_url(const AcmeAuthority *a, const char *url);
