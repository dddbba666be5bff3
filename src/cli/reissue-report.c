/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/reissue.h"

#include "cli/label.h"
#include "cli/words.h"
#include "cli/xalloc.h"

#define NAMES_MAX 20 /* behind a cause */

static const char *job_name(const Job *j)
{
    return isempty(j->name) ? j->path : j->name;
}

/* ---- JSON */

static Json *job_error_json(const Job *j)
{
    Json *error = json_object_new_object();

    json_set(error, "name", j->name ? json_text(j->name) : NULL);
    json_set(error, "result", json_text(job_result_to_string(j->result)));
    json_set(error, "code", json_text(strempty(j->error_code)));
    json_set(error, "text", json_text(strempty(j->error_text)));
    return error;
}

static Exit reissue_print_json(const Reissue *r)
{
    Json *object = json_object_new_object(), *paths = json_object_new_array(),
         *errors = json_object_new_array();

    for (size_t i = 0; i < r->jobs.n_jobs; i++) {
        const Job *j = &r->jobs.jobs[i];

        json_object_array_add(paths, json_text(j->path));
        if (j->result != JOB_RUNNING && j->result != JOB_DONE)
            json_object_array_add(errors, job_error_json(j));
    }
    json_set(object, "jobs", paths);
    json_set(object, "waited", json_object_new_boolean(r->wait));
    for (JobResult result = JOB_DONE; result <= JOB_CANCELLED; result++)
        json_set(object, job_result_to_string(result),
                 json_object_new_int64((int64_t)job_watch_count(&r->jobs, result)));
    json_set(object, "errors", errors);
    return json_print(object);
}

static Exit job_fail(const Job *j, const char *name)
{
    _cleanup_free_ char *text = text_to_labels(strempty(j->error_text));

    if (j->error_code)
        return fail(EXIT_JOB_FAILED, "%s: %s: %s", name, j->error_code, text);
    return fail(EXIT_JOB_FAILED,
                _("%s: the job failed. The journal says why: journalctl -u certwrightd.service"), name);
}

/* ---- one certificate */

static void reissue_print_chain(const Reissue *r, const Certificate *c)
{
    _cleanup_free_ char *expiry = time_format_expiry(c->not_after);

    if (r->reason && c->not_after == 0)
        print_line(stdout, _("%s: the chain was revoked, and no chain is served now."),
                   certificate_label(c));
    else if (r->reason)
        print_line(stdout, _("%s: the chain was revoked; serving another one (source: %s), valid until %s."),
                   certificate_label(c), word_to_text(c->source), expiry);
    else if (!r->root && streq(c->source, "uploaded"))
        print_line(stdout,
                   _("%s: the uploaded chain is served until it expires or is removed; valid until %s."),
                   certificate_label(c), expiry);
    else
        print_line(stdout, _("%s: a new chain, source: %s, valid until %s."), certificate_label(c),
                   word_to_text(c->source), expiry);
    if (r->root)
        hint(_("Clients that trusted the old root need the new one: certwright export-root"));
}

static Exit reissue_report_fallback(const Reissue *r, const Job *j, const Certificate *c)
{
    _cleanup_free_ char *text = text_to_labels(strempty(j->error_text));

    reissue_print_chain(r, c);
    if (j->error_code)
        fail(EXIT_FELL_BACK, "%s: %s: %s", certificate_label(c), j->error_code, text);
    hint(
        _("The order failed. Until one succeeds, a chain of the local root is served, which clients may not "
          "trust. The order is retried automatically; \"certwright explain %s\" tells when."),
        certificate_label(c));
    certificate_hint_next(c);
    return EXIT_FELL_BACK;
}

static Exit reissue_report_failure(const Job *j, const Certificate *c)
{
    _cleanup_free_ char *expiry = time_format_expiry(c->not_after);
    Exit e = job_fail(j, certificate_label(c));

    if (streq(c->role, "root"))
        hint(_("The current root stays in use; valid until %s."), expiry);
    else if (c->not_after != 0 && !streq(c->state, "expired"))
        hint(_("The current chain is still served; source: %s, valid until %s."), word_to_text(c->source),
             expiry);
    return e;
}

static Exit reissue_report_one(const Reissue *r, const Certificate *c)
{
    const Job *j = r->jobs.jobs;

    switch (j->result) {
    case JOB_DONE:
        reissue_print_chain(r, c);
        return EXIT_DONE;
    case JOB_FALLBACK:
        return reissue_report_fallback(r, j, c);
    case JOB_CANCELLED:
        return fail(EXIT_JOB_FAILED,
                    r->reason ? _("%s: the job was cancelled.")
                              : _("%s: the job was cancelled; the old chain is still served."),
                    certificate_label(c));
    case JOB_UNKNOWN:
        return fail(EXIT_JOB_FAILED, _("%s: the job ended, but the service did not report its result."),
                    certificate_label(c));
    default:
        return reissue_report_failure(j, c);
    }
}

/* Reads the certificate, since a finished job has no object on the bus. */
static Exit reissue_load_and_report(Session *s, const Reissue *r)
{
    _cleanup_certificates_ CertificateList list = {};
    Exit e = certificate_load(s, r->path, &list);

    return e == EXIT_DONE ? reissue_report_one(r, list.items) : e;
}

/* ---- all certificates */

static void job_add_cause(const Job *j, Causes *causes)
{
    _cleanup_free_ char *cause = NULL, *label = name_to_label(job_name(j));

    if (j->result == JOB_FALLBACK)
        cause = xasprintf(_("fell back to the local root: %s: %s"), strempty(j->error_code),
                          strempty(j->error_text));
    else if (j->result == JOB_CANCELLED && !j->error_code)
        cause = xstrdup(_("the job was cancelled; the old chain is still served."));
    else if (j->error_code)
        cause = xasprintf("%s: %s", j->error_code, j->error_text);
    else
        cause = xstrdup(_("the job failed. The journal says why: journalctl -u certwrightd.service"));
    causes_add(causes, label, job_name(j), cause, 0);
}

static void reissue_print_summary(const Reissue *r)
{
    size_t done = job_watch_count(&r->jobs, JOB_DONE), fallback = job_watch_count(&r->jobs, JOB_FALLBACK);
    size_t failed = job_watch_count(&r->jobs, JOB_FAILED);
    size_t cancelled = job_watch_count(&r->jobs, JOB_CANCELLED);
    _cleanup_free_ char *line = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&line, &length);

    if (!file)
        return;
    fprintf(file, ngettext("%zu certificate reissued", "%zu certificates reissued", done), done);
    if (fallback > 0)
        fprintf(file,
                ngettext(", %zu fell back to the local root", ", %zu fell back to the local root", fallback),
                fallback);
    if (failed > 0)
        fprintf(file, ngettext(", %zu failed", ", %zu failed", failed), failed);
    if (cancelled > 0)
        fprintf(file, ngettext(", %zu cancelled", ", %zu cancelled", cancelled), cancelled);
    if (fclose(file) == 0)
        print_line(stdout, "%s.", line);
}

static void reissue_report_all(const Reissue *r)
{
    _cleanup_causes_ Causes causes = {};

    reissue_print_summary(r);
    for (size_t i = 0; i < r->jobs.n_jobs; i++)
        if (r->jobs.jobs[i].result != JOB_DONE)
            job_add_cause(&r->jobs.jobs[i], &causes);
    causes_print(&causes, stderr, "certwright: ", 0, NAMES_MAX);
    if (job_watch_count(&r->jobs, JOB_FALLBACK) > 0)
        hint(_("Failed orders are retried automatically; \"certwright explain NAME\" tells when."));
}

/* ---- */

static Exit reissue_exit(const Reissue *r)
{
    size_t done = job_watch_count(&r->jobs, JOB_DONE), fallback = job_watch_count(&r->jobs, JOB_FALLBACK);

    if (done + fallback < r->jobs.n_jobs)
        return EXIT_JOB_FAILED;
    return fallback > 0 ? EXIT_FELL_BACK : EXIT_DONE;
}

Exit reissue_report_finished(Session *s, Reissue *r)
{
    Exit e = EXIT_DONE;

    if (s->json)
        e = reissue_print_json(r);
    else if (r->all)
        reissue_report_all(r);
    else
        return reissue_load_and_report(s, r);
    return e == EXIT_DONE ? reissue_exit(r) : e;
}

Exit reissue_report_started(Session *s, const Reissue *r)
{
    if (s->json)
        return reissue_print_json(r);
    if (r->all)
        print_line(stdout, ngettext("Started %zu job.", "Started %zu jobs.", r->jobs.n_jobs),
                   r->jobs.n_jobs);
    else
        print_line(stdout, _("Started job %s."), r->jobs.jobs[0].path);
    return EXIT_DONE;
}
