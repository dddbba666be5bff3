/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <semaphore.h>

#include "core/limits.h"
#include "manager/manager-internal.h"

/* Chains are read while their certificates change, are removed, or are many. */

#define NAME "www.example.com"

typedef struct Read {
    unsigned n, n_run;
    int failure; /* of what is made of the chain */
    int result;
    char *fingerprint; /* of the leaf */
} Read;

static int run(const Record *rec, Bundle *bundle, void *userdata)
{
    Read *r = userdata;

    g_assert_cmpstr(rec->name, ==, NAME);
    g_assert_nonnull(strstr(bundle->key, "PRIVATE KEY"));
    r->n_run++;
    return r->failure;
}

static void on_read(int result, const Record *rec, Bundle *bundle, void *userdata)
{
    Read *r = userdata;

    r->n++;
    r->result = result;
    g_assert_cmpuint(r->n_run, ==, bundle ? 1 : 0);
    g_assert_true(bundle || result < 0);
    if (!bundle)
        return;
    g_assert_cmpstr(chain_leaf(bundle->chain)->fingerprint, ==,
                    chain_leaf(rec->slots[rec->served].chain)->fingerprint);
    r->fingerprint = g_strdup(chain_leaf(bundle->chain)->fingerprint);
}

static bool is_read(void *userdata)
{
    return ((Read *)userdata)->n > 0;
}

static void read_done(Read *r)
{
    g_free(r->fingerprint);
}
#define _cleanup_read_ _cleanup_(read_done)

static void start_reading(Service *s, Read *r)
{
    g_assert_cmpint(reader_read(s->manager->reader, service_find(s, NAME), run, on_read, r), ==, 0);
    g_assert_cmpuint(r->n, ==, 0);
}

static void test_read(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_false(reader_is_busy(s.manager->reader));
    start_reading(&s, &r);
    g_assert_true(reader_is_busy(s.manager->reader));
    loop_until(s.event, is_read, &r);
    g_assert_cmpint(r.result, ==, 0);
    g_assert_cmpstr(r.fingerprint, ==, service_fingerprint(&s, NAME));
    g_assert_false(reader_is_busy(s.manager->reader));
}

/* The record that is read is a copy, so that it can be of a chain whose files have gone. */
static void test_replaced(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = {};
    uint64_t generation;
    Record *record;

    service_start_with(&s, MODULE_WWW);
    record = service_find(&s, NAME)->record;
    generation = record->slots[SOURCE_LOCAL].stored.generation;
    record->slots[SOURCE_LOCAL].stored.generation = generation + 100;
    start_reading(&s, &r);
    record->slots[SOURCE_LOCAL].stored.generation = generation;
    loop_until(s.event, is_read, &r);
    g_assert_cmpint(r.result, ==, 0);
    g_assert_cmpuint(r.n, ==, 1);
    g_assert_cmpstr(r.fingerprint, ==, service_fingerprint(&s, NAME));
}

/* Without a successor it fails, once. */
static void test_gone(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = {};

    service_start_with(&s, MODULE_WWW);
    folder_remove(&s.state, "certificates/" NAME "/1");
    start_reading(&s, &r);
    loop_until(s.event, is_read, &r);
    g_assert_cmpint(r.result, <, 0);
    g_assert_cmpuint(r.n, ==, 1);
}

static void test_removed(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = {};
    g_autofree char *before = NULL;

    service_start_with(&s, "[Module]\n");
    g_assert_cmpint(service_register(&s, "m", NAME, NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    service_settle(&s);
    before = service_copy_fingerprint(&s, NAME);
    start_reading(&s, &r);
    g_assert_cmpint(service_unregister(&s, "m", NAME), ==, PROBLEM_NONE);
    service_settle(&s);
    loop_until(s.event, is_read, &r);
    g_assert_cmpuint(r.n, ==, 1);
    if (r.result == 0) /* it was read in time */
        g_assert_cmpstr(r.fingerprint, ==, before);
}

static void test_full(void)
{
    _cleanup_service_ Service s = {};
    Read r[LIMIT_READINGS + 1] = {};

    service_start_with(&s, MODULE_WWW);
    for (size_t i = 0; i < ELEMENTSOF(r); i++) {
        g_assert_cmpint(reader_is_full(s.manager->reader), ==, i >= LIMIT_READINGS);
        start_reading(&s, r + i); /* it is the caller who waits */
    }
    for (size_t i = 0; i < ELEMENTSOF(r); i++) {
        loop_until(s.event, is_read, r + i);
        g_assert_cmpint(r[i].result, ==, 0);
        read_done(r + i);
    }
    g_assert_false(reader_is_full(s.manager->reader));
}

/* What is made of a chain fails, and is not tried again. */
static void test_run_fails(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = { .failure = -EDOM };

    service_start_with(&s, MODULE_WWW);
    start_reading(&s, &r);
    loop_until(s.event, is_read, &r);
    g_assert_cmpint(r.result, ==, -EDOM);
}

static void wait_for_reader(void *data)
{
    g_assert_cmpint(sem_wait(data), ==, 0);
}

static void on_waited(void *data _unused_, void *userdata _unused_)
{
}

/* Readings do not stand behind the work of the lifecycle. */
static void test_busy(void)
{
    _cleanup_service_ Service s = {};
    _cleanup_read_ Read r = {};
    sem_t wait;

    g_assert_cmpint(sem_init(&wait, 0, 0), ==, 0);
    service_start_with(&s, MODULE_WWW);
    for (int i = 0; i < 1000; i++)
        g_assert_cmpint(lifecycle_run(s.manager->lifecycle, false, wait_for_reader, on_waited, &wait), ==,
                        0);
    start_reading(&s, &r);
    loop_until(s.event, is_read, &r);
    g_assert_cmpint(r.result, ==, 0);
    for (int i = 0; i < 1000; i++)
        g_assert_cmpint(sem_post(&wait), ==, 0);
    service_settle(&s);
    sem_destroy(&wait);
}

/* Everybody who waits is answered when the service stops. */
static void test_stop(void)
{
    _cleanup_service_ Service s = {};
    Read r[LIMIT_READINGS] = {};

    service_start_with(&s, MODULE_WWW);
    for (size_t i = 0; i < ELEMENTSOF(r); i++)
        start_reading(&s, r + i);
    service_stop(&s);
    for (size_t i = 0; i < ELEMENTSOF(r); i++) {
        g_assert_cmpuint(r[i].n, ==, 1);
        g_assert_true(r[i].result == 0 || r[i].result == -ECANCELED);
        read_done(r + i);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reader/read", test_read);
    g_test_add_func("/reader/replaced", test_replaced);
    g_test_add_func("/reader/gone", test_gone);
    g_test_add_func("/reader/removed", test_removed);
    g_test_add_func("/reader/full", test_full);
    g_test_add_func("/reader/run-fails", test_run_fails);
    g_test_add_func("/reader/busy", test_busy);
    g_test_add_func("/reader/stop", test_stop);
    return g_test_run();
}
