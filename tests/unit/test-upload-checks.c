/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/upload-internal.h"

#include <openssl/x509v3.h>

#include "crypto/algorithm.h"
#include "util/text.h"

/* What the report says of paths that were put together here; whole files are the matter of test-upload.c. */

static Issued root, middle, leaf;

static void pki_make(void)
{
    root = issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    middle = issue(&(CertificateSpec){ .subject = "Middle", .authority = true }, &root, NULL);
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example,DNS:b.example" },
                 &middle, NULL);
}

static void pki_done(void)
{
    issued_done(&root);
    issued_done(&middle);
    issued_done(&leaf);
}

/* The key of the first certificate, and all of them. */
static Imported *imported_of(const Issued *first, const Issued *second, const Issued *third)
{
    const Issued *all[] = { first, second, third };
    Imported *i = calloc(1, sizeof(Imported));

    g_assert_cmpint(pkey_to_pkcs8(first->key, &i->key), ==, 0);
    for (size_t n = 0; n < ELEMENTSOF(all) && all[n]; n++) {
        uint8_t *der = NULL;
        int size = i2d_X509(all[n]->certificate, &der);

        i->certificates[i->n_certificates++] = (Blob){ g_memdup2(der, (gsize)size), (size_t)size };
        OPENSSL_free(der);
    }
    return i;
}

static UploadResult examine(const UploadContext *context, const Issued *first, const Issued *second,
                            const Issued *third)
{
    _cleanup_imported_ Imported *i = imported_of(first, second, third);
    UploadContext c = *context;
    UploadResult result = {};

    c.now = c.now ? c.now : now_seconds();
    g_assert_cmpint(upload_examine(i, &c, &result), ==, 0);
    g_assert_cmpint(result.bundle == NULL, ==, report_first_problem(&result.report) != NULL);
    return result;
}

static void assert_finding(const UploadResult *result, Check c, ProblemCode code, const char *words)
{
    const Finding *f = result->report.findings + c;

    if (f->problem.code != code || finding_passed(f) != (code == PROBLEM_NONE) ||
        !strstr(finding_text(f), words))
        note_failure("%s: %s, \"%s\" without \"%s\"", check_to_string(c),
                     problem_code_to_string(f->problem.code), finding_text(f), words);
}

static void test_passed(void)
{
    char *const names[] = { S("b.example"), NULL };
    _cleanup_upload_result_ UploadResult r =
        examine(&(UploadContext){ .names = names }, &leaf, &middle, &root);

    assert_finding(&r, CHECK_CHAIN, PROBLEM_NONE, "2 certificates, up to the root \"CN=Root\"");
    assert_finding(&r, CHECK_SIGNATURES, PROBLEM_NONE, "All are valid");
    assert_finding(&r, CHECK_VALIDITY, PROBLEM_NONE, "Until 2");
    assert_finding(&r, CHECK_NAMES, PROBLEM_NONE, "a.example, b.example");
    assert_finding(&r, CHECK_PURPOSE, PROBLEM_NONE, "by a server");
    g_assert_null(r.missing_issuer);
    g_assert_null(r.issuer_urls);
}

/* All that is wrong is told at once. */
static void test_all_at_once(void)
{
    char *const names[] = { S("c.example"), NULL };
    _cleanup_issued_ Issued bad = issue(&(CertificateSpec){ .subject = "x",
                                                            .names = "DNS:x.example",
                                                            .usage = "clientAuth",
                                                            .digest = EVP_sha1(),
                                                            .not_before = -2 * DAY,
                                                            .not_after = -DAY },
                                        &middle, NULL);
    _cleanup_upload_result_ UploadResult r =
        examine(&(UploadContext){ .names = names }, &bad, &middle, &leaf);

    assert_finding(&r, CHECK_CHAIN, PROBLEM_CHAIN_INCOMPLETE, "\"CN=a.example\" does not belong");
    assert_finding(&r, CHECK_SIGNATURES, PROBLEM_WEAK_KEY, "SHA1");
    assert_finding(&r, CHECK_VALIDITY, PROBLEM_EXPIRED, "has expired");
    assert_finding(&r, CHECK_NAMES, PROBLEM_NAME_MISMATCH, "not for c.example; it has the names x.example");
    assert_finding(&r, CHECK_PURPOSE, PROBLEM_INVALID_BUNDLE, "serverAuth");
}

/* Other chains here may have what the upload lacks; what they cannot be read from is passed over. */
static void test_completed(void)
{
    _cleanup_free_ char *pem = pem_of(&middle);
    char *const chains[] = { S("no certificate"), pem, NULL };
    _cleanup_upload_result_ UploadResult with =
        examine(&(UploadContext){ .chains = chains }, &leaf, NULL, NULL);
    _cleanup_upload_result_ UploadResult without = examine(&(UploadContext){}, &leaf, NULL, NULL);

    assert_finding(&with, CHECK_CHAIN, PROBLEM_NONE, "2 certificates, completed with known certificates");
    g_assert_cmpstr(with.bundle->issuers, ==, pem);
    g_assert_cmpstr(with.missing_issuer, ==, "CN=Root");
    assert_finding(&without, CHECK_CHAIN, PROBLEM_CHAIN_INCOMPLETE, "\"CN=Middle\", which signed");
    g_assert_cmpstr(without.missing_issuer, ==, "CN=Middle");
}

static void test_not_yet(void)
{
    _cleanup_issued_ Issued early = issue(
        &(CertificateSpec){ .subject = "x", .names = "DNS:x.example", .not_before = 10 * DAY }, &root, NULL);
    _cleanup_upload_result_ UploadResult r = examine(&(UploadContext){}, &early, &root, NULL);

    assert_finding(&r, CHECK_VALIDITY, PROBLEM_NONE, "held back until");
}

/* Another certificate of an authority of the path does no harm. */
static void test_alternative(void)
{
    _cleanup_issued_ Issued other =
        issue(&(CertificateSpec){ .subject = "Other", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued cross =
        issue(&(CertificateSpec){ .subject = "Root", .authority = true }, &other, EVP_PKEY_dup(root.key));
    _cleanup_issued_ Issued below =
        issue(&(CertificateSpec){ .subject = "x", .names = "DNS:x.example" }, &root, NULL);
    _cleanup_upload_result_ UploadResult r = examine(&(UploadContext){}, &below, &cross, &root);

    assert_finding(&r, CHECK_CHAIN, PROBLEM_NONE, "2 certificates");
}

static void add_extension(Issued *i, const Issued *issuer, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    int at = X509_get_ext_by_NID(i->certificate, nid, -1);

    if (at >= 0)
        X509_EXTENSION_free(X509_delete_ext(i->certificate, at));
    g_assert_cmpint(X509_add_ext(i->certificate, e, -1), ==, 1);
    X509_EXTENSION_free(e);
    g_assert_cmpint(X509_sign(i->certificate, issuer->key, EVP_sha256()), >, 0);
}

/* An expired cross-certificate above a root that clients may have is left out, and named. */
static void test_expired_cross(void)
{
    _cleanup_issued_ Issued old = issue(
        &(CertificateSpec){ .subject = "Old", .authority = true, .not_before = -5 * DAY, .not_after = -DAY },
        NULL, NULL);
    _cleanup_issued_ Issued cross = issue(
        &(CertificateSpec){
            .subject = "Root", .authority = true, .not_before = -5 * DAY, .not_after = -DAY },
        &old, EVP_PKEY_dup(root.key));
    _cleanup_upload_result_ UploadResult without = examine(&(UploadContext){}, &leaf, &middle, &cross),
                                         with = examine(&(UploadContext){}, &leaf, &cross, &middle);
    const char *words = "2 certificates; \"CN=Root\", the issuer of the last one, is unknown; "
                        "not needed and left out: \"CN=Root\" (expired).";

    assert_finding(&without, CHECK_CHAIN, PROBLEM_NONE, words);
    assert_finding(&with, CHECK_CHAIN, PROBLEM_NONE, words);
    g_assert_cmpuint(with.bundle->chain->n_entries, ==, 2);
}

/* Nobody serves a root, so its key may have any type; that of an authority between does matter. */
static void test_keys_of_others(void)
{
    EVP_PKEY *const keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_RSA_gen(1024),
                               EVP_EC_gen("secp256k1") };

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_issued_ Issued top =
            issue(&(CertificateSpec){ .subject = "Top", .authority = true }, NULL, keys[i]);
        _cleanup_issued_ Issued between =
            issue(&(CertificateSpec){ .subject = "Between", .authority = true }, &top, NULL);
        _cleanup_issued_ Issued odd =
            issue(&(CertificateSpec){ .subject = "Odd", .authority = true }, &root, EVP_PKEY_dup(keys[i]));
        const CertificateSpec spec = { .subject = "x", .names = "DNS:x.example" };
        _cleanup_issued_ Issued good = issue(&spec, &between, NULL), direct = issue(&spec, &top, NULL),
                                bad = issue(&spec, &odd, NULL);
        _cleanup_upload_result_ UploadResult taken = examine(&(UploadContext){}, &good, &between, &top),
                                             alone = examine(&(UploadContext){}, &direct, &top, NULL),
                                             refused = examine(&(UploadContext){}, &bad, &odd, &root);

        assert_finding(&taken, CHECK_CHAIN, PROBLEM_NONE, "2 certificates, up to the root \"CN=Top\"");
        g_assert_cmpuint(taken.bundle->chain->n_entries, ==, 2);
        assert_finding(&alone, CHECK_CHAIN, PROBLEM_NONE, "1 certificate, up to the root \"CN=Top\"");
        assert_finding(&refused, CHECK_KEY, PROBLEM_WEAK_KEY, "The key of certificate 2 of the upload");
    }
}

/* An old digest of a root does not matter either, even one that cannot be computed any more. */
static void test_digest_of_root(void)
{
    static const unsigned char md2_with_rsa[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                  0xf7, 0x0d, 0x01, 0x01, 0x02 };
    _cleanup_issued_ Issued top =
        issue(&(CertificateSpec){ .subject = "Top", .authority = true, .digest = EVP_md5() }, NULL,
              EVP_RSA_gen(2048));
    _cleanup_issued_ Issued between =
        issue(&(CertificateSpec){ .subject = "Between", .authority = true }, &top, NULL);
    _cleanup_issued_ Issued below =
        issue(&(CertificateSpec){ .subject = "x", .names = "DNS:x.example" }, &between, NULL);
    _cleanup_upload_result_ UploadResult md5 = examine(&(UploadContext){}, &below, &between, &top);
    _cleanup_imported_ Imported *i = imported_of(&below, &between, &top);
    _cleanup_upload_result_ UploadResult md2 = {};
    uint8_t *at = i->certificates[2].data, *end = at + i->certificates[2].size;

    assert_finding(&md5, CHECK_CHAIN, PROBLEM_NONE, "2 certificates, up to the root \"CN=Top\"");
    while ((at = memmem(at, (size_t)(end - at), md2_with_rsa, sizeof(md2_with_rsa) - 1))) {
        at += sizeof(md2_with_rsa) - 1;
        *at = *at == 4 ? 2 : *at; /* md5WithRSAEncryption */
    }
    g_assert_cmpint(upload_examine(i, &(UploadContext){ .now = now_seconds() }, &md2), ==, 0);
    assert_finding(&md2, CHECK_CHAIN, PROBLEM_NONE, "2 certificates, up to the root \"CN=Top\"");
}

/* As "openssl req -x509" makes it; but not an authority that is no server. */
static void test_server_and_authority(void)
{
    _cleanup_issued_ Issued both =
        issue(&(CertificateSpec){ .subject = "x", .names = "DNS:x.example", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued below = issue(
        &(CertificateSpec){ .subject = "x", .names = "DNS:x.example", .authority = true }, &root, NULL);
    char *const names[] = { S("x.example"), NULL }, *const others[] = { S("y.example"), NULL };
    _cleanup_upload_result_ UploadResult good =
                                             examine(&(UploadContext){ .names = names }, &both, NULL, NULL),
                                         other =
                                             examine(&(UploadContext){ .names = others }, &both, NULL, NULL),
                                         authority = examine(&(UploadContext){}, &root, NULL, NULL),
                                         signed_by_root = examine(&(UploadContext){}, &below, &root, NULL);

    assert_finding(&good, CHECK_LEAF, PROBLEM_NONE, "also the certificate of an authority (CA:TRUE)");
    assert_finding(&good, CHECK_CHAIN, PROBLEM_NONE, "self-signed");
    g_assert_cmpuint(good.bundle->chain->n_entries, ==, 1);
    assert_finding(&other, CHECK_NAMES, PROBLEM_NAME_MISMATCH, "not for y.example");
    assert_finding(&authority, CHECK_LEAF, PROBLEM_INVALID_BUNDLE, "not a server");
    assert_finding(&signed_by_root, CHECK_LEAF, PROBLEM_INVALID_BUNDLE, "not a server");
}

/* Of two certificates for one key the valid one; two valid ones are one too many. */
static void test_two_leaves(void)
{
    CertificateSpec spec = { .subject = "x", .names = "DNS:x.example" };
    _cleanup_issued_ Issued valid = issue(&spec, &middle, NULL),
                            twin = issue(&spec, &middle, EVP_PKEY_dup(valid.key)),
                            own = issue(&(CertificateSpec){ .subject = "x",
                                                            .names = "DNS:x.example",
                                                            .authority = true },
                                        NULL, EVP_PKEY_dup(valid.key));
    _cleanup_issued_ Issued expired = {};

    spec.not_before = -2 * DAY;
    spec.not_after = -DAY;
    expired = issue(&spec, &root, EVP_PKEY_dup(valid.key));
    _cleanup_upload_result_ UploadResult first = examine(&(UploadContext){}, &expired, &valid, &middle),
                                         last = examine(&(UploadContext){}, &valid, &expired, &middle),
                                         before = examine(&(UploadContext){}, &own, &valid, &middle),
                                         two = examine(&(UploadContext){}, &valid, &twin, &middle);

    assert_finding(&first, CHECK_CHAIN, PROBLEM_NONE, "not needed and left out: \"CN=x\" (expired).");
    g_assert_cmpuint(first.bundle->chain->n_entries, ==, 2);
    g_assert_true(chain_equal(first.chain, last.chain));
    g_assert_true(chain_equal(first.chain, before.chain));
    assert_finding(&two, CHECK_LEAF, PROBLEM_INVALID_BUNDLE,
                   "2 certificates in the upload that could be the leaf");
}

static void test_key_usage(void)
{
    _cleanup_issued_ Issued x =
        issue(&(CertificateSpec){ .subject = "x", .names = "DNS:x.example" }, &middle, NULL);
    _cleanup_upload_result_ UploadResult good = {}, bad = {};

    add_extension(&x, &middle, NID_key_usage, "critical,keyEncipherment");
    bad = examine(&(UploadContext){}, &x, &middle, NULL);
    assert_finding(&bad, CHECK_PURPOSE, PROBLEM_INVALID_BUNDLE, "(keyUsage) lacks digitalSignature");
    add_extension(&x, &middle, NID_key_usage, "critical,digitalSignature");
    good = examine(&(UploadContext){}, &x, &middle, NULL);
    assert_finding(&good, CHECK_PURPOSE, PROBLEM_NONE, "by a server");
}

static void test_constraints(void)
{
    _cleanup_issued_ Issued limited =
        issue(&(CertificateSpec){ .subject = "Limited", .authority = true }, &root, NULL);
    _cleanup_issued_ Issued wildcard =
        issue(&(CertificateSpec){ .subject = "x", .names = "DNS:*.case.example" }, &limited, NULL);
    _cleanup_issued_ Issued free = issue(&(CertificateSpec){ .subject = "Limited", .authority = true },
                                         &root, EVP_PKEY_dup(limited.key));
    _cleanup_upload_result_ UploadResult bad = {}, good = {};

    add_extension(&limited, &root, NID_name_constraints, "critical,excluded;DNS:secret.case.example");
    bad = examine(&(UploadContext){}, &wildcard, &limited, &root);
    good = examine(&(UploadContext){}, &wildcard, &limited, &free);
    assert_finding(&bad, CHECK_CHAIN, PROBLEM_CHAIN_INCOMPLETE,
                   "\"CN=Limited\" may not sign for every name");
    assert_finding(&good, CHECK_CHAIN, PROBLEM_NONE, "left out: \"CN=Limited\"");
}

static Issued authority_of(const char *subject, const char *usage, const Issued *issuer)
{
    Issued i =
        issue(&(CertificateSpec){ .subject = subject, .usage = usage, .authority = true }, issuer, NULL);

    return i;
}

static void test_authority(void)
{
    _cleanup_issued_ Issued client = authority_of("Client", "clientAuth", &root);
    _cleanup_issued_ Issued below = authority_of("Below", NULL, &client);
    const UploadContext context = { .authority = true };
    _cleanup_upload_result_ UploadResult good = examine(&context, &middle, &root, NULL),
                                         alone = examine(&context, &middle, NULL, NULL),
                                         itself = examine(&context, &root, NULL, NULL),
                                         bad = examine(&context, &below, &client, &root);

    assert_finding(&good, CHECK_PURPOSE, PROBLEM_NONE, "may sign certificates for servers");
    g_assert_false(finding_was_made(good.report.findings + CHECK_NAMES));
    assert_finding(&alone, CHECK_CHAIN, PROBLEM_CHAIN_INCOMPLETE, "up to the root");
    assert_finding(&itself, CHECK_CHAIN, PROBLEM_NONE, "self-signed");
    assert_finding(&bad, CHECK_PURPOSE, PROBLEM_NOT_A_CERTIFICATE_AUTHORITY, "\"CN=Client\"");
}

/* An authority that permits none below it can sign leaves alone. */
static void test_path_length(void)
{
    for (int limit = 0; limit < 2; limit++) {
        g_autofree char *constraints = g_strdup_printf("critical,CA:TRUE,pathlen:%d", limit);
        _cleanup_issued_ Issued above = authority_of("Above", NULL, &root);
        _cleanup_issued_ Issued below = {};
        _cleanup_upload_result_ UploadResult r = {};

        add_extension(&above, &root, NID_basic_constraints, constraints);
        below = authority_of("Below", NULL, &above);
        r = examine(&(UploadContext){ .authority = true }, &below, &above, &root);
        if (limit == 0)
            assert_finding(&r, CHECK_CHAIN, PROBLEM_CHAIN_INCOMPLETE, "\"CN=Above\" does not permit");
        else
            assert_finding(&r, CHECK_CHAIN, PROBLEM_NONE, "2 certificates");
    }
}

/* A subject that is too long to be quoted is told by its serial number. */
static void test_subject(void)
{
    _cleanup_x509_ X509 *x = X509_new();
    char buffer[256];

    for (unsigned n = 1; n <= 9; n++) {
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "OU", MBSTRING_ASC,
                                   (const unsigned char *)"123456789012345678901234567", -1, -1, 0);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1234);
        if (n <= 8)
            g_assert_cmpuint(strlen(subject_of(x, buffer)), ==, 31 * n - 1);
        else
            g_assert_cmpstr(subject_of(x, buffer), ==, "with serial number 1234");
    }
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    pki_make();
    g_test_add_func("/upload-checks/passed", test_passed);
    g_test_add_func("/upload-checks/all-at-once", test_all_at_once);
    g_test_add_func("/upload-checks/completed", test_completed);
    g_test_add_func("/upload-checks/not-yet", test_not_yet);
    g_test_add_func("/upload-checks/alternative", test_alternative);
    g_test_add_func("/upload-checks/expired-cross", test_expired_cross);
    g_test_add_func("/upload-checks/keys-of-others", test_keys_of_others);
    g_test_add_func("/upload-checks/digest-of-root", test_digest_of_root);
    g_test_add_func("/upload-checks/server-and-authority", test_server_and_authority);
    g_test_add_func("/upload-checks/two-leaves", test_two_leaves);
    g_test_add_func("/upload-checks/key-usage", test_key_usage);
    g_test_add_func("/upload-checks/constraints", test_constraints);
    g_test_add_func("/upload-checks/authority", test_authority);
    g_test_add_func("/upload-checks/path-length", test_path_length);
    g_test_add_func("/upload-checks/subject", test_subject);
    status = g_test_run();
    pki_done();
    return status;
}
