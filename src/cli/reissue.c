/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "cli/certificate.h"
#include "cli/job.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/words.h"

typedef struct Reissue {
    bool all, root, wait, keep_current;
    const char *reason;      /* it is a revocation, for this reason; NULL: a reissue */
    const char *name, *path; /* of the only certificate */
    time_t begun;
    JobWatch jobs;
    CertificateList outcome;
} Reissue;

static void reissue_done(Reissue *r)
{
    job_watch_done(&r->jobs);
    certificate_list_done(&r->outcome);
}

static Exit reissue_read_jobs(Reissue *r, sd_bus_message *reply)
{
    const char *path;
    Exit e = EXIT_DONE;
    int n;

    if (!r->all) {
        n = sd_bus_message_read(reply, "o", &path);
        return n < 0 ? session_fail_reply(n) : job_watch_add(&r->jobs, path);
    }
    n = sd_bus_message_enter_container(reply, 'a', "o");
    while (n >= 0 && e == EXIT_DONE && (n = sd_bus_message_read(reply, "o", &path)) > 0)
        e = job_watch_add(&r->jobs, path);
    return n < 0 ? session_fail_reply(n) : e;
}

static Exit reissue_append_arguments(const Reissue *r, sd_bus_message *call)
{
    int n;

    if (r->reason)
        return message_append_text(call, r->reason);
    if (!r->keep_current)
        return message_append_no_options(call);
    n = sd_bus_message_append(call, "a{sv}", 1, "keep-current", "b", true);
    return n < 0 ? session_fail(n, NULL, _("Cannot make a message for the bus")) : EXIT_DONE;
}

static Exit reissue_call(Session *s, Reissue *r, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = r->all ? session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "ReissueAll", &call)
                    : session_new_call(s, r->path, CERTIFICATE_INTERFACE, r->reason ? "Revoke" : "Reissue",
                                       &call);

    if (e == EXIT_DONE)
        e = reissue_append_arguments(r, call);
    if (e == EXIT_DONE && r->wait)
        e = job_watch_begin(&r->jobs, s, r->all);
    if (e == EXIT_DONE)
        e = session_send(s, call, r->reason ? _("Cannot revoke") : _("Cannot reissue"), &reply);
    if (e == EXIT_DONE)
        e = reissue_read_jobs(r, reply);
    *ret_reply = TAKE_PTR(reply);
    return e;
}

/* The failures of this run, by the certificates they are of. */
static bool reissue_concerns(const Reissue *r, const Certificate *c)
{
    return !isempty(c->error_code) && c->error_time >= r->begun;
}

static Json *reissue_error_json(const char *name, const char *code, const char *text)
{
    Json *j = json_object_new_object();

    json_set(j, "name", json_text(name));
    json_set(j, "code", json_text(code));
    json_set(j, "text", json_text(text));
    return j;
}

static Json *reissue_errors_json(const Reissue *r)
{
    const Certificate *only = r->outcome.root ? r->outcome.root : r->outcome.items;
    Json *array = json_object_new_array();

    if (job_watch_count(&r->jobs, JOB_FAILED) == 0)
        return array;
    if (!r->all && r->jobs.error_code) {
        json_object_array_add(array, reissue_error_json(only->name, r->jobs.error_code, r->jobs.error_text));
        return array;
    }
    if (r->outcome.root && reissue_concerns(r, r->outcome.root))
        json_object_array_add(array, reissue_error_json(r->outcome.root->name, r->outcome.root->error_code,
                                                        r->outcome.root->error_text));
    for (size_t i = 0; i < r->outcome.n; i++) {
        const Certificate *c = &r->outcome.items[i];

        if (reissue_concerns(r, c))
            json_object_array_add(array, reissue_error_json(c->name, c->error_code, c->error_text));
    }
    return array;
}

static Exit reissue_print_json(const Reissue *r)
{
    _cleanup_json_ Json *j = json_object_new_object();
    Json *jobs = json_object_new_array();

    for (size_t i = 0; i < r->jobs.n_jobs; i++)
        json_object_array_add(jobs, json_text(r->jobs.jobs[i].path));
    json_set(j, "jobs", jobs);
    json_set(j, "waited", json_object_new_boolean(r->wait));
    json_set(j, "done", json_object_new_int64((int64_t)job_watch_count(&r->jobs, JOB_DONE)));
    json_set(j, "failed", json_object_new_int64((int64_t)job_watch_count(&r->jobs, JOB_FAILED)));
    json_set(j, "cancelled", json_object_new_int64((int64_t)job_watch_count(&r->jobs, JOB_CANCELLED)));
    json_set(j, "errors", reissue_errors_json(r));
    return json_print(j);
}

static void reissue_print_started(const Reissue *r)
{
    if (r->all)
        print_line(stdout, ngettext("%zu job is started.", "%zu jobs are started.", r->jobs.n_jobs),
                   r->jobs.n_jobs);
    for (size_t i = 0; !r->all && i < r->jobs.n_jobs; i++)
        print_line(stdout, _("The job %s is started."), r->jobs.jobs[i].path);
}

static void reissue_print_success(const Reissue *r, const Certificate *c)
{
    _cleanup_free_ char *date = time_format_date(c->not_after), *left = time_format_remaining(c->not_after);

    if (r->reason && c->not_after == 0)
        print_line(stdout, _("%s: the chain is revoked, and nothing is served now."), c->name);
    else
        print_line(stdout,
                   r->reason ? _("%s: the chain is revoked; served now: source: %s, valid until %s (%s).")
                             : _("%s: a new chain, source: %s, valid until %s (%s)."),
                   c->name, source_to_text(c->source), strempty(date), strempty(left));
    if (!r->reason && reissue_concerns(r, c))
        hint(_("Something better was tried first, and failed: %s: %s"), c->error_code, c->error_text);
    if (r->root)
        hint(_("Clients that trusted the old root need the new one: certwright export-root"));
}

static Exit reissue_report_one(const Reissue *r)
{
    const Certificate *c = r->outcome.root ? r->outcome.root : r->outcome.items;

    switch (r->jobs.jobs[0].result) {
    case JOB_DONE:
        reissue_print_success(r, c);
        return EXIT_DONE;
    case JOB_CANCELLED:
        return fail(EXIT_JOB_FAILED,
                    r->reason ? _("%s: the job was cancelled.")
                              : _("%s: the job was cancelled; the old chain is still served."),
                    c->name);
    case JOB_UNKNOWN:
        return fail(EXIT_JOB_FAILED, _("%s: the job is over, but the service did not tell how it ended."),
                    c->name);
    default:
        if (r->jobs.error_code)
            return fail(EXIT_JOB_FAILED, "%s: %s: %s", c->name, r->jobs.error_code,
                        strempty(r->jobs.error_text));
        if (!isempty(c->error_code))
            return fail(EXIT_JOB_FAILED, "%s: %s: %s", c->name, c->error_code, c->error_text);
        return fail(EXIT_JOB_FAILED,
                    _("%s: the job failed. The journal says why: journalctl -u certwrightd.service"),
                    c->name);
    }
}

static Exit reissue_report_all(const Reissue *r)
{
    size_t done = job_watch_count(&r->jobs, JOB_DONE);

    print_line(stdout, ngettext("%zu certificate is reissued.", "%zu certificates are reissued.", done),
               done);
    if (done == r->jobs.n_jobs)
        return EXIT_DONE;
    for (size_t i = 0; i < r->outcome.n; i++) {
        const Certificate *c = &r->outcome.items[i];

        if (reissue_concerns(r, c))
            fail(EXIT_JOB_FAILED, "%s: %s: %s", c->name, c->error_code, c->error_text);
    }
    return fail(EXIT_JOB_FAILED,
                ngettext("%zu job was not done.", "%zu jobs were not done.", r->jobs.n_jobs - done),
                r->jobs.n_jobs - done);
}

/* What came of it is asked of the certificates: a finished job has no object any more. */
static Exit reissue_report(Session *s, Reissue *r)
{
    Exit e = r->all ? certificates_load(s, &r->outcome) : certificate_load(s, r->path, &r->outcome);
    bool ok = job_watch_count(&r->jobs, JOB_DONE) == r->jobs.n_jobs;

    if (e != EXIT_DONE)
        return e;
    if (!s->json)
        return r->all ? reissue_report_all(r) : reissue_report_one(r);
    e = reissue_print_json(r);
    return e == EXIT_DONE && !ok ? EXIT_JOB_FAILED : e;
}

static Exit reissue_run(Session *s, Reissue *r)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL, *reply = NULL;
    Exit e = EXIT_DONE;

    if (!r->all)
        e = session_find_target(s, r->root, r->name, &r->path, &found);
    if (e == EXIT_DONE)
        e = reissue_call(s, r, &reply);
    if (e != EXIT_DONE)
        return e;
    if (r->wait) {
        e = job_watch_wait(&r->jobs, reply);
        return e == EXIT_DONE ? reissue_report(s, r) : e;
    }
    if (s->json)
        return reissue_print_json(r);
    reissue_print_started(r);
    return EXIT_DONE;
}

Exit verb_reissue(Session *s, const Options *o, char **arguments, int n)
{
    _cleanup_(reissue_done) Reissue r = {
        .all = o->given & OPTION_ALL,
        .root = o->given & OPTION_ROOT,
        .wait = !(o->given & OPTION_NO_WAIT),
        .keep_current = o->given & OPTION_KEEP_CURRENT,
        .name = n > 0 ? arguments[0] : NULL,
        .begun = time(NULL),
    };

    if (r.all + r.root + n != 1)
        return fail(EXIT_USAGE, _("Give one of NAME, --all and --root."));
    if (r.root && r.keep_current)
        return fail(EXIT_USAGE,
                    _("--keep-current is about chains of ACME authorities; the local root has none."));
    return reissue_run(s, &r);
}

Exit verb_revoke(Session *s, const Options *o, char **arguments, int n _unused_)
{
    _cleanup_(reissue_done) Reissue r = {
        .wait = !(o->given & OPTION_NO_WAIT),
        .name = arguments[0],
        .reason = o->reason ? o->reason : "unspecified",
        .begun = time(NULL),
    };

    return reissue_run(s, &r);
}
