/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "manager/manager-internal.h"
#include "manager/recipient.h"
#include "util/text.h"
#include "util/time.h"

/* When certwright-deploy is started, and what comes of its reports. The test plays its part. */

#define DEPLOY "[Deploy]\nFullChainFile=/etc/%s/%%n.pem\nReload=%s.service\nProbe=https://127.0.0.1\n"

/* A service, the reports that it reads, and the runs that it asks for. */
typedef struct World {
    Service service;
    Folder reports;
    GString *asked; /* modules, each with a space behind */
    GString *said;  /* changed deliveries: NAME/MODULE=STATE */
} World;

static void on_deploy_due(const char *module, void *userdata)
{
    World *w = userdata;

    g_string_append_printf(w->asked, "%s ", module);
}

/* From the moment on that clients can see the new chain, it is not delivered. */
static void on_chain_changed(Certificate *c, const char *previous _unused_, void *userdata _unused_)
{
    for (size_t i = 0; i < c->placements.n; i++)
        g_assert_true(c->placements.list[i].state == DEPLOYMENT_PENDING ||
                      c->placements.list[i].state == DEPLOYMENT_FAILED); /* its configuration is wrong */
}

static void on_nothing(void *userdata _unused_)
{
}

static void on_placement_changed(Certificate *c, Placement *d, void *userdata)
{
    World *w = userdata;

    g_string_append_printf(w->said, "%s/%s=%s ", certificate_name(c), d->module,
                           deployment_state_to_string(d->state));
}

static void on_job_removed(Job *j, void *userdata)
{
    World *w = userdata;

    w->service.n_job_removed++;
    w->service.last_job_state = j->state;
    g_free(w->service.last_job_problem);
    w->service.last_job_problem = g_strdup(j->problem.text);
}

static const ManagerObserver observer = {
    .chain_changed = on_chain_changed,
    .authorities_changed = on_nothing,
    .deploy_due = on_deploy_due,
};

static const ModelWatcher watcher = { .placement_changed = on_placement_changed,
                                      .job_removed = on_job_removed };

static char *module_text(const char *names, const char *unit)
{
    g_auto(GStrv) l = g_strsplit(names, " ", -1);
    g_autoptr(GString) text = g_string_new("[Module]\n");

    for (size_t i = 0; l[i]; i++)
        g_string_append_printf(text, "[Certificate %s]\n", l[i]);
    if (unit)
        g_string_append_printf(text, DEPLOY, unit, unit);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* unit NULL: without [Deploy]. */
static void world_write(World *w, const char *module, const char *names, const char *unit)
{
    g_autofree char *text = module_text(names, unit);

    service_write_module(&w->service, module, text);
}

static void world_init(World *w)
{
    *w = (World){ .reports = folder_new(), .asked = g_string_new(NULL), .said = g_string_new(NULL) };
    service_init(&w->service);
    w->service.deploy_state = w->reports.path;
}

static void world_start(World *w)
{
    service_start(&w->service);
    model_unwatch(manager_model(w->service.manager), &w->service); /* there may be two of them */
    g_assert_cmpint(model_watch(manager_model(w->service.manager), &watcher, w), ==, 0);
    manager_observe(w->service.manager, &observer, w);
}

static void world_done(World *w)
{
    service_done(&w->service);
    folder_done(&w->reports);
    g_string_free(w->asked, TRUE);
    g_string_free(w->said, TRUE);
}
#define _cleanup_world_ _cleanup_(world_done)

/* Starts with one module, web, for these names. */
static void world_start_with(World *w, const char *names)
{
    world_init(w);
    world_write(w, "web", names, "nginx");
    world_start(w);
}

static bool is_asked(void *userdata)
{
    return ((World *)userdata)->asked->len > 0;
}

static void world_expect(World *w, const char *modules)
{
    loop_until(w->service.event, is_asked, w);
    g_assert_cmpstr(w->asked->str, ==, modules);
    g_string_truncate(w->asked, 0);
}

static void world_expect_none(World *w)
{
    loop_for(w->service.event, 2500 * USEC_PER_MSEC);
    g_assert_cmpstr(w->asked->str, ==, "");
}

/* What the module is to have for a name now. */
static void copy_content(World *w, const char *name, DeployScope scope, char ret[static DIGEST_TEXT])
{
    const Certificate *c = model_find_any(manager_model(w->service.manager), name);
    const Chain *chain = c ? certificate_chain(c) : NULL;
    const Chain *root = certificate_chain(manager_model(w->service.manager)->root);
    char fingerprints[LIMIT_CHAIN][DIGEST_TEXT];

    for (unsigned i = 0; chain && i < chain->n_entries; i++)
        g_strlcpy(fingerprints[i], chain->entries[i].fingerprint, DIGEST_TEXT);
    g_assert_cmpint(deploy_content_digest(scope, fingerprints, chain ? chain->n_entries : 0,
                                          root ? chain_leaf(root)->fingerprint : "", ret),
                    ==, 0);
}

/* And the current settings of the module. */
static void copy_settings(World *w, const char *module, const char *name, Deployment *ret)
{
    _cleanup_config_ Config *config = NULL;

    g_assert_cmpint(config_load(w->service.directories, NULL, NULL, NULL, &config), ==, 0);
    for (size_t i = 0; i < config->n_modules; i++) {
        _cleanup_deploy_settings_ DeploySettings s = {};

        if (streq(config->modules[i].name, module) &&
            module_deploy_settings(config->modules + i, name, &s) > 0) {
            g_assert_cmpint(deploy_settings_digest(&s, ret->settings), ==, 0);
            copy_content(w, name, deploy_scope(&s), ret->content);
        }
    }
}

/* The report that certwright-deploy would write for the current chain. age: in seconds. */
static void world_report(World *w, const char *module, const char *name, DeploymentState state,
                         unsigned failures, int64_t age)
{
    g_autofree char *path = g_strconcat(w->reports.path, "/", module, NULL);
    _cleanup_deploy_report_ Report r = {};
    _cleanup_close_ int fd = -EBADF;
    Deployment *d;
    int known;

    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    known = report_read_at(fd, &r, NULL);
    g_assert_true(known >= 0 || known == -ENOENT);
    d = report_get(&r, name);
    d->state = state;
    d->failures = failures;
    d->when = now_seconds() - age;
    free(d->detail);
    d->detail = state == DEPLOYMENT_VERIFIED ? NULL : strdup("It was so.");
    g_strlcpy(d->leaf, strempty(service_fingerprint(&w->service, name)), sizeof(d->leaf));
    copy_settings(w, module, name, d);
    g_assert_cmpint(report_write_at(fd, &r, (gid_t)-1, NULL), ==, 0);
}

/* The run is over. text NULL: without a problem. */
static void world_end(World *w, const char *module, const char *text)
{
    _cleanup_problem_ Problem problem = {};

    if (text)
        (void)problem_set(&problem, PROBLEM_DEPLOYMENT_FAILED, "%s", text);
    manager_deployed(w->service.manager, module, &problem);
}

typedef struct Awaited {
    World *world;
    const char *name, *module;
    DeploymentState state;
} Awaited;

static const Placement *world_find(World *w, const char *name, const char *module)
{
    return placements_find(&service_find(&w->service, name)->placements, module);
}

static bool is_in_state(void *userdata)
{
    const Awaited *a = userdata;
    const Placement *d = world_find(a->world, a->name, a->module);

    return d && d->state == a->state;
}

static void world_wait(World *w, const char *name, const char *module, DeploymentState state)
{
    Awaited a = { w, name, module, state };

    loop_until(w->service.event, is_in_state, &a);
}

/* A run of the module that succeeds for all its names. */
static void world_deliver(World *w, const char *module, const char *names)
{
    g_auto(GStrv) l = g_strsplit(names, " ", -1);
    g_autofree char *asked = g_strconcat(module, " ", NULL);

    world_expect(w, asked);
    for (size_t i = 0; l[i]; i++)
        world_report(w, module, l[i], DEPLOYMENT_VERIFIED, 0, 0);
    world_end(w, module, NULL);
    for (size_t i = 0; l[i]; i++)
        world_wait(w, l[i], module, DEPLOYMENT_VERIFIED);
}

static void world_reissue(World *w, const char *name)
{
    g_autofree char *before = service_copy_fingerprint(&w->service, name);
    const RequestOptions options = {};
    uint64_t job;

    g_assert_cmpint(
        manager_reissue(w->service.manager, service_find(&w->service, name), &options, &job, NULL), ==, 0);
    for (int i = 0; i < 600 && streq(service_fingerprint(&w->service, name), before); i++)
        loop_for(w->service.event, 100 * USEC_PER_MSEC);
    g_assert_cmpstr(service_fingerprint(&w->service, name), !=, before);
}

/* ---- the tests */

static void test_verified(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_deliver(&w, "web", "a.example");
    g_assert_null(world_find(&w, "a.example", "web")->detail);
    g_assert_cmpint(world_find(&w, "a.example", "web")->when, >, now_seconds() - 60);
    g_assert_nonnull(strstr(w.said->str, "a.example/web=verified"));
    service_settle(&w.service);
    world_expect_none(&w);
    g_assert_cmpint(deployments_next(w.service.manager->deployments), ==, INT64_MAX);
    /* after a restart nothing has to be done */
    service_stop(&w.service);
    g_string_truncate(w.said, 0);
    world_start(&w);
    g_assert_cmpint(world_find(&w, "a.example", "web")->state, ==, DEPLOYMENT_VERIFIED);
    world_expect_none(&w);
    g_assert_cmpstr(w.said->str, ==, "");
    /* and a new chain is delivered */
    world_reissue(&w, "a.example");
    g_assert_cmpstr(w.said->str, ==, "a.example/web=pending ");
    world_deliver(&w, "web", "a.example");
    g_assert_cmpstr(w.said->str, ==, "a.example/web=pending a.example/web=verified ");
}

/* Without [Deploy], nothing is looked at. */
static void test_none(void)
{
    _cleanup_world_ World w = {};

    world_init(&w);
    world_write(&w, "web", "a.example", NULL);
    world_start(&w);
    service_settle(&w.service);
    world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    manager_renew_due(w.service.manager);
    world_expect_none(&w);
    g_assert_cmpuint(service_find(&w.service, "a.example")->placements.n, ==, 0);
    g_assert_true(manager_is_idle(w.service.manager));
}

/* A new local root is delivered to those who have it, although an uploaded chain stays as it is. */
static void test_root(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("a.example", "DNS:a.example", &leaf), *before = NULL;
    const RequestOptions options = {};
    _cleanup_world_ World w = {};
    uint64_t job;

    world_init(&w);
    service_write_module(&w.service, "mail",
                         "[Module]\n[Certificate a.example]\n[Deploy]\nFullChainFile=/etc/mail/%n\n");
    service_write_module(&w.service, "web",
                         "[Module]\n[Certificate a.example]\n[Deploy]\nCertificateFile=/etc/web/%n\n"
                         "RootFile=/etc/web/root.pem\n");
    world_start(&w);
    world_expect(&w, "mail web ");
    g_assert_cmpint(service_upload(&w.service, "a.example", pem, NULL), ==, PROBLEM_NONE);
    world_report(&w, "mail", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_end(&w, "mail", NULL);
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_VERIFIED);
    world_wait(&w, "a.example", "mail", DEPLOYMENT_VERIFIED);
    world_expect_none(&w);
    before = service_copy_fingerprint(&w.service, "a.example");
    g_assert_cmpint(
        manager_reissue(w.service.manager, manager_model(w.service.manager)->root, &options, &job, NULL), ==,
        0);
    world_wait(&w, "a.example", "web", DEPLOYMENT_PENDING);
    world_deliver(&w, "web", "a.example");
    g_assert_cmpstr(service_fingerprint(&w.service, "a.example"), ==, before);
    world_expect_none(&w);
}

/* A run that a power failure ended is undone at the next start, though the next try is not due. */
static void test_interrupted(void)
{
    _cleanup_world_ World w = {};
    g_autofree char *saved = NULL;

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    world_report(&w, "web", "a.example", DEPLOYMENT_PENDING, 3, 0);
    service_stop(&w.service);
    world_start(&w);
    world_expect_none(&w);
    service_stop(&w.service);
    saved = g_strconcat(w.reports.path, "/web/saved", NULL);
    g_assert_cmpint(mkdir(saved, 0700), ==, 0);
    world_start(&w);
    g_assert_cmpint(deployments_next(w.service.manager->deployments), ==, 0);
    world_expect(&w, "web ");
    world_end(&w, "web", NULL);
    world_expect_none(&w);
}

/* However many chains change: one run. */
static void test_burst(void)
{
    static const char names[] = "a.example b.example c.example d.example e.example f.example g.example";
    g_auto(GStrv) l = g_strsplit(names, " ", -1);
    _cleanup_world_ World w = {};

    world_start_with(&w, names);
    world_deliver(&w, "web", names);
    for (size_t i = 0; l[i]; i++)
        world_reissue(&w, l[i]);
    world_deliver(&w, "web", names);
    world_expect_none(&w);
}

/* Modules that share a unit, also by way of a third one, are delivered by one run; others beside it. */
static void test_groups(void)
{
    static const char both[] = "[Module]\n[Certificate c.example]\n[Deploy]\nFullChainFile=/etc/both/%n\n"
                               "Reload=nginx.service haproxy.service\n";
    _cleanup_world_ World w = {};

    world_init(&w);
    world_write(&w, "a", "a.example", "nginx");
    world_write(&w, "b", "b.example", "haproxy");
    service_write_module(&w.service, "c", both);
    world_write(&w, "d", "d.example", "postfix");
    world_start(&w);
    world_expect(&w, "a d ");
    world_report(&w, "a", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_report(&w, "b", "b.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_report(&w, "c", "c.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_end(&w, "a", NULL);
    world_wait(&w, "c.example", "c", DEPLOYMENT_VERIFIED);
    g_assert_cmpint(world_find(&w, "b.example", "b")->state, ==, DEPLOYMENT_VERIFIED);
    g_assert_cmpint(world_find(&w, "d.example", "d")->state, ==, DEPLOYMENT_PENDING);
    world_report(&w, "d", "d.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_end(&w, "d", NULL);
    world_wait(&w, "d.example", "d", DEPLOYMENT_VERIFIED);
    world_expect_none(&w);
}

/* Not by a second run at the same time, but by one afterwards. */
static void test_change_meanwhile(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example b.example");
    world_expect(&w, "web ");
    world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_report(&w, "web", "b.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_reissue(&w, "a.example");
    world_expect_none(&w);
    g_assert_false(manager_is_idle(w.service.manager));
    world_end(&w, "web", NULL);
    world_wait(&w, "b.example", "web", DEPLOYMENT_VERIFIED);
    g_assert_cmpint(world_find(&w, "a.example", "web")->state, ==, DEPLOYMENT_PENDING);
    world_deliver(&w, "web", "a.example");
    world_expect_none(&w);
}

static int64_t next_in(World *w)
{
    return deployments_next(w->service.manager->deployments) - now_seconds();
}

/* A run that leaves no report is a failure of its own, which is tried again ever more rarely. */
static void test_no_report(void)
{
    static const int64_t waits[] = { 60, 600, 6000, 86400, 86400 };
    _cleanup_world_ World w = {};
    uint64_t job;

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    for (size_t i = 0; i < ELEMENTSOF(waits); i++) {
        world_end(&w, "web", i == 0 ? "The helper was killed." : NULL);
        world_wait(&w, "a.example", "web", DEPLOYMENT_FAILED);
        loop_for(w.service.event, 200 * USEC_PER_MSEC);
        g_assert_cmpint(next_in(&w), >, waits[i] - 10);
        g_assert_cmpint(next_in(&w), <=, waits[i]);
        g_assert_nonnull(strstr(world_find(&w, "a.example", "web")->detail,
                                i == 0 ? "The helper was killed." : "without a report"));
        g_assert_cmpstr(w.asked->str, ==, "");
        /* by hand it is tried at once */
        g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
        world_expect(&w, "web ");
    }
    world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_VERIFIED);
}

/* The service stays while something is due within minutes, and else does not. */
static void test_retry(void)
{
    static const struct {
        DeploymentState state;
        unsigned failures;
        int64_t age;
        bool asks, idle;
    } rows[] = {
        { DEPLOYMENT_ROLLED_BACK, 1, 30, false, false }, { DEPLOYMENT_ROLLED_BACK, 1, 61, true, false },
        { DEPLOYMENT_FAILED, 2, 120, false, false },     { DEPLOYMENT_FAILED, 2, 601, true, false },
        { DEPLOYMENT_FAILED, 3, 120, false, true },      { DEPLOYMENT_FAILED, 3, 6001, true, false },
        { DEPLOYMENT_FAILED, 100, 7200, false, true },   { DEPLOYMENT_FAILED, 100, 86401, true, false },
        { DEPLOYMENT_FAILED, 2, -7 * DAY, true, false }, /* with a wrong clock */
        { DEPLOYMENT_WRITTEN, 0, 7200, false, true },    { DEPLOYMENT_VERIFIED, 0, 0, false, true },
    };
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_deliver(&w, "web", "a.example");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_test_message("row %zu", i);
        world_report(&w, "web", "a.example", rows[i].state, rows[i].failures, rows[i].age);
        service_stop(&w.service);
        world_start(&w);
        g_assert_cmpint(world_find(&w, "a.example", "web")->state, ==, rows[i].state);
        if (rows[i].asks)
            world_expect(&w, "web ");
        else
            world_expect_none(&w);
        g_assert_cmpint(manager_is_idle(w.service.manager), ==, rows[i].idle);
    }
}

/* RenewDue looks again at files written for a unit that did not run, after an hour at the earliest. */
static void test_written(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    world_report(&w, "web", "a.example", DEPLOYMENT_WRITTEN, 0, 0);
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_WRITTEN);
    manager_renew_due(w.service.manager);
    world_expect_none(&w);
    g_assert_true(manager_is_idle(w.service.manager));
    world_report(&w, "web", "a.example", DEPLOYMENT_WRITTEN, 0, HOUR + 1);
    manager_renew_due(w.service.manager);
    world_deliver(&w, "web", "a.example");
}

/* RenewDue notices runs that somebody else has started. */
static void test_reread(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_FAILED);
    service_stop(&w.service);
    world_start(&w);
    world_expect(&w, "web ");
    world_report(&w, "web", "a.example", DEPLOYMENT_ROLLED_BACK, 4, 0);
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_ROLLED_BACK);
    world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
    manager_renew_due(w.service.manager);
    world_wait(&w, "a.example", "web", DEPLOYMENT_VERIFIED);
}

/* Other settings are delivered at once, a module that is gone is not shown any more. */
static void test_reload(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example b.example");
    world_deliver(&w, "web", "a.example b.example");
    world_write(&w, "web", "a.example b.example", "apache2");
    manager_reload(w.service.manager);
    g_assert_cmpint(world_find(&w, "a.example", "web")->state, ==, DEPLOYMENT_PENDING);
    g_assert_cmpint(world_find(&w, "b.example", "web")->state, ==, DEPLOYMENT_PENDING);
    world_deliver(&w, "web", "a.example b.example");
    world_write(&w, "web", "a.example", "apache2");
    world_write(&w, "other", "b.example", NULL);
    manager_reload(w.service.manager);
    loop_for(w.service.event, 100 * USEC_PER_MSEC);
    g_assert_cmpuint(service_find(&w.service, "b.example")->placements.n, ==, 0);
    g_assert_cmpint(world_find(&w, "a.example", "web")->state, ==, DEPLOYMENT_VERIFIED);
    world_write(&w, "web", "a.example", NULL);
    manager_reload(w.service.manager);
    g_assert_cmpuint(service_find(&w.service, "a.example")->placements.n, ==, 0);
    world_expect_none(&w);
    g_assert_true(manager_is_idle(w.service.manager));
}

/* The module is taken away while it is delivered to. */
static void test_removed_meanwhile(void)
{
    _cleanup_world_ World w = {};
    uint64_t job;

    world_start_with(&w, "a.example");
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
    world_expect(&w, "web ");
    world_write(&w, "web", "a.example", NULL);
    manager_reload(w.service.manager);
    g_assert_cmpuint(w.service.n_job_removed, ==, 1);
    g_assert_cmpint(w.service.last_job_state, ==, JOB_FAILED);
    world_end(&w, "web", NULL);
    loop_for(w.service.event, 500 * USEC_PER_MSEC);
    world_write(&w, "web", "a.example", "nginx");
    manager_reload(w.service.manager);
    world_deliver(&w, "web", "a.example");
}

/* Two modules with one file: neither is delivered, and both say why. */
static void test_flaw(void)
{
    _cleanup_world_ World w = {};
    g_autofree char *text = NULL;
    uint64_t job;

    world_init(&w);
    world_write(&w, "a", "a.example", "nginx");
    world_write(&w, "b", "a.example", "nginx");
    world_start(&w);
    world_expect_none(&w);
    g_assert_cmpint(world_find(&w, "a.example", "a")->state, ==, DEPLOYMENT_FAILED);
    g_assert_cmpint(world_find(&w, "a.example", "b")->state, ==, DEPLOYMENT_FAILED);
    g_assert_nonnull(strstr(world_find(&w, "a.example", "a")->detail, "/etc/nginx/a.example.pem"));
    g_assert_true(manager_is_idle(w.service.manager));
    text = manager_explain(w.service.manager, service_find(&w.service, "a.example"));
    g_assert_nonnull(strstr(text, "The module a is not given the chain: "));
    g_assert_cmpint(manager_deploy(w.service.manager, "a", false, &job, NULL), ==, 0);
    service_settle(&w.service);
    g_assert_cmpint(w.service.last_job_state, ==, JOB_FAILED);
    g_assert_nonnull(strstr(w.service.last_job_problem, "/etc/nginx/a.example.pem"));
}

static bool is_job_over(void *userdata)
{
    return ((World *)userdata)->service.n_job_removed > 0;
}

static void expect_job(World *w, JobState state, const char *says)
{
    loop_until(w->service.event, is_job_over, w);
    g_assert_cmpint(w->service.last_job_state, ==, state);
    if (says)
        g_assert_nonnull(strstr(strempty(w->service.last_job_problem), says));
    w->service.n_job_removed = 0;
}

static void test_job(void)
{
    _cleanup_problem_ Problem unknown = {}, plain = {}, busy = {}, cancelled = {};
    _cleanup_world_ World w = {};
    uint64_t job, other;
    const Job *j;

    world_init(&w);
    world_write(&w, "web", "a.example", "nginx");
    world_write(&w, "plain", "b.example", NULL);
    world_start(&w);
    g_assert_cmpint(manager_deploy(w.service.manager, "../web", false, &job, NULL), <, 0);
    g_assert_cmpint(manager_deploy(w.service.manager, "no", false, &job, &unknown), <, 0);
    g_assert_cmpint(unknown.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_cmpint(manager_deploy(w.service.manager, "plain", false, &job, &plain), <, 0);
    g_assert_nonnull(strstr(plain.text, "[Deploy]"));
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &other, &busy), <, 0);
    g_assert_cmpint(busy.code, ==, PROBLEM_BUSY);
    world_expect(&w, "web ");
    j = model_find_job(manager_model(w.service.manager), job);
    g_assert_cmpint(j->state, ==, JOB_RUNNING);
    g_assert_null(j->certificate);
    g_assert_cmpstr(job_name(j), ==, "web");
    g_assert_cmpint(manager_cancel_job(w.service.manager,
                                       model_find_job(manager_model(w.service.manager), job), &cancelled),
                    <, 0);
    g_assert_cmpint(cancelled.code, ==, PROBLEM_BUSY);
    world_report(&w, "web", "a.example", DEPLOYMENT_ROLLED_BACK, 1, 0);
    world_end(&w, "web", NULL);
    expect_job(&w, JOB_FAILED, "a.example: It was so.");
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
    world_deliver(&w, "web", "a.example");
    expect_job(&w, JOB_DONE, NULL);
    /* nothing is left to be done */
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
    expect_job(&w, JOB_DONE, NULL);
    g_assert_cmpstr(w.asked->str, ==, "");
    /* but files may be missing */
    g_assert_cmpint(manager_deploy(w.service.manager, "web", true, &job, NULL), ==, 0);
    world_deliver(&w, "web", "a.example");
    expect_job(&w, JOB_DONE, NULL);
}

/* A job that comes while a run is under way waits for the next one. */
static void test_job_meanwhile(void)
{
    _cleanup_world_ World w = {};
    uint64_t job;

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    g_assert_cmpint(manager_deploy(w.service.manager, "web", false, &job, NULL), ==, 0);
    loop_for(w.service.event, 300 * USEC_PER_MSEC);
    g_assert_cmpint(model_find_job(manager_model(w.service.manager), job)->state, ==, JOB_QUEUED);
    world_report(&w, "web", "a.example", DEPLOYMENT_FAILED, 1, 0);
    world_end(&w, "web", NULL);
    world_deliver(&w, "web", "a.example");
    expect_job(&w, JOB_DONE, NULL);
}

/* A report that cannot be read is a reason to write a new one, and not to give up. */
static void test_damaged(void)
{
    _cleanup_world_ World w = {};

    world_init(&w);
    world_write(&w, "web", "a.example", "nginx");
    folder_write(&w.reports, "web/report.json", "{ \"deployments\": 7 }");
    world_start(&w);
    world_expect(&w, "web ");
    world_end(&w, "web", NULL);
    world_wait(&w, "a.example", "web", DEPLOYMENT_FAILED);
    g_assert_nonnull(strstr(world_find(&w, "a.example", "web")->detail, "damaged"));
}

/* A run that delivered something else than it was asked for is repeated at once, but only once. */
static void test_missed(void)
{
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    for (int i = 0; i < 2; i++) {
        world_report(&w, "web", "a.example", DEPLOYMENT_VERIFIED, 0, 0);
        if (i == 0)
            world_reissue(&w, "a.example");
        world_end(&w, "web", NULL);
        if (i == 0)
            world_expect(&w, "web ");
    }
    world_wait(&w, "a.example", "web", DEPLOYMENT_VERIFIED);
}

/* The revoked chain is named first until a service has its successor. */
static void test_revoked(void)
{
    _cleanup_world_ World w = {};
    g_autofree char *text = NULL, *after = NULL;
    Certificate *c;

    world_start_with(&w, "a.example");
    world_deliver(&w, "web", "a.example");
    c = service_find(&w.service, "a.example");
    g_assert_null(strstr(certificate_explain(c, now_seconds()), "revoked"));
    c->record->slots[SOURCE_LOCAL].revoked = true;
    deployments_note_change(w.service.manager->deployments, c);
    loop_for(w.service.event, 1500 * USEC_PER_MSEC);
    world_reissue(&w, "a.example");
    world_wait(&w, "a.example", "web", DEPLOYMENT_PENDING);
    g_assert_nonnull(strstr(certificate_explain(c, now_seconds()), "still uses the revoked chain"));
    text = manager_explain(w.service.manager, c);
    g_assert_true(g_str_has_prefix(text, "A service still uses the revoked chain"));
    world_deliver(&w, "web", "a.example");
    g_assert_null(strstr(certificate_explain(c, now_seconds()), "revoked"));
    after = manager_explain(w.service.manager, c);
    g_assert_nonnull(strstr(after, "The module web presents the chain"));
}

static void test_explain(void)
{
    static const struct {
        DeploymentState state;
        const char *says;
    } rows[] = {
        { DEPLOYMENT_WRITTEN, "The module web has the chain in its files since" },
        { DEPLOYMENT_FAILED, "The module web could not be brought to use the chain at" },
        { DEPLOYMENT_ROLLED_BACK, "uses the former one again since" },
        { DEPLOYMENT_WAITING, "waits for its maintenance window" },
    };
    _cleanup_world_ World w = {};

    world_start_with(&w, "a.example");
    world_expect(&w, "web ");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *text = NULL;

        world_report(&w, "web", "a.example", rows[i].state, 1, 0);
        manager_renew_due(w.service.manager);
        world_wait(&w, "a.example", "web", rows[i].state);
        text = manager_explain(w.service.manager, service_find(&w.service, "a.example"));
        g_assert_nonnull(strstr(text, rows[i].says));
        g_assert_nonnull(strstr(text, "It was so."));
    }
}

static void test_arguments(void)
{
    _cleanup_world_ World w = {};
    _cleanup_strv_ char **l = NULL;
    g_autofree char *text = NULL, *expected = NULL;

    world_start_with(&w, "a.example");
    g_assert_cmpint(manager_deploy_arguments(w.service.manager, "web", &l), ==, 0);
    text = g_strjoinv(" ", l);
    expected = g_strdup_printf("certwright-deploy --config=%s --state=%s --deploy-state=%s web",
                               w.service.config.path, w.service.state.path, w.reports.path);
    g_assert_cmpstr(text, ==, expected);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/deployments/verified", test_verified);
    g_test_add_func("/deployments/none", test_none);
    g_test_add_func("/deployments/root", test_root);
    g_test_add_func("/deployments/interrupted", test_interrupted);
    g_test_add_func("/deployments/burst", test_burst);
    g_test_add_func("/deployments/groups", test_groups);
    g_test_add_func("/deployments/change-meanwhile", test_change_meanwhile);
    g_test_add_func("/deployments/no-report", test_no_report);
    g_test_add_func("/deployments/retry", test_retry);
    g_test_add_func("/deployments/written", test_written);
    g_test_add_func("/deployments/reread", test_reread);
    g_test_add_func("/deployments/reload", test_reload);
    g_test_add_func("/deployments/removed-meanwhile", test_removed_meanwhile);
    g_test_add_func("/deployments/flaw", test_flaw);
    g_test_add_func("/deployments/job", test_job);
    g_test_add_func("/deployments/job-meanwhile", test_job_meanwhile);
    g_test_add_func("/deployments/damaged", test_damaged);
    g_test_add_func("/deployments/missed", test_missed);
    g_test_add_func("/deployments/revoked", test_revoked);
    g_test_add_func("/deployments/explain", test_explain);
    g_test_add_func("/deployments/arguments", test_arguments);
    return g_test_run();
}
