/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/now.h"
#include "manager/manager-internal.h"

/* A clock that is not trusted, and what waits until it is. */

static int64_t recorded(const Service *s)
{
    g_autofree char *text = folder_read(&s->state, "clock");

    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static void record(const Service *s, int64_t when)
{
    g_autofree char *text = g_strdup_printf("%lld\n", (long long)when);

    folder_write(&s->state, "clock", text);
}

/* The time is on disk soon after the start, and at the end. */
static void test_records(void)
{
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_false(manager_clock_is_doubted(s.manager));
    g_assert_cmpint(recorded(&s), >, now_seconds() - 120);
    record(&s, 1);
    service_stop(&s);
    g_assert_cmpint(recorded(&s), >, now_seconds() - 120);
}

/* By the time that was recorded a renewal is due; but the clock shows another one, and nothing is begun until it is right. */
static void test_doubts(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    service_stop(&s);
    record(&s, now_seconds() + 80 * DAY);
    s.n_chain_changed = 0;
    service_start(&s);
    loop_for(s.event, 300000);
    g_assert_true(manager_clock_is_doubted(s.manager));
    g_assert_cmpuint(manager_renew_due(s.manager), ==, 0);
    g_assert_false(manager_is_idle(s.manager));
    c = service_find(&s, "www.example.com");
    g_assert_null(c->job);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    /* a time service vouches for it */
    clock_set_synchronized(true);
    manager_look_at_clock(s.manager);
    g_assert_false(manager_clock_is_doubted(s.manager));
    service_settle(&s);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), ==, before);
    g_assert_cmpuint(s.n_chain_changed, ==, 0);
    g_assert_cmpint(recorded(&s), <, now_seconds() + DAY);
    clock_set_synchronized(false);
}

/* What was due meanwhile is done as soon as the clock is right. */
static void test_catches_up(void)
{
    _cleanup_service_ Service s = {};
    Chain *aged;

    service_start_with(&s, MODULE_WWW);
    service_stop(&s);
    record(&s, now_seconds() + 80 * DAY);
    service_start(&s);
    g_assert_true(manager_clock_is_doubted(s.manager));
    aged = service_find(&s, "www.example.com")->record->slots[SOURCE_LOCAL].chain;
    aged->entries[0].not_before -= 61 * DAY;
    aged->entries[0].not_after -= 61 * DAY;
    g_assert_cmpuint(manager_renew_due(s.manager), ==, 0);
    clock_set_synchronized(true);
    manager_look_at_clock(s.manager);
    service_settle(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(s.n_job_removed, ==, 1);
    g_assert_cmpint(s.last_job_state, ==, JOB_DONE);
    clock_set_synchronized(false);
}

/* As long as it is doubted, what it shows is not taken for the truth at the next start. */
static void test_doubts_are_not_recorded(void)
{
    _cleanup_service_ Service s = {};
    int64_t then = now_seconds() + 80 * DAY;

    service_init(&s);
    record(&s, then);
    service_start(&s);
    g_assert_true(manager_clock_is_doubted(s.manager));
    service_stop(&s);
    g_assert_cmpint(recorded(&s), ==, then);
}

static void postpone(Certificate *c)
{
    Chain *chain = record_served(c->record)->chain;

    chain->entries[0].not_before += 400 * DAY;
    chain->entries[0].not_after += 400 * DAY;
}

/* After a clock that was far ahead, neither the root nor a leaf is valid yet: both are made again, from now on. */
static void test_was_ahead(void)
{
    _cleanup_service_ Service s = {};
    Certificate *root, *leaf;

    service_start_with(&s, MODULE_WWW);
    root = manager_model(s.manager)->root;
    leaf = service_find(&s, "www.example.com");
    postpone(root);
    postpone(leaf);
    g_assert_cmpint(certificate_state(root, now_seconds()), ==, CERTIFICATE_PENDING);
    g_assert_cmpint(certificate_state(leaf, now_seconds()), ==, CERTIFICATE_PENDING);
    (void)manager_renew_due(s.manager);
    service_settle(&s);
    g_assert_cmpint(chain_not_before(certificate_chain(root)), <=, now_seconds());
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpint(chain_not_before(certificate_chain(leaf)), <=, now_seconds());
    g_assert_true(record_is_signed_by(leaf->record, root->record));
    g_assert_cmpint(certificate_state(leaf, now_seconds()), ==, CERTIFICATE_VALID);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/clock-watch/records", test_records);
    g_test_add_func("/clock-watch/doubts", test_doubts);
    g_test_add_func("/clock-watch/catches-up", test_catches_up);
    g_test_add_func("/clock-watch/doubts-are-not-recorded", test_doubts_are_not_recorded);
    g_test_add_func("/clock-watch/was-ahead", test_was_ahead);
    return g_test_run();
}
