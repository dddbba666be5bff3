/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/job.h"

#include <errno.h>

#include "cli/fields.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"
#include "util/time.h"

#define COUNT_INTERVAL_USEC (100 * USEC_PER_MSEC)

static const char *const job_results[] = {
    [JOB_RUNNING] = "running", [JOB_DONE] = "done",           [JOB_FALLBACK] = "fallback",
    [JOB_FAILED] = "failed",   [JOB_CANCELLED] = "cancelled", [JOB_UNKNOWN] = "unknown",
};

const char *job_result_to_string(JobResult result)
{
    return job_results[result];
}

/* Unknown results of a newer service are no success. */
static JobResult job_result_from_string(const char *text)
{
    int r = TABLE_FROM_STRING(job_results, text);

    return r > JOB_RUNNING ? (JobResult)r : JOB_FAILED;
}

static void job_done(Job *j)
{
    free(j->path);
    free(j->name);
    free(j->error_code);
    free(j->error_text);
}

void job_watch_done(JobWatch *w)
{
    for (size_t i = 0; i < w->n_jobs; i++)
        job_done(&w->jobs[i]);
    for (size_t i = 0; i < ELEMENTSOF(w->slots); i++)
        sd_bus_slot_unref(w->slots[i]);
    free(w->jobs);
    free(w->owner);
    free(w->step);
    *w = (JobWatch){ 0 };
}

static int job_compare(const void *a, const void *b)
{
    return strcmp(((const Job *)a)->path, ((const Job *)b)->path);
}

static int job_compare_path(const void *path, const void *job)
{
    return strcmp(path, ((const Job *)job)->path);
}

static Job *job_watch_find(JobWatch *w, const char *path)
{
    return w->n_jobs == 0 ? NULL : bsearch(path, w->jobs, w->n_jobs, sizeof *w->jobs, job_compare_path);
}

/* One line that is written over. A burst of jobs is not held up by the terminal. */
static void job_watch_show_count(JobWatch *w)
{
    uint64_t now = usec_now(CLOCK_MONOTONIC);

    if (!w->progress || w->n_jobs <= 1 || (w->n_running > 0 && now - w->counted < COUNT_INTERVAL_USEC))
        return;
    w->counted = now;
    fputs("\r\x1b[K", stderr);
    if (w->n_running > 0)
        fprintf(stderr, _("%zu of %zu"), w->n_jobs - w->n_running, w->n_jobs);
    fflush(stderr);
}

static void job_watch_end(JobWatch *w, Job *j, JobResult result)
{
    if (j->result != JOB_RUNNING)
        return;
    j->result = result;
    w->n_running--;
    job_watch_show_count(w);
}

static int on_job_finished(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    JobWatch *w = userdata;
    const char *path, *kind, *certificate, *name, *result, *code, *text;
    Job *j;

    if (!message_is_from(m, w->owner) ||
        sd_bus_message_read(m, "ososs(ss)", &path, &kind, &certificate, &name, &result, &code, &text) < 0)
        return 0;
    j = job_watch_find(w, path);
    if (!j || j->result != JOB_RUNNING)
        return 0;
    j->name = xstrdup(name);
    j->error_code = isempty(code) ? NULL : xstrdup(code);
    j->error_text = isempty(code) ? NULL : xstrdup(text);
    job_watch_end(w, j, job_result_from_string(result));
    return 0;
}

/* Follows JobFinished. A service started before an upgrade sends only this. */
static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    JobWatch *w = userdata;
    const char *path, *result;
    Job *j;

    if (!message_is_from(m, w->owner) || sd_bus_message_read(m, "os", &path, &result) < 0)
        return 0;
    j = job_watch_find(w, path);
    if (j)
        job_watch_end(w, j, job_result_from_string(result));
    return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    JobWatch *w = userdata;
    const char *name, *before, *after;

    if (message_is_from(m, "org.freedesktop.DBus") &&
        sd_bus_message_read(m, "sss", &name, &before, &after) >= 0 && w->owner && streq(before, w->owner))
        w->gone = true;
    return 0;
}

/* Shows the Step among the properties of a job. */
static void job_watch_show_step(JobWatch *w, sd_bus_message *m)
{
    static const Field properties[] = { { "Step", NULL, "s", 0 } };
    const char *step = "";

    if (fields_read_properties(properties, ELEMENTSOF(properties), m, &step) < 0 || isempty(step) ||
        !w->progress || (w->step && streq(w->step, step)))
        return;
    free(w->step);
    w->step = xstrdup(step);
    hint("%s", word_to_text(step));
}

static int on_job_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    JobWatch *w = userdata;
    const char *interface, *path = sd_bus_message_get_path(m);

    if (w->n_jobs == 1 && message_is_from(m, w->owner) && path && streq(path, w->jobs[0].path) &&
        sd_bus_message_read(m, "s", &interface) >= 0 && streq(interface, JOB_INTERFACE))
        job_watch_show_step(w, m);
    return 0;
}

/* The steps of many jobs would be too verbose. */
Exit job_watch_begin(JobWatch *w, Session *s, bool many)
{
    int r;

    w->session = s;
    w->progress = !s->json && isatty(STDERR_FILENO);
    r = sd_bus_match_signal(s->bus, &w->slots[0], SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "JobFinished",
                            on_job_finished, w);
    if (r >= 0)
        r = sd_bus_match_signal(s->bus, &w->slots[1], SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "JobRemoved",
                                on_job_removed, w);
    if (r >= 0 && !many)
        r = sd_bus_add_match(s->bus, &w->slots[2],
                             "type='signal',sender='" SERVICE "',interface='" PROPERTIES_INTERFACE "',"
                             "member='PropertiesChanged',path_namespace='" JOB_PREFIX "',"
                             "arg0='" JOB_INTERFACE "'",
                             on_job_changed, w);
    if (r >= 0)
        r = session_match_owner(s, &w->slots[3], on_owner_changed, w);
    return r < 0 ? session_fail(r, NULL, _("Cannot subscribe to the end of the job")) : EXIT_DONE;
}

void job_watch_add(JobWatch *w, const char *path)
{
    w->jobs = xreallocarray(w->jobs, w->n_jobs + 1, sizeof *w->jobs);
    w->jobs[w->n_jobs++] = (Job){ .path = xstrdup(path) };
    w->n_running++;
}

static Exit job_watch_process(JobWatch *w, bool *ret_idle)
{
    int r = sd_bus_process(w->session->bus, NULL);

    if (r < 0)
        return session_fail(r, NULL, _("Cannot wait for the job"));
    *ret_idle = r == 0;
    return EXIT_DONE;
}

/* Without this, it would wait forever for a job that finished before we subscribed: all signals about it
 * were received before the reply that there is no such object. */
static Exit job_watch_check_only(JobWatch *w)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Job *j = w->jobs;
    bool idle = false;
    int r = sd_bus_call_method(w->session->bus, SERVICE, j->path, PROPERTIES_INTERFACE, "GetAll", &error,
                               &reply, "s", JOB_INTERFACE);

    if (r >= 0) {
        job_watch_show_step(w, reply);
        return EXIT_DONE;
    }
    if (!sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT))
        return EXIT_DONE;
    while (!idle) {
        Exit e = job_watch_process(w, &idle);

        if (e != EXIT_DONE)
            return e;
    }
    if (!w->gone)
        job_watch_end(w, j, JOB_UNKNOWN);
    return EXIT_DONE;
}

static Exit job_watch_fail_gone(void)
{
    fail(EXIT_NO_SERVICE, _("The service stopped before the job ended."));
    hint(_("The journal says why: journalctl -u certwrightd.service"));
    return EXIT_NO_SERVICE;
}

Exit job_watch_wait(JobWatch *w, sd_bus_message *reply)
{
    const char *owner = sd_bus_message_get_sender(reply);
    Exit e = EXIT_DONE;

    if (!owner)
        return session_fail_reply(-EBADMSG);
    w->owner = xstrdup(owner);
    if (w->n_jobs > 1)
        qsort(w->jobs, w->n_jobs, sizeof *w->jobs, job_compare);
    if (w->n_jobs == 1)
        e = job_watch_check_only(w);
    while (e == EXIT_DONE && w->n_running > 0) {
        bool idle = false;

        e = job_watch_process(w, &idle);
        if (e != EXIT_DONE || !idle)
            continue;
        if (w->gone)
            return job_watch_fail_gone();
        if (sd_bus_wait(w->session->bus, UINT64_MAX) == -ENOMEM)
            return session_fail(-ENOMEM, NULL, _("Cannot wait for the job"));
    }
    return e;
}

size_t job_watch_count(const JobWatch *w, JobResult result)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_jobs; i++)
        n += w->jobs[i].result == result;
    return n;
}
