/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"

#include <errno.h>
#include <strings.h>

typedef struct Property Property;
struct Property {
    const char *name, *type;
    int (*read)(sd_bus_message *m, Certificate *c, const Property *p);
    size_t offset;
};

/* Makes room for another item: the capacity is the smallest power of two not below n. */
static void *items_extend(void *items, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? reallocarray(items, n == 0 ? 1 : 2 * n, size) : items;
}

static int read_text(sd_bus_message *m, Certificate *c, const Property *p)
{
    return sd_bus_message_read_basic(m, p->type[0], (char *)c + p->offset);
}

static int read_time(sd_bus_message *m, Certificate *c, const Property *p)
{
    return sd_bus_message_read_basic(m, 'x', (char *)c + p->offset);
}

static int read_text_list(sd_bus_message *m, Certificate *c, const Property *p)
{
    TextList *l = (TextList *)(void *)((char *)c + p->offset);
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(m, "s", &text)) > 0) {
        const char **items = items_extend(l->items, l->n, sizeof *items);

        if (!items)
            return -ENOMEM;
        l->items = items;
        l->items[l->n++] = text;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_chain(sd_bus_message *m, Certificate *c, const Property *p _unused_)
{
    ChainLink l;
    int r = sd_bus_message_enter_container(m, 'a', "(sssxxs)");

    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(m, "(sssxxs)", &l.subject, &l.issuer, &l.serial, &l.not_before,
                                    &l.not_after, &l.fingerprint)) > 0) {
        ChainLink *chain = items_extend(c->chain, c->n_chain, sizeof *chain);

        if (!chain)
            return -ENOMEM;
        c->chain = chain;
        c->chain[c->n_chain++] = l;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_candidates(sd_bus_message *m, Certificate *c, const Property *p _unused_)
{
    const char *source, *reason;
    int usable, r = sd_bus_message_enter_container(m, 'a', "(sbsx)");
    int64_t not_after;

    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(m, "(sbsx)", &source, &usable, &reason, &not_after)) > 0) {
        Candidate *candidates = items_extend(c->candidates, c->n_candidates, sizeof *candidates);

        if (!candidates)
            return -ENOMEM;
        c->candidates = candidates;
        c->candidates[c->n_candidates++] =
            (Candidate){ .source = source, .usable = usable, .reason = reason, .not_after = not_after };
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_deployments(sd_bus_message *m, Certificate *c, const Property *p _unused_)
{
    Deployment d;
    int r = sd_bus_message_enter_container(m, 'a', "(sssx)");

    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(m, "(sssx)", &d.module, &d.state, &d.detail, &d.time)) > 0) {
        Deployment *deployments = items_extend(c->deployments, c->n_deployments, sizeof *deployments);

        if (!deployments)
            return -ENOMEM;
        c->deployments = deployments;
        c->deployments[c->n_deployments++] = d;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_error(sd_bus_message *m, Certificate *c, const Property *p _unused_)
{
    return sd_bus_message_read(m, "(ssxu)", &c->error_code, &c->error_text, &c->error_time,
                               &c->error_attempts);
}

static int read_window(sd_bus_message *m, Certificate *c, const Property *p _unused_)
{
    return sd_bus_message_read(m, "(xxs)", &c->window_start, &c->window_end, &c->window_page);
}

#define PROPERTY(name, type, read, field) \
    { \
        name, type, read, offsetof(Certificate, field) \
    }

static const Property properties[] = {
    PROPERTY("Name", "s", read_text, name),
    PROPERTY("Names", "as", read_text_list, names),
    PROPERTY("Role", "s", read_text, role),
    PROPERTY("Source", "s", read_text, source),
    PROPERTY("Reason", "s", read_text, reason),
    PROPERTY("State", "s", read_text, state),
    PROPERTY("Serial", "s", read_text, serial),
    PROPERTY("NotBefore", "x", read_time, not_before),
    PROPERTY("NotAfter", "x", read_time, not_after),
    PROPERTY("Issuer", "s", read_text, issuer),
    PROPERTY("Subject", "s", read_text, subject),
    PROPERTY("Fingerprint", "s", read_text, fingerprint),
    PROPERTY("KeyType", "s", read_text, key_type),
    PROPERTY("Chain", "a(sssxxs)", read_chain, chain),
    PROPERTY("Candidates", "a(sbsx)", read_candidates, candidates),
    PROPERTY("Modules", "as", read_text_list, modules),
    PROPERTY("Authority", "s", read_text, authority),
    PROPERTY("NextRenewal", "x", read_time, next_renewal),
    PROPERTY("RenewalWindow", "(xxs)", read_window, window_start),
    PROPERTY("LastError", "(ssxu)", read_error, error_code),
    PROPERTY("Deployments", "a(sssx)", read_deployments, deployments),
    PROPERTY("Job", "o", read_text, job),
};

static const Property *property_find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(properties); i++)
        if (streq(properties[i].name, name))
            return &properties[i];
    return NULL;
}

static int certificate_read_property(Certificate *c, sd_bus_message *m)
{
    const char *name;
    const Property *p;
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    p = property_find(name);
    if (!p)
        return sd_bus_message_skip(m, "v");
    r = sd_bus_message_enter_container(m, 'v', p->type);
    if (r < 0)
        return r;
    r = p->read(m, c, p);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Missing properties stay empty, for a service of another version. */
static int certificate_read(Certificate *c, sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    c->name = c->role = c->source = c->reason = c->state = c->serial = c->issuer = c->subject = "";
    c->fingerprint = c->key_type = c->authority = c->error_code = c->error_text = c->window_page = "";
    c->job = "/";
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = certificate_read_property(c, m);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void certificate_done(Certificate *c)
{
    free(c->names.items);
    free(c->modules.items);
    free(c->chain);
    free(c->candidates);
    free(c->deployments);
}

void certificate_list_done(CertificateList *l)
{
    for (size_t i = 0; i < l->n; i++)
        certificate_done(&l->items[i]);
    free(l->items);
    if (l->root)
        certificate_done(l->root);
    free(l->root);
    sd_bus_message_unref(l->reply);
    *l = (CertificateList){ 0 };
}

/* Returns the list entry to read the next certificate into. */
static Certificate *certificate_list_add(CertificateList *l, const char *path)
{
    Certificate *items, *c;

    if (streq(path, ROOT_PATH) && !l->root) {
        l->root = c = calloc(1, sizeof *c);
    } else {
        items = items_extend(l->items, l->n, sizeof *items);
        if (!items)
            return NULL;
        l->items = items;
        c = &items[l->n++];
        *c = (Certificate){ 0 };
    }
    if (c)
        c->path = path;
    return c;
}

static int certificate_list_read_interfaces(CertificateList *l, sd_bus_message *m, const char *path)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
        const char *interface;

        r = sd_bus_message_read(m, "s", &interface);
        if (r < 0)
            return r;
        if (streq(interface, CERTIFICATE_INTERFACE)) {
            Certificate *c = certificate_list_add(l, path);

            r = c ? certificate_read(c, m) : -ENOMEM;
        } else
            r = sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int certificate_list_read(CertificateList *l, sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
        const char *path;

        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
            r = certificate_list_read_interfaces(l, m, path);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r;
}

static int certificate_compare(const void *a, const void *b)
{
    return strcmp(((const Certificate *)a)->name, ((const Certificate *)b)->name);
}

Exit certificates_load(Session *s, CertificateList *l)
{
    Exit e = session_get_objects(s, &l->reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = certificate_list_read(l, l->reply);
    if (r < 0)
        return session_fail_reply(r);
    if (l->n > 0)
        qsort(l->items, l->n, sizeof *l->items, certificate_compare);
    return EXIT_DONE;
}

Exit certificate_load(Session *s, const char *path, CertificateList *l)
{
    Exit e = session_get_all(s, path, CERTIFICATE_INTERFACE, &l->reply);
    Certificate *c;
    int r;

    if (e != EXIT_DONE)
        return e;
    c = certificate_list_add(l, path);
    r = c ? certificate_read(c, l->reply) : -ENOMEM;
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
        return strdup(dn);
    text = t = strdup(value + 3);
    if (!text)
        return NULL;
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
    return strdup(path);
}
