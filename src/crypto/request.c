/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "core/limits.h"
#include "crypto/account-key.h"
#include "crypto/algorithm.h"
#include "crypto/extension.h"
#include "crypto/inspect.h"
#include "crypto/pem-reader.h"
#include "crypto/request.h"
#include "util/text.h"

int request_make_key(KeyType type, char **ret)
{
    _cleanup_key_ Key *key = NULL;
    int r = key_generate(type, &key);

    return r < 0 ? r : key_to_pem(key, ret);
}

/* The extension is that of a certificate, so a temporary one is used to build it. */
static int set_names(X509_REQ *request, char *const *names)
{
    _cleanup_x509_ X509 *x = X509_new();
    int r;

    if (!x)
        return -ENOMEM;
    r = x509_add_alternative_names(x, names, false);
    if (r < 0)
        return r;
    return X509_REQ_add_extensions(request, (STACK_OF(X509_EXTENSION) *)(uintptr_t)X509_get0_extensions(x)) >
                   0
               ? 0
               : -EIO;
}

int request_make(char *const *names, const char *key, char **ret)
{
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    size_t n = strv_length(names);
    _cleanup_blob_ Blob der = {};
    int r;

    if (n == 0 || n > LIMIT_NAMES)
        return n == 0 ? -EINVAL : -E2BIG;
    if (!request)
        return -ENOMEM;
    r = pkey_from_pem(key, &pkey);
    if (r < 0)
        return r;
    if (pkey_check(pkey, "", NULL) < 0)
        return -EINVAL;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) <= 0)
        return -EIO;
    if ((r = pkey_set_public(request, pkey)) < 0 || (r = set_names(request, names)) < 0)
        return r;
    if (X509_REQ_sign(request, pkey, pkey_digest(pkey)) <= 0)
        return -EIO;
    r = asn1_to_der(request, ASN1_ITEM_rptr(X509_REQ), &der);
    if (r < 0)
        return r;
    *ret = base64url_encode(der.data, der.size);
    return *ret ? 0 : -ENOMEM;
}
