/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/collector.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "crypto/algorithm.h"
#include "crypto/key.h"

static int add_certificate(Collector *c, Blob *der)
{
    Imported *i = c->imported;

    for (size_t n = 0; n < i->n_certificates; n++)
        if (blob_equal(i->certificates + n, der))
            return 0;
    if (i->n_certificates >= LIMIT_CHAIN)
        return problem_set(
            c->problem, PROBLEM_LIMITS_EXCEEDED,
            "There are more than %d certificates in the upload; upload only the chain of one leaf.",
            LIMIT_CHAIN);
    i->certificates[i->n_certificates++] = TAKE_GENERIC(*der, Blob, (Blob){});
    return 0;
}

static int check_names(Collector *c, X509 *x)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *l = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(l);

    ERR_clear_error();
    if (n <= LIMIT_NAMES)
        return 0;
    return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED,
                       "Certificate %zu of the upload has %d names; at most %d are accepted.", c->n_seen, n,
                       LIMIT_NAMES);
}

static int check_dates(Collector *c, X509 *x)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm) > 0 && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) > 0)
        return 0;
    ERR_clear_error();
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                       "Certificate %zu of the upload has an invalid date.", c->n_seen);
}

/* Limits what is displayed. */
static int check_sizes(Collector *c, X509 *x)
{
    const X509_NAME *names[] = { X509_get_subject_name(x), X509_get_issuer_name(x) };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (i2d_X509_NAME(names[i], NULL) > LIMIT_SUBJECT)
            return problem_set(
                c->problem, PROBLEM_LIMITS_EXCEEDED,
                "Certificate %zu of the upload has a subject or issuer of more than %d bytes.", c->n_seen,
                LIMIT_SUBJECT);
    if (X509_get0_serialNumber(x)->length > LIMIT_SERIAL)
        return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED,
                           "Certificate %zu of the upload has a serial number of more than %d bytes.",
                           c->n_seen, LIMIT_SERIAL);
    return 0;
}

static int take_certificate(Collector *c, X509 *x)
{
    _cleanup_blob_ Blob der = {};
    int r;

    if ((r = check_sizes(c, x)) < 0 || (r = check_dates(c, x)) < 0 || (r = check_names(c, x)) < 0)
        return r;
    if (asn1_to_der(x, ASN1_ITEM_rptr(X509), &der) < 0)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                           "Certificate %zu of the upload is damaged: %s.", c->n_seen, openssl_error());
    return add_certificate(c, &der);
}

int collect_x509(Collector *c, X509 *x)
{
    _cleanup_blob_ Blob der = {};

    if (asn1_to_der(x, ASN1_ITEM_rptr(X509), &der) < 0)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "A certificate of the upload is damaged: %s.",
                           openssl_error());
    return collect_certificate(c, der.data, der.size, NULL);
}

int collect_certificate(Collector *c, const uint8_t *der, size_t size, size_t *ret_used)
{
    _cleanup_x509_ X509 *x = NULL;
    char whose[100];
    int r;

    if (c->key_only) {
        c->n_seen++;
        if (ret_used)
            *ret_used = size;
        return 0;
    }
    c->n_seen++;
    if (c->first_line > 0)
        snprintf(whose, sizeof(whose), "Certificate %zu of the upload (lines %u to %u)", c->n_seen,
                 c->first_line, c->last_line);
    else
        snprintf(whose, sizeof(whose), "Certificate %zu of the upload", c->n_seen);
    r = x509_from_der(der, size, whose, &x, ret_used, c->problem);
    return r < 0 ? r : take_certificate(c, x);
}

/* OpenSSL corrects an inconsistent RSA key when it signs; other implementations do not, and leak the key with the first
 * faulty signature. */
static bool key_is_sound(EVP_PKEY *key)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

    return context && EVP_PKEY_pairwise_check(context) > 0;
}

static int add_key(Collector *c, EVP_PKEY *key, Problem *problem)
{
    Imported *i = c->imported;
    _cleanup_blob_ Blob der = {};
    int r;

    if (!key_is_sound(key))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is damaged: its numbers are inconsistent (%s).",
                           openssl_error());
    r = pkey_to_pkcs8(key, &der);
    if (r < 0)
        return r == -ENOMEM ? r
                            : problem_set(problem, PROBLEM_INVALID_BUNDLE, "The private key is damaged: %s.",
                                          openssl_error());
    if (der.size > LIMIT_KEY)
        return problem_set(problem, PROBLEM_WEAK_KEY, "The private key has more than %d bytes.", LIMIT_KEY);
    if (i->key.data && !blob_equal(&i->key, &der))
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "There is more than one private key in the upload; upload only that of the leaf.");
    if (!i->key.data)
        i->key = TAKE_GENERIC(der, Blob, (Blob){});
    return 0;
}

int collect_key(Collector *c, EVP_PKEY *key, int r, Problem *problem)
{
    Imported *i = c->imported;

    if (r >= 0)
        r = add_key(c, key, problem);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (r == -ENOMEM)
        return r;
    if (r < 0 && i->key_problem.code == PROBLEM_NONE)
        problem_move(problem, &i->key_problem);
    problem_clear(problem);
    return 0;
}

int passphrase_problem(const Collector *c, const char *what, Problem *problem)
{
    if (!c->passphrase)
        return problem_set(problem, PROBLEM_PASSPHRASE_REQUIRED,
                           "%s is encrypted; give its passphrase in the option \"passphrase\".", what);
    return problem_set(problem, PROBLEM_PASSPHRASE_REQUIRED,
                       "%s is encrypted, and the passphrase that was given does not open it.", what);
}
