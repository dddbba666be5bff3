/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "model/certificate.h"
#include "model/request.h"

/* Queues of what is wanted of a certificate. */

typedef struct Answered {
    unsigned n;
    RequestResult result;
    ProblemCode code;
    Certificate *certificate;
} Answered;

static void on_done(Certificate *c, RequestResult result, const Problem *problem, void *userdata)
{
    Answered *a = userdata;

    *a = (Answered){ a->n + 1, result, problem->code, c };
}

static void on_other(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem _unused_,
                     void *userdata _unused_)
{
    g_assert_not_reached();
}

static void add(struct RequestQueue *queue, RequestKind kind, RequestDone done, void *userdata)
{
    Request *q = calloc(1, sizeof(Request));

    g_assert_nonnull(q);
    *q = (Request){ .kind = kind, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(queue, q, entry);
}

static void expect(const struct RequestQueue *queue, const char *kinds)
{
    g_autoptr(GString) all = g_string_new(NULL);
    Request *q;

    STAILQ_FOREACH (q, queue, entry)
        g_string_append_printf(all, "%d ", (int)q->kind);
    g_assert_cmpstr(all->str, ==, kinds);
}

static void clear(struct RequestQueue *queue)
{
    Request *q;

    while ((q = STAILQ_FIRST(queue))) {
        STAILQ_REMOVE_HEAD(queue, entry);
        request_free(q);
    }
}

/* Each is answered once, and the queue is empty then. */
static void test_answer(void)
{
    struct RequestQueue queue = STAILQ_HEAD_INITIALIZER(queue);
    _cleanup_(certificate_freep) Certificate *c =
        certificate_new(record_new(RECORD_CERTIFICATE, "a.example"));
    _cleanup_problem_ Problem problem = {};
    Answered one = {}, two = {};

    add(&queue, REQUEST_SETTLE, on_done, &one);
    add(&queue, REQUEST_REISSUE, NULL, NULL); /* nobody waits */
    add(&queue, REQUEST_RENEW, on_done, &two);
    requests_answer(c, &queue, &problem);
    g_assert_true(STAILQ_EMPTY(&queue));
    g_assert_true(one.n == 1 && two.n == 1 && one.certificate == c);
    g_assert_cmpint(one.result, ==, RESULT_DONE);
    problem_set(&problem, PROBLEM_CANCELLED, "The service stops.");
    add(&queue, REQUEST_SETTLE, on_done, &one);
    requests_answer(c, &queue, &problem);
    g_assert_cmpuint(one.n, ==, 2);
    g_assert_cmpint(one.result, ==, RESULT_FAILED);
    g_assert_cmpint(one.code, ==, PROBLEM_CANCELLED);
    g_assert_cmpuint(two.n, ==, 1);
    requests_answer(c, &queue, &problem);
    g_assert_cmpuint(one.n, ==, 2);
}

/* In their order, and behind what was taken before. */
static void test_take(void)
{
    struct RequestQueue queue = STAILQ_HEAD_INITIALIZER(queue), taken = STAILQ_HEAD_INITIALIZER(taken);

    add(&taken, REQUEST_REMOVE, NULL, NULL);
    add(&queue, REQUEST_REISSUE, NULL, NULL);
    add(&queue, REQUEST_REGISTER, NULL, NULL);
    add(&queue, REQUEST_RENEW, NULL, NULL);
    add(&queue, REQUEST_UNREGISTER, NULL, NULL);
    add(&queue, REQUEST_REISSUE, NULL, NULL);
    g_assert_true(requests_have(&queue, REQUEST_RENEW));
    g_assert_false(requests_have(&queue, REQUEST_ORDER));
    requests_take(&queue, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW | 1U << REQUEST_ORDER, &taken);
    expect(&queue, "0 1 ");
    expect(&taken, "8 3 4 3 ");
    g_assert_false(requests_have(&queue, REQUEST_RENEW));
    add(&queue, REQUEST_SETTLE, NULL, NULL); /* its tail is in order */
    expect(&queue, "0 1 2 ");
    clear(&queue);
    clear(&taken);
}

/* One at a time, and of nobody else; nobody is answered. */
static void test_withdraw(void)
{
    struct RequestQueue queue = STAILQ_HEAD_INITIALIZER(queue);
    Answered one = {}, two = {};

    add(&queue, REQUEST_REISSUE, on_done, &two);
    add(&queue, REQUEST_RENEW, on_other, &one);
    add(&queue, REQUEST_SETTLE, on_done, &one);
    add(&queue, REQUEST_ORDER, on_done, &one);
    g_assert_true(requests_withdraw(&queue, on_done, &one));
    expect(&queue, "3 4 5 ");
    g_assert_true(requests_withdraw(&queue, on_done, &one));
    g_assert_false(requests_withdraw(&queue, on_done, &one));
    expect(&queue, "3 4 ");
    g_assert_true(one.n == 0 && two.n == 0);
    clear(&queue);
}

/* What a request brings with it is freed by its answer: the sanitizers see to that. */
static void test_contents(void)
{
    const RegistrationRequest wish = { .module = "proxy", .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Answered one = {};
    const Problem none = {};
    Request *q = calloc(1, sizeof(Request));

    *q = (Request){ .kind = REQUEST_REPLACE, .done = on_done, .userdata = &one };
    g_assert_cmpint(registration_set(&q->registration, &wish), ==, 0);
    q->bundle = bundle_make("a.example", 1);
    request_answer(NULL, q, RESULT_FALLBACK, &none);
    g_assert_cmpint(one.result, ==, RESULT_FALLBACK);
    g_assert_null(request_free(NULL));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/model-request/answer", test_answer);
    g_test_add_func("/model-request/take", test_take);
    g_test_add_func("/model-request/withdraw", test_withdraw);
    g_test_add_func("/model-request/contents", test_contents);
    return g_test_run();
}
