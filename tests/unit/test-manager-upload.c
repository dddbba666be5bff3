/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <sys/stat.h>

#include "core/limits.h"
#include "manager/manager-internal.h"
#include "util/memfd.h"

/* One call of Upload, RemoveUpload or CheckUpload, from its descriptor to its answer. */

static void test_upload(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *local = NULL,
                    *pem = bundle_for("www.example.com", "DNS:www.example.com,DNS:example.com", &leaf),
                    *uploaded = NULL;
    size_t served;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    local = service_copy_fingerprint(&s, "www.example.com");
    g_assert_cmpint(service_upload(&s, NULL, pem, &served), ==, PROBLEM_NONE);
    g_assert_cmpuint(served, ==, 1);
    service_assert_served(&s, "www.example.com", SOURCE_UPLOADED);
    service_assert_served(&s, "mail.example.com", SOURCE_LOCAL);
    uploaded = service_copy_fingerprint(&s, "www.example.com");
    g_assert_cmpstr(uploaded, !=, local);
    /* once more is no change; a reissue keeps to the upload */
    g_assert_cmpint(service_upload(&s, "www.example.com", pem, &served), ==, PROBLEM_NONE);
    g_assert_cmpint(service_reissue(&s, service_find(&s, "www.example.com")), ==, JOB_DONE);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, uploaded);
    g_assert_cmpint(certificate_next_renewal(service_find(&s, "www.example.com")), ==, 0);
    service_restart(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, uploaded);
    /* for another certificate it does not fit */
    g_assert_cmpint(service_upload(&s, "mail.example.com", pem, NULL), ==, PROBLEM_NAME_MISMATCH);
    /* taken back: what the root had signed serves again */
    g_assert_cmpint(service_remove_upload(&s, uploaded), ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpint(service_remove_upload(&s, uploaded), ==, PROBLEM_NO_SUCH_CERTIFICATE);
    service_restart(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpint(service_remove_upload(&s, "xyz"), ==, PROBLEM_INVALID_ARGUMENT);
}

/* An upload for a name that comes later. */
static void test_upload_kept(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:*.later.example", &leaf);
    size_t served;

    service_init(&s);
    service_start(&s);
    g_assert_cmpint(service_upload(&s, NULL, pem, &served), ==, PROBLEM_NONE);
    g_assert_cmpuint(served, ==, 0);
    service_restart(&s);
    g_assert_cmpint(service_register(&s, "m", "a.later.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_assert_served(&s, "a.later.example", SOURCE_UPLOADED);
    g_assert_cmpint(service_register(&s, "m", "later.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_assert_served(&s, "later.example", SOURCE_LOCAL);
}

/* A name is added that the upload does not have: the local root takes over with all names. */
static void test_upload_outgrown(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf);

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_UPLOADED);
    g_assert_cmpint(service_register(&s, "m", "www.example.com", (char *[]){ S("new.example.com"), NULL },
                                     _KEY_TYPE_INVALID),
                    ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(certificate_chain(service_find(&s, "www.example.com"))->n_names, ==, 3);
    g_assert_cmpint(service_unregister(&s, "m", "www.example.com"), ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_UPLOADED);
}

static void test_upload_refused(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *large = g_strnfill(LIMIT_BUNDLE + 1, 'x');

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(service_upload(&s, NULL, "nothing", NULL), ==, PROBLEM_INVALID_BUNDLE);
    g_assert_cmpint(service_upload(&s, NULL, large, NULL), ==, PROBLEM_LIMITS_EXCEEDED);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* The store refuses an upload: it is told, nothing is left of it, and it works when the way is free. */
static void test_upload_fails(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf);

    service_start_with(&s, MODULE_WWW);
    folder_remove(&s.state, "uploads");
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_STORAGE_FAILED);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpint(mkdirat(s.state.fd, "uploads", 0700), ==, 0);
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_UPLOADED);
}

typedef struct Checked {
    unsigned n;
    ProblemCode first, outcome;
    char *text;
} Checked;

static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    const Problem *first = report_first_problem(report);
    Checked *c = userdata;

    g_assert_cmpint(problem->code, ==, PROBLEM_NONE);
    c->n++;
    c->first = first ? first->code : PROBLEM_NONE;
    c->outcome = report->findings[CHECK_OUTCOME].problem.code;
    c->text = g_strdup(finding_text(report->findings + CHECK_OUTCOME));
}

static bool is_checked(void *userdata)
{
    return ((Checked *)userdata)->n > 0;
}

static Checked check(Service *s, const char *target, const char *pem)
{
    const UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    _cleanup_close_ int fd = memfd_new("upload", pem, strlen(pem));
    Checked c = {};

    g_assert_cmpint(
        manager_check_upload(s->manager, service_find(s, target), fd, &options, on_checked, &c, NULL), >=,
        0);
    loop_until(s->event, is_checked, &c);
    g_assert_cmpuint(c.n, ==, 1);
    return c;
}

/* A dry run says what a real one would, and changes nothing. */
static void test_check(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:mail.example.com", &leaf), *before = NULL;
    _cleanup_service_ Service s = {};
    Checked c;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    before = service_copy_fingerprint(&s, "mail.example.com");
    c = check(&s, "www.example.com", pem);
    g_assert_cmpint(c.first, ==, PROBLEM_NAME_MISMATCH);
    g_assert_cmpint(c.outcome, ==, PROBLEM_NAME_MISMATCH);
    g_assert_nonnull(strstr(c.text, "It would be refused"));
    g_free(c.text);
    c = check(&s, "mail.example.com", pem);
    g_assert_cmpint(c.first, ==, PROBLEM_NONE);
    g_assert_nonnull(strstr(c.text, "served for mail.example.com"));
    g_free(c.text);
    service_settle(&s);
    g_assert_cmpuint(HASH_COUNT(manager_model(s.manager)->uploads), ==, 0);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, before);
    g_assert_cmpint(service_upload(&s, "www.example.com", pem, NULL), ==, PROBLEM_NAME_MISMATCH);
    g_assert_cmpint(service_upload(&s, "mail.example.com", pem, NULL), ==, PROBLEM_NONE);
    service_assert_served(&s, "mail.example.com", SOURCE_UPLOADED);
}

/* Capital letters are those of the same fingerprint. */
static void test_remove_in_capitals(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf), *capitals = NULL;
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    capitals = g_ascii_strup(service_fingerprint(&s, "www.example.com"), -1);
    g_assert_cmpint(service_remove_upload(&s, capitals), ==, PROBLEM_NONE);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(HASH_COUNT(manager_model(s.manager)->uploads), ==, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/manager-upload/upload", test_upload);
    g_test_add_func("/manager-upload/kept", test_upload_kept);
    g_test_add_func("/manager-upload/outgrown", test_upload_outgrown);
    g_test_add_func("/manager-upload/refused", test_upload_refused);
    g_test_add_func("/manager-upload/fails", test_upload_fails);
    g_test_add_func("/manager-upload/check", test_check);
    g_test_add_func("/manager-upload/remove-in-capitals", test_remove_in_capitals);
    return g_test_run();
}
