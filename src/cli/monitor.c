/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/words.h"

/* Prints what the service signals, as it comes. The service is neither started by it nor kept from ending,
 * and signals from anybody else are not heeded. */
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

/* Prints the line, or the event where JSON is asked for. */
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

static int job_read_property(sd_bus_message *reply, const char **kind, const char **certificate)
{
    const char *name;
    int r = sd_bus_message_read(reply, "s", &name);

    if (r < 0)
        return r;
    if (streq(name, "Kind"))
        return sd_bus_message_read(reply, "v", "s", kind);
    if (streq(name, "Certificate"))
        return sd_bus_message_read(reply, "v", "o", certificate);
    return sd_bus_message_skip(reply, "v");
}

/* Leaves both alone where the job is over already. */
static void job_ask(Session *s, const char *path, sd_bus_message **reply, const char **kind,
                    const char **certificate)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(s->bus, &call, SERVICE, path, PROPERTIES_INTERFACE, "GetAll");

    if (r >= 0)
        r = sd_bus_message_set_auto_start(call, false);
    if (r >= 0)
        r = sd_bus_message_append(call, "s", JOB_INTERFACE);
    if (r >= 0)
        r = sd_bus_call(s->bus, call, 0, NULL, reply);
    if (r >= 0)
        r = sd_bus_message_enter_container(*reply, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(*reply, 'e', "sv")) > 0) {
        r = job_read_property(*reply, kind, certificate);
        if (r >= 0)
            r = sd_bus_message_exit_container(*reply);
    }
}

static int on_job_new(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_json_ Json *event = event_new("job-new");
    _cleanup_free_ char *name = NULL, *line = NULL;
    const char *path, *kind = NULL, *certificate = NULL;
    int n;

    if (!monitor_trusts(m, message) || sd_bus_message_read(message, "o", &path) < 0)
        return 0;
    job_ask(m->session, path, &reply, &kind, &certificate);
    name = certificate ? certificate_path_name(certificate) : NULL;
    json_set(event, "job", json_text(path));
    json_set(event, "kind", kind ? json_text(kind) : NULL);
    json_set(event, "certificate", certificate ? json_text(certificate) : NULL);
    json_set(event, "name", name && !streq(name, strempty(certificate)) ? json_text(name) : NULL);
    if (kind && name)
        n = asprintf(&line, _("job %s begins: %s, %s"), path, kind_to_text(kind), name);
    else
        n = asprintf(&line, _("job %s begins"), path);
    monitor_print(m, event, n < 0 ? NULL : line);
    return 0;
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_)
{
    Monitor *m = userdata;
    _cleanup_json_ Json *event = event_new("job-removed");
    _cleanup_free_ char *line = NULL;
    const char *path, *result;

    if (!monitor_trusts(m, message) || sd_bus_message_read(message, "os", &path, &result) < 0)
        return 0;
    json_set(event, "job", json_text(path));
    json_set(event, "result", json_text(result));
    if (asprintf(&line, _("job %s ends: %s"), path, result_to_text(result)) < 0)
        line = NULL;
    monitor_print(m, event, line);
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
        { "JobNew", on_job_new },
        { "JobRemoved", on_job_removed },
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
