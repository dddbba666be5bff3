/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "lifecycle/lifecycle-internal.h"
#include "manager/manager-internal.h"

/* What is served is compared with its files. */

#define KEY_OF(name) "certificates/" name "/current/privkey.pem"

static void check(Service *s, const char *a, const char *b)
{
    Certificate *some[] = { service_find(s, a), service_find(s, b) };

    g_assert_cmpint(lifecycle_check(s->manager->lifecycle, some, ELEMENTSOF(some)), ==, 0);
}

static void start(Service *s)
{
    service_start_with(s, MODULE_WWW "[Certificate mail.example.com]\n");
}

static void test_whole(void)
{
    _cleanup_service_ Service s = {};
    unsigned changed;

    start(&s);
    changed = s.n_chain_changed;
    check(&s, "www.example.com", "mail.example.com");
    g_assert_true(service_find(&s, "www.example.com")->work.busy);
    g_assert_true(service_find(&s, "mail.example.com")->work.busy);
    service_settle(&s);
    g_assert_false(service_find(&s, "www.example.com")->work.busy);
    g_assert_cmpuint(s.n_chain_changed, ==, changed);
    service_assert_served(&s, "mail.example.com", SOURCE_LOCAL);
}

/* The damaged one is made anew, and nothing happens to the other. */
static void test_damaged(void)
{
    static const char *const texts[] = { "damaged", "" };

    for (size_t i = 0; i <= ELEMENTSOF(texts); i++) {
        _cleanup_service_ Service s = {};
        g_autofree char *www = NULL, *mail = NULL;

        start(&s);
        www = service_copy_fingerprint(&s, "www.example.com");
        mail = service_copy_fingerprint(&s, "mail.example.com");
        if (i < ELEMENTSOF(texts))
            folder_write(&s.state, KEY_OF("www.example.com"), texts[i]);
        else
            folder_remove(&s.state, KEY_OF("www.example.com"));
        check(&s, "www.example.com", "mail.example.com");
        service_settle(&s);
        g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, www);
        service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
        g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, mail);
    }
}

/* A record that is gone as well tells nothing any more: the certificate is stored anew. */
static void test_gone(void)
{
    _cleanup_service_ Service s = {};

    start(&s);
    folder_remove(&s.state, "certificates/www.example.com");
    check(&s, "www.example.com", "mail.example.com");
    service_settle(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    service_restart(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
}

/* Something is being done with it: whoever does that has its files. */
static void test_passed_over(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *www = NULL, *mail = NULL;
    Certificate *c;

    start(&s);
    www = service_copy_fingerprint(&s, "www.example.com");
    mail = service_copy_fingerprint(&s, "mail.example.com");
    c = service_find(&s, "www.example.com");
    c->work.busy = true;
    folder_write(&s.state, KEY_OF("www.example.com"), "damaged");
    folder_write(&s.state, KEY_OF("mail.example.com"), "damaged");
    check(&s, "www.example.com", "mail.example.com");
    service_settle(&s);
    g_assert_true(c->work.busy);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, www);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), !=, mail);
    c->work.busy = false;
}

/* What is asked for meanwhile is done afterwards. */
static void test_request(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;

    start(&s);
    before = service_copy_fingerprint(&s, "www.example.com");
    check(&s, "www.example.com", "mail.example.com");
    g_assert_cmpint(service_reissue(&s, service_find(&s, "www.example.com")), ==, JOB_DONE);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
    service_settle(&s);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/lifecycle-check/whole", test_whole);
    g_test_add_func("/lifecycle-check/damaged", test_damaged);
    g_test_add_func("/lifecycle-check/gone", test_gone);
    g_test_add_func("/lifecycle-check/passed-over", test_passed_over);
    g_test_add_func("/lifecycle-check/request", test_request);
    return g_test_run();
}
