/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"
#include "crypto/pem-block.h"
#include "util/text.h"

/* The contents of PEM blocks (RFC 7468), in any order. */

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
static int decrypt_block(Collector *c, PemBlock *b, Problem *problem)
{
    long size = (long)b->der.size;
    EVP_CIPHER_INFO cipher;

    if (PEM_get_EVP_CIPHER_INFO(b->header, &cipher) <= 0)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is encrypted in an unknown way: %s.", openssl_error());
    if (!cipher.cipher)
        return 0;
    if (!c->passphrase)
        return passphrase_problem(c, "The private key", problem);
    if (PEM_do_header(&cipher, b->der.data, &size, give_passphrase, (void *)(uintptr_t)c->passphrase) > 0) {
        b->der.size = (size_t)size;
        return 0;
    }
    if (ERR_GET_REASON(ERR_peek_error()) != EVP_R_BAD_DECRYPT &&
        (ERR_GET_REASON(ERR_peek_last_error()) == EVP_R_UNSUPPORTED_ALGORITHM ||
         ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_EVP))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is encrypted with a cipher that cannot be used here: %s.",
                           openssl_error());
    return passphrase_problem(c, "The private key", problem);
}

static int decode_key(const PemBlock *b, EVP_PKEY **ret, Problem *problem)
{
    if (streq(b->label, PEM_STRING_PKCS8INF))
        return pkey_from_pkcs8(b->der.data, b->der.size, ret, problem);
    if (streq(b->label, PEM_STRING_RSA))
        return pkey_from_pkcs1(b->der.data, b->der.size, ret, problem);
    if (streq(b->label, PEM_STRING_ECPRIVATEKEY))
        return pkey_from_sec1(b->der.data, b->der.size, ret, problem);
    return problem_set(problem, PROBLEM_WEAK_KEY,
                       "The private key is of the type \"%s\"; " KEYS_ACCEPTED ".", QUOTE(b->label, 40));
}

static int open_key(Collector *c, const PemScanner *s, PemBlock *b, EVP_PKEY **ret, Problem *problem)
{
    bool encrypted = b->header[0] != 0;
    int r;

    if (streq(b->label, "OPENSSH PRIVATE KEY"))
        return problem_set(problem, PROBLEM_WEAK_KEY,
                           "The private key is in the format of OpenSSH; convert a copy of it with "
                           "ssh-keygen -p -m PKCS8 -f FILE.");
    if ((r = pem_block_check(s, b, problem)) < 0 || (r = decrypt_block(c, b, problem)) < 0)
        return r;
    r = decode_key(b, ret, problem);
    if (r == -EBADMSG && encrypted && problem->code == PROBLEM_INVALID_BUNDLE) {
        problem_clear(problem); /* a wrong passphrase yields noise */
        r = passphrase_problem(c, "The private key", problem);
    }
    return r;
}

static int take_key(Collector *c, const PemScanner *s, PemBlock *b)
{
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *key = NULL;
    int r = open_key(c, s, b, &key, &problem);

    return collect_key(c, key, r, &problem);
}

static bool ends_with(const char *s, const char *end)
{
    return text_ends_with(s, end) != NULL;
}

static bool is_pkcs7(const char *label)
{
    return streq(label, PEM_STRING_PKCS7) || streq(label, PEM_STRING_PKCS7_SIGNED) ||
           streq(label, PEM_STRING_CMS);
}

static bool is_certificate(const char *label)
{
    return streq(label, PEM_STRING_X509) || streq(label, PEM_STRING_X509_OLD) ||
           streq(label, "CERTIFICATE CHAIN");
}

/* Trust settings follow the certificate, which are for the own programs of OpenSSL. */
static int take_trusted(Collector *c, const PemBlock *b)
{
    size_t used;

    return collect_certificate(c, b->der.data, b->der.size, &used);
}

static int take_block(Collector *c, const PemScanner *s, PemBlock *b)
{
    const uint8_t *der = b->der.data;
    size_t size = b->der.size;
    int r;

    if (streq(b->label, PEM_STRING_X509_TRUSTED))
        return take_trusted(c, b);
    if (ends_with(b->label, "PRIVATE KEY") && !streq(b->label, PEM_STRING_PKCS8))
        return take_key(c, s, b);
    if (!der)
        return 0; /* parameters, requests and the like, which are not part of a chain */
    r = pem_block_check(s, b, c->problem);
    if (r < 0)
        return r;
    /* some authorities label everything a certificate */
    if (is_pkcs7(b->label) || (is_certificate(b->label) && der_is_pkcs7(der, size)))
        return read_pkcs7(c, der, size);
    if (is_certificate(b->label))
        return collect_certificate(c, der, size, NULL);
    if (streq(b->label, PEM_STRING_PKCS8))
        return read_encrypted_pkcs8(c, der, size);
    return streq(b->label, "PKCS12") ? read_pkcs12(c, der, size) : 0;
}

static bool is_useful(const Collector *c)
{
    const Imported *i = c->imported;

    if (i->key.data || i->key_problem.code != PROBLEM_NONE)
        return true;
    return c->key_only ? c->n_seen > 0 : i->n_certificates > 0;
}

/* Names a block that is not read, when there is nothing else. */
static void describe_block(const char *label, char ret[static PEM_LABEL_MAX + 20])
{
    if (ends_with(label, "PUBLIC KEY"))
        strcpy(ret, "a public key");
    else if (ends_with(label, "CRL"))
        strcpy(ret, "a certificate revocation list");
    else if (ends_with(label, "CERTIFICATE REQUEST"))
        strcpy(ret, "a certificate request");
    else
        snprintf(ret, PEM_LABEL_MAX + 20, "a block \"%s\"", QUOTE(label, PEM_LABEL_MAX));
}

static int describe_what_is_there(Collector *c, const char *label)
{
    char block[PEM_LABEL_MAX + 20];

    if (is_useful(c))
        return 0;
    describe_block(label, block);
    if (c->key_only)
        return problem_set(
            c->problem, PROBLEM_INVALID_BUNDLE,
            "There is %s in the key file and no private key; give the file with the private key.", block);
    return problem_set(
        c->problem, PROBLEM_INVALID_BUNDLE, "There is %s in the upload and no certificate; %s.", block,
        ends_with(label, "CERTIFICATE REQUEST") ? "upload what the authority sent back for it"
                                                : "upload the certificate with its chain and its key");
}

int read_pem(Collector *c, const char *text, const char **ret_format)
{
    PemScanner s = { .what = c->key_only ? "key file" : "upload", .text = text, .problem = c->problem };
    char label[PEM_LABEL_MAX + 1] = "";
    int r;

    for (;;) {
        _cleanup_pem_block_ PemBlock b = {};

        r = pem_scan(&s, &b);
        if (r > 0) {
            strcpy(label, b.label);
            c->first_line = b.first_line;
            c->last_line = b.last_line;
            r = take_block(c, &s, &b);
            r = r < 0 ? r : 1;
        }
        if (r <= 0)
            break;
    }
    if (r < 0 || s.n_blocks == 0)
        return r;
    *ret_format = "PEM";
    r = describe_what_is_there(c, label);
    return r < 0 ? r : (int)s.n_blocks;
}
