/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/upload.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/inspect.h"
#include "util/text.h"

#define SIGNATURE_BITS_MIN 80
#define KEY_SIZE_MAX       4096 /* the DER of an RSA key of 4096 bits has 2,400 bytes */

/* What was found in the text. */
typedef struct Parts {
    STACK_OF(X509) * certificates;
    EVP_PKEY *key;
} Parts;

static void parts_done(Parts *p)
{
    sk_X509_pop_free(p->certificates, X509_free);
    EVP_PKEY_free(p->key);
}

/* The algorithm is looked at before the key is: decoding a key of a type that nobody wants may take seconds. */
static int decode_pkcs8(const uint8_t *der, long size, EVP_PKEY **ret, Problem *problem)
{
    PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, size);
    const ASN1_OBJECT *algorithm;
    char name[80] = "unknown";
    int nid = NID_undef;

    if (!p8 || PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, p8) <= 0) {
        PKCS8_PRIV_KEY_INFO_free(p8);
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is damaged: its PKCS#8 frame cannot be read.");
    }
    nid = OBJ_obj2nid(algorithm);
    OBJ_obj2txt(name, sizeof(name), algorithm, 0);
    if (nid == NID_rsaEncryption || nid == NID_X9_62_id_ecPublicKey)
        *ret = EVP_PKCS82PKEY(p8);
    PKCS8_PRIV_KEY_INFO_free(p8);
    if (nid != NID_rsaEncryption && nid != NID_X9_62_id_ecPublicKey)
        return problem_set(
            problem, PROBLEM_WEAK_KEY,
            "The private key is of the type %s; RSA of 2048 to 4096 bits and ECDSA on P-256, P-384 or "
            "P-521 are accepted.",
            name);
    return 0;
}

static int decode_key(const char *label, const uint8_t *der, long size, EVP_PKEY **ret, Problem *problem)
{
    int r = 0;

    if (size > KEY_SIZE_MAX)
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "The private key is larger than any that is accepted (RSA of %d bits).",
                           LIMIT_RSA_BITS_MAX);
    if (streq(label, PEM_STRING_PKCS8INF))
        r = decode_pkcs8(der, size, ret, problem);
    else
        *ret = d2i_PrivateKey(streq(label, PEM_STRING_RSA) ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL, &der, size);
    if (r < 0)
        return r;
    if (!*ret)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The private key is damaged: %s.",
                           openssl_error());
    if (pkey_type(*ret) < 0)
        return problem_set(
            problem, PROBLEM_WEAK_KEY,
            "The private key has %d bits or a curve that is not accepted; RSA of 2048 to 4096 bits and "
            "ECDSA on P-256, P-384 or P-521 are.",
            EVP_PKEY_get_bits(*ret));
    return 0;
}

static int add_certificate(Parts *p, const uint8_t *der, long size, Problem *problem)
{
    const uint8_t *at = der;
    X509 *x;

    if (sk_X509_num(p->certificates) >= LIMIT_CHAIN)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are more than %d certificates in the upload.", LIMIT_CHAIN);
    x = d2i_X509(NULL, &at, size);
    if (!x || at != der + size || sk_X509_push(p->certificates, x) <= 0) {
        X509_free(x);
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "Certificate %d of the upload is damaged: %s.",
                           sk_X509_num(p->certificates) + 1, openssl_error());
    }
    return 0;
}

static bool is_key_label(const char *label)
{
    return streq(label, PEM_STRING_PKCS8INF) || streq(label, PEM_STRING_RSA) ||
           streq(label, PEM_STRING_ECPRIVATEKEY);
}

static int take_block(Parts *p, const char *label, const char *header, const uint8_t *der, long size,
                      Problem *problem)
{
    EVP_PKEY *key = NULL;
    int r;

    if (streq(label, PEM_STRING_X509) || streq(label, PEM_STRING_X509_OLD))
        return add_certificate(p, der, size, problem);
    if (streq(label, PEM_STRING_X509_TRUSTED))
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "A block is a TRUSTED CERTIFICATE, which only OpenSSL knows; convert it with openssl x509.");
    if (streq(label, PEM_STRING_PKCS8) || strstr(header, "ENCRYPTED"))
        return problem_set(problem, PROBLEM_PASSPHRASE_REQUIRED,
                           "The private key is encrypted; decrypt it first, as with openssl pkey.");
    if (!is_key_label(label)) {
        if (strstr(label, "PRIVATE KEY"))
            return problem_set(problem, PROBLEM_WEAK_KEY,
                               "A block is a \"%.40s\", a type of key that is not accepted.", label);
        return 0;
    }
    r = decode_key(label, der, size, &key, problem);
    if (r >= 0 && p->key)
        r = problem_set(problem, PROBLEM_INVALID_BUNDLE,
                        "There is more than one private key in the upload.");
    if (r >= 0)
        p->key = TAKE_PTR(key);
    EVP_PKEY_free(key);
    return r;
}

static int read_blocks(Parts *p, const char *pem, size_t size, Problem *problem)
{
    _cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, (int)size);
    char *label, *header;
    uint8_t *der;
    long der_size;
    int r = 0;

    if (!bio || !(p->certificates = sk_X509_new_null()))
        return -ENOMEM;
    while (r >= 0 && PEM_read_bio(bio, &label, &header, &der, &der_size) > 0) {
        r = take_block(p, label, header, der, der_size, problem);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)der_size);
    }
    if (r < 0)
        return r;
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "A PEM block of the upload is damaged: %s.",
                           openssl_error());
    ERR_clear_error();
    if (sk_X509_num(p->certificates) == 0)
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "There is no certificate in the upload; it takes PEM text with -----BEGIN CERTIFICATE-----.");
    if (!p->key)
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "There is no private key in the upload; put it into the same text as the certificates.");
    return 0;
}

static X509 *find_leaf(Parts *p)
{
    for (int i = 0; i < sk_X509_num(p->certificates); i++)
        if (pkey_belongs_to(p->key, sk_X509_value(p->certificates, i)))
            return sk_X509_delete(p->certificates, i);
    ERR_clear_error();
    return NULL;
}

/* The signature decides, not the name: several certificates of one authority may have the same name. */
static bool issued(X509 *issuer, X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool yes = X509_check_issued(issuer, x) == X509_V_OK && key && X509_verify(x, key) > 0;

    ERR_clear_error();
    return yes;
}

static bool is_self_signed(X509 *x)
{
    return X509_self_signed(x, 1) > 0;
}

/* Moves the certificates that lead from the leaf upwards into the chain, in order; duplicates and the root stay. */
static int build_chain(Parts *p, STACK_OF(X509) * chain)
{
    X509 *last = sk_X509_value(chain, 0), *next;

    do {
        next = NULL;
        for (int i = 0; i < sk_X509_num(p->certificates) && !next && !is_self_signed(last); i++) {
            X509 *x = sk_X509_value(p->certificates, i);

            if (!is_self_signed(x) && issued(x, last))
                next = sk_X509_delete(p->certificates, i);
        }
        if (next && sk_X509_push(chain, next) <= 0) {
            X509_free(next);
            return -ENOMEM;
        }
        last = next;
    } while (next);
    return 0;
}

static bool is_duplicate(STACK_OF(X509) * chain, X509 *x)
{
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (X509_cmp(sk_X509_value(chain, i), x) == 0)
            return true;
    return false;
}

static int check_leftovers(Parts *p, STACK_OF(X509) * chain, Problem *problem)
{
    for (int i = 0; i < sk_X509_num(p->certificates); i++) {
        X509 *x = sk_X509_value(p->certificates, i);
        _cleanup_free_ char *subject = NULL;

        if (is_duplicate(chain, x) || is_self_signed(x))
            continue;
        if (x509_name_to_text(X509_get_subject_name(x), &subject) < 0)
            return -ENOMEM;
        return problem_set(
            problem, PROBLEM_CHAIN_INCOMPLETE,
            "The certificate \"%.200s\" does not belong to the chain of the leaf: the one that it signed "
            "is missing, or it is from elsewhere. Add what is missing, or leave it out.",
            subject);
    }
    return 0;
}

static int check_one(X509 *x, int at, int64_t now, Problem *problem)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    int digest = NID_undef, bits = 0;

    if (!key || pkey_type(key) < 0)
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "Certificate %d of the chain has a key of a type or length that is not accepted.",
                           at + 1);
    /* The security bits are those of the digest: SHA-1 and below have less than 80. */
    if (X509_get_signature_info(x, &digest, NULL, &bits, NULL) <= 0 || bits < SIGNATURE_BITS_MIN)
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "Certificate %d of the chain is signed with %s, which is broken or unknown.",
                           at + 1, OBJ_nid2sn(digest));
    if (asn1_time_to_seconds(X509_get0_notAfter(x)) < now)
        return problem_set(problem, PROBLEM_EXPIRED, "Certificate %d of the chain has expired.", at + 1);
    if (at > 0 && X509_check_ca(x) != 1)
        return problem_set(
            problem, PROBLEM_CHAIN_INCOMPLETE,
            "Certificate %d of the chain signs the one before but is no certificate authority.", at + 1);
    return 0;
}

static int check_chain(STACK_OF(X509) * chain, int64_t now, Problem *problem)
{
    X509 *leaf = sk_X509_value(chain, 0);
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    for (int i = 0; i < sk_X509_num(chain) && r >= 0; i++)
        r = check_one(sk_X509_value(chain, i), i, now, problem);
    if (r < 0)
        return r;
    if (X509_check_ca(leaf) == 1 && !is_self_signed(leaf))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key belongs to a certificate authority and not to a leaf.");
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The leaf may not be used by a server: its extended key usage lacks serverAuth.");
    r = x509_names(leaf, &names);
    if (r >= 0 && !names)
        return problem_set(problem, PROBLEM_NAME_MISMATCH,
                           "The leaf has no host name and no address in it.");
    if (r >= 0 && strv_length(names) > LIMIT_NAMES)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The leaf has more than %d names.",
                           LIMIT_NAMES);
    return r;
}

static int encode(STACK_OF(X509) * chain, EVP_PKEY *key, Bundle **ret)
{
    _cleanup_bundle_ Bundle *b = calloc(1, sizeof(Bundle));
    int r;

    if (!b)
        return -ENOMEM;
    if ((r = pkey_to_pem(key, &b->key)) < 0 || (r = x509_to_pem(sk_X509_value(chain, 0), &b->leaf)) < 0)
        return r;
    b->issuers = strdup("");
    for (int i = 1; i < sk_X509_num(chain) && b->issuers; i++) {
        _cleanup_free_ char *pem = NULL;
        char *joined = NULL;

        r = x509_to_pem(sk_X509_value(chain, i), &pem);
        if (r < 0)
            return r;
        if (asprintf(&joined, "%s%s", b->issuers, pem) < 0)
            joined = NULL;
        free(b->issuers);
        b->issuers = joined;
    }
    if (!b->issuers)
        return -ENOMEM;
    r = chain_from_x509(chain, &b->chain);
    if (r >= 0)
        *ret = TAKE_PTR(b);
    return r;
}

int upload_parse(const char *pem, size_t size, int64_t now, Bundle **ret, Problem *problem)
{
    _cleanup_x509_stack_ STACK_OF(X509) *chain = sk_X509_new_null();
    _cleanup_(parts_done) Parts p = {};
    X509 *leaf;
    int r;

    if (!chain)
        return -ENOMEM;
    if (size > LIMIT_BUNDLE)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The upload has more than %d bytes.",
                           LIMIT_BUNDLE);
    r = read_blocks(&p, pem, size, problem);
    if (r < 0)
        return r;
    leaf = find_leaf(&p);
    if (!leaf)
        return problem_set(problem, PROBLEM_KEY_MISMATCH,
                           "The private key belongs to none of the certificates in the upload.");
    if (sk_X509_push(chain, leaf) <= 0) {
        X509_free(leaf);
        return -ENOMEM;
    }
    if ((r = build_chain(&p, chain)) < 0 || (r = check_leftovers(&p, chain, problem)) < 0 ||
        (r = check_chain(chain, now, problem)) < 0)
        return r;
    return encode(chain, p.key, ret);
}
