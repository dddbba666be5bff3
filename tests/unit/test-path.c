/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/path.h"

#include <errno.h>
#include <openssl/x509v3.h>

#include "core/limits.h"
#include "util/text.h"

/* Root, two authorities, leaf; made once. */
static Issued root, upper, lower, leaf;

static void pki_make(void)
{
    root = issue(&(CertificateSpec){ .subject = "Root", .authority = true }, NULL, NULL);
    upper = issue(&(CertificateSpec){ .subject = "Upper", .authority = true }, &root, NULL);
    lower = issue(&(CertificateSpec){ .subject = "Lower", .authority = true }, &upper, NULL);
    leaf = issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, &lower, NULL);
}

static void pki_done(void)
{
    issued_done(&root);
    issued_done(&upper);
    issued_done(&lower);
    issued_done(&leaf);
}

static STACK_OF(X509) * list_of(const Issued *first, const Issued *second, const Issued *third)
{
    STACK_OF(X509) *l = sk_X509_new_null();
    const Issued *all[] = { first, second, third };

    for (size_t i = 0; i < ELEMENTSOF(all) && all[i]; i++) {
        g_assert_cmpint(X509_up_ref(all[i]->certificate), ==, 1);
        sk_X509_push(l, all[i]->certificate);
    }
    return l;
}

static int build(X509 *x, STACK_OF(X509) * l, Path *ret)
{
    return path_build(x, &(PathQuery){ .uploaded = l, .now = now_seconds() }, ret);
}

static void assert_served(const Path *p, int n, const Issued *last)
{
    g_assert_cmpint(sk_X509_num(p->served), ==, n);
    g_assert_cmpint(X509_cmp(sk_X509_value(p->served, n - 1), last->certificate), ==, 0);
}

/* Whatever their order; the root is not served, and what does not belong to the path is left. */
static void test_up(void)
{
    _cleanup_issued_ Issued other =
        issue(&(CertificateSpec){ .subject = "Lower", .authority = true }, NULL, NULL);
    const Issued *const orders[][3] = { { &root, &upper, &lower },
                                        { &lower, &upper, &root },
                                        { &upper, &root, &lower } };

    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        _cleanup_x509_stack_ STACK_OF(X509) *l = list_of(orders[i][0], orders[i][1], orders[i][2]);
        _cleanup_path_ Path p = {};
        int depth = -1;

        X509_up_ref(other.certificate);
        sk_X509_unshift(l, other.certificate);
        g_assert_cmpint(build(leaf.certificate, l, &p), ==, 0);
        assert_served(&p, 3, &upper);
        g_assert_cmpint(X509_cmp(p.anchor, root.certificate), ==, 0);
        g_assert_false(p.completed);
        g_assert_null(p.pretender);
        g_assert_cmpint(path_verify(&p, X509_PURPOSE_SSL_SERVER, now_seconds(), &depth), ==, X509_V_OK);
    }
}

/* What is known here, and the system's directory, are used where the upload has nothing. */
static void test_completed(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_x509_stack_ STACK_OF(X509) *uploaded = list_of(&lower, NULL, NULL),
                                        *known = list_of(&upper, NULL, NULL);
    _cleanup_path_ Path without = {}, with = {};
    _cleanup_free_ char *pem = pem_of(&root);
    g_autofree char *name = g_strdup_printf(
        "%08lx.0", X509_NAME_hash_ex(X509_get_subject_name(root.certificate), NULL, NULL, NULL));
    PathQuery query = { uploaded, known, NULL, false, now_seconds() };

    g_assert_cmpint(path_build(leaf.certificate, &query, &without), ==, 0);
    assert_served(&without, 3, &upper);
    g_assert_true(without.completed);
    g_assert_null(without.anchor);
    folder_write(&f, name, pem);
    query.directory = f.path;
    g_assert_cmpint(path_build(leaf.certificate, &query, &with), ==, 0);
    assert_served(&with, 3, &upper);
    g_assert_cmpint(X509_cmp(with.anchor, root.certificate), ==, 0);
}

/* Where it ends: below an unknown issuer, at one that only has its name, or at itself. */
static void test_ends(void)
{
    _cleanup_issued_ Issued alone = issue(&(CertificateSpec){ .subject = "b.example" }, NULL, NULL);
    _cleanup_issued_ Issued twin =
        issue(&(CertificateSpec){ .subject = "Lower", .authority = true }, &upper, NULL);
    _cleanup_x509_stack_ STACK_OF(X509) *none = list_of(NULL, NULL, NULL),
                                        *twins = list_of(&twin, NULL, NULL);
    _cleanup_path_ Path unknown = {}, pretended = {}, itself = {};
    int depth = -1;

    g_assert_cmpint(build(leaf.certificate, none, &unknown), ==, 0);
    assert_served(&unknown, 1, &leaf);
    g_assert_null(unknown.anchor);
    g_assert_null(unknown.pretender);
    g_assert_cmpint(build(leaf.certificate, twins, &pretended), ==, 0);
    g_assert_null(pretended.anchor);
    g_assert_cmpint(X509_cmp(pretended.pretender, twin.certificate), ==, 0);
    g_assert_cmpint(build(alone.certificate, none, &itself), ==, 0);
    assert_served(&itself, 1, &alone);
    g_assert_true(itself.anchor == alone.certificate);
    g_assert_cmpint(path_verify(&itself, X509_PURPOSE_SSL_SERVER, now_seconds(), &depth), ==, X509_V_OK);
}

/* An expired root is no anchor; another certificate of the same authority is. */
static void test_expired_root(void)
{
    _cleanup_issued_ Issued old = issue(
        &(CertificateSpec){ .subject = "Old", .authority = true, .not_before = -2 * DAY, .not_after = -DAY },
        NULL, NULL);
    _cleanup_issued_ Issued below = issue(&(CertificateSpec){ .subject = "b.example" }, &old, NULL);
    _cleanup_x509_stack_ STACK_OF(X509) *l = list_of(&old, NULL, NULL);
    _cleanup_path_ Path expired = {}, then = {};
    PathQuery query = { .uploaded = l, .now = now_seconds() };

    g_assert_cmpint(path_build(below.certificate, &query, &expired), ==, 0);
    g_assert_null(expired.anchor);
    g_assert_cmpint(X509_cmp(expired.expired_root, old.certificate), ==, 0);
    query.now -= DAY + HOUR;
    g_assert_cmpint(path_build(below.certificate, &query, &then), ==, 0);
    g_assert_cmpint(X509_cmp(then.anchor, old.certificate), ==, 0);
    g_assert_null(then.expired_root);
}

/* The depth is that of the certificate that fails. */
static void test_verify(void)
{
    _cleanup_issued_ Issued no_authority = issue(&(CertificateSpec){ .subject = "X" }, &root, NULL);
    _cleanup_issued_ Issued below = issue(&(CertificateSpec){ .subject = "b.example" }, &no_authority, NULL);
    _cleanup_issued_ Issued client =
        issue(&(CertificateSpec){ .subject = "c.example", .usage = "clientAuth" }, &root, NULL);
    _cleanup_issued_ Issued broken =
        issue(&(CertificateSpec){ .subject = "d.example", .digest = EVP_sha1() }, &root, NULL);
    const struct {
        const Issued *leaf;
        int purpose, error, depth;
    } rows[] = { { &below, X509_PURPOSE_SSL_SERVER, X509_V_ERR_INVALID_CA, 1 },
                 { &client, X509_PURPOSE_SSL_SERVER, X509_V_ERR_INVALID_PURPOSE, 0 },
                 { &client, X509_PURPOSE_ANY, X509_V_OK, 0 },
                 { &broken, X509_PURPOSE_SSL_SERVER, X509_V_ERR_CA_MD_TOO_WEAK, 0 } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_x509_stack_ STACK_OF(X509) *l = list_of(&root, &no_authority, NULL);
        _cleanup_path_ Path p = {};
        int depth = -1, error;

        g_assert_cmpint(build(rows[i].leaf->certificate, l, &p), ==, 0);
        error = path_verify(&p, rows[i].purpose, now_seconds(), &depth);
        if (error != rows[i].error || (error != X509_V_OK && depth != rows[i].depth))
            note_failure("row %zu: %s at %d", i, X509_verify_cert_error_string(error), depth);
    }
}

static void test_issued(void)
{
    _cleanup_issued_ Issued twin =
        issue(&(CertificateSpec){ .subject = "Lower", .authority = true }, &upper, NULL);
    _cleanup_x509_stack_ STACK_OF(X509) *l = list_of(&root, &lower, NULL);

    g_assert_true(x509_issued(lower.certificate, leaf.certificate));
    g_assert_false(x509_issued(twin.certificate, leaf.certificate));
    g_assert_false(x509_issued(upper.certificate, leaf.certificate));
    g_assert_false(x509_issued(leaf.certificate, leaf.certificate));
    g_assert_true(x509_is_self_signed(root.certificate));
    g_assert_false(x509_is_self_signed(lower.certificate));
    g_assert_true(x509_list_contains(l, lower.certificate));
    g_assert_false(x509_list_contains(l, twin.certificate));
}

static void test_limit(void)
{
    Issued chain[LIMIT_CHAIN + 2];
    _cleanup_x509_stack_ STACK_OF(X509) *l = sk_X509_new_null();
    _cleanup_path_ Path most = {}, none = {};

    for (size_t i = 0; i < ELEMENTSOF(chain); i++) {
        g_autofree char *subject = g_strdup_printf("Authority %zu", i);

        chain[i] = issue(&(CertificateSpec){ .subject = subject, .authority = true },
                         i > 0 ? chain + i - 1 : NULL, NULL);
        X509_up_ref(chain[i].certificate);
        sk_X509_push(l, chain[i].certificate);
    }
    g_assert_cmpint(build(chain[LIMIT_CHAIN].certificate, l, &most), ==, 0);
    assert_served(&most, LIMIT_CHAIN, chain + 1);
    g_assert_cmpint(build(chain[LIMIT_CHAIN + 1].certificate, l, &none), ==, -E2BIG);
    g_assert_null(none.served);
    for (size_t i = 0; i < ELEMENTSOF(chain); i++)
        issued_done(chain + i);
}

static void test_issuer_urls(void)
{
    _cleanup_x509_ X509 *x = X509_dup(leaf.certificate);
    _cleanup_strv_ char **urls = NULL, **none = NULL;
    X509_EXTENSION *e =
        X509V3_EXT_conf_nid(NULL, NULL, NID_info_access,
                            "OCSP;URI:http://o.example/,caIssuers;URI:HTTP://a.example/x.der,"
                            "caIssuers;URI:ldap://l.example/,caIssuers;DNS:n.example,"
                            "caIssuers;URI:https://b.example/");

    g_assert_cmpint(X509_add_ext(x, e, -1), ==, 1);
    X509_EXTENSION_free(e);
    g_assert_cmpint(x509_issuer_urls(leaf.certificate, &none), ==, 0);
    g_assert_null(none);
    g_assert_cmpint(x509_issuer_urls(x, &urls), ==, 0);
    g_assert_cmpuint(strv_length(urls), ==, 2);
    g_assert_cmpstr(urls[0], ==, "HTTP://a.example/x.der");
    g_assert_cmpstr(urls[1], ==, "https://b.example/");
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    pki_make();
    g_test_add_func("/path/up", test_up);
    g_test_add_func("/path/completed", test_completed);
    g_test_add_func("/path/ends", test_ends);
    g_test_add_func("/path/expired-root", test_expired_root);
    g_test_add_func("/path/verify", test_verify);
    g_test_add_func("/path/issued", test_issued);
    g_test_add_func("/path/limit", test_limit);
    g_test_add_func("/path/issuer-urls", test_issuer_urls);
    status = g_test_run();
    pki_done();
    return status;
}
