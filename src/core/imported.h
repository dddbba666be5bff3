/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blob.h"
#include "core/limits.h"
#include "core/problem.h"

/* Contents of an upload, independent of its format, re-encoded as DER (X.690). */

typedef struct Imported {
    char *format;                   /* human-readable source format: "PKCS#12" */
    Blob certificates[LIMIT_CHAIN]; /* RFC 5280, in the order found, without duplicates */
    size_t n_certificates;
    Blob key;            /* unencrypted PKCS#8; a secret, erased when freed */
    Problem key_problem; /* there is a key, but it cannot be used */
} Imported;

static inline Imported *imported_free(Imported *i)
{
    if (i) {
        free(i->format);
        for (size_t n = 0; n < i->n_certificates; n++)
            blob_done(i->certificates + n);
        blob_done(&i->key);
        problem_clear(&i->key_problem);
        free(i);
    }
    return NULL;
}
DEFINE_CLEANUP(Imported *, imported_free);
#define _cleanup_imported_ _cleanup_(imported_freep)
