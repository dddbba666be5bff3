/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/certificate.h"
#include "cli/options.h"

/* The certificates that list shows, and their order. */

typedef struct Selection {
    const char *module;       /* NULL: any */
    unsigned sources, states; /* bits of the words that were given; 0: any */
    int64_t expires_before;   /* 0: whenever */
    bool labelled;            /* people read it: names are sorted as they are shown */
    int (*compare)(const Certificate *a, const Certificate *b);
} Selection;

/* Fails for values that are none. */
Exit selection_parse(Selection *s, const Options *o);

/* Returns true if all are shown. */
bool selection_is_all(const Selection *s);

/* Returns pointers to those of the list, in their order; allocated. */
const Certificate **selection_apply(const Selection *s, const CertificateList *l, size_t *ret_n);
