/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The name of a server: a DNS name, a DNS wildcard, or an IP address.
 *
 * There is one canonical form, and everything but this file deals with that form only: lower-case A-labels
 * (RFC 5890) without a trailing dot, a wildcard as the whole first label only (RFC 6125 section 6.4.3), IPv4
 * in dotted decimal, IPv6 as RFC 5952 writes it. Two spellings of one name have the same form, two names
 * never do, and the form of a canonical name is itself. It holds no "/", and no "_". */

/* -EINVAL with InvalidName and the reason, -ENOMEM. */
int name_canonicalize(const char *text, char **ret, Problem *problem);
/* These take canonical names. */
bool name_is_address(const char *name);
bool name_is_wildcard(const char *name);
/* Whether a certificate for pattern serves name: equal, or a wildcard one label above it. A wildcard is
 * served by itself alone. */
bool name_covers(const char *pattern, const char *name);
/* The name of its directory: itself, with a leading "*" written as "_". Newly allocated, NULL when out of memory. */
char *name_to_directory(const char *name);
/* The reverse; NULL with errno EINVAL when no canonical name has this directory. */
char *name_from_directory(const char *directory);
/* Letters, digits, "-", "_", "."; a letter or digit first; at most LIMIT_MODULE_NAME. */
bool module_name_is_valid(const char *s);
