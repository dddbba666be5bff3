/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "core/limits.h"
#include "model/model.h"

/* The table of jobs. */

static void on_changed(Certificate *c, unsigned what, void *userdata)
{
    g_string_append_printf(userdata, "%s:%u ", certificate_name(c), what);
}

static void on_job(Job *j, void *userdata)
{
    g_string_append_printf(userdata, "job%llu:%s ", (unsigned long long)j->id,
                           job_state_to_string(j->state));
}

static void on_job_removed(Job *j, void *userdata)
{
    g_string_append_printf(userdata, "job%llu:%s:%g:%s ", (unsigned long long)j->id,
                           job_state_to_string(j->state), j->progress,
                           j->problem.text ? j->problem.text : "-");
}

static void on_counts(void *userdata)
{
    g_string_append(userdata, "counts ");
}

static const ModelWatcher watcher = { .certificate_changed = on_changed,
                                      .job_added = on_job,
                                      .job_changed = on_job,
                                      .job_removed = on_job_removed,
                                      .counts_changed = on_counts };

static void expect(GString *news, const char *expected)
{
    g_assert_cmpstr(news->str, ==, expected);
    g_string_truncate(news, 0);
}

/* A model with one certificate, published or not. */
static Model *model(bool published, Certificate **ret)
{
    Model *m = NULL;

    g_assert_cmpint(model_new(&m), ==, 0);
    g_assert_cmpint(model_add(m, RECORD_CERTIFICATE, "www.example.com", ret), ==, 0);
    if (published)
        g_assert_cmpint(certificate_publish(*ret, true), >=, 0);
    return m;
}

static Job *start(Model *m, Certificate *c, JobKind kind)
{
    Job *j = NULL;

    g_assert_cmpint(model_add_job(m, c, kind, &j), ==, 0);
    return j;
}

static void test_jobs(void)
{
    g_autoptr(GString) news = g_string_new(NULL);
    _cleanup_problem_ Problem problem = {};
    Certificate *c;
    _cleanup_(model_freep) Model *m = model(true, &c);
    Job *j;

    g_assert_cmpint(model_watch(m, &watcher, news), ==, 0);
    j = start(m, c, JOB_REISSUE);
    expect(news, "job1:queued www.example.com:8 counts ");
    g_assert_true(c->job == j && model_find_job(m, 1) == j);
    g_assert_cmpint(j->started, >, now_seconds() - 60);
    model_job_progress(m, j, 0.5, "working");
    expect(news, "job1:running ");
    g_assert_cmpstr(j->step, ==, "working");
    model_job_progress(m, j, 0.1, "trying another authority");
    expect(news, "job1:running ");
    g_assert_cmpfloat(j->progress, ==, 0.5); /* it does not go back */
    g_assert_cmpstr(j->step, ==, "trying another authority");
    problem_set(&problem, PROBLEM_AUTHORITY_FAILED, "It is out of order.");
    model_job_done(c, RESULT_FALLBACK, &problem, m);
    expect(news, "www.example.com:8 job1:fallback:1:It is out of order. counts ");
    g_assert_null(c->job);
    g_assert_null(model_find_job(m, 1));
    model_job_done(c, RESULT_DONE, &problem, m); /* there is none any more */
    expect(news, "");
    j = start(m, c, JOB_ORDER);
    g_assert_cmpuint(j->id, ==, 2);
    model_cancel_job(m, j);
    expect(news, "job2:queued www.example.com:8 counts www.example.com:8 job2:cancelled:0:- counts ");
    g_assert_cmpuint(HASH_COUNT(m->jobs), ==, 0);
}

/* The result of its request, and what is wrong, say in which state it ends. */
static void test_ends(void)
{
    static const struct {
        RequestResult result;
        ProblemCode code;
        const char *removed;
    } ends[] = {
        { RESULT_DONE, PROBLEM_NONE, "done:1:-" },
        { RESULT_FAILED, PROBLEM_STORAGE_FAILED, "failed:0.25:Why." },
        { RESULT_FAILED, PROBLEM_CANCELLED, "cancelled:0.25:Why." },
    };
    g_autoptr(GString) news = g_string_new(NULL);
    Certificate *c;
    _cleanup_(model_freep) Model *m = model(false, &c);

    g_assert_cmpint(model_watch(m, &watcher, news), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
        _cleanup_problem_ Problem problem = {};
        /* nothing is told of a certificate that is not published */
        g_autofree char *expected = g_strdup_printf("job%zu:queued counts job%zu:running job%zu:%s counts ",
                                                    i + 1, i + 1, i + 1, ends[i].removed);
        Job *j = start(m, c, JOB_RENEW);

        if (ends[i].code != PROBLEM_NONE)
            problem_set(&problem, ends[i].code, "Why.");
        model_job_progress(m, j, 0.25, "working");
        model_end_job(m, j, ends[i].result, &problem);
        expect(news, expected);
    }
}

static void test_foreach(void)
{
    Certificate *c;
    Job *j, *following;
    _cleanup_(model_freep) Model *m = model(true, &c);
    uint64_t seen = 0;

    (void)start(m, c, JOB_ROOT);
    (void)start(m, c, JOB_ROOT);
    (void)start(m, c, JOB_ROOT);
    FOREACH_JOB (m, j, following) {
        seen |= 1U << j->id;
        if (j->id == 2)
            model_cancel_job(m, j);
    }
    g_assert_cmpuint(seen, ==, 0xe); /* each, even if one ends meanwhile */
    g_assert_null(model_find_job(m, 2));
}

static void test_limit(void)
{
    Certificate *c;
    _cleanup_(model_freep) Model *m = model(true, &c);
    Job *last = NULL, *refused = NULL;

    for (int i = 0; i < LIMIT_JOBS; i++)
        last = start(m, c, JOB_RENEW);
    g_assert_cmpint(model_add_job(m, c, JOB_RENEW, &refused), ==, -E2BIG);
    g_assert_null(refused);
    g_assert_cmpuint(HASH_COUNT(m->jobs), ==, LIMIT_JOBS);
    model_cancel_job(m, last);
    g_assert_cmpuint(start(m, c, JOB_RENEW)->id, ==, LIMIT_JOBS + 1);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/jobs/jobs", test_jobs);
    g_test_add_func("/jobs/ends", test_ends);
    g_test_add_func("/jobs/foreach", test_foreach);
    g_test_add_func("/jobs/limit", test_limit);
    return g_test_run();
}
