/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator uploads: refused with a reason, or a pair that fits, within the limits. */
#include "core/limits.h"
#include "core/name.h"
#include "crypto/pair.h"
#include "crypto/upload.h"
#include "target.h"
#include "util/text.h"

#define NOW 1800000000 /* when the certificates of the corpus are valid */

static void check_bundle(const Bundle *b)
{
    _cleanup_bundle_ Bundle *same = NULL;
    const Chain *c = b->chain;

    require(c->n_entries >= 1 && c->n_entries <= LIMIT_CHAIN && c->key_type >= 0);
    require(bundle_from_pem(b->leaf, b->issuers, b->key, &same) >= 0);
    require(same->chain->n_entries == c->n_entries &&
            streq(chain_leaf(same->chain)->fingerprint, chain_leaf(c)->fingerprint));
    require(streq(same->key, b->key) && streq(same->leaf, b->leaf) && streq(same->issuers, b->issuers));
    for (unsigned i = 0; i < c->n_names; i++) {
        _cleanup_free_ char *canonical = NULL;

        require(name_canonicalize(c->names[i], &canonical, NULL) >= 0 && streq(c->names[i], canonical));
    }
    for (unsigned i = 0; i < c->n_entries; i++)
        require(text_is_utf8(c->entries[i].subject) && text_is_utf8(c->entries[i].issuer) &&
                text_is_hex(c->entries[i].fingerprint, 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_from_input(data, size);
    _cleanup_problem_ Problem problem = {};
    _cleanup_bundle_ Bundle *b = NULL;

    if (upload_parse(text, size, NOW, &b, &problem) < 0)
        require(!b && problem.code != PROBLEM_NONE && problem.text && text_is_utf8(problem.text));
    else
        check_bundle(b);
    return 0;
}
