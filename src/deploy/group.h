/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Lists the module, and all that are connected with it by common units: they are delivered to together, so that each
 * unit takes all new files at once. The caller frees the array. *ret_n is 0 if there is no such module. -ENOMEM.
 * Pure. */
int deploy_group_of(const Config *c, const char *module, const Module ***ret, size_t *ret_n);
