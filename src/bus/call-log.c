/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "bus/internal.h"
#include "util/log.h"

/* Calls in the journal: who asked for what, and how it ended. A call that begins jobs says so, and the end of each job is a
 * message of its own, with the user who requested it. Users are named, so that a message waits until the name is known
 * (util/user-names.h). */

#define FIELDS_MAX 12

/* A message, with the name of a user between two texts. */
struct LogLine {
    STAILQ_ENTRY(LogLine) entry;
    int priority;
    const char *message_id;
    char *before, *after;
    LogField fields[FIELDS_MAX + 2]; /* values are owned; then the user's name */
    size_t n_fields;
    uid_t uid;
};

static LogLine *line_free(LogLine *l)
{
    if (!l)
        return NULL;
    for (size_t i = 0; i < l->n_fields; i++)
        free((char *)(uintptr_t)l->fields[i].value);
    free(l->before);
    free(l->after);
    free(l);
    return NULL;
}
DEFINE_CLEANUP(LogLine *, line_free);
#define _cleanup_line_ _cleanup_(line_freep)

static int line_new(int priority, const char *message_id, const LogField *fields, LogLine **ret)
{
    _cleanup_line_ LogLine *l = calloc(1, sizeof(LogLine));

    if (!l)
        return -ENOMEM;
    l->priority = priority;
    l->message_id = message_id;
    for (; fields->name && l->n_fields < FIELDS_MAX; fields++) {
        char *value = strdup(strempty(fields->value));

        if (!value)
            return -ENOMEM;
        l->fields[l->n_fields++] = (LogField){ fields->name, value };
    }
    *ret = TAKE_PTR(l);
    return 0;
}

static _printf_(2, 3) int set_text(char **text, const char *format, ...)
{
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(text, format, ap);
    va_end(ap);
    if (r < 0)
        *text = NULL;
    return r < 0 ? -ENOMEM : 0;
}

static void on_user_found(const char *name, void *userdata)
{
    _cleanup_line_ LogLine *l = userdata;

    l->fields[l->n_fields] = (LogField){ "USER", name };
    log_fields(l->priority, l->message_id, l->fields, "%s%s%s", l->before, name, l->after);
}

/* Takes the line; r: of making it. Returns it, or NULL if it could not be made. */
static LogLine *line_complete(LogLine *l, uid_t uid, int r)
{
    if (r >= 0) {
        l->uid = uid;
        return l;
    }
    (void)log_oom();
    return line_free(l);
}

static void line_write(Bus *b, LogLine *l)
{
    if (l)
        user_names_find(b->log.users, l->uid, on_user_found, l);
}

/* ---- calls */

static int set_call_text(const Call *c, const char *error, char **ret)
{
    bool named = !isempty(c->name) && !streq(c->name, ANY_NAME);
    const char *of = named                ? " of "
                     : isempty(c->module) ? ""
                                          : " to ",
               *what = named ? c->name : c->module, *member = sd_bus_message_get_member(c->message);

    if (*error)
        return set_text(ret, " asked for %s%s%s: %s. %s", member, of, strempty(what), error,
                        strempty(c->problem.text));
    if (c->n_jobs > 1)
        return set_text(ret, " asked for %s%s%s: started %zu jobs", member, of, strempty(what), c->n_jobs);
    if (c->n_jobs > 0)
        return set_text(ret, " asked for %s%s%s: started job %" PRIu64, member, of, strempty(what), c->job);
    return set_text(ret, " asked for %s%s%s: done", member, of, strempty(what));
}

void call_log_write(Call *c)
{
    const char *error = problem_code_to_string(c->problem.code);
    char uid[16], job[24] = "";
    LogLine *l = NULL;
    int r;

    if (c->uid == (uid_t)-1 || c->logged) /* public method, or the caller's uid is unknown */
        return;
    c->logged = true;
    snprintf(uid, sizeof(uid), "%u", (unsigned)c->uid);
    if (c->n_jobs == 1)
        snprintf(job, sizeof(job), "%" PRIu64, c->job);
    r = line_new(*error ? LOG_NOTICE : LOG_INFO, MESSAGE_REQUEST,
                 FIELDS({ "UID", uid }, { "METHOD", sd_bus_message_get_member(c->message) },
                        { "NAME", c->name }, { "MODULE", c->module },
                        { "SENDER", sd_bus_message_get_sender(c->message) }, { "JOB", job },
                        { "RESULT", *error          ? error
                                    : c->n_jobs > 0 ? "started"
                                                    : "done" }),
                 &l);
    if (r >= 0)
        r = set_text(&l->before, "User ");
    if (r >= 0)
        r = set_call_text(c, error, &l->after);
    line_write(c->bus, line_complete(l, c->uid, r));
}

/* ---- jobs */

void call_log_note_job(Call *c, uint64_t id)
{
    Job *j = model_find_job(c->bus->model, id);

    if (j && j->requester == (uid_t)-1)
        j->requester = c->uid;
    if (c->job == id)
        return;
    c->job = id;
    c->n_jobs++;
}

void call_log_begin(Call *c)
{
    c->bus->log.current = c;
}

void call_log_end(Bus *b)
{
    LogLine *l;

    b->log.current = NULL;
    while ((l = STAILQ_FIRST(&b->log.held))) {
        STAILQ_REMOVE_HEAD(&b->log.held, entry);
        line_write(b, l);
    }
}

/* A job that the service starts by itself during a call, such as a renewal in RenewDue, is not the caller's. */
static void on_job_added(Job *j, void *userdata)
{
    Bus *b = userdata;

    if (b->log.current && j->kind != JOB_RENEW && j->kind != JOB_ORDER)
        call_log_note_job(b->log.current, j->id);
}

static const char *describe_kind(JobKind kind)
{
    static const char *const texts[_JOB_KIND_MAX] = {
        [JOB_REISSUE] = "Reissue of", [JOB_RENEW] = "Renewal of",     [JOB_ROOT] = "Reissue of",
        [JOB_ORDER] = "Order for",    [JOB_REVOKE] = "Revocation of", [JOB_DEPLOY] = "Delivery to",
    };

    return texts[kind];
}

static int set_end_text(const Job *j, char **ret)
{
    static const char *const texts[_JOB_STATE_MAX] = {
        [JOB_DONE] = ", is done",
        [JOB_FALLBACK] = ", fell back to the local root",
        [JOB_FAILED] = ", failed",
        [JOB_CANCELLED] = ", was cancelled",
    };
    const char *text = strempty(j->problem.text);

    return set_text(ret, "%s (job %" PRIu64 ")%s%s%s", texts[j->state], j->id, *text ? ": " : ".", text,
                    text_full_stop(text));
}

static int job_priority(JobState state)
{
    return state == JOB_DONE ? LOG_INFO : state == JOB_CANCELLED ? LOG_NOTICE : LOG_WARNING;
}

/* The line of the call that requested it goes before, although it may end at once. */
static void on_job_removed(Job *j, void *userdata)
{
    const char *result = job_state_to_string(j->state);
    char uid[16], id[24];
    Bus *b = userdata;
    LogLine *l = NULL;
    int r;

    if (j->requester == (uid_t)-1)
        return;
    snprintf(uid, sizeof(uid), "%u", (unsigned)j->requester);
    snprintf(id, sizeof(id), "%" PRIu64, j->id);
    r = line_new(job_priority(j->state), j->state == JOB_DONE ? MESSAGE_JOB_DONE : MESSAGE_JOB_FAILED,
                 FIELDS({ "UID", uid }, { "JOB", id }, { "KIND", job_kind_to_string(j->kind) },
                        { "NAME", j->certificate ? job_name(j) : "" }, { "MODULE", j->module },
                        { "RESULT", result }, { "CODE", problem_name(&j->problem) },
                        { "REASON", j->problem.text }),
                 &l);
    if (r >= 0)
        r = set_text(&l->before, "%s %s, requested by user ", describe_kind(j->kind), job_name(j));
    if (r >= 0)
        r = set_end_text(j, &l->after);
    l = line_complete(l, j->requester, r);
    if (l && b->log.current)
        STAILQ_INSERT_TAIL(&b->log.held, l, entry);
    else
        line_write(b, l);
}

static const ModelWatcher watcher = { .job_added = on_job_added, .job_removed = on_job_removed };

/* ---- refused calls */

void call_log_refused(const Refusal *refusal, void *userdata)
{
    char uid[16];
    LogLine *l = NULL;
    int r;

    snprintf(uid, sizeof(uid), "%u", (unsigned)refusal->uid);
    r = line_new(LOG_NOTICE, MESSAGE_CALLS_REFUSED, FIELDS({ "UID", uid }, { "REASON", refusal->why }), &l);
    if (r >= 0)
        r = set_text(&l->before, "Refusing calls of user ");
    if (r >= 0)
        r = set_text(&l->after, ", with %zu pending calls and about %zu bytes of unread replies: %s",
                     refusal->n_pending, refusal->unread, refusal->why);
    line_write(userdata, line_complete(l, refusal->uid, r));
}

/* ---- */

int bus_log_init(Bus *b)
{
    int r = user_names_new(b->event, &b->log.users);

    STAILQ_INIT(&b->log.held);
    return r < 0 ? r : model_watch(b->model, &watcher, b);
}
