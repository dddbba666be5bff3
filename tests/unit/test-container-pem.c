/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <openssl/pem.h>

#include "collection.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"
#include "crypto/pem.h"

static Issued leaf;
static char *leaf_pem, *key_pem;

static int read_text(Collection *s, const char *text)
{
    const char *format = NULL;
    int r = read_pem(&s->c, text, &format);

    g_assert_cmpint(r < 0, ==, s->problem.code != PROBLEM_NONE);
    if (r >= 0)
        g_assert_cmpstr(format, ==, "PEM");
    return r;
}

/* The certificate under other labels, and blocks that are none. */
static void test_labels(void)
{
    static const struct {
        const char *label, *words; /* NULL: it is accepted */
        unsigned n;
    } rows[] = {
        { "CERTIFICATE", NULL, 1 },
        { "X509 CERTIFICATE", NULL, 1 },
        { "EC PARAMETERS", "a block \"EC PARAMETERS\"", 0 },
        { "TRUSTED CERTIFICATE", NULL, 1 },
        { "CERTIFICATE REQUEST", "certificate request", 0 },
        { "NEW CERTIFICATE REQUEST", "certificate request", 0 },
        { "PUBLIC KEY", "a public key", 0 },
        { "X509 CRL", "certificate revocation list", 0 },
        { "PKCS7", "PKCS#7", 0 },
        { "PKCS12", "PKCS#12", 0 },
    };
    _cleanup_blob_ Blob der = {};

    g_assert_cmpint(asn1_to_der(leaf.certificate, ASN1_ITEM_rptr(X509), &der), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *text = pem_encode(rows[i].label, der.data, der.size);
        _cleanup_collection_ Collection s = {};
        int r;

        collection_init(&s, false, NULL);
        r = read_text(&s, text);
        if ((r < 0) != (rows[i].words != NULL) ||
            !strstr(strempty(s.problem.text), strempty(rows[i].words)) ||
            s.imported->n_certificates != rows[i].n)
            note_failure("%s: %zu certificates, %s", rows[i].label, s.imported->n_certificates,
                         strempty(s.problem.text));
    }
}

/* What is no part of a chain is passed over when there is something that is. */
static void test_others(void)
{
    _cleanup_collection_ Collection s = {};
    _cleanup_free_ char *request = pem_encode("CERTIFICATE REQUEST", (const uint8_t *)"0\0", 2);
    g_autofree char *text = text_join("Text.\n", request, leaf_pem, "More.\n", NULL);

    collection_init(&s, false, NULL);
    g_assert_cmpint(read_text(&s, text), >, 0);
    g_assert_cmpuint(s.imported->n_certificates, ==, 1);
}

static void test_damaged(void)
{
    g_autofree char *cut = g_strndup(leaf_pem, strlen(leaf_pem) - 10),
                    *text = text_join(leaf_pem, "-----BEGIN CERTIFICATE-----\n!!!!\n", NULL);
    const char *const texts[] = { cut, text }, *const words[] = {
        "Block 1 of the upload (CERTIFICATE, line 1) is cut off: its END line is damaged",
        "Block 2 of the upload (CERTIFICATE, line"
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_collection_ Collection s = {};

        collection_init(&s, false, NULL);
        g_assert_cmpint(read_text(&s, texts[i]), <, 0);
        if (!strstr(s.problem.text, words[i]))
            note_failure("%s: %s", words[i], s.problem.text);
    }
}

static char *encrypted(const char *passphrase, bool traditional)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (traditional)
        g_assert_cmpint(PEM_write_bio_PrivateKey_traditional(bio, leaf.key, EVP_aes_128_cbc(),
                                                             (const uint8_t *)passphrase,
                                                             (int)strlen(passphrase), NULL, NULL),
                        ==, 1);
    else
        g_assert_cmpint(
            PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, EVP_aes_128_cbc(), NULL, 0, NULL, S(passphrase)),
            ==, 1);
    g_assert_cmpint(bio_to_text(bio, &text), ==, 0);
    return text;
}

static void assert_key(const char *text, const char *passphrase, ProblemCode code)
{
    _cleanup_collection_ Collection s = {};

    collection_init(&s, true, passphrase);
    g_assert_cmpint(read_text(&s, text), >, 0);
    g_assert_cmpint(s.imported->key_problem.code, ==, code);
    g_assert_cmpint(s.imported->key.data != NULL, ==, code == PROBLEM_NONE);
}

static void test_keys(void)
{
    _cleanup_free_ char *traditional = traditional_key_pem_of(&leaf),
                        *dsa = pem_encode("DSA PRIVATE KEY", (const uint8_t *)"0\0", 2);

    assert_key(key_pem, NULL, PROBLEM_NONE);
    assert_key(traditional, NULL, PROBLEM_NONE);
    assert_key(dsa, NULL, PROBLEM_WEAK_KEY);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *sealed = encrypted("secret", i);

        assert_key(sealed, "secret", PROBLEM_NONE);
        assert_key(sealed, NULL, PROBLEM_PASSPHRASE_REQUIRED);
        assert_key(sealed, "wrong", PROBLEM_PASSPHRASE_REQUIRED);
    }
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    container_init();
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, NULL, NULL);
    leaf_pem = pem_of(&leaf);
    key_pem = key_pem_of(&leaf);
    g_test_add_func("/container-pem/labels", test_labels);
    g_test_add_func("/container-pem/others", test_others);
    g_test_add_func("/container-pem/damaged", test_damaged);
    g_test_add_func("/container-pem/keys", test_keys);
    status = g_test_run();
    issued_done(&leaf);
    free(leaf_pem);
    free(key_pem);
    return status;
}
