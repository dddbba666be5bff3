/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* What programs and people do to PEM on its way. Each takes the text and makes another; all that is chosen is chosen by one
 * generator of random numbers. */
typedef struct Mangling {
    const char *name;
    void (*apply)(GRand *random, GString *text);
    bool last; /* the text has no lines of ASCII behind it */
} Mangling;

extern const Mangling manglings[];
extern const size_t n_manglings;
