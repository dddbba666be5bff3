/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/extension.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/name-constraint.h"
#include "core/name.h"
#include "crypto/authority.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "util/text.h"

#define SERIAL_BITS 128

DEFINE_CLEANUP(GENERAL_NAME *, GENERAL_NAME_free);
DEFINE_CLEANUP(GENERAL_SUBTREE *, GENERAL_SUBTREE_free);
DEFINE_CLEANUP(NAME_CONSTRAINTS *, NAME_CONSTRAINTS_free);
DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free);

static int add(X509 *x, int nid, void *value, bool critical)
{
    return X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) > 0 ? 0 : -EIO;
}

int x509_add_extension(X509 *x, const char *name, const char *value)
{
    _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension = NULL;
    X509V3_CTX context;

    X509V3_set_ctx(&context, NULL, x, NULL, NULL, 0);
    extension = X509V3_EXT_nconf(NULL, &context, name, value);
    return extension && X509_add_ext(x, extension, -1) > 0 ? 0 : -EIO;
}

int x509_add_extended_key_usage(X509 *x, unsigned purposes)
{
    char value[64];

    snprintf(value, sizeof(value), "serverAuth%s%s", purposes & PURPOSE_CLIENT_AUTH ? ",clientAuth" : "",
             purposes & PURPOSE_IPSEC_IKE ? ",ipsecIKE" : "");
    return x509_add_extension(x, "extendedKeyUsage", value);
}

int x509_add_authority_key_id(X509 *x, const ASN1_OCTET_STRING *key_id)
{
    _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

    if (!id || !(id->keyid = ASN1_OCTET_STRING_dup(key_id)))
        return -ENOMEM;
    return add(x, NID_authority_key_identifier, id, false);
}

static int set_general_name(GENERAL_NAME *general, int type, const void *data, int size)
{
    ASN1_STRING *value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();

    if (!value || ASN1_STRING_set(value, data, size) <= 0) {
        ASN1_STRING_free(value);
        return -ENOMEM;
    }
    GENERAL_NAME_set0_value(general, type, value);
    return 0;
}

int x509_add_alternative_names(X509 *x, char *const *names, bool critical)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *l = GENERAL_NAMES_new();

    if (!l)
        return -ENOMEM;
    for (size_t i = 0; names[i]; i++) {
        int type = name_is_address(names[i]) ? GEN_IPADD : GEN_DNS;
        _cleanup_(GENERAL_NAME_freep) GENERAL_NAME *general =
            a2i_GENERAL_NAME(NULL, NULL, NULL, type, names[i], 0);

        if (!general)
            return -EINVAL;
        if (sk_GENERAL_NAME_push(l, general) <= 0)
            return -ENOMEM;
        TAKE_PTR(general);
    }
    return add(x, NID_subject_alt_name, l, critical);
}

static int push_constraint(STACK_OF(GENERAL_SUBTREE) * *l, const NameConstraint *c)
{
    _cleanup_(GENERAL_SUBTREE_freep) GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    int r;

    if (!*l)
        *l = sk_GENERAL_SUBTREE_new_null();
    if (!subtree || !*l)
        return -ENOMEM;
    r = c->domain ? set_general_name(subtree->base, GEN_DNS, c->domain, (int)strlen(c->domain))
                  : set_general_name(subtree->base, GEN_IPADD, c->network, c->network_size);
    if (r < 0)
        return r;
    if (sk_GENERAL_SUBTREE_push(*l, subtree) <= 0)
        return -ENOMEM;
    TAKE_PTR(subtree);
    return 0;
}

int x509_add_constraints(X509 *x, char *const *constraints)
{
    _cleanup_(NAME_CONSTRAINTS_freep) NAME_CONSTRAINTS *nc = NULL;
    int r;

    if (strv_length(constraints) == 0)
        return 0;
    nc = NAME_CONSTRAINTS_new();
    if (!nc)
        return -ENOMEM;
    for (size_t i = 0; constraints[i]; i++) {
        NameConstraint c;

        r = name_constraint_parse(constraints[i], &c);
        if (r < 0)
            return r;
        r = push_constraint(c.excluded ? &nc->excludedSubtrees : &nc->permittedSubtrees, &c);
        free(c.domain);
        if (r < 0)
            return r;
    }
    return add(x, NID_name_constraints, nc, true);
}

int x509_set_random_serial(X509 *x, char ret[static 33])
{
    uint8_t random[SERIAL_BITS / 8] = {};

    while (random[0] == 0) /* DER has no leading zero */
        if (random_bytes(random, sizeof(random)) < 0)
            return -EIO;
    if (ASN1_STRING_set(X509_get_serialNumber(x), random, sizeof(random)) <= 0)
        return -ENOMEM;
    hex_encode(random, sizeof(random), true, ret);
    return 0;
}

int x509_set_validity(X509 *x, int64_t not_before, int64_t not_after)
{
    return ASN1_TIME_set(X509_getm_notBefore(x), not_before) &&
                   ASN1_TIME_set(X509_getm_notAfter(x), not_after)
               ? 0
               : -EIO;
}

int x509_begin(int64_t not_before, int64_t not_after, char serial[static 33], X509 **ret)
{
    _cleanup_x509_ X509 *x = X509_new();
    int r;

    if (!x || X509_set_version(x, X509_VERSION_3) <= 0)
        return -ENOMEM;
    if ((r = x509_set_random_serial(x, serial)) < 0 || (r = x509_set_validity(x, not_before, not_after)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

int x509_add_name_entry(X509_NAME *name, int nid, const char *value)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) > 0
               ? 0
               : -EIO;
}

int x509_sign_as(X509 *x, const X509_NAME *issuer, EVP_PKEY *key)
{
    return X509_set_issuer_name(x, issuer) > 0 && X509_sign(x, key, pkey_digest(key)) > 0 ? 0 : -EIO;
}
