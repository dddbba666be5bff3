/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "crypto/authority-internal.h"
#include "crypto/extension.h"
#include "crypto/path.h"
#include "util/text.h"

/* Creates local roots, and the bridges to them for clients of previous roots. */

#define COMMON_NAME_MAX 64 /* ub-common-name, RFC 5280 appendix A.1 */

static bool is_self_issued(const X509 *x)
{
    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

/* For clients of the predecessor and of all former roots, a new name is one more authority in the path. */
static bool may_rename(const Authority *predecessor)
{
    long below = 1;

    if (predecessor->room < 1)
        return false;
    for (int i = 0; i < sk_X509_num(predecessor->bridges); i++) {
        X509 *x = sk_X509_value(predecessor->bridges, i);
        long limit = X509_get_pathlen(x);

        if (limit >= 0 && below > limit)
            return false;
        below += !is_self_issued(x);
    }
    return true;
}

/* Returns true if the name has this organization and no other; NULL: none. */
static bool has_organization(const Authority *a, const char *organization)
{
    const X509_NAME *name = X509_get_subject_name(a->certificate);
    int at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1), size;
    uint8_t *text = NULL;
    bool same;

    if (at < 0 || isempty(organization))
        return at < 0 && isempty(organization);
    size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    same = size == (int)strlen(organization) && memcmp(text, organization, (size_t)size) == 0;
    OPENSSL_free(text);
    return same;
}

static int set_root_subject(X509 *x, const RootTemplate *t, const Authority *predecessor, bool keeps_name)
{
    X509_NAME *name = X509_get_subject_name(x);
    char common_name[COMMON_NAME_MAX + 1];
    int r = 0;

    if (predecessor &&
        ((keeps_name && has_organization(predecessor, t->organization)) || !may_rename(predecessor)))
        return X509_set_subject_name(x, X509_get_subject_name(predecessor->certificate)) > 0 ? 0 : -EIO;
    snprintf(common_name, sizeof(common_name), "Certwright root of %s", t->host);
    text_make_plain(common_name, COMMON_NAME_MAX); /* host names may contain any bytes */
    if (t->organization)
        r = x509_add_name_entry(name, NID_organizationName, t->organization);
    return r < 0 ? r : x509_add_name_entry(name, NID_commonName, common_name);
}

/* A root has no limit on the path: for its clients, its successors are authorities below it, each behind a bridge, with
 * everything above an uploaded one. A bridge has that of what signs it, so that the next root knows it. */
static int add_authority_extensions(X509 *x, long room)
{
    char constraints[64] = "critical,CA:TRUE";
    int r;

    if (room != LONG_MAX)
        snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%ld", MAX(room, 0L));
    r = x509_add_extension(x, "basicConstraints", constraints);
    return r < 0 ? r : x509_add_extension(x, "keyUsage", "critical,keyCertSign,cRLSign");
}

/* For an unsigned certificate, which X509_get0_subject_key_id() would consider broken. */
static int add_own_key_id(X509 *x)
{
    _cleanup_(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *id =
        X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);

    return id ? x509_add_authority_key_id(x, id) : -EIO;
}

static int make_root(const RootTemplate *t, const Key *key, EVP_PKEY *pkey, const Authority *predecessor,
                     bool keeps_name, X509 **ret)
{
    _cleanup_x509_ X509 *x = NULL;
    char serial[33];
    int r;

    if ((r = x509_begin(t->now - SKEW_SEC, t->now + t->lifetime, serial, &x)) < 0 ||
        (r = set_root_subject(x, t, predecessor, keeps_name)) < 0 || (r = key_set_public(x, key)) < 0 ||
        (r = add_authority_extensions(x, LONG_MAX)) < 0 ||
        (r = x509_add_extension(x, "subjectKeyIdentifier", "hash")) < 0 ||
        (r = x509_add_constraints(x, t->constraints)) < 0 || (r = add_own_key_id(x)) < 0 ||
        (r = x509_sign_as(x, X509_get_subject_name(x), pkey)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

/* Extensions that leaves refer to, or that limit them, are the same in the bridge as in the certificate of
 * the authority. */
static int copy_extension(X509 *from, X509 *to, int nid)
{
    int at = X509_get_ext_by_NID(from, nid, -1);

    if (at < 0)
        return 0;
    return X509_add_ext(to, X509_get_ext(from, at), -1) > 0 ? 0 : -EIO;
}

static long room_below(X509 *authority, const Authority *predecessor)
{
    bool renamed = X509_NAME_cmp(X509_get_subject_name(authority),
                                 X509_get_subject_name(predecessor->certificate)) != 0;

    return predecessor->room == LONG_MAX ? LONG_MAX : predecessor->room - renamed;
}

/* Subject and key of the root of the new chains, signed by the former authority. For an intermediate
 * authority, the root above it is signed: OpenSSL picks the first certificate that could have signed another
 * and never tries a second one, so each of them may be in a chain only once. */
static int make_bridge(X509 *authority, const Authority *predecessor, int64_t now, X509 **ret)
{
    int64_t end = MIN(predecessor->not_after, asn1_time_to_seconds(X509_get0_notAfter(authority)));
    _cleanup_x509_ X509 *x = NULL;
    char serial[33];
    int r;

    r = x509_begin(now - SKEW_SEC, end, serial, &x);
    if (r < 0)
        return r;
    if (X509_set_subject_name(x, X509_get_subject_name(authority)) <= 0 ||
        X509_set_pubkey(x, X509_get0_pubkey(authority)) <= 0)
        return -EIO;
    if ((r = add_authority_extensions(x, room_below(authority, predecessor))) < 0 ||
        (r = copy_extension(authority, x, NID_subject_key_identifier)) < 0 ||
        (r = copy_extension(authority, x, NID_name_constraints)) < 0 ||
        (predecessor->key_id && (r = x509_add_authority_key_id(x, predecessor->key_id)) < 0) ||
        (r = x509_sign_as(x, X509_get_subject_name(predecessor->certificate), predecessor->key)) < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

static int append_list(char **text, STACK_OF(X509) * l, int max, int64_t now)
{
    int r = 0;

    for (int i = 0; i < MIN(sk_X509_num(l), max) && r >= 0; i++)
        if (asn1_time_to_seconds(X509_get0_notAfter(sk_X509_value(l, i))) > now)
            r = x509_append_pem(text, sk_X509_value(l, i));
    return r;
}

/* Returns the trust anchor of its clients. */
static X509 *predecessor_end(const Authority *predecessor)
{
    return predecessor->anchor ? predecessor->anchor : predecessor->certificate;
}

static int bridges_to_pem(X509 *authority, const Authority *predecessor, int64_t now, char **ret)
{
    _cleanup_free_ char *text = strdup("");
    _cleanup_x509_ X509 *bridge = NULL;
    int r = 0;

    if (!text)
        return -ENOMEM;
    if (predecessor && x509_is_same_authority(authority, predecessor_end(predecessor)))
        r = append_list(&text, predecessor->bridges, LIMIT_BRIDGES, now);
    else if (predecessor && predecessor->not_after > now &&
             (r = make_bridge(authority, predecessor, now, &bridge)) >= 0 &&
             (r = x509_append_pem(&text, bridge)) >= 0 &&
             (r = append_list(&text, predecessor->upper, LIMIT_CHAIN, now)) >= 0)
        r = append_list(&text, predecessor->bridges, LIMIT_BRIDGES - 1, now);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(text);
    return 0;
}

int authority_bridge(Bundle *root, const Authority *predecessor, int64_t now, Problem *problem)
{
    _cleanup_x509_ X509 *x = NULL;
    char *bridges = NULL;
    int r;

    r = x509_from_pem(isempty(root->anchor) ? root->leaf : root->anchor, &x);
    if (r >= 0)
        r = bridges_to_pem(x, predecessor, now, &bridges);
    if (r < 0) {
        problem_set(problem, PROBLEM_INTERNAL,
                    "The certificate that leads from the new root to the former one could not "
                    "be made: %s.",
                    openssl_error());
        return r;
    }
    free(root->bridges);
    root->bridges = bridges;
    return 0;
}

int authority_make_root(const RootTemplate *t, const Authority *predecessor, bool keeps_name, Bundle **ret,
                        Problem *problem)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    _cleanup_key_ Key *key = NULL;
    _cleanup_x509_ X509 *x = NULL;
    int r;

    if (!b || !(b->issuers = strdup("")))
        return -ENOMEM;
    if ((r = key_generate(t->key_type, &key)) < 0 || (r = key_to_pem(key, &b->key)) < 0 ||
        (r = pkey_from_pem(b->key, &pkey)) < 0 ||
        (r = make_root(t, key, pkey, predecessor, keeps_name, &x)) < 0 ||
        (r = x509_append_pem(&b->leaf, x)) < 0 || (r = chain_from_pem(b->leaf, &b->chain)) < 0) {
        problem_set(problem, PROBLEM_INTERNAL, "The local root could not be created: %s.", openssl_error());
        return r;
    }
    r = authority_bridge(b, predecessor, t->now, problem);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(b);
    return 0;
}
