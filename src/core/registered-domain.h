/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* What an authority counts a canonical name's certificates under: its registered domain, which is one label below a public
 * suffix (publicsuffix.org); a name that is a public suffix itself, or has none above it, stands for itself. Of an IPv4
 * address itself, of an IPv6 address its network of 64 bits. Newly allocated; NULL when memory is short. Any thread. */
char *domain_registered(const char *name);
