/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"
#include "cli/deployment.h"
#include "cli/moment.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"

#define NAMES_MAX 10 /* behind a cause */

/* Properties of org.certwright1.Manager. */
typedef struct Status {
    sd_bus_message *reply; /* owns the text */
    const char *version, *root_fingerprint;
    uint32_t certificates, jobs;
    int acme;
    char **authorities;
    int64_t next_wake;
    List errors; /* in the configuration */
    CertificateList list;
} Status;

static const Field properties[] = {
    { "Version", "version", "s", offsetof(Status, version) },
    { "Certificates", "certificates", "u", offsetof(Status, certificates) },
    { "JobsRunning", "jobs_running", "u", offsetof(Status, jobs) },
    { "RootFingerprint", "root_fingerprint", "s", offsetof(Status, root_fingerprint), NULL, FIELD_OPTIONAL },
    { "AcmeEnabled", "acme_enabled", "b", offsetof(Status, acme) },
    { "Authorities", "authorities", "as", offsetof(Status, authorities) },
    { "NextWake", "next_wake", "x", offsetof(Status, next_wake) },
    { "ConfigurationErrors", "configuration_errors", "a(suss)", offsetof(Status, errors),
      &configuration_error_record },
};

static void status_done(Status *t)
{
    fields_done(properties, ELEMENTSOF(properties), t);
    certificate_list_done(&t->list);
    sd_bus_message_unref(t->reply);
}

static Json *status_failures_json(const Status *t)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < t->list.n; i++) {
        const Certificate *c = &t->list.items[i];
        Json *j;

        if (isempty(c->error.code))
            continue;
        j = json_object_new_object();
        json_set(j, "name", json_text(c->name));
        certificate_error_to_json(c, j);
        json_object_array_add(array, j);
    }
    return array;
}

/* Two lists of deployments; one whose predecessor was revoked is in the first of them alone. */
static bool deployment_concerns(const Certificate *c, const Deployment *d, bool revoked)
{
    return deployment_is_of_revoked(c, d) ? revoked : !revoked && deployment_is_failure(d);
}

static Json *status_deployments_json(const Status *t, bool revoked)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < t->list.n; i++) {
        const Certificate *c = &t->list.items[i];

        for (size_t j = 0; j < c->deployments.n; j++) {
            const Deployment *d = (const Deployment *)c->deployments.items + j;

            if (deployment_concerns(c, d, revoked))
                json_object_array_add(array, deployment_to_json(c, d));
        }
    }
    return array;
}

static void status_add_causes(const Status *t, Causes *causes)
{
    for (size_t i = 0; i < t->list.n; i++)
        certificate_add_cause(&t->list.items[i], causes);
}

static Exit status_print_json(const Status *t)
{
    _cleanup_causes_ Causes causes = {};
    Json *j = json_object_new_object();

    fields_to_json(properties, ELEMENTSOF(properties), t, j);
    status_add_causes(t, &causes);
    json_set(j, "failures", status_failures_json(t));
    json_set(j, "causes", causes_to_json(&causes));
    json_set(j, "failed_deployments", status_deployments_json(t, false));
    json_set(j, "revoked_in_use", status_deployments_json(t, true));
    return json_print(j);
}

static void status_add_number(Table *t, const char *label, uint32_t number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    table_add_labelled(t, label, text);
}

static void status_print_service(const Status *t)
{
    _cleanup_table_ Table table = { .n_columns = 2 };
    _cleanup_free_ char *next = moment_format_due(t->next_wake);

    table_add_labelled(&table, _("Version:"), t->version);
    status_add_number(&table, _("Certificates:"), t->certificates);
    status_add_number(&table, _("Jobs:"), t->jobs);
    table_add_labelled(&table, _("Root fingerprint:"), t->root_fingerprint);
    table_add_labelled(&table, _("ACME:"), t->acme ? _("enabled") : _("not enabled"));
    table_add_list(&table, _("Authorities:"), t->authorities);
    table_add_labelled(&table, _("Next renewal:"), next);
    table_print(&table, true, 0);
}

static void status_print_errors(const Status *t)
{
    configuration_errors_print_section(&t->errors);
    if (t->errors.n > 0)
        printf("\n");
}

static void status_print_failures(const Status *t)
{
    _cleanup_causes_ Causes causes = {};

    status_add_causes(t, &causes);
    if (causes.n == 0)
        return;
    printf("\n");
    print_line(stdout, _("Certificates whose last attempt failed:"));
    causes_print(&causes, stdout, "  ", 0, NAMES_MAX);
}

/* The worst news come first. */
static void status_print_deployments(const Status *t, const char *title, bool revoked)
{
    _cleanup_causes_ Causes causes = {};

    for (size_t i = 0; i < t->list.n; i++) {
        const Certificate *c = &t->list.items[i];

        for (size_t j = 0; j < c->deployments.n; j++) {
            const Deployment *d = (const Deployment *)c->deployments.items + j;

            if (deployment_concerns(c, d, revoked))
                deployment_add_cause(c, d, &causes);
        }
    }
    if (causes.n == 0)
        return;
    print_line(stdout, "%s", title);
    causes_print(&causes, stdout, "  ", 0, NAMES_MAX);
    printf("\n");
}

Exit verb_status(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_(status_done) Status t = {};
    Exit e = session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, &t.reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    fields_init(properties, ELEMENTSOF(properties), &t);
    r = fields_read_properties(properties, ELEMENTSOF(properties), t.reply, &t);
    if (r < 0)
        return session_fail_reply(r);
    e = certificates_load(s, &t.list);
    if (e != EXIT_DONE)
        return e;
    if (s->json)
        return status_print_json(&t);
    status_print_deployments(&t, _("A revoked chain may still be in use:"), true);
    status_print_deployments(&t, _("Failed deliveries:"), false);
    status_print_errors(&t);
    status_print_service(&t);
    status_print_failures(&t);
    if (s->legend && !t.acme && t.errors.n == 0) /* the setting may be in a file that cannot be read */
        hint(_(
            "To have certificates issued by an authority such as Let's Encrypt instead of this machine, agree to "
            "its terms: \"certwright acme setup\" asks, or set TermsOfServiceAgreed=yes below [ACME] in "
            "/etc/certwright/certwright.conf, where Enabled=no must not be set."));
    return EXIT_DONE;
}
