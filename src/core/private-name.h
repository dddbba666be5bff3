/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Who can issue for a canonical name. Pure. */

/* Why no public authority issues for the name: a noun phrase for a sentence ("a name without a dot"); NULL when one
 * may. A name of a single label, below local, lan, internal, home.arpa, test, invalid, localhost, example, onion or another
 * special-use domain (RFC 6761, RFC 6762, RFC 8375, RFC 7686, draft-davies-internal-tld), a reverse zone, or an address that is
 * not globally reachable (IANA's special-purpose registries, RFC 6890). */
const char *name_private_reason(const char *name);
