/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "cli/configuration-error.h"
#include "cli/deployment.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"
#include "util/fs.h"

/* The text format of Prometheus: all samples of a metric follow its HELP and TYPE. Names, units and labels are those that
 * Prometheus recommends. Times are gauges in seconds since 1970-01-01 UTC, and are left out if there is none. */

typedef struct Metrics {
    FILE *out;
    sd_bus_message *reply; /* owns the text below */
    const char *version;
    uint32_t jobs;
    int acme, clock_trusted;
    List errors;
    CertificateList list;
} Metrics;

static const Field properties[] = {
    { "Version", NULL, "s", offsetof(Metrics, version) },
    { "JobsRunning", NULL, "u", offsetof(Metrics, jobs) },
    { "AcmeEnabled", NULL, "b", offsetof(Metrics, acme) },
    { "ClockTrusted", NULL, "b", offsetof(Metrics, clock_trusted) },
    { "ConfigurationErrors", NULL, "a(suss)", offsetof(Metrics, errors), &configuration_error_record },
};

static void metrics_done(Metrics *m)
{
    fields_done(properties, ELEMENTSOF(properties), m);
    certificate_list_done(&m->list);
    sd_bus_message_unref(m->reply);
}

static void metric_begin(const Metrics *m, const char *name, const char *help)
{
    fprintf(m->out, "# HELP certwright_%s %s\n# TYPE certwright_%s gauge\n", name, help, name);
}

/* Escaped for a terminal first, then as the format wants it: backslash and quote; there is no newline left. */
static void label_write(FILE *out, const char *name, const char *value, const char *separator)
{
    _cleanup_free_ char *text = xcheck(output_escape(value));

    fprintf(out, "%s%s=\"", separator, name);
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == '"')
            fputc('\\', out);
        fputc(*p, out);
    }
    fputc('"', out);
}

/* Writes a sample. Behind the value: pairs of label and value, then NULL. */
static void sample_write(const Metrics *m, const char *name, int64_t value, ...)
{
    const char *label, *separator = "{";
    va_list ap;

    fprintf(m->out, "certwright_%s", name);
    va_start(ap, value);
    while ((label = va_arg(ap, const char *))) {
        label_write(m->out, label, va_arg(ap, const char *), separator);
        separator = ",";
    }
    va_end(ap);
    fprintf(m->out, "%s %" PRId64 "\n", *separator == ',' ? "}" : "", value);
}

static void metric_write(const Metrics *m, const char *name, const char *help, int64_t value)
{
    metric_begin(m, name, help);
    sample_write(m, name, value, NULL);
}

static void metrics_write_service(const Metrics *m)
{
    metric_begin(m, "info", "Version of the certificate service.");
    sample_write(m, "info", 1, "version", m->version, NULL);
    metric_write(m, "acme_enabled", "Whether chains are ordered from ACME authorities.", m->acme);
    metric_write(m, "clock_trusted", "Whether the service trusts the clock of the machine.",
                 m->clock_trusted);
    metric_write(m, "configuration_errors", "Errors in the configuration.", (int64_t)m->errors.n);
    metric_write(m, "jobs", "Jobs that are queued or running.", m->jobs);
    metric_write(m, "certificates", "Certificates without the local root.", (int64_t)m->list.n);
}

static int64_t certificate_not_after(const Certificate *c)
{
    return c->not_after;
}

static int64_t certificate_not_before(const Certificate *c)
{
    return c->not_before;
}

static int64_t certificate_next_renewal(const Certificate *c)
{
    return c->next_renewal;
}

static int64_t certificate_last_error(const Certificate *c)
{
    return isempty(c->error.code) ? 0 : c->error.time;
}

static int64_t certificate_attempts(const Certificate *c)
{
    return c->error.attempts;
}

static const struct {
    const char *name, *help;
    int64_t (*value)(const Certificate *c);
    bool with_zero;
} certificate_metrics[] = {
    { "certificate_not_after_timestamp_seconds", "When the served certificate expires.",
      certificate_not_after },
    { "certificate_not_before_timestamp_seconds", "Beginning of the validity of the served certificate.",
      certificate_not_before },
    { "certificate_next_renewal_timestamp_seconds", "When the next attempt to renew is due.",
      certificate_next_renewal },
    { "certificate_last_error_timestamp_seconds", "When the last attempt failed; absent after a success.",
      certificate_last_error },
    { "certificate_failed_attempts", "Automatic attempts that failed since the last success.",
      certificate_attempts, true },
};

/* The root is behind the leaves. */
static size_t metrics_count(const Metrics *m)
{
    return m->list.n + (m->list.root != NULL);
}

static void metrics_write_certificates(const Metrics *m)
{
    metric_begin(m, "certificate_info", "Source, state and key of the served certificate.");
    for (size_t i = 0; i < metrics_count(m); i++) {
        const Certificate *c = &m->list.items[i];

        sample_write(m, "certificate_info", 1, "name", c->name, "role", c->role, "source", c->source,
                     "state", c->state, "authority", c->authority, "key_type", c->key_type, "error",
                     c->error.code, NULL);
    }
    for (size_t k = 0; k < ELEMENTSOF(certificate_metrics); k++) {
        metric_begin(m, certificate_metrics[k].name, certificate_metrics[k].help);
        for (size_t i = 0; i < metrics_count(m); i++) {
            const Certificate *c = &m->list.items[i];
            int64_t value = certificate_metrics[k].value(c);

            if (value != 0 || certificate_metrics[k].with_zero)
                sample_write(m, certificate_metrics[k].name, value, "name", c->name, "role", c->role, NULL);
        }
    }
}

static int64_t delivery_is_failure(const Deployment *d)
{
    return deployment_is_failure(d);
}

static int64_t delivery_time(const Deployment *d)
{
    return d->time;
}

static void metrics_write_delivery(const Metrics *m, const char *name, const char *help,
                                   int64_t (*value)(const Deployment *d), bool with_state)
{
    metric_begin(m, name, help);
    for (size_t i = 0; i < m->list.n; i++) {
        const Certificate *c = &m->list.items[i];

        for (size_t k = 0; k < c->deployments.n; k++) {
            const Deployment *d = (const Deployment *)c->deployments.items + k;

            if (with_state)
                sample_write(m, name, 1, "name", c->name, "module", d->module, "state", d->state, NULL);
            else
                sample_write(m, name, value(d), "name", c->name, "module", d->module, NULL);
        }
    }
}

static void metrics_write_deliveries(const Metrics *m)
{
    metrics_write_delivery(m, "delivery_info", "State of the delivery of a certificate to a module.", NULL,
                           true);
    metrics_write_delivery(m, "delivery_failed", "Whether the last delivery failed or was rolled back.",
                           delivery_is_failure, false);
    metrics_write_delivery(m, "delivery_last_try_timestamp_seconds",
                           "When the delivery was last tried; 0 if it was not.", delivery_time, false);
}

static Exit metrics_load(Session *s, Metrics *m)
{
    Exit e = session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, &m->reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    fields_init(properties, ELEMENTSOF(properties), m);
    r = fields_read_properties(properties, ELEMENTSOF(properties), m->reply, m);
    return r < 0 ? session_fail_reply(r) : certificates_load(s, &m->list);
}

/* Readers see the former file or the new one, never a part. Not flushed: after a crash, the next run writes it again. */
static Exit metrics_replace(const char *file, const char *text, size_t size)
{
    _cleanup_free_ char *new = xasprintf("%s.new", file);
    int r = fs_remove_file_at(AT_FDCWD, new);

    if (r >= 0)
        r = fs_create_at(AT_FDCWD, new, text, size, false);
    if (r >= 0 && (fchmodat(AT_FDCWD, new, 0644, 0) < 0 || rename(new, file) < 0)) {
        r = -errno;
        (void)unlink(new);
    }
    return r < 0 ? fail(EXIT_FAILED, _("Cannot write %s: %s"), file, strerror(-r)) : EXIT_DONE;
}

Exit verb_metrics(Session *s, const Options *o, char **arguments _unused_)
{
    _cleanup_(metrics_done) Metrics m = {};
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    Exit e = metrics_load(s, &m);

    if (e != EXIT_DONE)
        return e;
    m.out = xcheck(open_memstream(&text, &size));
    metrics_write_service(&m);
    metrics_write_certificates(&m);
    metrics_write_deliveries(&m);
    xcheck(fclose(m.out) == 0 ? text : NULL);
    if (o->output && !streq(o->output, "-"))
        return metrics_replace(o->output, text, size);
    fwrite(text, 1, size, stdout);
    return EXIT_DONE;
}
