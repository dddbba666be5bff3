/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "model/model.h"

/* The tables and those who watch them. */

static void on_added(Certificate *c, void *userdata)
{
    g_string_append_printf(userdata, "+%s ", certificate_name(c));
}

static void on_removed(Certificate *c, void *userdata)
{
    g_string_append_printf(userdata, "-%s ", certificate_name(c));
}

static void on_changed(Certificate *c, unsigned what, void *userdata)
{
    g_string_append_printf(userdata, "%s:%u ", certificate_name(c), what);
}

static void on_job(Job *j, void *userdata)
{
    g_string_append_printf(userdata, "job%llu:%s ", (unsigned long long)j->id,
                           job_state_to_string(j->state));
}

static void on_counts(void *userdata)
{
    g_string_append(userdata, "counts ");
}

static const ModelWatcher all = {
    .certificate_added = on_added,
    .certificate_removed = on_removed,
    .certificate_changed = on_changed,
    .job_added = on_job,
    .job_changed = on_job,
    .job_removed = on_job,
    .counts_changed = on_counts,
};
static const ModelWatcher jobs_alone = { .job_added = on_job };

static Model *model(void)
{
    Model *m = NULL;

    g_assert_cmpint(model_new(&m), ==, 0);
    return m;
}

static Certificate *add(Model *m, const char *name, const char *module)
{
    const Claim claim = { .name = S(name), .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Certificate *c;

    g_assert_cmpint(model_add(m, name, &c), ==, 0);
    if (module)
        g_assert_cmpint(wish_add(&c->wish, module, &claim), ==, 0);
    model_review(m, c);
    return module ? c : NULL;
}

static void expect(GString *news, const char *expected)
{
    g_assert_cmpstr(news->str, ==, expected);
    g_string_truncate(news, 0);
}

/* A leaf is published while a module wants it, and watchers hear of that once. */
static void test_review(void)
{
    g_autoptr(GString) news = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();
    Certificate *c;

    g_assert_cmpint(model_watch(m, &all, news), ==, 0);
    c = add(m, "www.example.com", "proxy");
    expect(news, "+www.example.com counts ");
    model_review(m, c);
    expect(news, "");
    g_assert_true(model_find(m, "www.example.com") == c);
    g_assert_cmpuint(model_n_certificates(m), ==, 1);
    wish_clear(&c->wish);
    c->stored = true; /* so that it stays in the table */
    model_review(m, c);
    expect(news, "-www.example.com counts ");
    g_assert_null(model_find(m, "www.example.com"));
    g_assert_true(model_find_any(m, "www.example.com") == c);
    c->stored = false;
    model_review(m, c);
    g_assert_null(model_find_any(m, "www.example.com"));
    add(m, "nobody.example.com", NULL);
    g_assert_null(model_find_any(m, "nobody.example.com"));
    expect(news, "");
}

static void test_lookup(void)
{
    _cleanup_(model_freep) Model *m = model();
    _cleanup_problem_ Problem problem = {};
    Certificate *wild = add(m, "*.example.com", "proxy"), *www = add(m, "www.example.com", "proxy"), *found;

    g_assert_cmpint(model_get(m, "WWW.Example.COM.", &found, NULL), ==, 0);
    g_assert_true(found == www);
    g_assert_cmpint(model_get(m, "mail.example.com", &found, NULL), ==, 0);
    g_assert_true(found == wild);
    g_assert_cmpint(model_get(m, "example.org", &found, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
}

static void test_jobs(void)
{
    g_autoptr(GString) news = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();
    _cleanup_problem_ Problem problem = {};
    Certificate *c = add(m, "www.example.com", "proxy");
    Job *j;

    g_assert_cmpint(model_watch(m, &all, news), ==, 0);
    g_assert_cmpint(model_add_job(m, c, JOB_REISSUE, &j), ==, 0);
    expect(news, "job1:queued www.example.com:8 counts ");
    g_assert_true(c->job == j && model_find_job(m, 1) == j);
    model_job_progress(m, j, 0.5, "working");
    expect(news, "job1:running ");
    problem_set(&problem, PROBLEM_AUTHORITY_FAILED, "It is out of order.");
    model_job_done(c, RESULT_FALLBACK, &problem, m);
    expect(news, "www.example.com:8 job1:fallback counts ");
    g_assert_null(c->job);
    g_assert_null(model_find_job(m, 1));
    model_job_done(c, RESULT_DONE, &problem, m); /* there is none any more */
    expect(news, "");
    g_assert_cmpint(model_add_job(m, c, JOB_ORDER, &j), ==, 0);
    g_assert_cmpuint(j->id, ==, 2);
    model_cancel_job(m, j);
    expect(news, "job2:queued www.example.com:8 counts www.example.com:8 job2:cancelled counts ");
    g_assert_cmpuint(model_n_jobs(m), ==, 0);
}

static void test_watchers(void)
{
    g_autoptr(GString) one = g_string_new(NULL), two = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();
    Certificate *c = add(m, "www.example.com", "proxy");
    Job *j;

    g_assert_cmpint(model_watch(m, &all, one), ==, 0);
    g_assert_cmpint(model_watch(m, &jobs_alone, two), ==, 0);
    g_assert_cmpint(model_watch(m, &all, m), ==, -ENOSPC);
    g_assert_cmpint(model_add_job(m, c, JOB_RENEW, &j), ==, 0);
    expect(one, "job1:queued www.example.com:8 counts ");
    expect(two, "job1:queued ");
    model_unwatch(m, one);
    model_cancel_job(m, j);
    expect(one, "");
    g_assert_cmpint(model_watch(m, &all, one), ==, 0);
    g_assert_cmpint(model_add_job(m, c, JOB_RENEW, &j), ==, 0);
    expect(two, "job2:queued ");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/model/review", test_review);
    g_test_add_func("/model/lookup", test_lookup);
    g_test_add_func("/model/jobs", test_jobs);
    g_test_add_func("/model/watchers", test_watchers);
    return g_test_run();
}
