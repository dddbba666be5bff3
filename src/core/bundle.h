/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"

/* A chain with its key, as a source hands it over: PEM text (RFC 7468), encoded by this project and never
 * the text that somebody uploaded. */
typedef struct Bundle {
    Chain *chain;
    char *key;     /* PKCS#8; a secret, erased when freed */
    char *leaf;    /* the first certificate */
    char *issuers; /* the others in order, "" when there are none */
    char *
        anchor; /* the self-signed certificate at its end, when it is known and none of the others; may be NULL */
    char *bridges;     /* of a local root: cross-certificates that lead to former ones; may be NULL */
    uint64_t root;     /* generation of the local root that signed it, 0: another did */
    unsigned purposes; /* Purpose bits that it was asked to have */
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
