/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Metadata of a certificate chain: immutable, reference-counted, a single allocation. */

typedef enum KeyType {
    KEY_TYPE_ECDSA_P256,
    KEY_TYPE_ECDSA_P384,
    KEY_TYPE_ECDSA_P521,
    KEY_TYPE_RSA_2048,
    KEY_TYPE_RSA_3072,
    KEY_TYPE_RSA_4096,
    KEY_TYPE_RSA_OTHER, /* uploaded, with another length within the limits */
    KEY_TYPE_ED25519,
    _KEY_TYPE_MAX,
    _KEY_TYPE_INVALID = -22,
} KeyType;

const char *key_type_to_string(KeyType t);
KeyType key_type_from_string(const char *s);
/* Returns true if keys of this type can be created for leaves, roots, or accounts of ACME authorities. */
bool key_type_suits_leaf(KeyType t);
bool key_type_suits_account(KeyType t);
bool key_type_suits_root(KeyType t);
/* The type of the key to order a chain with, where t is wished for: public authorities sign no Ed25519 keys (CA/Browser Forum
 * Baseline Requirements, section 6.1.1.3), so P-256 takes its place. */
KeyType key_type_to_order(KeyType t);

typedef struct ChainEntry {
    const char *subject;     /* RFC 4514 */
    const char *issuer;      /* RFC 4514 */
    const char *serial;      /* upper-case hexadecimal */
    const char *fingerprint; /* SHA-256 of the DER, lower-case hexadecimal */
    int64_t not_before;      /* seconds since 1970-01-01 UTC */
    int64_t not_after;
} ChainEntry;

typedef struct Chain {
    unsigned n_refs;
    KeyType key_type;   /* of the leaf */
    bool is_authority;  /* the first entry has CA:TRUE */
    unsigned n_entries; /* at least one; leaf first */
    unsigned n_names;
    char **
        names; /* of the leaf, canonical: subject alternative names, or else its common name; a string list */
    ChainEntry entries[];
} Chain;

/* Copies all arguments. Returns NULL on OOM. */
Chain *chain_new(const ChainEntry *entries, size_t n_entries, const char *const *names, size_t n_names,
                 KeyType key_type, bool is_authority);
Chain *chain_ref(Chain *c);
Chain *chain_unref(Chain *c);
DEFINE_CLEANUP(Chain *, chain_unref);
#define _cleanup_chain_ _cleanup_(chain_unrefp)

static inline const ChainEntry *chain_leaf(const Chain *c)
{
    return &c->entries[0];
}
/* Returns true if the chain covers all canonical names; if not, *ret_missing is the first one not
 * covered. */
bool chain_covers(const Chain *c, char *const *names, const char **ret_missing);
/* The latest notBefore and the earliest notAfter of all its certificates. */
int64_t chain_not_before(const Chain *c);
int64_t chain_not_after(const Chain *c);
/* Returns true if both consist of the same certificates in the same order. */
bool chain_equal(const Chain *a, const Chain *b);
/* Returns true if they are equal in all metadata. */
bool chain_identical(const Chain *a, const Chain *b);
