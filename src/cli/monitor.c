/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/words.h"

/* Prints the signals of the service as they arrive. Neither starts the service nor keeps it from exiting,
 * and ignores signals of other senders. */
typedef struct Monitor {
    Session *session;
    char *owner; /* unique name of the service, NULL while it is not running */
    Exit exit;
} Monitor;

static void monitor_done(Monitor *m)
{
    free(m->owner);
}

static bool monitor_trusts(const Monitor *m, sd_bus_message *message)
{
    const char *sender = sd_bus_message_get_sender(message);

    return sender && m->owner && streq(sender, m->owner);
}

static Json *event_new(const char *event)
{
    Json *j = json_object_new_object();

    json_set(j, "time", json_time(time(NULL)));
    json_set(j, "event", json_text(event));
    return j;
}

/* Prints the line, or the event if JSON is requested. */
static void monitor_print(Monitor *m, Json *event, const char *line)
{
    char clock[16];
    time_t now = time(NULL);
    struct tm tm;

    if (m->session->json)
        json_print_line(event);
    else if (line && localtime_r(&now, &tm) && strftime(clock, sizeof clock, "%H:%M:%S", &tm) > 0)
        print_line(stdout, "%s %s", clock, line);
    fflush(stdout);
    if (ferror(stdout))
        m->exit = EXIT_FAILED;
}

static int on_chain_changed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_json_ Json *event = event_new("chain-changed");
    _cleanup_free_ char *line = NULL;
    const char *path, *name, *source, *fingerprint;

    if (!monitor_trusts(m, message) ||
        sd_bus_message_read(message, "osss", &path, &name, &source, &fingerprint) < 0)
        return 0;
    json_set(event, "name", json_text(name));
    json_set(event, "source", json_text(source));
    json_set(event, "fingerprint", json_text(fingerprint));
    json_set(event, "object", json_text(path));
    if (asprintf(&line, _("%s: a new chain, source: %s, fingerprint %s"), name, source_to_text(source),
                 fingerprint) < 0)
        line = NULL;
    monitor_print(m, event, line);
    return 0;
}

static int on_expiry_warning(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_json_ Json *event = event_new("expiry-warning");
    _cleanup_free_ char *line = NULL, *date = NULL, *left = NULL;
    const char *path, *name, *reason;
    int64_t not_after;

    if (!monitor_trusts(m, message) ||
        sd_bus_message_read(message, "osxs", &path, &name, &not_after, &reason) < 0)
        return 0;
    json_set(event, "name", json_text(name));
    json_set(event, "not_after", json_time(not_after));
    json_set(event, "reason", json_text(reason));
    json_set(event, "object", json_text(path));
    date = time_format_date(not_after);
    left = time_format_remaining(not_after);
    if (asprintf(&line, _("%s: warning: valid until %s (%s): %s"), name, strempty(date), strempty(left),
                 reason_to_text(reason)) < 0)
        line = NULL;
    monitor_print(m, event, line);
    return 0;
}

static Json *event_new_job(const char *event, const char *path, const char *kind, const char *certificate,
                           const char *name)
{
    Json *j = event_new(event);

    json_set(j, "job", json_text(path));
    json_set(j, "kind", json_text(kind));
    json_set(j, "certificate", json_text(certificate));
    json_set(j, "name", json_text(name));
    return j;
}

static int on_job_started(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_json_ Json *event = NULL;
    _cleanup_free_ char *line = NULL;
    const char *path, *kind, *certificate, *name;

    if (!monitor_trusts(m, message) ||
        sd_bus_message_read(message, "osos", &path, &kind, &certificate, &name) < 0)
        return 0;
    event = event_new_job("job-started", path, kind, certificate, name);
    if (asprintf(&line, _("job %s begins: %s, %s"), path, kind_to_text(kind), name) < 0)
        line = NULL;
    monitor_print(m, event, line);
    return 0;
}

static Json *job_error_json(const char *code, const char *text)
{
    Json *j = json_object_new_object();

    json_set(j, "code", json_text(code));
    json_set(j, "text", json_text(text));
    return j;
}

static int on_job_finished(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_json_ Json *event = NULL;
    _cleanup_free_ char *line = NULL;
    const char *path, *kind, *certificate, *name, *result, *code, *text;
    int n;

    if (!monitor_trusts(m, message) || sd_bus_message_read(message, "ososs(ss)", &path, &kind, &certificate,
                                                           &name, &result, &code, &text) < 0)
        return 0;
    event = event_new_job("job-finished", path, kind, certificate, name);
    json_set(event, "result", json_text(result));
    json_set(event, "error", isempty(code) ? NULL : job_error_json(code, text));
    if (isempty(code))
        n = asprintf(&line, _("job %s ends: %s, %s: %s"), path, kind_to_text(kind), name,
                     result_to_text(result));
    else
        n = asprintf(&line, _("job %s ends: %s, %s: %s: %s: %s"), path, kind_to_text(kind), name,
                     result_to_text(result), code, text);
    monitor_print(m, event, n < 0 ? NULL : line);
    return 0;
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    const char *name, *before, *after, *sender = sd_bus_message_get_sender(message);
    _cleanup_json_ Json *event = NULL;

    if (!sender || !streq(sender, "org.freedesktop.DBus") ||
        sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
        return 0;
    free(m->owner);
    m->owner = isempty(after) ? NULL : strdup(after);
    event = event_new(isempty(after) ? "service-stopped" : "service-started");
    monitor_print(m, event, isempty(after) ? _("the service ended") : _("the service started"));
    return 0;
}

static int monitor_subscribe(Monitor *m)
{
    static const struct {
        const char *member;
        sd_bus_message_handler_t handler;
    } signals[] = {
        { "ChainChanged", on_chain_changed },
        { "ExpiryWarning", on_expiry_warning },
        { "JobStarted", on_job_started },
        { "JobFinished", on_job_finished },
    };
    sd_bus *bus = m->session->bus;
    int r = sd_bus_add_match(bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" SERVICE "'",
                             on_owner_changed, m);

    for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
        r = sd_bus_match_signal(bus, NULL, SERVICE, MANAGER_PATH, MANAGER_INTERFACE, signals[i].member,
                                signals[i].handler, m);
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
    m->owner = strdup(owner);
    return m->owner ? 0 : -ENOMEM;
}

Exit verb_monitor(Session *s, const Options *o _unused_, char **arguments _unused_, int n _unused_)
{
    _cleanup_(monitor_done) Monitor m = { .session = s };
    int r = monitor_subscribe(&m);

    if (r >= 0)
        r = monitor_find_owner(&m);
    if (r < 0)
        return session_fail(r, NULL, _("Cannot listen to the service"));
    if (s->legend)
        hint(_("Listening for changes; Ctrl+C ends it."));
    while (r >= 0 && m.exit == EXIT_DONE) {
        r = sd_bus_process(s->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(s->bus, UINT64_MAX);
        if (r == -EINTR)
            r = 0;
    }
    return r < 0 ? session_fail(r, NULL, _("The connection to the bus is lost")) : m.exit;
}
