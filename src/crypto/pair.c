/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pair.h"

#include <errno.h>
#include <stdio.h>

#include "crypto/inspect.h"

int bundle_from_pem(const char *leaf, const char *issuers, const char *key, Bundle **ret)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    _cleanup_free_ char *all = NULL;
    int r;

    if (!b || asprintf(&all, "%s%s", leaf, issuers) < 0)
        return -ENOMEM;
    r = x509_list_from_pem(all, &l);
    if (r < 0)
        return r;
    r = pkey_from_pem(key, &pkey);
    if (r < 0 || !pkey_belongs_to(pkey, sk_X509_value(l, 0)))
        return r == -ENOMEM ? r : -EBADMSG;
    r = chain_from_x509(l, &b->chain);
    if (r < 0)
        return r;
    b->leaf = strdup(leaf);
    b->issuers = strdup(issuers);
    b->key = strdup(key);
    if (!b->leaf || !b->issuers || !b->key)
        return -ENOMEM;
    *ret = TAKE_PTR(b);
    return 0;
}

int bundle_read_chain(const Bundle *b, bool is_authority, Chain **ret)
{
    _cleanup_free_ char *all = NULL;

    if (!b->leaf)
        return -EBADMSG;
    if (asprintf(&all, "%s%s%s", b->leaf, strempty(b->issuers), is_authority ? strempty(b->anchor) : "") < 0)
        return -ENOMEM;
    return chain_from_pem(all, ret);
}
