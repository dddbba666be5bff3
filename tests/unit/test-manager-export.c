/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "crypto/inspect.h"
#include "manager/manager-internal.h"

/* What is handed out: chains, roots and keys. */

static void test_read(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf), *exported = NULL,
                    *root = NULL, *own = NULL;
    _cleanup_free_ char *leaf_pem = pem_of(&leaf);
    _cleanup_chain_ Chain *chain = NULL;
    _cleanup_problem_ Problem problem = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    exported = service_export(&s, c, false, &problem);
    g_assert_cmpint(chain_from_pem(exported, &chain), ==, 0);
    g_assert_cmpstr(chain_leaf(chain)->fingerprint, ==, service_fingerprint(&s, "www.example.com"));
    g_assert_null(strstr(exported, "PRIVATE"));
    root = service_export(&s, c, true, &problem);
    g_assert_true(g_str_has_prefix(root, "-----BEGIN CERTIFICATE-----"));
    g_assert_null(strstr(root, "PRIVATE"));
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    own = service_export(&s, c, true, &problem);
    g_assert_cmpstr(own, ==, leaf_pem); /* it is signed by itself */
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
}

typedef struct Opened {
    unsigned n;
    int seals;
    bool writable;
    ProblemCode code;
    char *text; /* of a PEM file */
} Opened;

static void on_opened(int fd, const Problem *problem, void *userdata)
{
    Opened *o = userdata;
    struct stat st;

    o->n++;
    o->code = problem->code;
    g_assert_cmpint(fd < 0, ==, problem->code != PROBLEM_NONE);
    if (fd < 0)
        return;
    o->seals = fcntl(fd, F_GET_SEALS);
    o->writable = write(fd, "x", 1) > 0;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    o->text = g_malloc0((gsize)st.st_size + 1);
    g_assert_cmpint(pread(fd, o->text, (size_t)st.st_size, 0), ==, st.st_size);
}

static bool is_opened(void *userdata)
{
    return ((Opened *)userdata)->n > 0;
}

static Opened open_key(Service *s, Certificate *c, KeyFormat format, const char *passphrase)
{
    Opened o = {};

    g_assert_cmpint(manager_open_key(s->manager, c, format, passphrase, on_opened, &o, NULL), >=, 0);
    loop_until(s->event, is_opened, &o);
    service_settle(s);
    g_assert_cmpuint(o.n, ==, 1);
    return o;
}

static void test_key(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *key = NULL, *leaf = NULL;
    Certificate *c;
    Opened o;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    key = folder_read(&s.state, "certificates/www.example.com/current/privkey.pem");
    leaf = folder_read(&s.state, "certificates/www.example.com/current/certificate.pem");
    o = open_key(&s, c, KEY_FORMAT_PEM, NULL);
    g_assert_cmpint(o.code, ==, PROBLEM_NONE);
    /* the key, the chain, and the root that it ends in; nobody can change it on its way */
    g_assert_true(g_str_has_prefix(o.text, "-----BEGIN PRIVATE KEY-----"));
    g_assert_nonnull(strstr(o.text, key));
    g_assert_nonnull(strstr(o.text, leaf));
    g_assert_cmpint(o.seals & (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), ==,
                    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
    g_assert_false(o.writable);
    g_free(o.text);
    o = open_key(&s, c, KEY_FORMAT_PEM, "secret");
    g_assert_true(g_str_has_prefix(o.text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    g_assert_null(strstr(o.text, key));
    g_free(o.text);
    o = open_key(&s, c, KEY_FORMAT_PKCS12, "secret");
    g_assert_cmpint(o.code, ==, PROBLEM_NONE);
    g_assert_cmpint((unsigned char)o.text[0], ==, 0x30); /* a SEQUENCE */
    g_free(o.text);
}

/* Its files have gone meanwhile: whoever waits for the key hears of it. */
static void test_key_fails(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    folder_remove(&s.state, "certificates/www.example.com/1");
    g_assert_cmpint(open_key(&s, service_find(&s, "www.example.com"), KEY_FORMAT_PEM, NULL).code, !=,
                    PROBLEM_NONE);
}

static void on_nothing(int fd _unused_, const Problem *problem _unused_, void *userdata _unused_)
{
    g_assert_not_reached();
}

/* What has no chain yet says so; its root is known all the same. */
static void test_pending(void)
{
    _cleanup_problem_ Problem one = {}, two = {}, none = {};
    _cleanup_service_ Service s = {};
    g_autofree char *root = NULL;
    Certificate *c;

    service_init(&s);
    folder_write(&s.config, "certwright.conf", "[Local]\nNameConstraints=example.com\n");
    service_write_module(&s, "web", "[Certificate www.example.org]\n");
    service_start(&s);
    service_settle(&s);
    c = service_find(&s, "www.example.org");
    g_assert_null(service_export(&s, c, false, &one));
    g_assert_cmpint(one.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
    g_assert_nonnull(strstr(one.text, "since the last attempt failed: The name constraints"));
    g_assert_cmpint(manager_open_key(s.manager, c, KEY_FORMAT_PEM, NULL, on_nothing, NULL, &two), <, 0);
    g_assert_cmpint(two.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
    root = service_export(&s, c, true, &none);
    g_assert_true(g_str_has_prefix(root, "-----BEGIN CERTIFICATE-----"));
}

/* Each advice fits where the chain is from. */
static void test_rootless(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_issued_ Issued root =
        issue(&(CertificateSpec){ .subject = "R", .authority = true }, NULL, NULL);
    _cleanup_issued_ Issued between =
        issue(&(CertificateSpec){ .subject = "I", .authority = true }, &root, NULL);
    _cleanup_issued_ Issued leaf = issue(&(CertificateSpec){ .subject = "L",
                                                             .names = "DNS:www.example.com,DNS:example.com",
                                                             .usage = "serverAuth" },
                                         &between, NULL);
    _cleanup_free_ char *leaf_pem = pem_of(&leaf), *between_pem = pem_of(&between), *key = key_pem_of(&leaf);
    g_autofree char *bundle = text_join(leaf_pem, between_pem, key, NULL);
    _cleanup_problem_ Problem uploaded = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    g_assert_cmpint(service_upload(&s, NULL, bundle, NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(c->record->served, ==, SOURCE_UPLOADED);
    g_assert_null(service_export(&s, c, true, &uploaded));
    g_assert_cmpint(uploaded.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
    g_assert_nonnull(strstr(uploaded.text, "www.example.com was uploaded without its root"));
    g_assert_nonnull(strstr(uploaded.text, "upload the chain again with its root"));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/manager-export/read", test_read);
    g_test_add_func("/manager-export/rootless", test_rootless);
    g_test_add_func("/manager-export/key", test_key);
    g_test_add_func("/manager-export/key-fails", test_key_fails);
    g_test_add_func("/manager-export/pending", test_pending);
    return g_test_run();
}
