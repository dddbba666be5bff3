/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verbs.h"

/* Properties of org.certwright1.Manager; text is borrowed from the message. */
typedef struct Status {
    sd_bus_message *reply;
    const char *version, *root_fingerprint;
    uint32_t certificates, jobs;
    int acme;
    const char **authorities;
    size_t n_authorities;
    int64_t next_wake;
    CertificateList list;
} Status;

static void status_done(Status *t)
{
    free(t->authorities);
    certificate_list_done(&t->list);
    sd_bus_message_unref(t->reply);
}

static int status_read_authorities(Status *t, sd_bus_message *m)
{
    const char *name;
    int r = sd_bus_message_enter_container(m, 'v', "as");

    if (r >= 0)
        r = sd_bus_message_enter_container(m, 'a', "s");
    while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0) {
        const char **grown = reallocarray(t->authorities, t->n_authorities + 1, sizeof(char *));

        if (!grown)
            return -ENOMEM;
        t->authorities = grown;
        grown[t->n_authorities++] = name;
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(m);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int status_read_property(Status *t, sd_bus_message *m, const char *name)
{
    const struct {
        const char *name, *type;
        void *value;
    } properties[] = {
        { "Version", "s", &t->version },           { "RootFingerprint", "s", &t->root_fingerprint },
        { "Certificates", "u", &t->certificates }, { "JobsRunning", "u", &t->jobs },
        { "AcmeEnabled", "b", &t->acme },          { "NextWake", "x", &t->next_wake },
    };

    if (streq(name, "Authorities"))
        return status_read_authorities(t, m);
    for (size_t i = 0; i < ELEMENTSOF(properties); i++)
        if (streq(name, properties[i].name))
            return sd_bus_message_read(m, "v", properties[i].type, properties[i].value);
    return sd_bus_message_skip(m, "v");
}

static int status_read(Status *t, sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const char *name;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
            r = status_read_property(t, m, name);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

static Json *status_failures_json(const Status *t)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < t->list.n; i++) {
        const Certificate *c = &t->list.items[i];
        Json *j;

        if (isempty(c->error_code))
            continue;
        j = json_object_new_object();
        json_set(j, "name", json_text(c->name));
        json_set(j, "code", json_text(c->error_code));
        json_set(j, "text", json_text(c->error_text));
        json_set(j, "time", json_time(c->error_time));
        json_set(j, "attempts", json_object_new_int64(c->error_attempts));
        json_object_array_add(array, j);
    }
    return array;
}

static Exit status_print_json(const Status *t)
{
    _cleanup_json_ Json *j = json_object_new_object();

    json_set(j, "version", json_text(strempty(t->version)));
    json_set(j, "certificates", json_object_new_int64(t->certificates));
    json_set(j, "jobs_running", json_object_new_int64(t->jobs));
    json_set(j, "root_fingerprint", isempty(t->root_fingerprint) ? NULL : json_text(t->root_fingerprint));
    json_set(j, "acme_enabled", json_object_new_boolean(t->acme));
    json_set(j, "authorities", json_texts(t->authorities, t->n_authorities));
    json_set(j, "next_wake", json_time(t->next_wake));
    json_set(j, "failures", status_failures_json(t));
    return json_print(j);
}

static void status_add_number(Table *t, const char *label, uint32_t number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    table_add_labelled(t, label, text);
}

static Exit status_print_service(const Status *t)
{
    _cleanup_table_ Table table = { .n_columns = 2 };
    _cleanup_free_ char *next = time_format(t->next_wake);

    table_add_labelled(&table, _("Version:"), t->version);
    status_add_number(&table, _("Certificates:"), t->certificates);
    status_add_number(&table, _("Jobs:"), t->jobs);
    table_add_labelled(&table, _("Root's fingerprint:"), t->root_fingerprint);
    table_add_labelled(&table, _("ACME:"), t->acme ? _("enabled") : _("not enabled"));
    for (size_t i = 0; i < t->n_authorities; i++)
        table_add_labelled(&table, i == 0 ? _("Authorities:") : " ", t->authorities[i]);
    table_add_labelled(&table, _("Next renewal:"), next);
    return table_print(&table, true, 0);
}

static void status_print_failures(const Status *t)
{
    bool any = false;

    for (size_t i = 0; i < t->list.n; i++) {
        const Certificate *c = &t->list.items[i];
        _cleanup_free_ char *when = time_format(c->error_time);

        if (isempty(c->error_code))
            continue;
        if (!any) {
            printf("\n");
            print_line(stdout, _("What failed last, and has not succeeded since:"));
        }
        any = true;
        print_line(stdout, "  %s: %s: %s (%s)", c->name, c->error_code, c->error_text, strempty(when));
    }
}

static Exit status_print(const Session *s, const Status *t)
{
    Exit e = status_print_service(t);

    if (e != EXIT_DONE)
        return e;
    status_print_failures(t);
    if (s->legend && !t->acme)
        hint(_(
            "With ACME, authorities such as Let's Encrypt sign what this machine signs by itself now: agree to "
            "their terms with TermsOfServiceAgreed=yes below [ACME] in /etc/certwright/certwright.conf."));
    return EXIT_DONE;
}

Exit verb_status(Session *s, const Options *o _unused_, char **arguments _unused_, int n _unused_)
{
    _cleanup_(status_done) Status t = {};
    Exit e = session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, &t.reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = status_read(&t, t.reply);
    if (r < 0)
        return session_fail_reply(r);
    e = certificates_load(s, &t.list);
    if (e != EXIT_DONE)
        return e;
    return s->json ? status_print_json(&t) : status_print(s, &t);
}
