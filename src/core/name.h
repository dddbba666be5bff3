/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The name of a server: a DNS name, a DNS wildcard, or an IP address.
 *
 * There is one canonical form, and only this file deals with any other: lower-case A-labels (RFC 5890)
 * without a trailing dot, a wildcard only as the whole first label (RFC 6125 section 6.4.3), IPv4 in dotted
 * decimal, IPv6 as in RFC 5952. Two spellings of the same name have the same canonical form, different names
 * never do, and canonicalizing is idempotent. The form contains neither "/" nor "_". */

/* -EINVAL with InvalidName and the reason; -ENOMEM. */
int name_canonicalize(const char *text, char **ret, Problem *problem);
/* The functions below take canonical names. */
/* Returns the name in its own script (U-labels, RFC 5890) for people to read; allocated. A name that has no such form,
 * or none that leads back to it, or one with letters that could disguise the text, stays as it is. */
int name_to_unicode(const char *name, char **ret);
bool name_is_address(const char *name);
bool name_is_wildcard(const char *name);
/* Returns the name without a leading "*.": what is proved for a wildcard (RFC 8555 section 7.1.4). */
const char *name_base(const char *name);
/* Returns the part of name that follows the "*" of the wildcard that covers it, beginning with a dot; NULL: no
 * wildcard does. A wildcard covers one label, and neither an address nor a wildcard. */
const char *name_without_label(const char *name);
/* Returns true if a certificate for pattern covers name: they are equal, or pattern is that wildcard. */
bool name_covers(const char *pattern, const char *name);
/* Up to LIMIT_MODULE_NAME letters, digits, "-", "_", ".", beginning with a letter or digit. */
bool module_name_is_valid(const char *s);
