/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Returns the key under which an authority counts certificates of a canonical name: its registered domain,
 * which is one label below a public suffix (publicsuffix.org), or the name itself if it is a public suffix
 * or has none; an IPv4 address itself; for an IPv6 address, its /64 network. NULL on OOM. Any thread. */
char *domain_registered(const char *name);
