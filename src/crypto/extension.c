/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/extension.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>

#include "core/name-constraint.h"
#include "core/name.h"
#include "crypto/authority.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "util/text.h"

#define SERIAL_BITS 128

DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free);
DEFINE_CLEANUP(GENERAL_NAME *, GENERAL_NAME_free);
DEFINE_CLEANUP(GENERAL_SUBTREE *, GENERAL_SUBTREE_free);
DEFINE_CLEANUP(NAME_CONSTRAINTS *, NAME_CONSTRAINTS_free);
DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free);

static int add(X509 *x, int nid, void *value, bool critical)
{
    return X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) > 0 ? 0 : -EIO;
}

int x509_add_basic_constraints(X509 *x, bool ca, int path_length)
{
    BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
    int r;

    if (!bc)
        return -ENOMEM;
    bc->ca = ca ? 0xff : 0;
    if (ca && path_length >= 0) {
        bc->pathlen = ASN1_INTEGER_new();
        if (!bc->pathlen || ASN1_INTEGER_set(bc->pathlen, path_length) <= 0) {
            BASIC_CONSTRAINTS_free(bc);
            return -ENOMEM;
        }
    }
    r = add(x, NID_basic_constraints, bc, true);
    BASIC_CONSTRAINTS_free(bc);
    return r;
}

int x509_add_key_usage(X509 *x, unsigned bits)
{
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    int r = 0;

    if (!usage)
        return -ENOMEM;
    /* OpenSSL's KU_ constants are the encoded first octet: bit 0 is the highest. */
    for (int i = 0; i < 8 && r == 0; i++)
        if (bits & (0x80U >> i))
            r = ASN1_BIT_STRING_set_bit(usage, i, 1) > 0 ? 0 : -ENOMEM;
    if (r == 0)
        r = add(x, NID_key_usage, usage, true);
    ASN1_BIT_STRING_free(usage);
    return r;
}

int x509_add_extended_key_usage(X509 *x, unsigned purposes)
{
    static const struct {
        unsigned purpose;
        int nid;
    } map[] = { { PURPOSE_CLIENT_AUTH, NID_client_auth }, { PURPOSE_IPSEC_IKE, NID_ipsec_IKE } };
    EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
    int r = 0;

    if (!usage || sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_server_auth)) <= 0)
        r = -ENOMEM;
    for (size_t i = 0; i < ELEMENTSOF(map) && r == 0; i++)
        if (purposes & map[i].purpose)
            r = sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(map[i].nid)) > 0 ? 0 : -ENOMEM;
    if (r == 0)
        r = add(x, NID_ext_key_usage, usage, false);
    sk_ASN1_OBJECT_free(usage);
    return r;
}

int x509_add_subject_key_id(X509 *x)
{
    _cleanup_(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    const unsigned char *bits;
    unsigned digest_size;
    int size;

    if (!id)
        return -ENOMEM;
    if (X509_PUBKEY_get0_param(NULL, &bits, &size, NULL, X509_get_X509_PUBKEY(x)) <= 0 ||
        EVP_Digest(bits, (size_t)size, digest, &digest_size, EVP_sha1(), NULL) <= 0)
        return -EIO;
    if (ASN1_OCTET_STRING_set(id, digest, (int)digest_size) <= 0)
        return -ENOMEM;
    return add(x, NID_subject_key_identifier, id, false);
}

int x509_add_authority_key_id(X509 *x, const ASN1_OCTET_STRING *key_id)
{
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    int r;

    if (!id || !key_id) {
        AUTHORITY_KEYID_free(id);
        return -ENOMEM;
    }
    id->keyid = ASN1_OCTET_STRING_dup(key_id);
    r = id->keyid ? add(x, NID_authority_key_identifier, id, false) : -ENOMEM;
    AUTHORITY_KEYID_free(id);
    return r;
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

static int general_name_from_name(GENERAL_NAME *general, const char *name)
{
    uint8_t address[sizeof(struct in6_addr)];

    if (!name_is_address(name))
        return set_general_name(general, GEN_DNS, name, (int)strlen(name));
    if (inet_pton(AF_INET, name, address) == 1)
        return set_general_name(general, GEN_IPADD, address, 4);
    if (inet_pton(AF_INET6, name, address) == 1)
        return set_general_name(general, GEN_IPADD, address, 16);
    return -EINVAL;
}

int x509_add_alternative_names(X509 *x, char *const *names, bool critical)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *l = GENERAL_NAMES_new();
    int r;

    if (!l)
        return -ENOMEM;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_(GENERAL_NAME_freep) GENERAL_NAME *general = GENERAL_NAME_new();

        if (!general)
            return -ENOMEM;
        r = general_name_from_name(general, names[i]);
        if (r < 0)
            return r;
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
