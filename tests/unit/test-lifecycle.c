/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "config/settings.h"
#include "lifecycle/lifecycle-internal.h"

/* Settling, requests, jobs and the stop, without a manager above: the observer records what it is told. */

typedef struct Life {
    Folder state;
    sd_event *event;
    Store *store;
    Model *model;
    Lifecycle *lifecycle;
    unsigned n_applied, n_chains, n_failed, n_settled;
} Life;

static void on_applied(Certificate *c _unused_, unsigned changed, const char *previous _unused_,
                       void *userdata)
{
    Life *life = userdata;

    life->n_applied++;
    life->n_chains += (changed & CHANGED_CHAIN) != 0;
}

static void on_removed(Certificate *c, void *userdata)
{
    model_remove(((Life *)userdata)->model, c);
}

static void on_warned(Certificate *c, void *userdata _unused_)
{
    g_error("%s is far from its end", certificate_name(c));
}

static void on_failed(Certificate *c _unused_, const Problem *problem _unused_, void *userdata)
{
    ((Life *)userdata)->n_failed++;
}

static void on_settled(Certificate *c _unused_, void *userdata)
{
    ((Life *)userdata)->n_settled++;
}

static int on_record(Record *rec, void *userdata _unused_)
{
    record_free(rec);
    return -EBADMSG; /* a new store has none */
}

static const LifecycleObserver observer = { on_applied, on_removed, on_warned, on_failed, on_settled };

static void life_init(Life *life)
{
    _cleanup_(settings_unrefp) Settings *settings = NULL;

    *life = (Life){ .state = folder_new() };
    g_assert_cmpint(sd_event_new(&life->event), ==, 0);
    g_assert_cmpint(store_open(life->state.path, &life->store, NULL), >=, 0);
    g_assert_cmpint(store_load(life->store, on_record, NULL), >=, 0);
    g_assert_cmpint(model_new(&life->model), >=, 0);
    g_assert_cmpint(settings_new(&settings), >=, 0);
    g_assert_cmpint(lifecycle_new(life->event, life->store, life->model, &observer, life, &life->lifecycle),
                    >=, 0);
    lifecycle_configure(life->lifecycle, settings);
}

static void life_done(Life *life)
{
    lifecycle_free(life->lifecycle);
    model_free(life->model);
    store_close(life->store);
    sd_event_unref(life->event);
    folder_done(&life->state);
}
#define _cleanup_life_ _cleanup_(life_done)

static bool is_quiet(void *userdata)
{
    return lifecycle_busy(((Life *)userdata)->lifecycle) == 0;
}

static void run(Life *life)
{
    loop_until(life->event, is_quiet, life);
}

/* A certificate that a module requests. */
static Certificate *add(Life *life, const char *name)
{
    const Claim claim = { .name = S(name), .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Certificate *c;

    g_assert_cmpint(model_add(life->model, RECORD_CERTIFICATE, name, &c), ==, 0);
    g_assert_cmpint(wish_add(&c->wish, "web", &claim), >=, 0);
    return c;
}

static Certificate *add_settled(Life *life, const char *name)
{
    Certificate *c = add(life, name);

    lifecycle_settle(life->lifecycle, c);
    run(life);
    g_assert_nonnull(certificate_chain(c));
    return c;
}

/* ---- settling */

/* A certificate without a chain has a root made that signs it; once it is settled, there is nothing to do. */
static void test_settle(void)
{
    _cleanup_life_ Life life = {};
    Certificate *c;

    life_init(&life);
    c = add(&life, "a.example.com");
    lifecycle_settle(life.lifecycle, c);
    g_assert_true(c->work.waits_for_root);
    g_assert_cmpuint(lifecycle_busy(life.lifecycle), >, 0);
    run(&life);
    g_assert_cmpint(c->record->served, ==, SOURCE_LOCAL);
    g_assert_cmpuint(record_served(c->record)->root, ==, record_current(life.model->root->record));
    g_assert_true(c->stored);
    g_assert_false(c->work.busy || c->work.waits_for_root);
    g_assert_cmpuint(life.n_applied, ==, 2);
    g_assert_cmpuint(life.n_chains, ==, 2);
    lifecycle_settle_all(life.lifecycle);
    g_assert_true(is_quiet(&life));
    g_assert_cmpuint(life.n_applied, ==, 2);
    g_assert_cmpuint(life.n_failed, ==, 0);
}

/* A change that comes while an attempt is running is carried out afterwards. */
static void test_settle_again(void)
{
    _cleanup_life_ Life life = {};
    const Claim claim = { .name = S("a.example.com"),
                          .names = (char *[]){ S("b.example.com"), NULL },
                          .key_type = _KEY_TYPE_INVALID,
                          .acme = -1 };
    Certificate *c;
    bool changed;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    c->record->slots[SOURCE_LOCAL].broken = true;
    lifecycle_settle(life.lifecycle, c);
    g_assert_true(c->work.busy);
    g_assert_cmpint(wish_add(&c->wish, "web", &claim), >=, 0);
    g_assert_cmpint(certificate_update_names(c, c->record, &changed), >=, 0);
    lifecycle_settle(life.lifecycle, c);
    g_assert_true(c->work.again);
    run(&life);
    g_assert_false(c->work.again);
    g_assert_cmpuint(certificate_chain(c)->n_names, ==, 2);
    g_assert_cmpuint(record_current(c->record), ==, 3);
}

static void test_retry(void)
{
    _cleanup_life_ Life life = {};
    Certificate *c;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    g_assert_false(timer_is_armed(life.lifecycle->retry_timer));
    g_assert_cmpint(renameat(life.state.fd, "certificates", life.state.fd, "away"), ==, 0);
    c->record->slots[SOURCE_LOCAL].broken = true;
    lifecycle_settle(life.lifecycle, c);
    run(&life);
    g_assert_cmpuint(life.n_failed, ==, 1);
    g_assert_cmpint(c->record->failure.problem.code, ==, PROBLEM_STORAGE_FAILED);
    g_assert_true(timer_is_armed(life.lifecycle->retry_timer));
    g_assert_cmpint(renameat(life.state.fd, "away", life.state.fd, "certificates"), ==, 0);
}

/* ---- requests and jobs */

typedef struct Answer {
    unsigned n;
    RequestResult result;
    ProblemCode code;
} Answer;

static void on_answer(Certificate *c _unused_, RequestResult result, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    a->n++;
    a->result = result;
    a->code = problem->code;
}

static void test_job(void)
{
    _cleanup_life_ Life life = {};
    const RequestOptions options = { .keep_current = true };
    g_autofree char *before = NULL;
    Certificate *c;
    uint64_t id = 0;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    before = g_strdup(chain_leaf(certificate_chain(c))->fingerprint);
    g_assert_cmpint(lifecycle_start_job(life.lifecycle, c, JOB_REISSUE, &options, &id), ==, 0);
    g_assert_cmpuint(id, ==, 1);
    g_assert_true(c->job == model_find_job(life.model, id));
    g_assert_cmpint(c->job->state, ==, JOB_RUNNING);
    run(&life);
    g_assert_null(c->job);
    g_assert_null(model_find_job(life.model, id));
    g_assert_cmpstr(chain_leaf(certificate_chain(c))->fingerprint, !=, before);
    g_assert_cmpint(lifecycle_start_job(life.lifecycle, c, JOB_RENEW, NULL, NULL), ==, 0);
    run(&life);
    g_assert_cmpuint(life.model->last_job, ==, 2);
    g_assert_cmpuint(record_current(c->record), ==, 3);
}

/* A queued job can be cancelled, one that is being carried out cannot. */
static void test_cancel(void)
{
    _cleanup_life_ Life life = {};
    Certificate *c;
    uint64_t id;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    c->work.busy = true; /* as if its files were verified */
    g_assert_cmpint(lifecycle_start_job(life.lifecycle, c, JOB_REISSUE, NULL, &id), ==, 0);
    g_assert_cmpint(c->job->state, ==, JOB_QUEUED);
    g_assert_true(lifecycle_cancel_job(life.lifecycle, c->job));
    g_assert_null(c->job);
    g_assert_true(STAILQ_EMPTY(&c->work.requests));
    c->work.busy = c->work.again = false;
    g_assert_cmpint(lifecycle_start_job(life.lifecycle, c, JOB_REISSUE, NULL, &id), ==, 0);
    g_assert_false(lifecycle_cancel_job(life.lifecycle, c->job));
    run(&life);
    g_assert_null(c->job);
    g_assert_cmpuint(record_current(c->record), ==, 2);
}

/* Requests are answered when their change is durable. */
static void test_request(void)
{
    _cleanup_life_ Life life = {};
    Answer registered = {}, settled = {}, removed = {};
    const RegistrationRequest wish = { .module = "mail", .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Certificate *c;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    g_assert_cmpint(lifecycle_request(life.lifecycle, c, REQUEST_REGISTER, &wish, on_answer, &registered),
                    ==, 0);
    g_assert_cmpuint(registered.n, ==, 0);
    run(&life);
    g_assert_cmpuint(registered.n, ==, 1);
    g_assert_cmpint(registered.result, ==, RESULT_DONE);
    g_assert_cmpuint(c->record->n_registrations, ==, 1);
    g_assert_cmpint(lifecycle_request(life.lifecycle, c, REQUEST_SETTLE, NULL, on_answer, &settled), ==, 0);
    g_assert_cmpuint(settled.n, ==, 1); /* at once */
    g_assert_cmpint(lifecycle_request(life.lifecycle, c, REQUEST_REMOVE, NULL, on_answer, &removed), ==, 0);
    run(&life);
    g_assert_cmpuint(removed.n, ==, 1);
    g_assert_null(model_find_any(life.model, "a.example.com"));
    g_assert_false(folder_has(&life.state, "certificates/a.example.com/current"));
}

/* ---- uploads and the root */

static void test_upload(void)
{
    _cleanup_life_ Life life = {};
    Bundle *bundle = bundle_make("a.example.com", 0);
    Answer first = {}, again = {};
    Certificate *upload, *c;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    g_assert_cmpint(model_add(life.model, RECORD_UPLOAD, chain_leaf(bundle->chain)->fingerprint, &upload),
                    ==, 0);
    g_assert_cmpint(lifecycle_add_upload(life.lifecycle, upload, bundle, on_answer, &first), ==, 0);
    run(&life);
    g_assert_cmpuint(first.n, ==, 1);
    g_assert_cmpuint(upload->record->uploaded, ==, 1);
    g_assert_cmpint(upload->record->served, ==, SOURCE_UPLOADED);
    lifecycle_settle(life.lifecycle, c);
    run(&life);
    g_assert_cmpint(c->record->served, ==, SOURCE_UPLOADED);
    g_assert_cmpint(lifecycle_add_upload(life.lifecycle, upload, NULL, on_answer, &again), ==, 0);
    run(&life);
    g_assert_cmpint(again.result, ==, RESULT_DONE);
    g_assert_cmpuint(upload->record->uploaded, ==, 2); /* the latest now */
    g_assert_nonnull(certificate_chain(upload));
}

static void test_replace_root(void)
{
    _cleanup_life_ Life life = {};
    _cleanup_(authority_unrefp) Authority *other = NULL;
    Bundle *bundle = NULL;
    Answer a = {};
    Certificate *c;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    other = authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &bundle);
    g_assert_cmpint(lifecycle_replace_root(life.lifecycle, bundle, on_answer, &a), ==, 0);
    run(&life);
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmpint(life.model->root->record->served, ==, SOURCE_UPLOADED);
    g_assert_cmpuint(record_served(c->record)->root, ==, 2); /* signed again */
}

/* ---- workers and the stop */

static void count(void *data)
{
    ++*(unsigned *)data;
}

static void on_counted(void *data, void *userdata)
{
    g_assert_cmpuint(*(unsigned *)data, >, 0);
    ((Life *)userdata)->n_settled += 100;
}

static void test_run(void)
{
    _cleanup_life_ Life life = {};
    unsigned by_worker = 0, by_disk = 0;

    life_init(&life);
    g_assert_cmpint(lifecycle_run(life.lifecycle, false, count, on_counted, &by_worker), >=, 0);
    g_assert_cmpint(lifecycle_run(life.lifecycle, true, count, on_counted, &by_disk), >=, 0);
    g_assert_cmpuint(lifecycle_busy(life.lifecycle), ==, 2);
    run(&life);
    g_assert_cmpuint(by_worker + by_disk, ==, 2);
    g_assert_cmpuint(life.n_settled, ==, 200);
}

/* Whatever waits is answered; nothing is begun afterwards. */
static void test_stop(void)
{
    _cleanup_life_ Life life = {};
    const RegistrationRequest wish = { .module = "mail", .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Bundle *bundle = bundle_make("a.example.com", 0), *root = bundle_make("b.example.com", 0);
    Answer queued = {}, later = {};
    unsigned n = 0;
    Certificate *c;

    life_init(&life);
    c = add_settled(&life, "a.example.com");
    c->work.busy = true;
    g_assert_cmpint(lifecycle_request(life.lifecycle, c, REQUEST_REGISTER, &wish, on_answer, &queued), ==,
                    0);
    lifecycle_stop(life.lifecycle);
    g_assert_cmpuint(queued.n, ==, 1);
    g_assert_cmpint(queued.result, ==, RESULT_FAILED);
    g_assert_cmpint(queued.code, ==, PROBLEM_CANCELLED);
    g_assert_cmpuint(c->record->n_registrations, ==, 0);
    g_assert_cmpint(lifecycle_request(life.lifecycle, c, REQUEST_REGISTER, &wish, on_answer, &later), ==,
                    -ECANCELED);
    g_assert_cmpint(lifecycle_add_upload(life.lifecycle, c, bundle, on_answer, &later), ==, -ECANCELED);
    g_assert_cmpint(lifecycle_replace_root(life.lifecycle, root, on_answer, &later), ==, -ECANCELED);
    g_assert_cmpint(lifecycle_start_job(life.lifecycle, c, JOB_REISSUE, NULL, NULL), ==, -ECANCELED);
    g_assert_null(c->job);
    g_assert_cmpint(lifecycle_run(life.lifecycle, false, count, on_counted, &n), ==, -ECANCELED);
    g_assert_cmpuint(later.n + n, ==, 0);
    g_assert_cmpint(lifecycle_next_order(life.lifecycle, c), ==, INT64_MAX);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/lifecycle/settle", test_settle);
    g_test_add_func("/lifecycle/settle-again", test_settle_again);
    g_test_add_func("/lifecycle/retry", test_retry);
    g_test_add_func("/lifecycle/job", test_job);
    g_test_add_func("/lifecycle/cancel", test_cancel);
    g_test_add_func("/lifecycle/request", test_request);
    g_test_add_func("/lifecycle/upload", test_upload);
    g_test_add_func("/lifecycle/replace-root", test_replace_root);
    g_test_add_func("/lifecycle/run", test_run);
    g_test_add_func("/lifecycle/stop", test_stop);
    return g_test_run();
}
