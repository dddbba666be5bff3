/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/algorithm.h"
#include "crypto/upload-internal.h"
#include "util/text.h"

static void examination_done(Examination *e)
{
    sk_X509_pop_free(e->certificates, X509_free);
    sk_X509_pop_free(e->known, X509_free);
    EVP_PKEY_free(e->key);
    path_done(&e->path);
}

void upload_result_done(UploadResult *result)
{
    report_done(&result->report);
    bundle_free(result->bundle);
    chain_unref(result->chain);
    free(result->missing_issuer);
    strv_free(result->issuer_urls);
    *result = (UploadResult){};
}

/* The upload may have compromised the process that parsed it, so its output is untrusted as well. */
static int decode_certificates(Examination *e)
{
    const Imported *i = e->imported;

    e->certificates = sk_X509_new_null();
    if (!e->certificates)
        return -ENOMEM;
    for (size_t n = 0; n < i->n_certificates; n++) {
        char whose[64];
        int r;

        snprintf(whose, sizeof(whose), "Certificate %zu of the upload", n + 1);
        r = x509_list_add_der(e->certificates, i->certificates + n, whose, problem_of(e, CHECK_KEY));
        if (r < 0)
            return r;
    }
    return 0;
}

static void decode_key(Examination *e)
{
    const Imported *i = e->imported;

    if (i->key.data)
        (void)pkey_from_pkcs8(i->key.data, i->key.size, &e->key, problem_of(e, CHECK_KEY));
    else if (i->key_problem.code != PROBLEM_NONE)
        (void)problem_copy(&i->key_problem, problem_of(e, CHECK_KEY));
    else
        e->result->lacks_key = true;
}

static bool has_key(Examination *e, X509 *x)
{
    return pkey_belongs_to(e->key, x);
}

/* Without a key: a certificate that is no authority, or, if an authority is wanted, that signed none of the others. */
static bool is_end(Examination *e, X509 *x)
{
    if (!e->context->authority)
        return X509_check_ca(x) != 1;
    for (int i = 0; i < sk_X509_num(e->certificates); i++) {
        X509 *other = sk_X509_value(e->certificates, i);

        if (other != x && x509_issued(x, other))
            return false;
    }
    return true;
}

static bool is_current(Examination *e, X509 *x)
{
    return asn1_time_to_seconds(X509_get0_notAfter(x)) >= e->context->now;
}

static bool is_of_kind(Examination *e, X509 *x)
{
    return e->context->authority ? x509_is_self_signed(x) : X509_check_ca(x) != 1;
}

typedef bool (*Matches)(Examination *e, X509 *x);

/* Keeps those that match, if there are any. */
static int narrow(Examination *e, Matches matches, X509 **l, int n)
{
    int kept = 0;

    for (int i = 0; i < n; i++)
        if (matches(e, l[i])) {
            X509 *x = l[kept];

            l[kept++] = l[i];
            l[i] = x;
        }
    return kept > 0 ? kept : n;
}

/* Returns the first of *ret_n certificates that match. Of several certificates for one key, expired ones do not count;
 * for a server, neither does that of an authority. */
static X509 *find_matching(Examination *e, Matches matches, int *ret_n)
{
    X509 *l[LIMIT_CHAIN] = {};
    int n = 0;

    for (int i = 0; i < sk_X509_num(e->certificates); i++)
        if (matches(e, sk_X509_value(e->certificates, i)))
            l[n++] = sk_X509_value(e->certificates, i);
    n = narrow(e, is_current, l, n);
    *ret_n = narrow(e, is_of_kind, l, n);
    return l[0];
}

/* As "openssl req -x509" makes it by default. The common name of an authority may look like a host name of one label. */
static bool is_server_and_authority(X509 *x)
{
    _cleanup_strv_ char **names = NULL;

    if (!x509_is_self_signed(x) || x509_names(x, &names) < 0 || !names)
        return false;
    return X509_get_ext_by_NID(x, NID_subject_alt_name, -1) >= 0 || strpbrk(names[0], ".:");
}

/* A server certificate, or for the root an authority. */
static void check_kind(Examination *e, Problem *problem)
{
    bool is_authority = X509_get_extension_flags(e->leaf) & EXFLAG_CA;

    if (!e->context->authority && is_authority && !is_server_and_authority(e->leaf))
        (void)problem_set(problem, PROBLEM_INVALID_BUNDLE,
                          "The certificate \"%s\" is an authority (CA:TRUE) and not a server; upload the "
                          "server's key, or upload the authority as the root.",
                          SUBJECT(e->leaf));
    else if (e->context->authority && !is_authority)
        (void)problem_set(problem, PROBLEM_NOT_A_CERTIFICATE_AUTHORITY,
                          "The certificate \"%s\" is not an authority: its basic constraints lack CA:TRUE.",
                          SUBJECT(e->leaf));
    else if (e->context->authority && !(X509_get_key_usage(e->leaf) & KU_KEY_CERT_SIGN))
        (void)problem_set(problem, PROBLEM_NOT_A_CERTIFICATE_AUTHORITY,
                          "The authority \"%s\" may not sign certificates: its key usage lacks keyCertSign.",
                          SUBJECT(e->leaf));
}

static void report_leaf(Examination *e)
{
    if (!e->context->authority && X509_check_ca(e->leaf) == 1)
        report_pass(&e->result->report, CHECK_LEAF,
                    "\"%s\"; it is also the certificate of an authority (CA:TRUE): clients that trust it "
                    "trust whatever its key signs.",
                    SUBJECT(e->leaf));
    else
        report_pass(&e->result->report, CHECK_LEAF, "\"%s\".", SUBJECT(e->leaf));
}

static void find_leaf(Examination *e)
{
    Problem *problem = problem_of(e, CHECK_LEAF);
    const char *what = e->context->authority ? "authority" : "leaf";
    int n = 0;

    if (e->key) {
        e->leaf = find_matching(e, has_key, &n);
        if (!e->leaf)
            (void)problem_set(problem_of(e, CHECK_KEY_MATCH), PROBLEM_KEY_MISMATCH,
                              "The private key belongs to none of the certificates in the upload.");
        else
            report_pass(&e->result->report, CHECK_KEY_MATCH, "The private key belongs to the certificate.");
    }
    if (!e->leaf)
        e->leaf = find_matching(e, is_end, &n);
    if (!e->leaf && sk_X509_num(e->certificates) == 1) {
        e->leaf = sk_X509_value(e->certificates, 0);
        n = 1;
    }
    if (n > 1)
        (void)problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "There are %d certificates in the upload that could be the %s; upload only one of them, with "
            "its chain.",
            n, what);
    else if (n == 0)
        (void)problem_set(problem, PROBLEM_INVALID_BUNDLE,
                          "None of the certificates in the upload is a %s: all of them are authorities.",
                          what);
    else {
        check_kind(e, problem);
        (void)upload_check_key(e, e->leaf);
    }
    if (problem->code != PROBLEM_NONE || problem_of(e, CHECK_KEY)->code == PROBLEM_WEAK_KEY)
        e->leaf = NULL;
    else
        report_leaf(e);
}

/* Tries existing keys, for a chain without one. */
static int try_keys(Examination *e)
{
    char *const *keys = e->context->keys;

    for (size_t i = 0; keys && keys[i] && !e->key; i++) {
        EVP_PKEY *key = NULL;
        int r = pkey_from_pem(keys[i], &key);

        if (r == -ENOMEM)
            return r;
        if (r >= 0 && pkey_belongs_to(key, e->leaf))
            e->key = key;
        else
            EVP_PKEY_free(key);
    }
    ERR_clear_error();
    if (!e->key)
        (void)problem_set(
            problem_of(e, CHECK_KEY), PROBLEM_INVALID_BUNDLE,
            "There is no private key in the upload, and none of the stored chains has one that "
            "fits; add the key.");
    else
        report_pass(&e->result->report, CHECK_KEY_MATCH,
                    "There is no private key in the upload; a stored one fits.");
    return 0;
}

static void report_key(Examination *e)
{
    if (e->key)
        report_pass(&e->result->report, CHECK_KEY, "%s.", key_type_to_string(pkey_type(e->key)));
}

/* An authority is useless after the root above it has expired, so the metadata includes that root. */
static int describe(Examination *e)
{
    STACK_OF(X509) *l = sk_X509_dup(e->path.served);
    X509 *top = e->context->authority ? path_at(&e->path, sk_X509_num(l)) : NULL;
    int r = -ENOMEM;

    if (l && (!top || sk_X509_push(l, top) > 0))
        r = chain_from_x509(l, &e->result->chain);
    sk_X509_free(l);
    return r;
}

static int make_bundle(Examination *e)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    int r;

    if (!b)
        return -ENOMEM;
    if ((r = pkey_to_pem(e->key, &b->key)) < 0 || (r = path_to_bundle(&e->path, b)) < 0)
        return r;
    b->chain = chain_ref(e->result->chain);
    e->result->bundle = TAKE_PTR(b);
    return 0;
}

static int examine_leaf(Examination *e)
{
    int r = 0;

    if (e->result->lacks_key)
        r = try_keys(e);
    report_key(e);
    if (r >= 0)
        r = upload_check_path(e);
    if (r >= 0)
        r = describe(e);
    if (r < 0)
        return r;
    upload_check_all(e);
    return report_first_problem(&e->result->report) ? 0 : make_bundle(e);
}

int upload_examine(const Imported *imported, const UploadContext *context, UploadResult *ret)
{
    _cleanup_(examination_done) Examination e = { .imported = imported, .context = context };
    _cleanup_upload_result_ UploadResult result = {};
    int r;

    e.result = &result;
    report_pass(&result.report, CHECK_FORMAT, "%s, %zu certificate%s%s.", imported->format,
                imported->n_certificates, imported->n_certificates == 1 ? "" : "s",
                imported->key.data ? " and a private key" : "");
    r = decode_certificates(&e);
    if (r >= 0) {
        decode_key(&e);
        find_leaf(&e);
        if (e.leaf)
            r = examine_leaf(&e);
        else if (result.lacks_key)
            (void)problem_set(problem_of(&e, CHECK_KEY), PROBLEM_INVALID_BUNDLE,
                              "There is no private key in the upload.");
        else
            report_key(&e);
    }
    if (r < 0 && !report_first_problem(&result.report))
        return r;
    *ret = result;
    result = (UploadResult){};
    return 0;
}
