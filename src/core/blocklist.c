/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/blocklist.h"

#include <errno.h>

#include "util/text.h"

static const char *const reasons[_BLOCK_REASON_MAX] = {
    [BLOCK_REVOKED] = "revoked",
    [BLOCK_WITHDRAWN] = "withdrawn",
};

DEFINE_STRING_TABLE(block_reason, BlockReason, reasons);

void blocklist_clear(Blocklist *l)
{
    free(l->leaves);
    *l = (Blocklist){};
}

int blocklist_copy(const Blocklist *from, Blocklist *to)
{
    *to = (Blocklist){};
    if (from->n == 0)
        return 0;
    to->leaves = calloc(from->n, sizeof(BlockedLeaf));
    if (!to->leaves)
        return -ENOMEM;
    memcpy(to->leaves, from->leaves, from->n * sizeof(BlockedLeaf));
    to->n = from->n;
    return 0;
}

static BlockedLeaf *find(const Blocklist *l, const char *fingerprint)
{
    for (size_t i = 0; i < l->n; i++)
        if (streq(l->leaves[i].fingerprint, fingerprint))
            return l->leaves + i;
    return NULL;
}

const BlockedLeaf *blocklist_find(const Blocklist *l, const char *fingerprint)
{
    return find(l, fingerprint);
}

static void drop(Blocklist *l, size_t i)
{
    l->n--;
    memmove(l->leaves + i, l->leaves + i + 1, (l->n - i) * sizeof(BlockedLeaf));
}

static void make_room(Blocklist *l, int64_t now)
{
    for (size_t i = l->n; i > 0; i--)
        if (l->leaves[i - 1].not_after < now)
            drop(l, i - 1);
    while (l->n >= LIMIT_BLOCKED)
        drop(l, 0);
}

int blocklist_add(Blocklist *l, const BlockedLeaf *leaf, int64_t now)
{
    BlockedLeaf *known = find(l, leaf->fingerprint), *grown;

    if (known && (known->reason == leaf->reason || known->reason == BLOCK_REVOKED))
        return 0;
    if (known) {
        known->reason = leaf->reason;
        return 1;
    }
    if (leaf->not_after < now)
        return 0;
    make_room(l, now);
    grown = reallocarray(l->leaves, l->n + 1, sizeof(BlockedLeaf));
    if (!grown)
        return -ENOMEM;
    l->leaves = grown;
    grown[l->n++] = *leaf;
    return 1;
}

bool blocklist_pardon(Blocklist *l, const char *fingerprint)
{
    BlockedLeaf *known = find(l, fingerprint);

    if (!known || known->reason == BLOCK_REVOKED)
        return false;
    drop(l, (size_t)(known - l->leaves));
    return true;
}
