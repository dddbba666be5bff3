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

/* With its basic constraints replaced by such of a limited path length, and signed anew. */
static void limit_path(Issued *i, const Issued *issuer, const char *constraints)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, constraints);

    X509_EXTENSION_free(
        X509_delete_ext(i->certificate, X509_get_ext_by_NID(i->certificate, NID_basic_constraints, -1)));
    g_assert_cmpint(X509_add_ext(i->certificate, e, -1), ==, 1);
    X509_EXTENSION_free(e);
    g_assert_cmpint(X509_sign(i->certificate, issuer->key, EVP_sha256()), >, 0);
}

/* An authority that permits none below it can sign leaves alone. */
static void test_path_length(void)
{
    for (int limit = 0; limit < 2; limit++) {
        g_autofree char *constraints = g_strdup_printf("critical,CA:TRUE,pathlen:%d", limit);
        _cleanup_issued_ Issued above = authority_of("Above", NULL, &root);
        _cleanup_issued_ Issued below = {};
        _cleanup_upload_result_ UploadResult r = {};

        limit_path(&above, &root, constraints);
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
    g_test_add_func("/upload-checks/authority", test_authority);
    g_test_add_func("/upload-checks/path-length", test_path_length);
    g_test_add_func("/upload-checks/subject", test_subject);
    status = g_test_run();
    pki_done();
    return status;
}
