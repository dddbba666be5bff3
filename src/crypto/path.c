/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/path.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/algorithm.h"
#include "crypto/permission.h"
#include "util/text.h"

#define AUTH_LEVEL 1 /* SSL_CTX_set_security_level(3): 80 bits, so no SHA-1 */

bool x509_is_named_issuer(X509 *issuer, X509 *x)
{
    int check = X509_check_issued(issuer, x);

    ERR_clear_error();
    return check == X509_V_OK || check == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

bool x509_issued(X509 *issuer, X509 *x)
{
    EVP_PKEY *key;
    bool yes;

    if (!x509_is_named_issuer(issuer, x))
        return false;
    key = X509_get0_pubkey(issuer);
    yes = key && pkey_can_verify(key) && X509_verify(x, key) > 0;
    ERR_clear_error();
    return yes;
}

/* A signature that cannot be checked, such as one with MD2, is believed of a root, as nobody looks at it. */
bool x509_is_self_signed(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    int r = X509_self_signed(x, key && pkey_can_verify(key));

    ERR_clear_error();
    return r > 0 || (r < 0 && X509_self_signed(x, 0) > 0 && X509_check_ca(x) > 0);
}

bool x509_list_contains(STACK_OF(X509) * l, X509 *x)
{
    for (int i = 0; i < sk_X509_num(l); i++)
        if (X509_cmp(sk_X509_value(l, i), x) == 0)
            return true;
    return false;
}

bool x509_is_same_authority(X509 *a, X509 *b)
{
    return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
           X509_PUBKEY_eq(X509_get_X509_PUBKEY(a), X509_get_X509_PUBKEY(b)) == 1;
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

/* Faults of the leaf are the same on each path; whether its names are permitted is not. */
static int forgive_leaf(int ok, X509_STORE_CTX *context)
{
    int error = X509_STORE_CTX_get_error(context);

    return ok ||
           (X509_STORE_CTX_get_error_depth(context) == 0 &&
            (error == X509_V_ERR_INVALID_PURPOSE || error == X509_V_ERR_CA_MD_TOO_WEAK ||
             error == X509_V_ERR_EE_KEY_TOO_SMALL || error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION));
}

/* Replaces the check of signatures and dates. */
static int skip_signatures(X509_STORE_CTX *context _unused_)
{
    return 1;
}

/* quick: signatures and dates are checked already, and the faults of the leaf do not matter. */
static int run_verification(const Path *p, int purpose, int64_t now, bool quick, int *ret_depth)
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
        if (quick) {
            X509_STORE_CTX_set_verify_cb(context, forgive_leaf);
            X509_STORE_CTX_set_verify(context, skip_signatures);
        }
        error = X509_verify_cert(context) > 0 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        *ret_depth = X509_STORE_CTX_get_error_depth(context);
        if (error == X509_V_OK && X509_STORE_CTX_get0_chain(context) == NULL)
            error = X509_V_ERR_UNSPECIFIED;
    }
    ERR_clear_error();
    return error;
}

int path_verify(const Path *p, int purpose, int64_t now, int *ret_depth)
{
    return run_verification(p, purpose, now, false, ret_depth);
}

bool path_is_acceptable(const Path *p, bool for_authority, int64_t now)
{
    int depth, purpose = for_authority ? X509_PURPOSE_ANY : X509_PURPOSE_SSL_SERVER;

    return run_verification(p, purpose, now, true, &depth) == X509_V_OK &&
           !(for_authority ? path_find_short(p) : path_find_constraining(p));
}

X509 *path_find_short(const Path *p)
{
    int below = 0;
    X509 *x;

    for (int i = 0; (x = path_at(p, i)); i++) {
        long limit = X509_get_pathlen(x);

        if (limit >= 0 && below > limit)
            return x;
        below += !(X509_get_extension_flags(x) & EXFLAG_SI);
    }
    return NULL;
}

/* By name alone: an issuer with another key, or one whose key cannot be examined, is no stranger. */
static bool is_related(X509 *x, X509 *other)
{
    const X509_NAME *name = X509_get_subject_name(x);

    return X509_NAME_cmp(name, X509_get_issuer_name(other)) == 0 ||
           (X509_check_ca(x) > 0 && X509_NAME_cmp(name, X509_get_subject_name(other)) == 0);
}

static bool is_related_to_any(X509 *x, STACK_OF(X509) * l)
{
    for (int i = 0; i < sk_X509_num(l); i++)
        if (is_related(x, sk_X509_value(l, i)))
            return true;
    return false;
}

/* Moves related certificates to the list of related ones until none is left. */
static X509 *sort_related(STACK_OF(X509) * rest, STACK_OF(X509) * related)
{
    for (int i = 0; i < sk_X509_num(rest); i++)
        if (is_related_to_any(sk_X509_value(rest, i), related)) {
            (void)sk_X509_push(related, sk_X509_delete(rest, i));
            i = -1;
        }
    return sk_X509_value(rest, 0);
}

static bool is_for_key_of(X509 *x, X509 *leaf)
{
    bool yes = EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(leaf)) == 1;

    ERR_clear_error();
    return yes;
}

X509 *path_find_unrelated(const Path *p, STACK_OF(X509) * l)
{
    STACK_OF(X509) *rest = sk_X509_new_reserve(NULL, sk_X509_num(l)),
                   *related = sk_X509_new_reserve(NULL, sk_X509_num(l) + sk_X509_num(p->served));
    X509 *leaf = path_at(p, 0), *x = NULL;

    for (int i = 0; rest && related && i < sk_X509_num(p->served); i++)
        (void)sk_X509_push(related, sk_X509_value(p->served, i));
    for (int i = 0; rest && related && i < sk_X509_num(l); i++) {
        x = sk_X509_value(l, i);
        if (!x509_list_contains(p->served, x))
            (void)sk_X509_push(is_for_key_of(x, leaf) ? related : rest, x);
    }
    x = rest && related ? sort_related(rest, related) : NULL;
    sk_X509_free(rest);
    sk_X509_free(related);
    return x;
}

X509 *path_find_constraining(const Path *p)
{
    X509 *x;

    for (int i = 1; (x = path_at(p, i)); i++)
        if (!x509_permits_names(x, path_at(p, 0)))
            return x;
    return NULL;
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
