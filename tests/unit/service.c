/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/memfd.h"

/* The service of fixture.h. */

static void on_added(Certificate *c _unused_, void *userdata)
{
    Service *s = userdata;

    s->n_added++;
}

static void on_removed(Certificate *c _unused_, void *userdata)
{
    Service *s = userdata;

    s->n_removed++;
}

static void on_changed(Certificate *c _unused_, unsigned what, void *userdata)
{
    Service *s = userdata;

    s->n_failures += (what & CHANGED_FAILURE) && c->record->failure.problem.code != PROBLEM_NONE;
}

static void on_chain_changed(Certificate *c, const char *previous, void *userdata)
{
    Service *s = userdata;

    s->n_chain_changed++;
    g_hash_table_insert(s->previous, g_strdup(certificate_name(c)), g_strdup(previous));
}

static void on_job_removed(Job *j, void *userdata)
{
    Service *s = userdata;

    s->n_job_removed++;
    s->last_job_state = j->state;
    g_free(s->last_job_problem);
    s->last_job_problem = g_strdup(j->problem.text);
}

static void on_authorities(void *userdata _unused_)
{
}

static void on_expiry_warning(Certificate *c _unused_, int64_t not_after _unused_, const char *reason,
                              void *userdata)
{
    Service *s = userdata;

    g_assert_nonnull(strstr(reason, "upload its successor"));
    s->n_warnings++;
}

static const ModelWatcher watcher = {
    .certificate_added = on_added,
    .certificate_removed = on_removed,
    .certificate_changed = on_changed,
    .job_removed = on_job_removed,
};

static const ManagerObserver observer = {
    .chain_changed = on_chain_changed,
    .expiry_warning = on_expiry_warning,
    .authorities_changed = on_authorities,
};

void service_init(Service *s)
{
    *s = (Service){ .state = folder_new(), .config = folder_new() };
    s->directories[0] = s->config.path;
    s->previous = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_assert_cmpint(sd_event_new(&s->event), ==, 0);
}

void service_done(Service *s)
{
    service_stop(s);
    sd_event_unref(s->event);
    g_hash_table_unref(s->previous);
    g_free(s->last_job_problem);
    folder_done(&s->state);
    folder_done(&s->config);
}

void service_start(Service *s)
{
    ManagerOptions options = { .state = s->state.path,
                               .deploy_state = s->deploy_state,
                               .importer = IMPORTER,
                               .config = s->directories };
    _cleanup_problem_ Problem problem = {};
    int r = manager_new(s->event, &options, &s->manager, &problem);

    if (r < 0)
        g_error("the service does not start: %s", problem.text);
    manager_observe(s->manager, &observer, s);
    g_assert_cmpint(model_watch(manager_model(s->manager), &watcher, s), ==, 0);
}

void service_stop(Service *s)
{
    if (s->manager)
        s->manager = manager_free(s->manager);
}

void service_restart(Service *s)
{
    service_stop(s);
    service_start(s);
    service_settle(s);
}

void service_write_module(const Service *s, const char *name, const char *text)
{
    g_autofree char *path = g_strdup_printf("modules.d/%s.conf", name);

    folder_write(&s->config, path, text);
}

void service_start_with(Service *s, const char *module)
{
    service_init(s);
    service_write_module(s, "web", module);
    service_start(s);
    service_settle(s);
}

void service_reload(Service *s)
{
    manager_reload(s->manager);
    service_settle(s);
}

static bool is_idle(void *userdata)
{
    Service *s = userdata;

    return manager_is_idle(s->manager);
}

void service_settle(Service *s)
{
    loop_until(s->event, is_idle, s);
}

void service_settle_to(Service *s, size_t n_certificates)
{
    service_settle(s);
    g_assert_cmpuint(manager_model(s->manager)->n_published, ==, n_certificates);
}

Certificate *service_find(Service *s, const char *name)
{
    Certificate *c = model_find(manager_model(s->manager), name);

    if (!c)
        g_error("there is no certificate %s", name);
    return c;
}

const char *service_fingerprint(Service *s, const char *name)
{
    const Chain *chain = certificate_chain(service_find(s, name));

    return chain ? chain_leaf(chain)->fingerprint : NULL;
}

char *service_copy_fingerprint(Service *s, const char *name)
{
    return g_strdup(service_fingerprint(s, name));
}

void service_assert_served(Service *s, const char *name, Source source)
{
    Certificate *c = service_find(s, name);
    g_autofree char *directory = g_strconcat("certificates/", name, "/current", NULL);

    g_assert_cmpint(c->record->served, ==, source);
    g_assert_true(pair_is_whole(&s->state, directory, RECORD_CERTIFICATE));
    g_assert_cmpint(certificate_choose(c, now_seconds()).source, ==, source);
    g_assert_cmpint(certificate_state(c, now_seconds()), ==, CERTIFICATE_VALID);
}

/* Calls that are waited for. */

typedef struct Waited {
    unsigned n;
    size_t n_served;
    ProblemCode code;
} Waited;

static void on_done(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem,
                    void *userdata)
{
    Waited *w = userdata;

    w->n++;
    w->code = problem->code;
}

static void on_upload_done(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    Waited *w = userdata;

    w->n++;
    for (size_t i = 0; i < outcome->n_fits; i++)
        w->n_served += outcome->fits[i].served;
    w->code = problem->code;
    if (problem->code != PROBLEM_NONE)
        g_test_message("%s", problem->text);
}

static bool is_done(void *userdata)
{
    return ((Waited *)userdata)->n > 0;
}

static ProblemCode finish(Service *s, Waited *w, int r, Problem *problem)
{
    if (r < 0) {
        w->code = problem->code;
        g_assert_cmpint(w->code, !=, PROBLEM_NONE);
        problem_clear(problem);
        return w->code;
    }
    loop_until(s->event, is_done, w);
    g_assert_cmpuint(w->n, ==, 1);
    return w->code;
}

ProblemCode service_register(Service *s, const char *module, const char *name, char *const *names,
                             KeyType type)
{
    Problem problem = {};
    Waited w = {};

    return finish(s, &w,
                  manager_register(s->manager, name, &(RegistrationRequest){ module, names, type, -1, NULL },
                                   on_done, &w, &problem),
                  &problem);
}

ProblemCode service_unregister(Service *s, const char *module, const char *name)
{
    Problem problem = {};
    Waited w = {};

    return finish(s, &w, manager_unregister(s->manager, module, name, on_done, &w, &problem), &problem);
}

static bool has_no_job(void *userdata)
{
    return !((Certificate *)userdata)->job;
}

JobState service_reissue(Service *s, Certificate *c)
{
    _cleanup_problem_ Problem problem = {};
    uint64_t id;

    g_assert_cmpint(manager_reissue(s->manager, c, &(RequestOptions){ .hurry = true }, &id, &problem), ==,
                    0);
    loop_until(s->event, has_no_job, c);
    return s->last_job_state;
}

ProblemCode service_upload(Service *s, const char *target, const char *pem, size_t *ret_served)
{
    Certificate *c = target ? service_find(s, target) : NULL;
    UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    Problem problem = {};
    Waited w = {};
    int fd = memfd_new("upload", pem, strlen(pem));
    ProblemCode code =
        finish(s, &w, manager_upload(s->manager, c, fd, &options, on_upload_done, &w, &problem), &problem);

    close(fd);
    if (ret_served)
        *ret_served = w.n_served;
    return code;
}

typedef struct Exported {
    unsigned n;
    char *text;
    Problem *problem;
} Exported;

static void on_exported(const void *data, size_t size, const Problem *problem, void *userdata)
{
    Exported *e = userdata;

    e->n++;
    g_assert_cmpint(!data, ==, problem->code != PROBLEM_NONE);
    if (data)
        e->text = g_strndup(data, size);
    else
        g_assert_cmpint(problem_copy(problem, e->problem), ==, 0);
}

static bool is_exported(void *userdata)
{
    return ((Exported *)userdata)->n > 0;
}

char *service_export(Service *s, Certificate *c, bool root, Problem *problem)
{
    Exported e = { .problem = problem };

    if (manager_export(s->manager, c, root, EXPORT_PEM, on_exported, &e, problem) < 0) {
        g_assert_cmpint(problem->code, !=, PROBLEM_NONE);
        return NULL;
    }
    g_assert_cmpuint(e.n, ==, 0); /* it does not wait for the disk */
    loop_until(s->event, is_exported, &e);
    g_assert_cmpuint(e.n, ==, 1);
    return e.text;
}

ProblemCode service_remove_upload(Service *s, const char *fingerprint)
{
    Problem problem = {};
    Waited w = {};

    return finish(s, &w, manager_remove_upload(s->manager, fingerprint, on_upload_done, &w, &problem),
                  &problem);
}
