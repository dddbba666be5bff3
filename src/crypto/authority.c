/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/authority.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/digest.h"
#include "crypto/extension.h"
#include "crypto/inspect.h"
#include "crypto/pem.h"
#include "util/text.h"

#define SKEW_SEC        3600 /* clients whose clock is behind: notBefore lies this far back */
#define COMMON_NAME_MAX 64   /* ub-common-name, RFC 5280 appendix A.1 */

struct Authority {
    unsigned n_refs;
    uint64_t generation;
    EVP_PKEY *key;
    X509 *certificate;
    EVP_MD_CTX *signer; /* ready to sign with the key, to be copied */
    char *issuer;       /* its subject as text */
    int64_t not_after;
    const ASN1_OCTET_STRING *key_id; /* in the certificate */
    STACK_OF(X509) * bridges;        /* cross-certificates, newest first */
    char *bridges_pem;
    Chain *bridges_chain; /* NULL: there are none */
    NAME_CONSTRAINTS *constraints;
};

static const EVP_MD *digest_for(EVP_PKEY *key)
{
    switch (pkey_type(key)) {
    case KEY_TYPE_ED25519:
        return NULL;
    case KEY_TYPE_ECDSA_P384:
        return EVP_sha384();
    default:
        return EVP_sha256();
    }
}

static int sign(X509 *x, EVP_PKEY *key)
{
    return X509_sign(x, key, digest_for(key)) > 0 ? 0 : -EIO;
}

static int add_name_entry(X509_NAME *name, int nid, const char *value)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) > 0
               ? 0
               : -EIO;
}

static X509 *certificate_new(void)
{
    X509 *x = X509_new();

    if (x && X509_set_version(x, X509_VERSION_3) <= 0) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/* The predecessor's name is kept, whatever is configured now: it makes the cross-certificate self-issued. */
static int set_root_subject(X509 *x, const RootTemplate *t, const Authority *predecessor)
{
    X509_NAME *name = X509_get_subject_name(x);
    char common_name[COMMON_NAME_MAX + 1];
    int r = 0;

    if (predecessor)
        return X509_set_subject_name(x, X509_get_subject_name(predecessor->certificate)) > 0 ? 0 : -EIO;
    snprintf(common_name, sizeof(common_name), "Certwright root of %s", t->host);
    if (t->organization)
        r = add_name_entry(name, NID_organizationName, t->organization);
    return r < 0 ? r : add_name_entry(name, NID_commonName, common_name);
}

static int add_root_extensions(X509 *x, char *const *constraints)
{
    int r;

    if ((r = x509_add_basic_constraints(x, true, 0)) < 0 ||
        (r = x509_add_key_usage(x, KU_KEY_CERT_SIGN | KU_CRL_SIGN)) < 0 ||
        (r = x509_add_subject_key_id(x)) < 0)
        return r;
    return x509_add_constraints(x, constraints);
}

/* Of a certificate that is not signed yet, which X509_get0_subject_key_id() would take for a broken one. */
static int add_own_key_id(X509 *x)
{
    ASN1_OCTET_STRING *id = X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);
    int r = id ? x509_add_authority_key_id(x, id) : -EIO;

    ASN1_OCTET_STRING_free(id);
    return r;
}

static int make_root(const RootTemplate *t, const Key *key, EVP_PKEY *pkey, const Authority *predecessor,
                     X509 **ret)
{
    _cleanup_x509_ X509 *x = certificate_new();
    char serial[33];
    int r;

    if (!x)
        return -ENOMEM;
    if ((r = set_root_subject(x, t, predecessor)) < 0 || (r = key_set_public(x, key)) < 0 ||
        (r = x509_set_random_serial(x, serial)) < 0 ||
        (r = x509_set_validity(x, t->now - SKEW_SEC, t->now + t->lifetime)) < 0 ||
        (r = add_root_extensions(x, t->constraints)) < 0 || (r = add_own_key_id(x)) < 0)
        return r;
    if (X509_set_issuer_name(x, X509_get_subject_name(x)) <= 0)
        return -EIO;
    r = sign(x, pkey);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

/* The new root's subject and key, signed by the former one. */
static int make_bridge(X509 *root, const Key *key, const RootTemplate *t, const Authority *predecessor,
                       X509 **ret)
{
    int64_t end = MIN(predecessor->not_after, asn1_time_to_seconds(X509_get0_notAfter(root)));
    _cleanup_x509_ X509 *x = certificate_new();
    char serial[33];
    int r;

    if (!x)
        return -ENOMEM;
    if (X509_set_subject_name(x, X509_get_subject_name(root)) <= 0 ||
        X509_set_issuer_name(x, X509_get_subject_name(predecessor->certificate)) <= 0)
        return -EIO;
    if ((r = key_set_public(x, key)) < 0 || (r = x509_set_random_serial(x, serial)) < 0 ||
        (r = x509_set_validity(x, t->now - SKEW_SEC, end)) < 0 ||
        (r = add_root_extensions(x, t->constraints)) < 0 ||
        (r = x509_add_authority_key_id(x, predecessor->key_id)) < 0 || (r = sign(x, predecessor->key)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

static int append_pem(char **text, X509 *x)
{
    _cleanup_free_ char *pem = NULL;
    char *joined;
    int r;

    r = x509_to_pem(x, &pem);
    if (r < 0)
        return r;
    if (asprintf(&joined, "%s%s", strempty(*text), pem) < 0)
        return -ENOMEM;
    free(*text);
    *text = joined;
    return 0;
}

static int bridges_to_pem(X509 *root, const Key *key, const RootTemplate *t, const Authority *predecessor,
                          char **ret)
{
    _cleanup_free_ char *text = strdup("");
    _cleanup_x509_ X509 *bridge = NULL;
    int r;

    if (!text)
        return -ENOMEM;
    if (predecessor && predecessor->not_after > t->now) {
        r = make_bridge(root, key, t, predecessor, &bridge);
        if (r >= 0)
            r = append_pem(&text, bridge);
        for (int i = 0; r >= 0 && i < MIN(sk_X509_num(predecessor->bridges), LIMIT_BRIDGES - 1); i++)
            if (asn1_time_to_seconds(X509_get0_notAfter(sk_X509_value(predecessor->bridges, i))) > t->now)
                r = append_pem(&text, sk_X509_value(predecessor->bridges, i));
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(text);
    return 0;
}

int authority_make_root(const RootTemplate *t, const Authority *predecessor, Bundle **ret, Problem *problem)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    _cleanup_key_ Key *key = NULL;
    _cleanup_x509_ X509 *x = NULL;
    int r;

    if (!b)
        return -ENOMEM;
    if ((r = key_generate(t->key_type, &key)) < 0 || (r = key_to_pem(key, &b->key)) < 0 ||
        (r = pkey_from_pem(b->key, &pkey)) < 0 || (r = make_root(t, key, pkey, predecessor, &x)) < 0 ||
        (r = x509_to_pem(x, &b->leaf)) < 0 ||
        (r = bridges_to_pem(x, key, t, predecessor, &b->issuers)) < 0 ||
        (r = chain_from_pem(b->leaf, &b->chain)) < 0) {
        problem_set(problem, PROBLEM_INTERNAL, "The local root could not be made: %s.", openssl_error());
        return r;
    }
    *ret = TAKE_PTR(b);
    return 0;
}

static int load_bridges(Authority *a, const char *bridges, int64_t now)
{
    int r;

    a->bridges_pem = strdup("");
    if (!a->bridges_pem)
        return -ENOMEM;
    if (isempty(bridges))
        return 0;
    r = x509_list_from_pem(bridges, &a->bridges);
    for (int i = r < 0 ? 0 : sk_X509_num(a->bridges); i > 0; i--)
        if (asn1_time_to_seconds(X509_get0_notAfter(sk_X509_value(a->bridges, i - 1))) <= now)
            X509_free(sk_X509_delete(a->bridges, i - 1));
    for (int i = 0; r >= 0 && i < sk_X509_num(a->bridges); i++)
        r = append_pem(&a->bridges_pem, sk_X509_value(a->bridges, i));
    if (r < 0 || sk_X509_num(a->bridges) == 0)
        return r;
    return chain_from_x509(a->bridges, &a->bridges_chain);
}

static int load(Authority *a, const Bundle *root, int64_t now)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    int r;

    if ((r = pkey_from_pem(root->key, &a->key)) < 0 || (r = x509_list_from_pem(root->leaf, &l)) < 0)
        return r;
    a->certificate = sk_X509_shift(l);
    if (!pkey_belongs_to(a->key, a->certificate) || X509_check_ca(a->certificate) != 1)
        return -EBADMSG;
    r = x509_name_to_text(X509_get_subject_name(a->certificate), &a->issuer);
    if (r < 0)
        return r;
    a->not_after = asn1_time_to_seconds(X509_get0_notAfter(a->certificate));
    a->key_id = X509_get0_subject_key_id(a->certificate);
    a->constraints = X509_get_ext_d2i(a->certificate, NID_name_constraints, NULL, NULL);
    a->signer = EVP_MD_CTX_new();
    if (!a->signer || !a->key_id ||
        EVP_DigestSignInit(a->signer, NULL, digest_for(a->key), NULL, a->key) <= 0)
        return -EIO;
    return load_bridges(a, root->issuers, now);
}

int authority_new(const Bundle *root, uint64_t generation, int64_t now, Authority **ret, Problem *problem)
{
    _cleanup_authority_ Authority *a = calloc(1, sizeof(Authority));
    int r;

    if (!a)
        return -ENOMEM;
    a->n_refs = 1;
    a->generation = generation;
    r = load(a, root, now);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        problem_set(problem, PROBLEM_STORAGE_FAILED, "The stored local root is damaged: %s.",
                    r == -EBADMSG ? "key and certificate do not belong together" : openssl_error());
        return -EBADMSG;
    }
    *ret = TAKE_PTR(a);
    return 0;
}

Authority *authority_ref(Authority *a)
{
    __atomic_add_fetch(&a->n_refs, 1, __ATOMIC_RELAXED);
    return a;
}

Authority *authority_unref(Authority *a)
{
    if (!a || __atomic_sub_fetch(&a->n_refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    EVP_MD_CTX_free(a->signer);
    EVP_PKEY_free(a->key);
    X509_free(a->certificate);
    sk_X509_pop_free(a->bridges, X509_free);
    chain_unref(a->bridges_chain);
    NAME_CONSTRAINTS_free(a->constraints);
    free(a->bridges_pem);
    free(a->issuer);
    free(a);
    return NULL;
}

uint64_t authority_generation(const Authority *a)
{
    return a->generation;
}

int64_t authority_not_after(const Authority *a)
{
    return a->not_after;
}

/* A common name is limited to 64 characters; a name that is longer stands in the alternative names alone,
 * which then are critical (RFC 5280 section 4.2.1.6). */
static bool has_common_name(const Authority *a, const LeafTemplate *t)
{
    /* Constraints on DNS names are applied to a common name without DNS alternative names, address or not. */
    if (a->constraints && name_is_address(t->names[0]))
        return false;
    return strlen(t->names[0]) <= COMMON_NAME_MAX;
}

static int set_leaf_subject(const Authority *a, X509 *x, const LeafTemplate *t)
{
    int r =
        has_common_name(a, t) ? add_name_entry(X509_get_subject_name(x), NID_commonName, t->names[0]) : 0;

    return r < 0 ? r : x509_add_alternative_names(x, t->names, !has_common_name(a, t));
}

static unsigned leaf_key_usage(KeyType type)
{
    bool rsa = type >= KEY_TYPE_RSA_2048 && type <= KEY_TYPE_RSA_4096;

    return rsa ? KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT : KU_DIGITAL_SIGNATURE;
}

static int sign_leaf(Authority *a, X509 *x)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signing = EVP_MD_CTX_new();

    if (!signing)
        return -ENOMEM;
    return EVP_MD_CTX_copy_ex(signing, a->signer) > 0 && X509_sign_ctx(x, signing) > 0 ? 0 : -EIO;
}

static int make_leaf(Authority *a, const LeafTemplate *t, const Key *key, ChainEntry *e,
                     char serial[static 33], X509 **ret)
{
    _cleanup_x509_ X509 *x = certificate_new();
    int r;

    if (!x)
        return -ENOMEM;
    e->not_before = t->now - SKEW_SEC;
    e->not_after = MIN(t->now + t->lifetime, a->not_after);
    if (X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) <= 0)
        return -EIO;
    if ((r = key_set_public(x, key)) < 0 || (r = x509_set_random_serial(x, serial)) < 0 ||
        (r = x509_set_validity(x, e->not_before, e->not_after)) < 0 ||
        (r = x509_add_basic_constraints(x, false, 0)) < 0 ||
        (r = x509_add_key_usage(x, leaf_key_usage(t->key_type))) < 0 ||
        (r = x509_add_extended_key_usage(x, t->purposes)) < 0 || (r = x509_add_subject_key_id(x)) < 0 ||
        (r = x509_add_authority_key_id(x, a->key_id)) < 0 || (r = set_leaf_subject(a, x, t)) < 0 ||
        (r = sign_leaf(a, x)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

static int check_constraints(Authority *a, X509 *x, const char *name, Problem *problem)
{
    if (!a->constraints)
        return 0;
    (void)X509_check_purpose(x, -1, 0); /* fills in what the check below looks at */
    if (NAME_CONSTRAINTS_check(x, a->constraints) == X509_V_OK)
        return 0;
    problem_set(
        problem, PROBLEM_NAME_MISMATCH,
        "The name constraints of the local root do not permit the names of %s; change NameConstraints= and "
        "reissue the root, or leave the name out.",
        name);
    return -ERANGE;
}

static int encode_leaf(X509 *x, Bundle *b, char fingerprint[static 65])
{
    uint8_t *der = NULL, digest[DIGEST_SIZE];
    int size = i2d_X509(x, &der), r = -EIO;

    if (size > 0) {
        r = digest_sha256(der, (size_t)size, digest);
        hex_encode(digest, sizeof(digest), false, fingerprint);
        b->leaf = pem_encode("CERTIFICATE", der, (size_t)size);
    }
    OPENSSL_free(der);
    return r < 0 ? r : b->leaf ? 0 : -ENOMEM;
}

/* The chain of a leaf made here is known without parsing it again, which would cost more than making it. */
static int describe_leaf(Authority *a, const LeafTemplate *t, ChainEntry *leaf, Chain **ret)
{
    ChainEntry entries[1 + LIMIT_BRIDGES];
    char subject[3 + COMMON_NAME_MAX + 1] = "";
    size_t n = 0;

    if (has_common_name(a, t)) /* a canonical name has nothing that RFC 4514 escapes */
        snprintf(subject, sizeof(subject), "CN=%s", t->names[0]);
    leaf->subject = subject;
    leaf->issuer = a->issuer;
    entries[n++] = *leaf;
    for (unsigned i = 0; a->bridges_chain && i < MIN(a->bridges_chain->n_entries, (unsigned)LIMIT_BRIDGES);
         i++)
        entries[n++] = a->bridges_chain->entries[i];
    *ret = chain_new(entries, n, (const char *const *)t->names, strv_length(t->names), t->key_type, false);
    return *ret ? 0 : -ENOMEM;
}

int authority_issue(Authority *a, const LeafTemplate *t, Bundle **ret, Problem *problem)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    char serial[33], fingerprint[65];
    ChainEntry leaf = { .serial = serial, .fingerprint = fingerprint };
    _cleanup_key_ Key *key = NULL;
    _cleanup_x509_ X509 *x = NULL;
    int r;

    if (!b || !(b->issuers = strdup(a->bridges_pem)))
        return -ENOMEM;
    if ((r = key_generate(t->key_type, &key)) < 0 || (r = make_leaf(a, t, key, &leaf, serial, &x)) < 0) {
        problem_set(problem, PROBLEM_INTERNAL, "The local root could not sign for %s: %s.", t->names[0],
                    openssl_error());
        return r;
    }
    if ((r = check_constraints(a, x, t->names[0], problem)) < 0 || (r = key_to_pem(key, &b->key)) < 0 ||
        (r = encode_leaf(x, b, fingerprint)) < 0 || (r = describe_leaf(a, t, &leaf, &b->chain)) < 0)
        return r;
    b->root = a->generation;
    b->purposes = t->purposes;
    *ret = TAKE_PTR(b);
    return 0;
}
