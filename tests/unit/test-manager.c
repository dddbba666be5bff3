/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "manager/manager-internal.h"
#include "util/memfd.h"
#include "util/text.h"

/* The service without its bus, from files to files. */

static void test_first_issue(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c, *found = NULL;
    _cleanup_strv_ char **modules = NULL;

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 1);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    c = service_find(&s, "www.example.com");
    g_assert_cmpuint(certificate_chain(c)->n_names, ==, 2);
    g_assert_cmpint(certificate_modules(c, &modules), ==, 0);
    g_assert_cmpuint(strv_length(modules), ==, 1);
    g_assert_cmpstr(modules[0], ==, "web");
    g_assert_true(pair_is_whole(&s.state, "root/current", RECORD_ROOT));
    g_assert_nonnull(certificate_chain(manager_model(s.manager)->root));
    g_assert_true(folder_has(&s.state, "index"));
    g_assert_cmpint(model_get(manager_model(s.manager), "WWW.Example.Com.", &found, NULL), ==, 0);
    g_assert_true(found == c);
    g_assert_cmpint(model_get(manager_model(s.manager), "example.com", &found, NULL), ==, 0);
    g_assert_true(found == c);
    g_assert_cmpint(model_get(manager_model(s.manager), "other.example.com", &found, NULL), <, 0);
    g_assert_cmpint(manager_next_wake(s.manager), ==, certificate_next_renewal(c));
    g_assert_cmpint(manager_next_wake(s.manager), >, now_seconds() + 58 * DAY);
}

static void test_no_module(void)
{
    _cleanup_service_ Service s = {};

    service_init(&s);
    service_start(&s);
    service_settle_to(&s, 0);
    g_assert_nonnull(certificate_chain(manager_model(s.manager)->root));
}

/* The same chains come back, from the index, from the files, and after an end without warning. */
static void test_restart(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *first = NULL, *root = NULL;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n[Certificate *.example.org]\n");
    first = service_copy_fingerprint(&s, "mail.example.com");
    root = g_strdup(chain_leaf(certificate_chain(manager_model(s.manager)->root))->fingerprint);
    s.n_chain_changed = 0;
    for (int i = 0; i < 3; i++) {
        service_restart(&s);
        g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 3);
        g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, first);
        g_assert_cmpstr(chain_leaf(certificate_chain(manager_model(s.manager)->root))->fingerprint, ==,
                        root);
        g_assert_true(folder_has(&s.state, "certificates/_.example.org/current"));
        if (i == 0) {
            service_stop(&s);
            folder_remove(&s.state, "index");
            service_start(&s);
        }
    }
    g_assert_cmpuint(s.n_chain_changed, ==, 0);
}

/* Uploads. */

/* Configuration. */

/* Failure and retry. */

/* Files that are damaged while the service is away are replaced. */
static void test_damaged(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    service_stop(&s);
    folder_write(&s.state, "certificates/www.example.com/1/privkey.pem", "damaged");
    folder_remove(&s.state, "index");
    service_start(&s);
    service_settle(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* The end at any moment: every request is answered once, and nothing is left behind. */

static void count_done(Certificate *c _unused_, RequestResult result _unused_,
                       const Problem *problem _unused_, void *userdata)
{
    ++*(unsigned *)userdata;
}

static void count_uploads(const UploadOutcome *outcome _unused_, const Problem *problem _unused_,
                          void *userdata)
{
    ++*(unsigned *)userdata;
}

static void test_stop_at_any_moment(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf);

    for (unsigned turns = 0; turns < 25; turns++) {
        _cleanup_service_ Service s = {};
        int fd = memfd_new("upload", pem, strlen(pem));
        UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
        unsigned n_asked = 0, n_answered = 0;
        uint64_t id;

        service_init(&s);
        service_write_module(&s, "web", MODULE_WWW);
        if (turns % 2) {
            service_start(&s);
            service_settle(&s);
            service_stop(&s);
        }
        service_start(&s);
        for (int i = 0; i < 3; i++) {
            const RegistrationRequest wish = { .module = "m", .key_type = _KEY_TYPE_INVALID, .acme = -1 };

            n_asked +=
                manager_register(s.manager, "www.example.com", &wish, count_done, &n_answered, NULL) >= 0;
            n_asked +=
                manager_register(s.manager, "other.example.com", &wish, count_done, &n_answered, NULL) >= 0;
        }
        n_asked += manager_upload(s.manager, NULL, fd, &options, count_uploads, &n_answered, NULL) >= 0;
        n_asked += manager_upload(s.manager, NULL, fd, &options, count_uploads, &n_answered, NULL) >= 0;
        close(fd);
        (void)manager_reissue(s.manager, manager_model(s.manager)->root, &(RequestOptions){ .hurry = true },
                              &id, NULL);
        (void)manager_reissue(s.manager, service_find(&s, "www.example.com"),
                              &(RequestOptions){ .hurry = true }, &id, NULL);
        for (unsigned t = 0; t < turns; t++)
            g_assert_cmpint(sd_event_run(s.event, 1000), >=, 0);
        service_stop(&s);
        if (n_answered != n_asked)
            note_failure("after %u turns: %u of %u answered", turns, n_answered, n_asked);
        service_start(&s);
        service_settle(&s);
        service_assert_served(&s, "www.example.com", service_find(&s, "www.example.com")->record->served);
    }
}

/* Which certificate a name leads to; NULL: none. */
static const char *found(Service *s, const char *name)
{
    _cleanup_problem_ Problem problem = {};
    Certificate *c = NULL;

    if (model_get(manager_model(s->manager), name, &c, &problem) < 0) {
        g_assert_cmpint(problem.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
        return NULL;
    }
    return certificate_name(c);
}

/* A name is found as long as somebody has it, whatever becomes of the others. */
static void test_lookup(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, "[Certificate a.example.com]\nAlternativeNames=*.example.com www.example.org\n");
    g_assert_cmpstr(found(&s, "www.example.org"), ==, "a.example.com");
    g_assert_cmpstr(found(&s, "other.example.com"), ==, "a.example.com");
    g_assert_null(found(&s, "other.example.org"));
    g_assert_cmpint(service_register(&s, "m", "b.example.com",
                                     (char *[]){ S("www.example.org"), S("*.example.org"), NULL },
                                     _KEY_TYPE_INVALID),
                    ==, PROBLEM_NONE);
    g_assert_cmpstr(found(&s, "b.example.com"), ==, "b.example.com");
    g_assert_cmpstr(found(&s, "www.example.org"), ==, "a.example.com"); /* which had it first */
    g_assert_cmpstr(found(&s, "other.example.org"), ==, "b.example.com");
    service_write_module(&s, "web", "[Certificate a.example.com]\nAlternativeNames=*.example.net\n");
    manager_reload(s.manager);
    g_assert_cmpstr(found(&s, "www.example.org"), ==, "b.example.com");
    g_assert_cmpstr(found(&s, "other.example.net"), ==, "a.example.com");
    g_assert_null(found(&s, "other.example.com"));
    service_stop(&s);
    service_start(&s);
    service_settle(&s);
    g_assert_cmpstr(found(&s, "other.example.org"), ==, "b.example.com");
    g_assert_cmpint(service_unregister(&s, "m", "b.example.com"), ==, PROBLEM_NONE);
    g_assert_null(found(&s, "b.example.com"));
    g_assert_null(found(&s, "www.example.org"));
    g_assert_cmpint(service_register(&s, "m", "b.example.com", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_cmpstr(found(&s, "b.example.com"), ==, "b.example.com");
    g_assert_null(found(&s, "www.example.org"));
}

static void test_second_service(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_problem_ Problem problem = {};
    Manager *second = NULL;

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(manager_new(s.event, &(ManagerOptions){ .state = s.state.path, .config = s.directories },
                                &second, &problem),
                    <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_null(second);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/manager/first-issue", test_first_issue);
    g_test_add_func("/manager/no-module", test_no_module);
    g_test_add_func("/manager/restart", test_restart);
    g_test_add_func("/manager/damaged", test_damaged);
    g_test_add_func("/manager/lookup", test_lookup);
    g_test_add_func("/manager/stop-at-any-moment", test_stop_at_any_moment);
    g_test_add_func("/manager/second-service", test_second_service);
    return g_test_run();
}
