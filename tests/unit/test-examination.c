/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"
#include "util/memfd.h"

/* From a descriptor to what is to be thought of it, with what the store has to add. */

#define NAME "www.example.com"

typedef struct Examined {
    unsigned n;
    ProblemCode problem, first;
    Check check; /* that found it */
    bool has_bundle;
    unsigned n_entries;
} Examined;

static void on_examined(UploadResult *result, const Problem *problem, void *userdata)
{
    const Problem *first = report_first_problem(&result->report);
    Examined *e = userdata;

    *e = (Examined){ e->n + 1,   problem->code,  first ? first->code : PROBLEM_NONE,
                     _CHECK_MAX, result->bundle, result->chain ? result->chain->n_entries : 0 };
    for (Check c = 0; first && c < _CHECK_MAX; c++)
        if (&result->report.findings[c].problem == first)
            e->check = c;
}

static bool is_examined(void *userdata)
{
    return ((Examined *)userdata)->n > 0;
}

static Examined examine(Service *s, Certificate *target, const char *pem)
{
    const UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    _cleanup_close_ int fd = memfd_new("upload", pem, strlen(pem));
    Examined e = {};

    g_assert_cmpint(manager_examine(s->manager, target, fd, &options, on_examined, &e, NULL), >=, 0);
    g_assert_cmpuint(examiner_pending(s->manager->examiner), ==, 1);
    loop_until(s->event, is_examined, &e);
    g_assert_cmpuint(examiner_pending(s->manager->examiner), ==, 0);
    g_assert_cmpuint(e.n, ==, 1);
    g_assert_cmpint(e.problem, ==, PROBLEM_NONE);
    g_assert_cmpint(e.has_bundle, ==, e.first == PROBLEM_NONE);
    return e;
}

static Issued leaf_of(const Issued *issuer, EVP_PKEY *key)
{
    return issue(&(CertificateSpec){ .subject = NAME, .names = "DNS:" NAME, .usage = "serverAuth" }, issuer,
                 key);
}

/* A certificate that was renewed with the key of the one before comes without it. */
static void test_key_from_store(void)
{
    _cleanup_issued_ Issued first = leaf_of(NULL, NULL), renewed = {}, other = leaf_of(NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&first), *key = key_pem_of(&first), *bare = NULL,
                        *unknown = pem_of(&other);
    g_autofree char *all = text_join(pem, key, NULL);
    _cleanup_service_ Service s = {};

    EVP_PKEY_up_ref(first.key);
    renewed = leaf_of(NULL, first.key);
    bare = pem_of(&renewed);
    service_start_with(&s, "[Certificate " NAME "]\n");
    g_assert_cmpint(examine(&s, NULL, bare).check, ==, CHECK_KEY);
    g_assert_cmpint(service_upload(&s, NULL, all, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(examine(&s, NULL, bare).first, ==, PROBLEM_NONE);
    g_assert_cmpint(examine(&s, NULL, unknown).first, !=, PROBLEM_NONE);
    g_assert_cmpint(service_upload(&s, NULL, bare, NULL), ==, PROBLEM_NONE);
    service_assert_served(&s, NAME, SOURCE_UPLOADED);
}

/* An issuer that came with another upload completes the chain. */
static void test_issuer_from_store(void)
{
    _cleanup_issued_ Issued root = issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL,
                                         NULL),
                            issuer = issue(&(CertificateSpec){ .subject = "Issuing", .authority = true },
                                           &root, NULL),
                            one = leaf_of(&issuer, NULL), two = leaf_of(&issuer, NULL);
    _cleanup_free_ char *pem = pem_of(&one), *key = key_pem_of(&one), *issuer_pem = pem_of(&issuer),
                        *pem_two = pem_of(&two), *key_two = key_pem_of(&two);
    g_autofree char *whole = text_join(pem, issuer_pem, key, NULL),
                    *bare = text_join(pem_two, key_two, NULL);
    _cleanup_service_ Service s = {};
    Examined e;

    service_start_with(&s, "[Certificate " NAME "]\n");
    e = examine(&s, NULL, bare);
    g_assert_cmpint(e.first, ==, PROBLEM_CHAIN_INCOMPLETE);
    g_assert_cmpint(e.check, ==, CHECK_CHAIN);
    g_assert_cmpint(service_upload(&s, NULL, whole, NULL), ==, PROBLEM_NONE);
    e = examine(&s, NULL, bare);
    g_assert_cmpint(e.first, ==, PROBLEM_NONE);
    g_assert_cmpuint(e.n_entries, ==, 2);
}

/* So does the renewed certificate of one that has expired in the upload. */
static void test_renewed_issuer_from_store(void)
{
    _cleanup_issued_ Issued root =
        issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued issuer =
        issue(&(CertificateSpec){ .subject = "Issuing", .authority = true }, &root, NULL);
    _cleanup_issued_ Issued expired = issue(
        &(CertificateSpec){
            .subject = "Issuing", .authority = true, .not_before = -2 * DAY, .not_after = -DAY },
        &root, EVP_PKEY_dup(issuer.key));
    _cleanup_issued_ Issued one = leaf_of(&issuer, NULL), two = leaf_of(&issuer, NULL);
    _cleanup_free_ char *pem = pem_of(&one), *key = key_pem_of(&one), *issuer_pem = pem_of(&issuer),
                        *pem_two = pem_of(&two), *key_two = key_pem_of(&two),
                        *expired_pem = pem_of(&expired), *root_pem = pem_of(&root);
    g_autofree char *whole = text_join(pem, issuer_pem, key, NULL),
                    *outdated = text_join(pem_two, expired_pem, root_pem, key_two, NULL);
    _cleanup_service_ Service s = {};
    Examined e;

    service_start_with(&s, "[Certificate " NAME "]\n");
    e = examine(&s, NULL, outdated);
    g_assert_cmpint(e.first, ==, PROBLEM_EXPIRED);
    g_assert_cmpint(e.check, ==, CHECK_VALIDITY);
    g_assert_cmpint(service_upload(&s, NULL, whole, NULL), ==, PROBLEM_NONE);
    e = examine(&s, NULL, outdated);
    g_assert_cmpint(e.first, ==, PROBLEM_NONE);
    g_assert_cmpuint(e.n_entries, ==, 2);
}

/* Whom it is for says what is asked of it. */
static void test_target(void)
{
    _cleanup_issued_ Issued leaf = leaf_of(NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    g_autofree char *all = text_join(pem, key, NULL);
    _cleanup_service_ Service s = {};
    Examined e;

    service_start_with(&s, "[Certificate " NAME "]\n[Certificate mail.example.com]\n");
    g_assert_cmpint(examine(&s, service_find(&s, NAME), all).first, ==, PROBLEM_NONE);
    e = examine(&s, service_find(&s, "mail.example.com"), all);
    g_assert_cmpint(e.first, ==, PROBLEM_NAME_MISMATCH);
    g_assert_cmpint(e.check, ==, CHECK_NAMES);
    e = examine(&s, manager_model(s.manager)->root, all);
    g_assert_cmpint(e.first, ==, PROBLEM_NOT_A_CERTIFICATE_AUTHORITY);
    e = examine(&s, NULL, "nothing");
    g_assert_cmpint(e.first, ==, PROBLEM_INVALID_BUNDLE);
    g_assert_cmpint(e.check, ==, CHECK_FORMAT);
}

/* The end of the service answers what is being taken apart. */
static void test_stop(void)
{
    const UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    _cleanup_close_ int fd = memfd_new("upload", "nothing", 7);
    _cleanup_service_ Service s = {};
    Examined e = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_examine(s.manager, NULL, fd, &options, on_examined, &e, NULL), >=, 0);
    service_stop(&s);
    g_assert_cmpuint(e.n, ==, 1);
    g_assert_cmpint(e.problem, ==, PROBLEM_CANCELLED);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/examination/key-from-store", test_key_from_store);
    g_test_add_func("/examination/issuer-from-store", test_issuer_from_store);
    g_test_add_func("/examination/renewed-issuer-from-store", test_renewed_issuer_from_store);
    g_test_add_func("/examination/target", test_target);
    g_test_add_func("/examination/stop", test_stop);
    return g_test_run();
}
