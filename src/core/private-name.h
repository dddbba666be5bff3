/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Decides who can issue for a canonical name. Pure. */

/* Returns why no public authority issues for the name, as a noun phrase ("a name without a dot"), or NULL if
 * one may. Private are single labels, names below local, lan, internal, home.arpa, test, invalid, localhost,
 * example, onion or another special-use domain (RFC 6761, RFC 6762, RFC 8375, RFC 7686,
 * draft-davies-internal-tld), reverse zones, and addresses that are not globally reachable (IANA's
 * special-purpose registries, RFC 6890). */
const char *name_private_reason(const char *name);
