/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mangling.h"

#include <openssl/pem.h>

#include "crypto/algorithm.h"
#include "crypto/container.h"
#include "crypto/key.h"
#include "crypto/pem-block.h"

#define PASSPHRASE "secret"
#define TRIALS     1600

/* A leaf, its issuer and the key of the leaf: what each upload has to come to. */
static Issued root, leaf;
static Blob root_der, leaf_der, key_der;
static char *plain, *sealed; /* all of it; the key of sealed is encrypted in the way from before PKCS#8 */

static char *sealed_key(void)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    g_assert_cmpint(PEM_write_bio_PrivateKey_traditional(bio, leaf.key, EVP_aes_256_cbc(),
                                                         (const uint8_t *)PASSPHRASE,
                                                         (int)strlen(PASSPHRASE), NULL, NULL),
                    ==, 1);
    g_assert_cmpint(bio_to_text(bio, &text), ==, 0);
    return text;
}

static void pki_make(void)
{
    _cleanup_free_ char *root_pem = NULL, *leaf_pem = NULL, *key_pem = NULL, *sealed_pem = NULL;

    root = issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, &root, NULL);
    g_assert_cmpint(asn1_to_der(root.certificate, ASN1_ITEM_rptr(X509), &root_der), ==, 0);
    g_assert_cmpint(asn1_to_der(leaf.certificate, ASN1_ITEM_rptr(X509), &leaf_der), ==, 0);
    g_assert_cmpint(pkey_to_pkcs8(leaf.key, &key_der), ==, 0);
    root_pem = pem_of(&root);
    leaf_pem = pem_of(&leaf);
    key_pem = key_pem_of(&leaf);
    sealed_pem = sealed_key();
    plain = text_join(leaf_pem, root_pem, key_pem, NULL);
    sealed = text_join(leaf_pem, root_pem, sealed_pem, NULL);
}

static void pki_done(void)
{
    issued_done(&root);
    issued_done(&leaf);
    blob_done(&root_der);
    blob_done(&leaf_der);
    blob_done(&key_der);
    g_free(plain);
    g_free(sealed);
}

/* Returns true if all of it was read, and nothing else, or leaves the problem. */
static bool read_whole(const void *data, size_t size, Problem *problem)
{
    const ContainerInput input = { data, size };
    _cleanup_imported_ Imported *i = NULL;

    if (container_read(&input, NULL, PASSPHRASE, &i, problem) < 0)
        return false;
    if (i->key_problem.code != PROBLEM_NONE) {
        problem_move(&i->key_problem, problem);
        return false;
    }
    return i->n_certificates == 2 && blob_equal(i->certificates, &leaf_der) &&
           blob_equal(i->certificates + 1, &root_der) && blob_equal(&i->key, &key_der);
}

static void test_each(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);

    for (size_t i = 0; i < n_manglings; i++)
        for (unsigned k = 0; k < 8; k++) {
            g_autoptr(GString) text = g_string_new(k % 2 ? sealed : plain);
            _cleanup_problem_ Problem problem = {};

            manglings[i].apply(random, text);
            if (!read_whole(text->str, text->len, &problem))
                note_failure("%s, %u: %s\n%s", manglings[i].name, k, strempty(problem.text), text->str);
        }
}

/* Replaces the first place after the marker that begins block n. */
static char *damage(const char *from, const char *to)
{
    g_autofree char *front = NULL;
    const char *at = strstr(plain, from);

    g_assert_nonnull(at);
    front = g_strndup(plain, (gsize)(at - plain));
    return g_strconcat(front, to, at + strlen(from), NULL);
}

static void assert_refused(const char *from, const char *to, const char *words)
{
    g_autofree char *text = damage(from, to);
    _cleanup_problem_ Problem problem = {};

    if (read_whole(text, strlen(text), &problem) || !strstr(strempty(problem.text), words))
        note_failure("\"%s\": %s", words, strempty(problem.text));
}

static void test_damaged(void)
{
    assert_refused("-----END CERTIFICATE-----\n", "",
                   "Block 1 of the upload (CERTIFICATE, line 1) is cut off: before line");
    assert_refused("-----END PRIVATE KEY-----\n", "", "Block 3 of the upload (PRIVATE KEY, line");
    assert_refused("-----BEGIN CERTIFICATE-----\n", "", "ends here, but has no BEGIN line");
    assert_refused("-----END CERTIFICATE", "-----END PRIVATE KEY",
                   "ends with another label, \"PRIVATE KEY\"");
    assert_refused("\nMII", "\nM?I", "its line 2 contains a character that is not part of base64");
    assert_refused("\nMII", "\nMI", "of the upload (");
    assert_refused("\nMII", "\nII", "Block 1 of the upload (CERTIFICATE, lines 1 to");
    assert_refused("-----BEGIN PRIVATE KEY-----\n",
                   "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n", "is empty");
}

/* A line that is missing, and one that is there twice. */
static void test_lines(void)
{
    g_auto(GStrv) lines = g_strsplit(plain, "\n", -1);
    g_autofree char *line = g_strconcat(lines[3], "\n", NULL), *twice = g_strconcat(line, line, NULL);

    assert_refused(line, "", "(CERTIFICATE, lines 1 to");
    assert_refused(line, "", "is cut off: 48 of its");
    assert_refused(line, twice, "48 bytes more than");
}

static void test_prose(void)
{
    static const char *const texts[] = {
        "Paste what is between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE----- here:\n",
        "BEGIN CERTIFICATE\nas they say\n",
        "The end. END CERTIFICATE\n",
        "-----BEGIN PGP SIGNATURE-----\n\n=abcd\n-----END PGP SIGNATURE-----\n",
        "Weekend certificate-----\n",
        "0 s:CN = a.example\n",
        "C:\\new\\root.pem, 100%\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        g_autofree char *text = g_strconcat(texts[i], plain, NULL);
        _cleanup_problem_ Problem problem = {};

        if (!read_whole(text, strlen(text), &problem))
            note_failure("%s: %s", texts[i], strempty(problem.text));
    }
}

/* Of the sentence for people. */
static bool names_block_and_line(const char *text)
{
    return g_regex_match_simple("Block [0-9]+ of the upload \\([^)]*, lines? [0-9]+", strempty(text), 0, 0);
}

typedef struct Tally {
    unsigned n_taken, n_refused, n_other;
} Tally;

static void try_composition(GRand *random, unsigned number, Tally *t)
{
    g_autoptr(GString) text = g_string_new(number % 2 ? sealed : plain), names = g_string_new(NULL);
    unsigned n = 1 + number % 4;
    _cleanup_problem_ Problem problem = {};
    const Mangling *m;

    do {
        m = manglings + g_rand_int_range(random, 0, (gint32)n_manglings);
        m->apply(random, text);
        g_string_append_printf(names, "%s, ", m->name);
    } while (--n > 0 && !m->last);
    if (text->len > LIMIT_BUNDLE)
        return;
    if (read_whole(text->str, text->len, &problem))
        t->n_taken++;
    else if (problem.code == PROBLEM_NONE)
        note_failure("%u, %s: a wrong result of\n%s", number, names->str, text->str);
    else if (names_block_and_line(problem.text))
        t->n_refused++;
    else {
        t->n_other++;
        g_test_message("%u, %s: %s\n%s", number, names->str, problem.text,
                       g_getenv("VERBOSE") ? text->str : "");
    }
}

static void test_compositions(void)
{
    Sample s = sample_of(TRIALS);
    g_autoptr(GRand) random = g_rand_new_with_seed(s.seed);
    Tally t = {};

    for (int i = 0; i < s.n; i++)
        try_composition(random, (unsigned)i, &t);
    g_test_message("seed %u: %u taken, %u refused with their place, %u without", s.seed, t.n_taken,
                   t.n_refused, t.n_other);
    g_assert_cmpuint(t.n_other, ==, 0);
    g_assert_cmpuint(t.n_taken, >, 3 * t.n_refused);
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    container_init();
    pki_make();
    g_test_add_func("/pem-block/each", test_each);
    g_test_add_func("/pem-block/damaged", test_damaged);
    g_test_add_func("/pem-block/lines", test_lines);
    g_test_add_func("/pem-block/prose", test_prose);
    g_test_add_func("/pem-block/compositions", test_compositions);
    status = g_test_run();
    pki_done();
    return status;
}
