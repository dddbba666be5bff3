/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

#include "util/macro.h"

/* Bytes that may be a secret: erased when they are freed. */
typedef struct Blob {
    uint8_t *data; /* NULL: none */
    size_t size;
} Blob;

static inline void blob_done(Blob *b)
{
    if (b->data)
        explicit_bzero(b->data, b->size);
    free(b->data);
    *b = (Blob){};
}
#define _cleanup_blob_ _cleanup_(blob_done)

/* Copies data. */
static inline int blob_new(const void *data, size_t size, Blob *ret)
{
    uint8_t *copy = malloc(size);

    if (!copy)
        return -ENOMEM;
    *ret = (Blob){ memcpy(copy, data, size), size };
    return 0;
}

static inline bool blob_equal(const Blob *a, const Blob *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}
