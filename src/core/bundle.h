/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"

/* A chain with its key, as returned by a source: PEM text (RFC 7468), always encoded by this project and
 * never the uploaded text. */
typedef struct Bundle {
    Chain *chain;
    char *key;         /* PKCS#8; a secret, erased when freed */
    char *leaf;        /* the leaf */
    char *issuers;     /* the other certificates in order; "" if there are none */
    char *anchor;      /* the root above the chain, if known and not included; else NULL */
    char *bridges;     /* of a local root: cross-certificates from former roots; may be NULL */
    uint64_t root;     /* generation of the local root that signed it; 0: not signed by it */
    unsigned purposes; /* requested Purpose bits */
} Bundle;

static inline Bundle *bundle_free(Bundle *b)
{
    if (b) {
        chain_unref(b->chain);
        erase_and_free(b->key);
        free(b->leaf);
        free(b->issuers);
        free(b->anchor);
        free(b->bridges);
        free(b);
    }
    return NULL;
}
DEFINE_CLEANUP(Bundle *, bundle_free);
#define _cleanup_bundle_ _cleanup_(bundle_freep)
