/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The access policy: one row for each method of the bus interface. A method without a row cannot be
 * registered and is denied. Properties are readable by everybody. */

#define POLICY_PREFIX "org.certwright1."

typedef struct PolicyRow {
    const char *interface; /* without POLICY_PREFIX */
    const char *member;
    const char *action; /* polkit action without POLICY_PREFIX; NULL: public */
    bool reads;         /* it changes nothing, so a call without a reply is pointless */
} PolicyRow;

/* NULL: denied. interface is the full name. */
const PolicyRow *policy_find(const char *interface, const char *member);
const PolicyRow *policy_rows(size_t *ret_n);
