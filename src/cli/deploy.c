/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/deployment.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"
#include "util/text.h"

typedef struct Deploy {
    char *name;     /* of the only certificate that is reported about; NULL: all of the module */
    char **modules; /* that are delivered to */
    JobWatch jobs;
} Deploy;

static void deploy_done(Deploy *d)
{
    free(d->name);
    strv_free(d->modules);
    job_watch_done(&d->jobs);
}

static void deploy_add_module(Deploy *d, const char *module)
{
    xcheck(strv_extend(&d->modules, module) < 0 ? NULL : d);
}

/* ---- which modules */

static bool certificate_has_module(const Certificate *c, const char *word)
{
    return strv_contains(c->modules, word) || deployment_find(c, word);
}

static const Certificate *list_find_path(const CertificateList *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (streq(l->items[i].path, path))
            return &l->items[i];
    return NULL;
}

static Exit deploy_find_name(Session *s, Deploy *d, const CertificateList *l, const char *name)
{
    const Certificate *c;
    const char *path;
    Exit e = session_find_certificate(s, name, &path);

    if (e == EXIT_NOT_FOUND)
        hint(_("Nor is there a module of that name that has certificates."));
    if (e != EXIT_DONE)
        return e;
    c = list_find_path(l, path);
    for (size_t i = 0; c && i < c->deployments.n; i++)
        deploy_add_module(d, ((const Deployment *)c->deployments.items + i)->module);
    if (!d->modules)
        return fail(
            EXIT_FAILED,
            _("%s is not delivered to any service: no file of modules.d requests it with a [Deploy] section, "
              "and a registration over the bus is not enough; see certwright.conf(5) and \"certwright enable\"."),
            c ? c->name : name);
    d->name = xstrdup(c->name);
    return EXIT_DONE;
}

/* A word that is both is the module. */
static Exit deploy_find(Session *s, Deploy *d, const char *word)
{
    _cleanup_certificates_ CertificateList list = {};
    Exit e = certificates_load(s, &list);

    if (e != EXIT_DONE)
        return e;
    for (size_t i = 0; i < list.n; i++)
        if (certificate_has_module(&list.items[i], word)) {
            deploy_add_module(d, word);
            return EXIT_DONE;
        }
    return deploy_find_name(s, d, &list, word);
}

/* ---- what came of it */

typedef struct Tally {
    size_t failed, undelivered;
    Json *array; /* NULL: print lines */
} Tally;

static void tally_add(Tally *t, const Certificate *c, const Deployment *d)
{
    t->failed += deployment_is_failure(d);
    t->undelivered += !deployment_is_failure(d) && !deployment_is_over(d);
    if (t->array)
        json_object_array_add(t->array, deployment_to_json(c, d));
    else
        deployment_print(c, d);
}

static void deploy_report_all(const Deploy *d, const CertificateList *l, Tally *t)
{
    for (size_t i = 0; i < l->n; i++) {
        const Certificate *c = &l->items[i];

        for (char **module = d->modules; *module; module++) {
            const Deployment *deployment = deployment_find(c, *module);

            if (deployment && (!d->name || streq(d->name, c->name)))
                tally_add(t, c, deployment);
        }
    }
}

static const char *job_text(const Job *j)
{
    if (j->error_text)
        return j->error_text;
    return j->result == JOB_CANCELLED ? _("The job was cancelled.")
                                      : _("The journal says why: journalctl -u certwrightd.service");
}

/* A job that failed for another reason than a certificate's. */
static Exit deploy_report_jobs(const Deploy *d, const Tally *t)
{
    Exit e = t->failed > 0 ? EXIT_JOB_FAILED : EXIT_DONE;

    if (t->failed > 0 || (d->name && t->undelivered == 0))
        return e;
    for (size_t i = 0; i < d->jobs.n_jobs; i++) {
        const Job *j = &d->jobs.jobs[i];

        if (j->result != JOB_DONE)
            e = fail(EXIT_JOB_FAILED, _("The delivery failed: %s"), job_text(j));
    }
    return e;
}

static Exit deploy_print_json(const Deploy *d, Json *deployments, bool waited)
{
    Json *object = json_object_new_object(), *paths = json_object_new_array();

    for (size_t i = 0; i < d->jobs.n_jobs; i++)
        json_object_array_add(paths, json_text(d->jobs.jobs[i].path));
    json_set(object, "jobs", paths);
    json_set(object, "waited", json_object_new_boolean(waited));
    json_set(object, "deployments", deployments);
    return json_print(object);
}

static Exit deploy_report(Session *s, const Deploy *d)
{
    _cleanup_certificates_ CertificateList list = {};
    Tally t = {};
    Exit e = certificates_load(s, &list);

    if (e != EXIT_DONE)
        return e;
    if (s->json)
        t.array = json_object_new_array();
    deploy_report_all(d, &list, &t);
    if (s->json)
        e = deploy_print_json(d, t.array, true);
    return e == EXIT_DONE ? deploy_report_jobs(d, &t) : e;
}

static Exit deploy_report_started(Session *s, const Deploy *d)
{
    if (s->json)
        return deploy_print_json(d, json_object_new_array(), false);
    for (size_t i = 0; i < d->jobs.n_jobs; i++)
        print_line(stdout, _("Started job %s."), d->jobs.jobs[i].path);
    return EXIT_DONE;
}

Exit verb_deploy(Session *s, const Options *o, char **arguments)
{
    _cleanup_(deploy_done) Deploy d = {};
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    bool wait = !(o->given & OPTION_NO_WAIT);
    Exit e = deploy_find(s, &d, arguments[0]);

    if (e == EXIT_DONE && wait)
        e = job_watch_begin(&d.jobs, s, strv_length(d.modules) > 1);
    for (char **module = d.modules; e == EXIT_DONE && *module; module++) {
        reply = sd_bus_message_unref(reply);
        e = deployment_start(s, &d.jobs, *module, true, &reply);
    }
    if (e != EXIT_DONE)
        return e;
    if (!wait)
        return deploy_report_started(s, &d);
    e = job_watch_wait(&d.jobs, reply);
    return e == EXIT_DONE ? deploy_report(s, &d) : e;
}
