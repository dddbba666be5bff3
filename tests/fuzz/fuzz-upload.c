/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator uploads, in any form: refused with a reason, or a pair that fits, within the limits. */
#include "core/limits.h"
#include "core/name.h"
#include "crypto/container.h"
#include "crypto/pair.h"
#include "crypto/upload.h"
#include "import/message.h"
#include "target.h"
#include "util/text.h"

#define NOW 1800000000 /* when the certificates of the corpus are valid */

static void check_bundle(const Bundle *b)
{
    _cleanup_bundle_ Bundle *same = NULL;
    const Chain *c = b->chain;

    require(c->n_entries >= 1 && c->n_entries <= LIMIT_CHAIN && c->key_type >= 0);
    require(bundle_from_pem(b->leaf, b->issuers, b->key, &same) >= 0);
    require(same->chain->n_entries + (c->is_authority && b->anchor) == c->n_entries &&
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

/* The message between the two processes brings all of it over, and nothing but it. */
static void check_message(const Imported *i)
{
    _cleanup_imported_ Imported *same = NULL;
    _cleanup_problem_ Problem problem = {};
    _cleanup_blob_ Blob message = {};

    require(message_encode(i, &problem, &message) >= 0);
    require(message_decode(message.data, message.size, &same, &problem) >= 0 && same);
    require(same->n_certificates == i->n_certificates && same->key.size == i->key.size);
    require(message_decode(message.data, message.size - 1, &same, &problem) < 0);
}

static void examine(const Imported *i)
{
    for (int authority = 0; authority < 2; authority++) {
        const UploadContext context = { .authority = authority, .now = NOW };
        _cleanup_upload_result_ UploadResult result = {};

        require(upload_examine(i, &context, &result) >= 0);
        require(!result.bundle == (report_first_problem(&result.report) != NULL));
        for (Check c = 0; c < _CHECK_MAX; c++)
            require(text_is_utf8(finding_text(result.report.findings + c)));
        if (result.bundle)
            check_bundle(result.bundle);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ContainerInput input = { data, size };
    _cleanup_imported_ Imported *imported = NULL;
    _cleanup_problem_ Problem problem = {};

    if (container_read(&input, NULL, "secret", &imported, &problem) < 0) {
        require(!imported && problem.code != PROBLEM_NONE && problem.text && text_is_utf8(problem.text));
        return 0;
    }
    check_message(imported);
    examine(imported);
    return 0;
}
