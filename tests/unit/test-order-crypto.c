/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "acme/order-crypto.h"
#include "crypto/account-key.h"
#include "util/text.h"

#define WHOSE "Example CA"

static char *names[] = { S("www.example.com"), S("example.com"), NULL };

/* What a chain is made of, and a loop whose workers check it. */
typedef struct Office {
    sd_event *event;
    Workers *workers;
    Issued root, leaf;
    OrderRecord record;
    char *chain;
    unsigned n_done;
    OrderResults results; /* taken */
} Office;

static void office_init(Office *o)
{
    static const CertificateSpec root = { .subject = "Example Root", .authority = true };
    static const CertificateSpec leaf = { .subject = "www.example.com",
                                          .names = "DNS:www.example.com,DNS:example.com",
                                          .usage = "serverAuth" };
    _cleanup_free_ char *leaf_pem = NULL, *root_pem = NULL;

    *o = (Office){ .root = issue(&root, NULL, NULL) };
    o->leaf = issue(&leaf, &o->root, NULL);
    o->record = (OrderRecord){ .names = names, .key = key_pem_of(&o->leaf) };
    leaf_pem = pem_of(&o->leaf);
    root_pem = pem_of(&o->root);
    o->chain = text_join(leaf_pem, root_pem, NULL);
    g_assert_cmpint(sd_event_new(&o->event), ==, 0);
    g_assert_cmpint(workers_new(o->event, "test", 1, NULL, &o->workers), ==, 0);
}

static void office_done(Office *o)
{
    if (o->workers)
        workers_free(o->workers);
    sd_event_unref(o->event);
    free(o->results.request);
    bundle_free(o->results.bundle);
    problem_clear(&o->results.problem);
    free(o->chain);
    erase_and_free(o->record.key);
    issued_done(&o->leaf);
    issued_done(&o->root);
}
#define _cleanup_office_ _cleanup_(office_done)

static void on_done(OrderResults *results, void *userdata)
{
    Office *o = userdata;

    o->n_done++;
    free(o->results.request);
    bundle_free(o->results.bundle);
    problem_clear(&o->results.problem);
    o->results = *results;
    *results = (OrderResults){};
}

static bool is_idle(void *userdata)
{
    return workers_pending(((Office *)userdata)->workers) == 0;
}

static void run(Office *o, const OrderTask *task)
{
    OrderWork *work = NULL;

    g_assert_cmpint(order_work_start(o->workers, task, on_done, o, &work), ==, 0);
    g_assert_nonnull(work);
    loop_until(o->event, is_idle, o);
}

static void accept_chain(Office *o, const char *pem, const char *preferred)
{
    run(o, &(OrderTask){ &o->record, pem, WHOSE, preferred });
}

static void test_request(void)
{
    _cleanup_free_ void *der = NULL;
    _cleanup_office_ Office o;
    const uint8_t *at;
    X509_REQ *request;
    size_t size;

    office_init(&o);
    run(&o, &(OrderTask){ .record = &o.record });
    g_assert_cmpuint(o.n_done, ==, 1);
    g_assert_cmpint(o.results.result, ==, 0);
    g_assert_nonnull(o.results.request);
    g_assert_null(o.results.bundle);
    g_assert_cmpint(base64url_decode(o.results.request, &der, &size), ==, 0);
    at = der;
    request = d2i_X509_REQ(NULL, &at, (long)size);
    g_assert_cmpint(X509_REQ_verify(request, o.leaf.key), ==, 1);
    for (char **name = names; *name; name++)
        g_assert_nonnull(memmem(der, size, *name, strlen(*name)));
    X509_REQ_free(request);
}

static void test_invalid_key(void)
{
    _cleanup_office_ Office o;

    office_init(&o);
    o.record.key[strlen(o.record.key) / 2] = '!';
    run(&o, &(OrderTask){ .record = &o.record });
    g_assert_cmpuint(o.n_done, ==, 1);
    g_assert_cmpint(o.results.result, <, 0);
    g_assert_null(o.results.request);
}

static void test_accept(void)
{
    static const struct {
        const char *preferred;
        bool good;
    } cases[] = { { NULL, true }, { "Example Root", true }, { "Another Root", false } };
    _cleanup_office_ Office o;

    office_init(&o);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        accept_chain(&o, o.chain, cases[i].preferred);
        g_assert_cmpuint(o.n_done, ==, i + 1);
        g_assert_cmpint(o.results.result, >=, 0);
        g_assert_cmpstr(o.results.bundle->key, ==, o.record.key);
        g_assert_cmpint(o.results.preferred, ==, cases[i].good);
    }
}

static void test_refuse(void)
{
    char *others[] = { S("other.example.com"), NULL };
    _cleanup_office_ Office o;

    office_init(&o);
    accept_chain(&o, "nonsense", NULL);
    g_assert_cmpint(o.results.result, <, 0);
    g_assert_null(o.results.bundle);
    g_assert_cmpint(o.results.problem.code, ==, PROBLEM_INVALID_BUNDLE);
    g_assert_nonnull(strstr(o.results.problem.text, WHOSE));
    o.record.names = others;
    accept_chain(&o, o.chain, NULL);
    g_assert_cmpint(o.results.problem.code, ==, PROBLEM_NAME_MISMATCH);
}

/* The task has copies: neither the record nor the chain need to stay. */
static void test_copies(void)
{
    g_autofree char *chain = NULL;
    _cleanup_office_ Office o;
    OrderWork *work;
    char *key;

    office_init(&o);
    chain = g_strdup(o.chain);
    key = o.record.key;
    o.record.key = strdup(key);
    g_assert_cmpint(
        order_work_start(o.workers, &(OrderTask){ &o.record, chain, WHOSE, NULL }, on_done, &o, &work), ==,
        0);
    memset(chain, 'x', strlen(chain));
    memset(o.record.key, 'x', strlen(o.record.key));
    loop_until(o.event, is_idle, &o);
    g_assert_cmpint(o.results.result, >=, 0);
    g_assert_cmpstr(o.results.bundle->key, ==, key);
    erase_and_free(key);
}

static void test_forget(void)
{
    _cleanup_office_ Office o;
    OrderWork *work;

    office_init(&o);
    g_assert_cmpint(order_work_start(o.workers, &(OrderTask){ .record = &o.record }, on_done, &o, &work), ==,
                    0);
    g_assert_null(order_work_forget(work));
    loop_until(o.event, is_idle, &o);
    g_assert_cmpuint(o.n_done, ==, 0);
    g_assert_null(order_work_forget(NULL));
}

/* Freed before they have run. */
static void test_stop(void)
{
    _cleanup_office_ Office o;
    OrderWork *work;

    office_init(&o);
    for (unsigned i = 0; i < 3; i++)
        g_assert_cmpint(order_work_start(o.workers, &(OrderTask){ .record = &o.record }, on_done, &o, &work),
                        ==, 0);
    o.workers = workers_free(o.workers);
    g_assert_cmpuint(o.n_done, ==, 3);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/order-crypto/request", test_request);
    g_test_add_func("/order-crypto/invalid-key", test_invalid_key);
    g_test_add_func("/order-crypto/accept", test_accept);
    g_test_add_func("/order-crypto/refuse", test_refuse);
    g_test_add_func("/order-crypto/copies", test_copies);
    g_test_add_func("/order-crypto/forget", test_forget);
    g_test_add_func("/order-crypto/stop", test_stop);
    return g_test_run();
}
