/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"

/* The index of the store, and the check of the files that it stands for. */

static bool index_is_written(void *userdata)
{
    return !store_wants_checkpoint(((Service *)userdata)->manager->store);
}

static bool index_is_there(void *userdata)
{
    return folder_has(&((Service *)userdata)->state, "index");
}

/* A while after the last change, without being asked for. */
static void test_index(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_true(index_is_written(&s));
    folder_remove(&s.state, "index");
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_false(index_is_written(&s));
    loop_until(s.event, index_is_there, &s);
    g_assert_true(index_is_written(&s));
}

/* At once when somebody waits for it: the service is not idle before. */
static void test_index_now(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_true(upkeep_is_done(s.manager->upkeep));
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_false(upkeep_is_done(s.manager->upkeep));
    g_assert_false(upkeep_is_done(s.manager->upkeep)); /* it is being written */
    service_settle(&s);
    g_assert_true(index_is_written(&s));
}

/* At the end, so that the next start need not read every record. */
static void test_index_last(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    folder_remove(&s.state, "index");
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_stop(&s);
    g_assert_true(index_is_there(&s));
    service_start(&s);
    g_assert_true(index_is_written(&s));
    service_settle_to(&s, 2);
}

typedef struct Awaited {
    Service *service;
    const char *former;
} Awaited;

static bool is_mended(void *userdata)
{
    const Awaited *a = userdata;

    return g_strcmp0(service_fingerprint(a->service, "www.example.com"), a->former) != 0 &&
           service_fingerprint(a->service, "www.example.com");
}

/* What was damaged while the service was away is found in the first moments, although the index tells nothing of it. */
static void test_check(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL, *mail = NULL;
    Awaited a;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    before = service_copy_fingerprint(&s, "www.example.com");
    mail = service_copy_fingerprint(&s, "mail.example.com");
    service_stop(&s);
    folder_write(&s.state, "certificates/www.example.com/1/privkey.pem", "damaged");
    service_start(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    a = (Awaited){ &s, before };
    loop_until(s.event, is_mended, &a);
    service_settle(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, mail);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/upkeep/index", test_index);
    g_test_add_func("/upkeep/index-now", test_index_now);
    g_test_add_func("/upkeep/index-last", test_index_last);
    g_test_add_func("/upkeep/check", test_check);
    return g_test_run();
}
