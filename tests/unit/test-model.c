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

    g_assert_cmpint(model_add(m, RECORD_CERTIFICATE, name, &c), ==, 0);
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

static void test_watchers(void)
{
    g_autoptr(GString) one = g_string_new(NULL), two = g_string_new(NULL);
    _cleanup_(model_freep) Model *m = model();
    Certificate *c = add(m, "www.example.com", "proxy");
    static const ModelWatcher none = {};
    Job *j;

    g_assert_cmpint(model_watch(m, &all, one), ==, 0);
    g_assert_cmpint(model_watch(m, &jobs_alone, two), ==, 0);
    for (size_t i = 2; i < MODEL_WATCHERS; i++)
        g_assert_cmpint(model_watch(m, &none, m), ==, 0);
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
    g_test_add_func("/model/watchers", test_watchers);
    return g_test_run();
}
