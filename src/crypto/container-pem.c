/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"
#include "util/text.h"

/* PEM blocks (RFC 7468), in any order, with other text between them. */

typedef struct Block {
    const char *label, *header;
    uint8_t *der;
    long size;
} Block;

/* Passphrase callback of PEM_do_header(). */
static int give_passphrase(char *buffer, int size, int writing _unused_, void *userdata)
{
    const char *passphrase = userdata;
    size_t length = passphrase ? strlen(passphrase) : 0;

    if (!passphrase || length > (size_t)size)
        return -1;
    memcpy(buffer, passphrase, length);
    return (int)length;
}

/* The encryption used before PKCS#8, specified in the header of the block (RFC 1421 section 4.6.1.1). */
static int decrypt_block(Collector *c, Block *b, Problem *problem)
{
    EVP_CIPHER_INFO cipher;

    if (PEM_get_EVP_CIPHER_INFO((char *)(uintptr_t)b->header, &cipher) <= 0)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is encrypted in an unknown way: %s.", openssl_error());
    if (!cipher.cipher)
        return 0;
    if (!c->passphrase)
        return passphrase_problem(c, "The private key", problem);
    if (PEM_do_header(&cipher, b->der, &b->size, give_passphrase, (void *)(uintptr_t)c->passphrase) > 0)
        return 0;
    if (ERR_GET_REASON(ERR_peek_error()) != EVP_R_BAD_DECRYPT &&
        (ERR_GET_REASON(ERR_peek_last_error()) == EVP_R_UNSUPPORTED_ALGORITHM ||
         ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_EVP))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is encrypted with a cipher that cannot be used here: %s.",
                           openssl_error());
    return passphrase_problem(c, "The private key", problem);
}

static int decode_key(const Block *b, EVP_PKEY **ret, Problem *problem)
{
    size_t size = (size_t)b->size;

    if (strcmp(b->label, PEM_STRING_PKCS8INF) == 0)
        return pkey_from_pkcs8(b->der, size, ret, problem);
    if (strcmp(b->label, PEM_STRING_RSA) == 0)
        return pkey_from_pkcs1(b->der, size, ret, problem);
    if (strcmp(b->label, PEM_STRING_ECPRIVATEKEY) == 0)
        return pkey_from_sec1(b->der, size, ret, problem);
    return problem_set(problem, PROBLEM_WEAK_KEY,
                       "The private key is of the type \"%s\"; " KEYS_ACCEPTED ".", QUOTE(b->label, 40));
}

static int take_key(Collector *c, Block *b)
{
    bool encrypted = strstr(b->header, "ENCRYPTED") != NULL;
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *key = NULL;
    int r;

    r = decrypt_block(c, b, &problem);
    if (r >= 0) {
        r = decode_key(b, &key, &problem);
        if (r == -EBADMSG && encrypted && problem.code == PROBLEM_INVALID_BUNDLE) {
            problem_clear(&problem); /* a wrong passphrase yields noise */
            r = passphrase_problem(c, "The private key", &problem);
        }
    }
    return collect_key(c, key, r, &problem);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && streq(s + n - m, end);
}

static bool is_pkcs7(const char *label)
{
    return streq(label, PEM_STRING_PKCS7) || streq(label, PEM_STRING_PKCS7_SIGNED) ||
           streq(label, PEM_STRING_CMS);
}

static int take_block(Collector *c, Block *b)
{
    size_t size = (size_t)b->size;

    /* some authorities label everything a certificate */
    if (is_pkcs7(b->label) || (streq(b->label, PEM_STRING_X509) && der_is_pkcs7(b->der, size)))
        return read_pkcs7(c, b->der, size);
    if (streq(b->label, PEM_STRING_X509) || streq(b->label, PEM_STRING_X509_OLD))
        return collect_certificate(c, b->der, size, NULL);
    if (streq(b->label, PEM_STRING_X509_TRUSTED))
        return problem_set(
            c->problem, PROBLEM_INVALID_BUNDLE,
            "A block is a TRUSTED CERTIFICATE, a format of OpenSSL alone; convert it with openssl x509.");
    if (streq(b->label, PEM_STRING_PKCS8))
        return read_encrypted_pkcs8(c, b->der, size);
    if (streq(b->label, "PKCS12"))
        return read_pkcs12(c, b->der, size);
    if (ends_with(b->label, "PRIVATE KEY"))
        return take_key(c, b);
    return 0; /* parameters, requests and the like, which are not part of a chain */
}

static int describe_what_is_there(Collector *c, bool requests, bool public_keys, bool lists)
{
    if (c->key_only || c->imported->n_certificates > 0 || c->imported->key.data ||
        c->imported->key_problem.code != PROBLEM_NONE)
        return 0;
    if (requests)
        return problem_set(
            c->problem, PROBLEM_INVALID_BUNDLE,
            "There is a certificate request in the upload and no certificate; upload what the "
            "authority sent back for it.");
    if (public_keys || lists)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                           "There is a %s in the upload and no certificate.",
                           public_keys ? "public key" : "certificate revocation list");
    return 0;
}

static int damaged_block(Collector *c)
{
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "A PEM block of the %s is damaged: %s.",
                       c->key_only ? "key file" : "upload", openssl_error());
}

int read_pem(Collector *c, const char *text, size_t size, const char **ret_format)
{
    _cleanup_bio_ BIO *bio = BIO_new_mem_buf(text, (int)size);
    bool requests = false, public_keys = false, lists = false;
    char *label, *header;
    Block b;
    int r = 0;

    if (!bio)
        return -ENOMEM;
    while (r >= 0 && PEM_read_bio(bio, &label, &header, &b.der, &b.size) > 0) {
        long allocated = b.size;

        b.label = label;
        b.header = header;
        requests |= ends_with(label, "CERTIFICATE REQUEST");
        public_keys |= ends_with(label, "PUBLIC KEY");
        lists |= ends_with(label, "CRL");
        r = take_block(c, &b);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(b.der, (size_t)allocated);
    }
    if (r < 0)
        return r;
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return damaged_block(c);
    ERR_clear_error();
    *ret_format = "PEM";
    return describe_what_is_there(c, requests, public_keys, lists);
}
