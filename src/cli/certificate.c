/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"

#include <strings.h>

#include "cli/label.h"
#include "cli/moment.h"
#include "cli/xalloc.h"

static const Field chain_fields[] = {
    { NULL, "subject", "s", offsetof(ChainLink, subject) },
    { NULL, "issuer", "s", offsetof(ChainLink, issuer) },
    { NULL, "serial", "s", offsetof(ChainLink, serial) },
    { NULL, "not_before", "x", offsetof(ChainLink, not_before) },
    { NULL, "not_after", "x", offsetof(ChainLink, not_after) },
    { NULL, "fingerprint", "s", offsetof(ChainLink, fingerprint) },
};

static const Field candidate_fields[] = {
    { NULL, "source", "s", offsetof(Candidate, source) },
    { NULL, "usable", "b", offsetof(Candidate, usable) },
    { NULL, "reason", "s", offsetof(Candidate, reason) },
    { NULL, "not_after", "x", offsetof(Candidate, not_after) },
};

static const Field deployment_fields[] = {
    { NULL, "module", "s", offsetof(Deployment, module) },
    { NULL, "state", "s", offsetof(Deployment, state) },
    { NULL, "detail", "s", offsetof(Deployment, detail) },
    { NULL, "time", "x", offsetof(Deployment, time) },
};

static const Field window_fields[] = {
    { NULL, "start", "x", offsetof(struct RenewalWindow, start) },
    { NULL, "end", "x", offsetof(struct RenewalWindow, end) },
    { NULL, "explanation", "s", offsetof(struct RenewalWindow, explanation), NULL, FIELD_OPTIONAL },
};

static const Field error_fields[] = {
    { NULL, "code", "s", offsetof(struct LastError, code) },
    { NULL, "text", "s", offsetof(struct LastError, text) },
    { NULL, "time", "x", offsetof(struct LastError, time) },
    { NULL, "attempts", "u", offsetof(struct LastError, attempts) },
};

static const Record chain_record = RECORD("sssxxs", ChainLink, chain_fields);
static const Record candidate_record = RECORD("sbsx", Candidate, candidate_fields);
static const Record deployment_record = RECORD("sssx", Deployment, deployment_fields);
static const Record window_record = RECORD("xxs", struct RenewalWindow, window_fields);
static const Record error_record = RECORD("ssxu", struct LastError, error_fields);

static const Field properties[] = {
    { "Name", "name", "s", offsetof(Certificate, name) },
    { "Names", "names", "as", offsetof(Certificate, names) },
    { "Role", "role", "s", offsetof(Certificate, role) },
    { "Source", "source", "s", offsetof(Certificate, source) },
    { "Reason", "reason", "s", offsetof(Certificate, reason) },
    { "State", "state", "s", offsetof(Certificate, state) },
    { "Subject", "subject", "s", offsetof(Certificate, subject) },
    { "Issuer", "issuer", "s", offsetof(Certificate, issuer) },
    { "Serial", "serial", "s", offsetof(Certificate, serial) },
    { "NotBefore", "not_before", "x", offsetof(Certificate, not_before) },
    { "NotAfter", "not_after", "x", offsetof(Certificate, not_after) },
    { "Fingerprint", "fingerprint", "s", offsetof(Certificate, fingerprint) },
    { "KeyType", "key_type", "s", offsetof(Certificate, key_type) },
    { "Chain", "chain", "a(sssxxs)", offsetof(Certificate, chain), &chain_record },
    { "Candidates", "candidates", "a(sbsx)", offsetof(Certificate, candidates), &candidate_record },
    { "Modules", "modules", "as", offsetof(Certificate, modules) },
    { "Authority", "authority", "s", offsetof(Certificate, authority) },
    { "NextRenewal", "next_renewal", "x", offsetof(Certificate, next_renewal) },
    { "RenewalWindow", "renewal_window", "(xxs)", offsetof(Certificate, window), &window_record,
      FIELD_OPTIONAL },
    { "LastError", "last_error", "(ssxu)", offsetof(Certificate, error), &error_record, FIELD_OPTIONAL },
    { "Deployments", "deployments", "a(sssx)", offsetof(Certificate, deployments), &deployment_record },
    { "Job", "job", "o", offsetof(Certificate, job), NULL, FIELD_OPTIONAL },
};

Json *certificate_to_json(const Certificate *c)
{
    Json *j = json_object_new_object();

    fields_to_json(properties, ELEMENTSOF(properties), c, j);
    json_set(j, "object", json_text(c->path));
    return j;
}

void certificate_error_to_json(const Certificate *c, Json *object)
{
    fields_to_json(error_fields, ELEMENTSOF(error_fields), &c->error, object);
}

void certificate_hint_next(const Certificate *c)
{
    _cleanup_free_ char *due = moment_format_due(c->next_renewal);

    if (c->next_renewal > 0)
        hint(_("The next attempt is due %s."), due);
}

bool certificate_has_job(const Certificate *c)
{
    return !streq(c->job, "/");
}

void certificate_add_cause(const Certificate *c, Causes *causes)
{
    _cleanup_free_ char *cause = NULL;

    if (isempty(c->error.code))
        return;
    cause = xasprintf("%s: %s", c->error.code, c->error.text);
    causes_add(causes, certificate_label(c), c->name, cause, c->error.time);
}

void certificate_list_done(CertificateList *l)
{
    size_t n = l->n + (l->root != NULL);

    for (size_t i = 0; i < n; i++) {
        fields_done(properties, ELEMENTSOF(properties), &l->items[i]);
        free(l->items[i].unicode);
    }
    free(l->items);
    sd_bus_message_unref(l->reply);
    *l = (CertificateList){ 0 };
}

/* Reads the properties of one more certificate. */
static int certificate_list_add(CertificateList *l, sd_bus_message *m, const char *path)
{
    Certificate *c;
    int r;

    if ((l->n & (l->n - 1)) == 0) /* doubles */
        l->items = xreallocarray(l->items, MAX(2 * l->n, (size_t)1), sizeof *l->items);
    c = &l->items[l->n++];
    *c = (Certificate){ .path = path };
    fields_init(properties, ELEMENTSOF(properties), c);
    r = fields_read_properties(properties, ELEMENTSOF(properties), m, c);
    if (r >= 0 && strstr(c->name, "xn--"))
        c->unicode = name_to_label(c->name);
    return r;
}

const char *certificate_label(const Certificate *c)
{
    return c->unicode ? c->unicode : c->name;
}

static int certificate_list_read_interfaces(CertificateList *l, sd_bus_message *m, const char *path)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
        const char *interface;

        r = sd_bus_message_read(m, "s", &interface);
        if (r >= 0)
            r = streq(interface, CERTIFICATE_INTERFACE) ? certificate_list_add(l, m, path)
                                                        : sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int certificate_list_read(CertificateList *l, sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
        const char *path;

        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
            r = certificate_list_read_interfaces(l, m, path);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

static int certificate_compare(const void *a, const void *b)
{
    const Certificate *x = a, *y = b;
    int roots = (int)streq(x->path, ROOT_PATH) - (int)streq(y->path, ROOT_PATH);

    return roots ? roots : strverscmp(x->name, y->name);
}

int certificates_read(CertificateList *l, sd_bus_message *reply)
{
    int r;

    l->reply = sd_bus_message_ref(reply);
    r = certificate_list_read(l, reply);
    if (r < 0)
        return r;
    if (l->n > 0)
        qsort(l->items, l->n, sizeof *l->items, certificate_compare);
    if (l->n > 0 && streq(l->items[l->n - 1].path, ROOT_PATH))
        l->root = &l->items[--l->n];
    return 0;
}

Exit certificates_load(Session *s, CertificateList *l)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = session_get_objects(s, &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = certificates_read(l, reply);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

int certificate_read(CertificateList *l, sd_bus_message *reply, const char *path)
{
    l->reply = sd_bus_message_ref(reply);
    return certificate_list_add(l, reply, path);
}

Exit certificate_look_up(Session *s, const char *name, CertificateList *l)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path = NULL;
    Exit e = session_look_up(s, name, &path);
    int r;

    if (e != EXIT_DONE || !path)
        return e;
    r = sd_bus_call_method(s->bus, SERVICE, path, PROPERTIES_INTERFACE, "GetAll", &error, &reply, "s",
                           CERTIFICATE_INTERFACE);
    if (sd_bus_error_has_name(&error, SERVICE ".Error.NoSuchCertificate")) /* removed between the calls */
        return EXIT_DONE;
    if (r < 0)
        return session_fail(r, &error, _("Cannot read the properties"));
    r = certificate_read(l, reply, path);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

Exit certificate_load(Session *s, const char *path, CertificateList *l)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = session_get_all(s, path, CERTIFICATE_INTERFACE, &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = certificate_read(l, reply, path);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

char *distinguished_name_short(const char *dn)
{
    const char *value = strncasecmp(dn, "CN=", 3) == 0 ? dn : NULL;
    char *text, *t;

    for (const char *p = dn; !value && *p; p++)
        if (*p == '\\' && p[1])
            p++;
        else if ((*p == ',' || *p == '+') && strncasecmp(p + 1, "CN=", 3) == 0)
            value = p + 1;
    if (!value)
        return xstrdup(dn);
    text = t = xstrdup(value + 3);
    for (const char *p = value + 3; *p && *p != ',' && *p != '+'; p++) {
        if (*p == '\\' && p[1] && strchr(",+\"\\<>;#= ", p[1]))
            p++;
        *t++ = *p;
    }
    *t = '\0';
    return text;
}

char *certificate_path_name(const char *path)
{
    char *name = NULL;

    if (sd_bus_path_decode(path, CERTIFICATE_PREFIX, &name) > 0)
        return name;
    return xstrdup(path);
}
