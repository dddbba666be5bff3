/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/path.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/algorithm.h"
#include "util/text.h"

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free);
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free);
#define _cleanup_store_   _cleanup_(X509_STORE_freep)
#define _cleanup_context_ _cleanup_(X509_STORE_CTX_freep)

#define AUTH_LEVEL 1 /* SSL_CTX_set_security_level(3): 80 bits, so no SHA-1 */

bool x509_issued(X509 *issuer, X509 *x)
{
    bool yes = false;
    EVP_PKEY *key;

    if (X509_check_issued(issuer, x) == X509_V_OK ||
        X509_check_issued(issuer, x) == X509_V_ERR_KEYUSAGE_NO_CERTSIGN) {
        key = X509_get0_pubkey(issuer);
        yes = key && pkey_check(key, "", NULL) >= 0 && X509_verify(x, key) > 0;
    }
    ERR_clear_error();
    return yes;
}

bool x509_is_self_signed(X509 *x)
{
    bool yes = X509_self_signed(x, 1) > 0;

    ERR_clear_error();
    return yes;
}

bool x509_list_contains(STACK_OF(X509) * l, X509 *x)
{
    for (int i = 0; i < sk_X509_num(l); i++)
        if (X509_cmp(sk_X509_value(l, i), x) == 0)
            return true;
    return false;
}

/* Among those that signed x, prefers one with an issuer above it to a root: older clients may need it. */
static X509 *find_issuer(STACK_OF(X509) * l, X509 *x, const Path *p)
{
    X509 *root = NULL;

    for (int i = 0; i < sk_X509_num(l); i++) {
        X509 *candidate = sk_X509_value(l, i);

        if (x509_list_contains(p->served, candidate) || !x509_issued(candidate, x))
            continue;
        if (!x509_is_self_signed(candidate))
            return candidate;
        if (!root)
            root = candidate;
    }
    return root;
}

/* The directory is searched by subject hash, so only a few of its files are read. */
static int load_directory(const char *directory, const X509_NAME *subject, STACK_OF(X509) * *ret)
{
    _cleanup_context_ X509_STORE_CTX *context = X509_STORE_CTX_new();
    _cleanup_store_ X509_STORE *store = X509_STORE_new();
    X509_LOOKUP *lookup = store ? X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir()) : NULL;

    if (!context || !lookup)
        return -ENOMEM;
    if (X509_LOOKUP_add_dir(lookup, directory, X509_FILETYPE_PEM) > 0 &&
        X509_STORE_CTX_init(context, store, NULL, NULL) > 0)
        *ret = X509_STORE_CTX_get1_certs(context, (X509_NAME *)(uintptr_t)subject);
    ERR_clear_error();
    return 0;
}

bool x509_is_same_authority(X509 *a, X509 *b)
{
    return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
           X509_PUBKEY_eq(X509_get_X509_PUBKEY(a), X509_get_X509_PUBKEY(b)) == 1;
}

/* If the issuer of the last one is unknown, it may be the cross-certificate of an authority that also has a
 * self-signed one. */
static X509 *find_twin(STACK_OF(X509) * l, X509 *x, const Path *p _unused_)
{
    for (int i = 0; i < sk_X509_num(l); i++) {
        X509 *candidate = sk_X509_value(l, i);

        if (x509_is_same_authority(candidate, x) && x509_is_self_signed(candidate))
            return candidate;
    }
    return NULL;
}

/* Picks a certificate for x: from the upload, else a known one, else one of this subject in the directory. */
static int find(const PathSources *sources, const X509_NAME *subject,
                X509 *(*pick)(STACK_OF(X509) * l, X509 *x, const Path *p), X509 *x, const Path *p,
                X509 **ret)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    X509 *found = pick(sources->uploaded, x, p);
    int r;

    if (!found)
        found = pick(sources->known, x, p);
    if (!found && !isempty(sources->directory)) {
        r = load_directory(sources->directory, subject, &l);
        if (r < 0)
            return r;
        found = pick(l, x, p);
    }
    if (found && X509_up_ref(found) <= 0)
        return -ENOMEM;
    *ret = found;
    return 0;
}

static int push(Path *p, X509 *x)
{
    if (sk_X509_num(p->served) >= LIMIT_CHAIN) {
        X509_free(x);
        return -E2BIG;
    }
    if (sk_X509_push(p->served, x) <= 0) {
        X509_free(x);
        return -ENOMEM;
    }
    return 0;
}

/* Finds an uploaded certificate that should have signed x according to name and key id, but did not. This
 * may be the leaf itself. */
static X509 *find_pretender(STACK_OF(X509) * l, X509 *x, bool is_leaf)
{
    X509 *found = NULL;

    for (int i = 0; i < sk_X509_num(l) && !found; i++) {
        X509 *candidate = sk_X509_value(l, i);
        int check = X509_check_issued(candidate, x);

        if ((is_leaf || candidate != x) &&
            (check == X509_V_OK || check == X509_V_ERR_KEYUSAGE_NO_CERTSIGN) && X509_up_ref(candidate) > 0)
            found = candidate;
    }
    ERR_clear_error();
    return found;
}

static void end_at_root(Path *p, X509 *root, int64_t now)
{
    if (asn1_time_to_seconds(X509_get0_notAfter(root)) >= now)
        p->anchor = root;
    else
        p->expired_root = root;
}

static int end_below(Path *p, X509 *last, const PathSources *sources)
{
    int r = find(sources, X509_get_subject_name(last), find_twin, last, p, &p->anchor);

    if (!p->anchor)
        p->pretender = find_pretender(sources->uploaded, last, sk_X509_num(p->served) == 1);
    return r;
}

static int climb(Path *p, X509 *x, const PathSources *sources, int64_t now)
{
    int r;

    for (;;) {
        X509 *next = NULL;

        r = push(p, x);
        if (r < 0)
            return r;
        if (x509_is_self_signed(x))
            return X509_up_ref(p->anchor = x) > 0 ? 0 : -ENOMEM;
        r = find(sources, X509_get_issuer_name(x), find_issuer, x, p, &next);
        if (r < 0)
            return r;
        p->completed |= next && !x509_list_contains(sources->uploaded, next);
        if (!next)
            return end_below(p, x, sources);
        if (x509_is_self_signed(next)) {
            end_at_root(p, next, now);
            return 0;
        }
        x = next;
    }
}

int path_build(X509 *x, const PathSources *sources, int64_t now, Path *ret)
{
    _cleanup_path_ Path p = { .served = sk_X509_new_null() };
    int r;

    if (!p.served || X509_up_ref(x) <= 0)
        return -ENOMEM;
    r = climb(&p, x, sources, now);
    if (r < 0)
        return r;
    *ret = p;
    p = (Path){};
    return 0;
}

void path_done(Path *p)
{
    sk_X509_pop_free(p->served, X509_free);
    X509_free(p->anchor);
    X509_free(p->expired_root);
    X509_free(p->pretender);
    *p = (Path){};
}

X509 *path_at(const Path *p, int depth)
{
    int n = sk_X509_num(p->served);

    if (depth < n)
        return sk_X509_value(p->served, depth);
    return depth == n && p->anchor != sk_X509_value(p->served, 0) ? p->anchor : NULL;
}

int path_to_bundle(const Path *p, Bundle *b)
{
    int n = sk_X509_num(p->served), r = x509_append_pem(&b->leaf, path_at(p, 0));

    b->issuers = strdup("");
    if (!b->issuers)
        return -ENOMEM;
    for (int i = 1; i < n && r >= 0; i++)
        r = x509_append_pem(&b->issuers, path_at(p, i));
    if (r >= 0 && path_at(p, n))
        r = x509_append_pem(&b->anchor, path_at(p, n));
    return r;
}

/* For a path that is not valid yet, the time when all of it is. */
static int64_t moment_of_validity(const Path *p, int64_t now)
{
    X509 *x;

    for (int i = 0; (x = path_at(p, i)); i++)
        now = MAX(now, asn1_time_to_seconds(X509_get0_notBefore(x)));
    return now;
}

int path_verify(const Path *p, int purpose, int64_t now, int *ret_depth)
{
    _cleanup_context_ X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *leaf = sk_X509_value(p->served, 0);
    X509 *trusted = p->anchor ? p->anchor : sk_X509_value(p->served, sk_X509_num(p->served) - 1);
    _cleanup_store_ X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *parameters;
    int error = X509_V_ERR_UNSPECIFIED;

    *ret_depth = 0;
    if (context && store && X509_STORE_add_cert(store, trusted) > 0 &&
        X509_STORE_CTX_init(context, store, leaf, p->served) > 0) {
        parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(parameters, (time_t)moment_of_validity(p, now));
        X509_VERIFY_PARAM_set_purpose(parameters, purpose);
        X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
        if (!p->anchor)
            X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
        error = X509_verify_cert(context) > 0 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        *ret_depth = X509_STORE_CTX_get_error_depth(context);
        if (error == X509_V_OK && X509_STORE_CTX_get0_chain(context) == NULL)
            error = X509_V_ERR_UNSPECIFIED;
    }
    ERR_clear_error();
    return error;
}

int x509_issuer_urls(X509 *x, char ***ret)
{
    AUTHORITY_INFO_ACCESS *l = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);
    int r = 0;

    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(l) && r >= 0; i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(l, i);
        _cleanup_free_ char *url = NULL;

        if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers || d->location->type != GEN_URI)
            continue;
        url = strndup((const char *)d->location->d.uniformResourceIdentifier->data,
                      (size_t)d->location->d.uniformResourceIdentifier->length);
        if (!url)
            r = -ENOMEM;
        else if (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0)
            r = strv_extend(ret, url);
    }
    AUTHORITY_INFO_ACCESS_free(l);
    ERR_clear_error();
    return r;
}
