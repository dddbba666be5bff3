/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "core/problem.h"

/* What an upload holds, freed of the form that it came in: DER (X.690) that was encoded anew. */

typedef struct Blob {
    uint8_t *data; /* NULL: there is none */
    size_t size;
} Blob;

static inline void blob_done(Blob *b)
{
    if (b->data)
        explicit_bzero(b->data, b->size);
    free(b->data);
    *b = (Blob){};
}

typedef struct Imported {
    char *format;                   /* what it came in, readable: "PKCS#12" */
    Blob certificates[LIMIT_CHAIN]; /* RFC 5280, in the order found, each once */
    size_t n_certificates;
    Blob key;            /* PKCS#8, not encrypted: a secret, erased when freed */
    Problem key_problem; /* there is a key, but it cannot be taken */
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
