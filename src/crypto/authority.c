/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/name.h"
#include "crypto/authority-internal.h"
#include "crypto/digest.h"
#include "crypto/extension.h"
#include "crypto/pem.h"
#include "crypto/permission.h"
#include "util/text.h"

#define COMMON_NAME_MAX 64 /* ub-common-name, RFC 5280 appendix A.1 */

/* Metadata of the certificates above it, one by one, starting with the authority itself. */
static void look_upward(Authority *a, X509 *x, long distance)
{
    long limit = X509_get_pathlen(x);
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);

    a->not_after = MIN(a->not_after, asn1_time_to_seconds(X509_get0_notAfter(x)));
    if (limit >= 0)
        a->room = MIN(a->room, limit - distance);
    if (constraints)
        a->constraints[a->n_constraints++] = constraints;
}

/* The chain above an intermediate authority is part of every chain that it signs, except for the root. */
static int load_upper(Authority *a, const Bundle *root)
{
    _cleanup_x509_stack_ STACK_OF(X509) *issuers = NULL;
    int r = 0;

    a->not_after = INT64_MAX;
    a->room = LONG_MAX;
    look_upward(a, a->certificate, 0);
    if (!isempty(root->issuers))
        r = x509_list_from_pem(root->issuers, &issuers);
    if (r >= 0 && !isempty(root->anchor))
        r = x509_from_pem(root->anchor, &a->anchor);
    if (r < 0 || !a->anchor)
        return r;
    a->upper = sk_X509_new_null();
    if (!a->upper || X509_add_cert(a->upper, a->certificate, X509_ADD_FLAG_UP_REF) <= 0 ||
        X509_add_certs(a->upper, issuers, X509_ADD_FLAG_UP_REF) <= 0)
        return -ENOMEM;
    for (int i = 0; i < sk_X509_num(issuers); i++)
        look_upward(a, sk_X509_value(issuers, i), i + 1);
    look_upward(a, a->anchor, sk_X509_num(issuers) + 1);
    return 0;
}

static int load_bridges(Authority *a, const char *bridges, int64_t now)
{
    int r, room = LIMIT_CHAIN - 1 - MAX(0, sk_X509_num(a->upper));

    if (isempty(bridges))
        return 0;
    r = x509_list_from_pem(bridges, &a->bridges);
    for (int i = r < 0 ? 0 : sk_X509_num(a->bridges); i > 0; i--)
        if (i > room || asn1_time_to_seconds(X509_get0_notAfter(sk_X509_value(a->bridges, i - 1))) <= now)
            X509_free(sk_X509_delete(a->bridges, i - 1));
    return r;
}

static int join_issuers(Authority *a)
{
    STACK_OF(X509) *const parts[] = { a->upper, a->bridges };
    int r = 0;

    a->issuers_pem = strdup("");
    if (!a->issuers_pem)
        return -ENOMEM;
    for (size_t part = 0; part < ELEMENTSOF(parts); part++)
        for (int i = 0; i < sk_X509_num(parts[part]) && r >= 0; i++)
            r = x509_append_pem(&a->issuers_pem, sk_X509_value(parts[part], i));
    return r < 0 || !*a->issuers_pem ? r : chain_from_pem(a->issuers_pem, &a->issuers_chain);
}

static int load(Authority *a, const Bundle *root, int64_t now)
{
    int r;

    if ((r = pkey_from_pem(root->key, &a->key)) < 0 || (r = x509_from_pem(root->leaf, &a->certificate)) < 0)
        return r;
    if (!pkey_belongs_to(a->key, a->certificate) || X509_check_ca(a->certificate) != 1)
        return -EBADMSG;
    r = x509_name_to_text(X509_get_subject_name(a->certificate), &a->issuer);
    if (r < 0)
        return r;
    a->key_id = X509_get0_subject_key_id(a->certificate);
    a->signer = EVP_MD_CTX_new();
    if (!a->signer || EVP_DigestSignInit(a->signer, NULL, pkey_digest(a->key), NULL, a->key) <= 0)
        return -EIO;
    if ((r = load_upper(a, root)) < 0 || (r = load_bridges(a, root->bridges, now)) < 0)
        return r;
    return join_issuers(a);
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
    X509_free(a->anchor);
    sk_X509_pop_free(a->upper, X509_free);
    sk_X509_pop_free(a->bridges, X509_free);
    chain_unref(a->issuers_chain);
    for (unsigned i = 0; i < a->n_constraints; i++)
        NAME_CONSTRAINTS_free(a->constraints[i]);
    free(a->issuers_pem);
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

/* A common name is limited to 64 characters; a longer name is only in the alternative names, which are then
 * critical (RFC 5280 section 4.2.1.6). */
static bool has_common_name(const Authority *a, const LeafTemplate *t)
{
    /* Constraints on DNS names apply to a common name if there are no DNS alternative names, even if it is
     * an address. */
    if (a->n_constraints > 0 && name_is_address(t->names[0]))
        return false;
    /* An authority with the name of the leaf: clients that do not compare key ids would take the leaf for
     * self-signed. */
    if (strncmp(a->issuer, "CN=", 3) == 0 && streq(a->issuer + 3, t->names[0]))
        return false;
    return strlen(t->names[0]) <= COMMON_NAME_MAX;
}

static int set_leaf_subject(const Authority *a, X509 *x, const LeafTemplate *t)
{
    int r = has_common_name(a, t)
                ? x509_add_name_entry(X509_get_subject_name(x), NID_commonName, t->names[0])
                : 0;

    return r < 0 ? r : x509_add_alternative_names(x, t->names, !has_common_name(a, t));
}

static const char *leaf_key_usage(KeyType type)
{
    bool rsa = type >= KEY_TYPE_RSA_2048 && type <= KEY_TYPE_RSA_4096;

    return rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";
}

static int sign_leaf(Authority *a, X509 *x)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signing = EVP_MD_CTX_new();

    if (!signing)
        return -ENOMEM;
    return X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) > 0 &&
                   EVP_MD_CTX_copy_ex(signing, a->signer) > 0 && X509_sign_ctx(x, signing) > 0
               ? 0
               : -EIO;
}

static int make_leaf(Authority *a, const LeafTemplate *t, const Key *key, ChainEntry *e,
                     char serial[static 33], X509 **ret)
{
    _cleanup_x509_ X509 *x = NULL;
    int r;

    /* both ends count (RFC 5280 section 4.1.2.5), and clients that limit lifetimes measure all of it */
    e->not_before = t->now - MIN((int64_t)SKEW_SEC, t->lifetime / 24);
    e->not_after = MIN(e->not_before + t->lifetime - 1, a->not_after);
    if ((r = x509_begin(e->not_before, e->not_after, serial, &x)) < 0 || (r = key_set_public(x, key)) < 0 ||
        (r = x509_add_extension(x, "basicConstraints", "critical,CA:FALSE")) < 0 ||
        (r = x509_add_extension(x, "keyUsage", leaf_key_usage(t->key_type))) < 0 ||
        (r = x509_add_extended_key_usage(x, t->purposes)) < 0 ||
        (r = x509_add_extension(x, "subjectKeyIdentifier", "hash")) < 0 ||
        (a->key_id && (r = x509_add_authority_key_id(x, a->key_id)) < 0) ||
        (r = set_leaf_subject(a, x, t)) < 0 || (r = sign_leaf(a, x)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

static int check_constraints(Authority *a, X509 *x, const char *name, Problem *problem)
{
    bool permitted = true;

    for (unsigned i = 0; i < a->n_constraints && permitted; i++)
        permitted = constraints_permit(a->constraints[i], x);
    if (permitted)
        return 0;
    problem_set(
        problem, PROBLEM_NAME_MISMATCH,
        "The name constraints of the local root do not permit the names of %s; change NameConstraints= and "
        "reissue the root, or remove the name.",
        name);
    return -ERANGE;
}

static int encode_leaf(X509 *x, Bundle *b, char fingerprint[static 65])
{
    uint8_t digest[DIGEST_SIZE];
    _cleanup_blob_ Blob der = {};
    int r;

    if ((r = asn1_to_der(x, ASN1_ITEM_rptr(X509), &der)) < 0 ||
        (r = digest_sha256(der.data, der.size, digest)) < 0)
        return r;
    hex_encode(digest, sizeof(digest), false, fingerprint);
    b->leaf = pem_encode("CERTIFICATE", der.data, der.size);
    return b->leaf ? 0 : -ENOMEM;
}

/* The metadata of a leaf made here is known without parsing it, which would take longer than making it. */
static int describe_leaf(Authority *a, const LeafTemplate *t, ChainEntry *leaf, Chain **ret)
{
    ChainEntry entries[LIMIT_CHAIN];
    char subject[3 + COMMON_NAME_MAX + 1] = "";
    size_t n = 0;

    if (has_common_name(a, t)) /* a canonical name contains nothing that RFC 4514 escapes */
        snprintf(subject, sizeof(subject), "CN=%s", t->names[0]);
    leaf->subject = subject;
    leaf->issuer = a->issuer;
    entries[n++] = *leaf;
    for (unsigned i = 0; a->issuers_chain && i < a->issuers_chain->n_entries && n < LIMIT_CHAIN; i++)
        entries[n++] = a->issuers_chain->entries[i];
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

    if (!b || !(b->issuers = strdup(a->issuers_pem)))
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
