/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "cli/deployment.h"
#include "cli/label.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"

/* Prints the signals of the service as they arrive. Neither starts the service nor keeps it from exiting,
 * and ignores signals of other senders. */
typedef struct Monitor {
    Session *session;
    char *owner; /* unique name of the service, NULL while it is not running */
    Exit exit;
} Monitor;

/* The arguments of all signals; each has some of them. */
typedef struct Event {
    const char *path, *name, *kind, *certificate, *source, *fingerprint, *reason, *result;
    const char *module, *state, *detail;
    int64_t not_after;
    struct JobError {
        const char *code, *text;
    } error;
} Event;

typedef struct Signal {
    const char *member, *event;
    const Field *fields;
    size_t n_fields;
    char *(*to_line)(const Event *e);
} Signal;

static const Field chain_changed_fields[] = {
    { NULL, "object", "o", offsetof(Event, path) },
    { NULL, "name", "s", offsetof(Event, name) },
    { NULL, "source", "s", offsetof(Event, source) },
    { NULL, "fingerprint", "s", offsetof(Event, fingerprint) },
};

static const Field expiry_warning_fields[] = {
    { NULL, "object", "o", offsetof(Event, path) },
    { NULL, "name", "s", offsetof(Event, name) },
    { NULL, "not_after", "x", offsetof(Event, not_after) },
    { NULL, "reason", "s", offsetof(Event, reason) },
};

static const Field error_fields[] = {
    { NULL, "code", "s", offsetof(struct JobError, code) },
    { NULL, "text", "s", offsetof(struct JobError, text) },
};

static const Record error_record = RECORD("ss", struct JobError, error_fields);

#define JOB_STARTED_FIELDS 4

static const Field job_fields[] = {
    { NULL, "job", "o", offsetof(Event, path) },
    { NULL, "kind", "s", offsetof(Event, kind) },
    { NULL, "certificate", "o", offsetof(Event, certificate) },
    { NULL, "name", "s", offsetof(Event, name) },
    /* JobFinished alone */
    { NULL, "result", "s", offsetof(Event, result) },
    { NULL, "error", "(ss)", offsetof(Event, error), &error_record, FIELD_OPTIONAL },
};

/* A signal of the certificate: its object is the path, which has the name, too. */
static const Field deployment_changed_fields[] = {
    { NULL, "module", "s", offsetof(Event, module) },
    { NULL, "state", "s", offsetof(Event, state) },
    { NULL, "detail", "s", offsetof(Event, detail) },
};

static char *chain_changed_to_line(const Event *e)
{
    return xasprintf(_("%s: a new chain, source: %s, fingerprint %s"), e->name, word_to_text(e->source),
                     e->fingerprint);
}

static char *expiry_warning_to_line(const Event *e)
{
    _cleanup_free_ char *expiry = time_format_expiry(e->not_after);

    return xasprintf(_("%s: warning: valid until %s: %s"), e->name, expiry, word_to_text(e->reason));
}

static char *job_started_to_line(const Event *e)
{
    return xasprintf(_("job %s begins: %s, %s"), e->path, word_to_text(e->kind), e->name);
}

static char *job_finished_to_line(const Event *e)
{
    const char *kind = word_to_text(e->kind), *result = word_to_text(e->result);

    if (isempty(e->error.code))
        return xasprintf(_("job %s ends: %s, %s: %s"), e->path, kind, e->name, result);
    return xasprintf(_("job %s ends: %s, %s: %s: %s: %s"), e->path, kind, e->name, result, e->error.code,
                     e->error.text);
}

static char *deployment_changed_to_line(const Event *e)
{
    return deployment_to_line(e->name, e->module, e->state, e->detail);
}

static const Signal deployment_changed = { "DeploymentChanged", "deployment-changed",
                                           deployment_changed_fields, ELEMENTSOF(deployment_changed_fields),
                                           deployment_changed_to_line };

/* Signals of the manager. */
static const Signal signals[] = {
    { "ChainChanged", "chain-changed", chain_changed_fields, ELEMENTSOF(chain_changed_fields),
      chain_changed_to_line },
    { "ExpiryWarning", "expiry-warning", expiry_warning_fields, ELEMENTSOF(expiry_warning_fields),
      expiry_warning_to_line },
    { "JobStarted", "job-started", job_fields, JOB_STARTED_FIELDS, job_started_to_line },
    { "JobFinished", "job-finished", job_fields, ELEMENTSOF(job_fields), job_finished_to_line },
};

static void monitor_done(Monitor *m)
{
    free(m->owner);
}

static Json *event_new(const char *event)
{
    Json *j = json_object_new_object();

    json_set(j, "time", json_time(time(NULL)));
    json_set(j, "event", json_text(event));
    return j;
}

/* Prints the line, or the event if JSON is requested, and frees the event. */
static void monitor_print(Monitor *m, Json *event, const char *line)
{
    _cleanup_json_ Json *owned = event;
    _cleanup_free_ char *labelled = text_to_labels(line);
    char clock[16];
    time_t now = time(NULL);
    struct tm tm;

    if (m->session->json)
        json_print_line(TAKE_PTR(owned));
    else if (localtime_r(&now, &tm) && strftime(clock, sizeof clock, "%H:%M:%S", &tm) > 0)
        print_line(stdout, "%s %s", clock, labelled);
    fflush(stdout);
    if (ferror(stdout))
        m->exit = EXIT_FAILED;
}

static void monitor_show(Monitor *m, const Signal *s, sd_bus_message *message)
{
    _cleanup_free_ char *line = NULL;
    Event e = {};
    Json *j;

    if (fields_read(s->fields, s->n_fields, message, &e) <= 0)
        return;
    j = event_new(s->event);
    fields_to_json(s->fields, s->n_fields, &e, j);
    line = s->to_line(&e);
    monitor_print(m, j, line);
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;

    for (size_t i = 0; message_is_from(message, m->owner) && i < ELEMENTSOF(signals); i++)
        if (sd_bus_message_is_signal(message, MANAGER_INTERFACE, signals[i].member))
            monitor_show(m, &signals[i], message);
    return 0;
}

static int on_deployment_changed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    const Signal *s = &deployment_changed;
    const char *path = sd_bus_message_get_path(message);
    _cleanup_free_ char *name = path ? certificate_path_name(path) : NULL, *line = NULL;
    Event e = { .path = path, .name = name };
    Json *j;

    if (!name || !message_is_from(message, m->owner) ||
        fields_read(s->fields, s->n_fields, message, &e) <= 0)
        return 0;
    j = event_new(s->event);
    json_set(j, "object", json_text(path));
    json_set(j, "name", json_text(name));
    fields_to_json(s->fields, s->n_fields, &e, j);
    line = s->to_line(&e);
    monitor_print(m, j, line);
    return 0;
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    const char *name, *before, *after;

    if (!message_is_from(message, "org.freedesktop.DBus") ||
        sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
        return 0;
    free(m->owner);
    m->owner = isempty(after) ? NULL : xstrdup(after);
    monitor_print(m, event_new(m->owner ? "service-started" : "service-stopped"),
                  m->owner ? _("the service started") : _("the service stopped"));
    return 0;
}

static int monitor_subscribe(Monitor *m)
{
    int r = session_match_owner(m->session, NULL, on_owner_changed, m);

    for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
        r = sd_bus_match_signal(m->session->bus, NULL, SERVICE, MANAGER_PATH, MANAGER_INTERFACE,
                                signals[i].member, on_signal, m);
    if (r >= 0)
        r = sd_bus_add_match(m->session->bus, NULL,
                             "type='signal',sender='" SERVICE "',interface='" CERTIFICATE_INTERFACE "',"
                             "member='DeploymentChanged',path_namespace='" CERTIFICATE_PREFIX "'",
                             on_deployment_changed, m);
    return r;
}

static int monitor_find_owner(Monitor *m)
{
    _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
    const char *owner;
    int r = sd_bus_get_name_creds(m->session->bus, SERVICE, SD_BUS_CREDS_UNIQUE_NAME, &creds);

    if (r == -ENXIO || r == -ESRCH)
        return 0;
    if (r >= 0)
        r = sd_bus_creds_get_unique_name(creds, &owner);
    if (r < 0)
        return r;
    m->owner = xstrdup(owner);
    return 0;
}

Exit verb_monitor(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_(monitor_done) Monitor m = { .session = s };
    int r = monitor_subscribe(&m);

    if (r >= 0)
        r = monitor_find_owner(&m);
    if (r < 0)
        return session_fail(r, NULL, _("Cannot subscribe to the signals of the service"));
    if (s->legend)
        hint(_("Listening for changes; press Ctrl+C to stop."));
    while (r >= 0 && m.exit == EXIT_DONE && !output_is_closed()) {
        r = sd_bus_process(s->bus, NULL);
        if (r == 0)
            r = session_wait(s, UINT64_MAX);
        if (r == -EINTR)
            r = 0;
    }
    return r < 0 ? session_fail(r, NULL, _("Lost the connection to the bus")) : m.exit;
}
