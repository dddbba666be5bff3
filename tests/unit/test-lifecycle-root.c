/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/lifecycle-internal.h"
#include "manager/manager-internal.h"

/* The root that signs, and what is signed again by a new one. */

/* Everything local is signed again, by the new root, with a bridge to the old one. */
static void test_root_reissue(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *www = NULL, *mail = NULL, *root = NULL;
    const char *const names[] = { "www.example.com", "mail.example.com" };
    Certificate *c;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    www = service_copy_fingerprint(&s, "www.example.com");
    mail = service_copy_fingerprint(&s, "mail.example.com");
    c = manager_model(s.manager)->root;
    root = g_strdup(chain_leaf(certificate_chain(c))->fingerprint);
    g_assert_cmpint(service_reissue(&s, c), ==, JOB_DONE);
    /* when the job is over, all is done */
    g_assert_cmpstr(chain_leaf(certificate_chain(c))->fingerprint, !=, root);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, www);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), !=, mail);
    for (size_t i = 0; i < 2; i++) {
        const Chain *chain = certificate_chain(service_find(&s, names[i]));

        service_assert_served(&s, names[i], SOURCE_LOCAL);
        g_assert_cmpuint(chain->n_entries, ==, 2);
        g_assert_cmpstr(chain->entries[0].issuer, ==, chain_leaf(certificate_chain(c))->subject);
        g_assert_cmpuint(service_find(&s, names[i])->record->slots[SOURCE_LOCAL].root, ==,
                         record_current(c->record));
    }
    service_restart(&s);
    g_assert_cmpuint(certificate_chain(service_find(&s, "www.example.com"))->n_entries, ==, 2);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

static void test_root_damaged(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    service_stop(&s);
    folder_write(&s.state, "root/1/key.pem", "damaged");
    service_start(&s);
    service_settle(&s);
    g_assert_cmpint(service_register(&s, "m", "new.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_settle(&s);
    g_assert_true(pair_is_whole(&s.state, "root/current", RECORD_ROOT));
    g_assert_cmpuint(record_current(manager_model(s.manager)->root->record), ==, 2);
    service_assert_served(&s, "new.example", SOURCE_LOCAL);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(service_find(&s, "www.example.com")->record->slots[SOURCE_LOCAL].root, ==, 2);
}

/* Its key is read when something is to be signed, and not before. */
static void test_read_when_needed(void)
{
    _cleanup_service_ Service s = {};
    const Lifecycle *l;

    service_start_with(&s, MODULE_WWW);
    service_restart(&s);
    l = s.manager->lifecycle;
    g_assert_null(l->root.authority);
    g_assert_cmpint(service_reissue(&s, service_find(&s, "www.example.com")), ==, JOB_DONE);
    g_assert_nonnull(l->root.authority);
    g_assert_cmpuint(authority_generation(l->root.authority), ==,
                     record_current(manager_model(s.manager)->root->record));
    g_assert_cmpint(service_reissue(&s, manager_model(s.manager)->root), ==, JOB_DONE);
    g_assert_cmpuint(authority_generation(l->root.authority), ==, 2);
}

static bool is_counting(void *userdata)
{
    return ((Lifecycle *)userdata)->root.left > 0;
}

/* The job of a new root tells how far it is, and what comes to its end meanwhile is not waited for. */
static void test_progress(void)
{
    _cleanup_service_ Service s = {};
    Certificate *root;
    Lifecycle *l;
    uint64_t id;

    service_start_with(
        &s, "[Certificate a.example.com]\n[Certificate b.example.com]\n[Certificate c.example.com]\n");
    l = s.manager->lifecycle;
    root = manager_model(s.manager)->root;
    g_assert_cmpint(manager_reissue(s.manager, root, &(RequestOptions){ .hurry = true }, &id, NULL), ==, 0);
    loop_until(s.event, is_counting, l);
    g_assert_cmpuint(l->root.total, ==, 3);
    g_assert_nonnull(root->job);
    g_assert_cmpfloat(root->job->progress, <, 1);
    service_write_module(&s, "web", "[Certificate b.example.com]\n[Certificate c.example.com]\n");
    service_reload(&s);
    g_assert_cmpuint(l->root.left, ==, 0);
    g_assert_null(root->job);
    g_assert_cmpint(s.last_job_state, ==, JOB_DONE);
    g_assert_cmpuint(service_find(&s, "c.example.com")->record->slots[SOURCE_LOCAL].root, ==, 2);
    g_assert_false(service_find(&s, "c.example.com")->work.counts_for_root);
}

/* What the new root may not sign is not waited for for ever either. */
static void test_refused_by_the_new_one(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;

    service_start_with(&s, "[Certificate a.example.com]\n[Certificate b.example.org]\n");
    before = service_copy_fingerprint(&s, "b.example.org");
    folder_write(&s.config, "certwright.conf", "[Local]\nNameConstraints=example.com\n");
    service_reload(&s);
    g_assert_cmpint(service_reissue(&s, manager_model(s.manager)->root), ==, JOB_DONE);
    service_settle(&s);
    g_assert_cmpuint(s.manager->lifecycle->root.left, ==, 0);
    service_assert_served(&s, "a.example.com", SOURCE_LOCAL);
    g_assert_cmpstr(service_fingerprint(&s, "b.example.org"), ==, before);
    g_assert_cmpint(service_find(&s, "b.example.org")->record->failure.problem.code, ==,
                    PROBLEM_NAME_MISMATCH);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/lifecycle-root/reissue", test_root_reissue);
    g_test_add_func("/lifecycle-root/damaged", test_root_damaged);
    g_test_add_func("/lifecycle-root/read-when-needed", test_read_when_needed);
    g_test_add_func("/lifecycle-root/progress", test_progress);
    g_test_add_func("/lifecycle-root/refused-by-the-new-one", test_refused_by_the_new_one);
    return g_test_run();
}
