/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blocklist.h"
#include "core/problem.h"

/* Searches a record.json of the store for a leaf that must not be served again. Records are bytes of another user, so a
 * child without rights reads them (confined.h). A store that lies can at most keep a former set from being put back. */

/* text: of the record. fingerprint: SHA-256 in lower-case hexadecimal. Returns 1 if the leaf is blocked, and why; 0 if
 * it is not. Fails if the record could not be read. */
int blocked_find(const char *text, size_t size, const char *fingerprint, BlockReason *ret, Problem *problem);
/* The child: argv[1] is "--blocked". Never returns. */
_Noreturn void blocked_child(int argc, char *argv[]);
