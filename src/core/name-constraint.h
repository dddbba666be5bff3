/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* A name constraint (RFC 5280 section 4.2.1.10) as in NameConstraints=: a domain including its subdomains, or a network
 * such as 10.0.0.0/8. A leading "!" excludes it instead of permitting it. */
typedef struct NameConstraint {
    bool excluded;
    char *domain;        /* canonical; NULL: a network */
    uint8_t network[32]; /* address, then mask: twice 4 or 16 bytes */
    int network_size;
} NameConstraint;

/* -EINVAL. */
int name_constraint_parse(const char *text, NameConstraint *ret);
