/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/collector.h"

/* A collector with what it works on, for tests of what reads the formats. */
typedef struct Collection {
    Imported *imported;
    Problem problem;
    Collector c;
} Collection;

static inline void collection_init(Collection *s, bool key_only, const char *passphrase)
{
    *s = (Collection){ .imported = calloc(1, sizeof(Imported)) };
    s->c = (Collector){
        .imported = s->imported, .key_only = key_only, .passphrase = passphrase, .problem = &s->problem
    };
}

static inline void collection_done(Collection *s)
{
    imported_free(s->imported);
    problem_clear(&s->problem);
}
#define _cleanup_collection_ _cleanup_(collection_done)
