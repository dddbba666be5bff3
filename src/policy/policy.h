/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Who may call what: one row for each method of the bus interface. What has no row cannot be registered, and is
 * denied. Reading properties is open to everybody. */

#define POLICY_PREFIX "org.certwright1."

typedef struct PolicyRow {
    const char *interface; /* behind POLICY_PREFIX */
    const char *member;
    const char *action; /* polkit action behind POLICY_PREFIX; NULL: everybody may */
    bool reads;         /* it changes nothing: nobody is served by it without a reply */
} PolicyRow;

/* NULL: denied. interface is the full name. */
const PolicyRow *policy_find(const char *interface, const char *member);
const PolicyRow *policy_rows(size_t *ret_n);
