/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "util/macro.h"

/* Leaves that a certificate had, and that no service may present again: not even if the delivery of their successor
 * fails, and the former files would be put back. At most LIMIT_BLOCKED, of which the newest stay. */

typedef enum BlockReason {
    BLOCK_REVOKED,   /* by their authority */
    BLOCK_WITHDRAWN, /* by a reissue, or as an upload that was removed */
    _BLOCK_REASON_MAX,
    _BLOCK_REASON_INVALID = -22,
} BlockReason;

const char *block_reason_to_string(BlockReason r);
BlockReason block_reason_from_string(const char *s);

typedef struct BlockedLeaf {
    char fingerprint[65]; /* SHA-256 of the DER, lower-case hexadecimal */
    BlockReason reason;
    int64_t
        not_after; /* seconds since 1970-01-01 UTC; it is dropped then, since it is not presented any more */
} BlockedLeaf;

typedef struct Blocklist {
    BlockedLeaf *leaves; /* the oldest first */
    size_t n;
} Blocklist;

void blocklist_clear(Blocklist *l);
#define _cleanup_blocklist_ _cleanup_(blocklist_clear)
/* to: not initialized. */
int blocklist_copy(const Blocklist *from, Blocklist *to);
/* NULL: it is not blocked. */
const BlockedLeaf *blocklist_find(const Blocklist *l, const char *fingerprint);
/* Adds one and drops those that have expired. A revoked leaf stays revoked. Returns 1 if it was added or has another
 * reason now, 0 if nothing changed. -ENOMEM. */
int blocklist_add(Blocklist *l, const BlockedLeaf *leaf, int64_t now);
/* Removes a leaf that was withdrawn, and is given again; one that was revoked stays. Returns true if it was there. */
bool blocklist_pardon(Blocklist *l, const char *fingerprint);
