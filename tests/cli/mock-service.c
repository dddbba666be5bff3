/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.certwright1 with canned data: what the command is tested against. Each certificate's first label says
 * what is odd about it. What methods are given is printed, a line each. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "core/limits.h"
#include "util/memfd.h"
#include "util/text.h"

#define SERVICE     "org.certwright1"
#define MANAGER     "/org/certwright1"
#define CERTIFICATE SERVICE ".Certificate"
#define DAY         (24 * 3600)
#define REVOKED_IN_USE \
    "A service still uses the revoked chain: its successor has not been delivered yet; Deployments shows why."
#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Entry {
    const char *name, *second, *source, *state, *reason, *issuer;
    int days;
    const char *modules[3];
} Entry;

static Entry entries[] = {
    { "pending.example.com", NULL, "", "pending", "", "", 0, { "webui" } },
    { "mail.example.com",
      "imap.example.com",
      "local",
      "valid",
      "no other source has a chain",
      "CN=Certwright Root\\, test,O=Example",
      89,
      { "postfix", "dovecot" } },
    { "wide.example.com", NULL, "uploaded", "expiring", "uploaded", "CN=Центр", 1, { "webui" } },
    { "evil.example.com",
      NULL,
      "local",
      "valid",
      "red \x1b[31m\nnext \xe2\x80\xae \xc2\x9b \x7f end",
      "CN=\x1b]0;title\x07",
      89,
      { "webui" } },
    { "fail.example.com", NULL, "acme", "expired", "late", "CN=X", -3, { "webui" } },
    { "late.example.com", NULL, "local", "valid", "late", "CN=X", 89, { "webui" } },
    { "early.example.com", NULL, "local", "valid", "early", "CN=X", 89, { "webui" } },
    { "gone.example.com", NULL, "local", "valid", "gone", "CN=X", 89, { "webui" } },
    { "silent.example.com", NULL, "local", "valid", "silent", "CN=X", 89, { "webui" } },
    { "forged.example.com", NULL, "local", "valid", "forged", "CN=X", 89, { "webui" } },
    { "cancelled.example.com", NULL, "local", "valid", "cancelled", "CN=X", 89, { "webui" } },
    { "denied.example.com", NULL, "local", "valid", "denied", "CN=X", 89, { "webui" } },
    { "ask.example.com", NULL, "local", "valid", "ask", "CN=X", 89, { "webui" } },
    { "fallback.example.com", NULL, "local", "valid", "fallback", "CN=X", 89, { "webui" } },
    { "trusted.example.com", NULL, "acme", "expiring", REVOKED_IN_USE, "CN=X", 20, { "webui" } },
    { "old.example.com", NULL, "local", "valid", "old", "CN=X", 89, { "webui" } },
    { "mail10.example.com", NULL, "local", "valid", "ten", "CN=\"X\"", 89, { "shop" } },
    { "mail2.example.com", NULL, "local", "valid", "two", "CN=認証局認証局認証局", 89, { "shop" } },
    { "xn--bcher-kva.example.com",
      "bücher.example.com",
      "local",
      "valid",
      "script",
      "CN=X",
      89,
      { "shop" } },
    { "order.example.com", NULL, "local", "valid", "order", "CN=X", 89, { "shop" } },
    { "lost.example.com", NULL, "local", "valid", "lost", "CN=X", 89, { "shop" } },
};
static Entry root = { "Certwright Root", NULL, "local", "valid", "root", "CN=Certwright Root", 3650, {} };

typedef struct Job {
    sd_bus *bus;
    sd_bus_slot *slot;
    const Entry *entry;
    char path[64], certificate[128];
    bool is_order;
} Job;

static Job jobs[64];
static size_t n_jobs;
static time_t begun;
static bool failed;
static const char *all_path;   /* file with the names that ReissueAll takes, a line each */
static const char *nginx_path; /* file with a state of deployments, read by Reload */
static const char *key_type = "ecdsa-p256";

static char *entry_path(const Entry *e)
{
    char *path = NULL;

    if (e == &root)
        return strdup(MANAGER "/root");
    return sd_bus_path_encode(MANAGER "/certificate", e->name, &path) < 0 ? NULL : path;
}

static Entry *entry_find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(entries); i++)
        if (streq(entries[i].name, name) || (entries[i].second && streq(entries[i].second, name)))
            return &entries[i];
    return NULL;
}

/* It is found, and has gone when it is looked at. */
#define LEAVING "leaving.example.com"

static int entry_find_object(sd_bus *bus _unused_, const char *path, const char *interface _unused_,
                             void *userdata _unused_, void **found, sd_bus_error *error)
{
    _cleanup_free_ char *name = NULL;

    if (sd_bus_path_decode(path, MANAGER "/certificate", &name) > 0) {
        if (streq(name, LEAVING))
            return sd_bus_error_set(error, SERVICE ".Error.NoSuchCertificate", "There is no certificate.");
        *found = entry_find(name);
    }
    return *found != NULL;
}

static int64_t entry_not_after(const Entry *e)
{
    return e->days == 0 ? 0 : begun + (int64_t)e->days * DAY + DAY / 2;
}

static int get_text(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property, sd_bus_message *reply, void *userdata,
                    sd_bus_error *error _unused_)
{
    const Entry *e = userdata;
    const struct {
        const char *property, *value;
    } values[] = {
        { "Name", e->name },
        { "Role", e == &root ? "root" : "leaf" },
        { "Source", e->source },
        { "Reason", e->reason },
        { "State", e->state },
        { "Issuer", e->issuer },
        { "Serial", "0A1B" },
        { "Subject", "CN=subject" },
        { "KeyType", key_type },
        { "Fingerprint", FINGERPRINT },
        { "Authority", streq(e->source, "acme") ? "inter\x1b[1mnal" : "" },
    };

    for (size_t i = 0; i < ELEMENTSOF(values); i++)
        if (streq(property, values[i].property))
            return sd_bus_message_append(reply, "s", values[i].value);
    return -ENOENT;
}

static int get_time(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property, sd_bus_message *reply, void *userdata,
                    sd_bus_error *error _unused_)
{
    const Entry *e = userdata;
    int64_t t = e->days == 0 ? 0 : begun;

    if (streq(property, "NotAfter"))
        t = entry_not_after(e);
    return sd_bus_message_append(reply, "x", t);
}

static int get_list(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property, sd_bus_message *reply, void *userdata,
                    sd_bus_error *error _unused_)
{
    const Entry *e = userdata;
    const char *names[] = { e->name, e->second, NULL };
    const char *const *list = streq(property, "Names") ? names : e->modules;
    int r = sd_bus_message_open_container(reply, 'a', "s");

    for (size_t i = 0; r >= 0 && list[i]; i++)
        r = sd_bus_message_append(reply, "s", list[i]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* ---- deployments */

static const char *nginx_state = "verified"; /* of whatever is delivered to nginx */
static int64_t nginx_time;

/* While the file beside all_path exists, all certificates of the module shop have failed alike. */
static bool has_common_cause(const Entry *e)
{
    _cleanup_free_ char *file = NULL;

    return e->modules[0] && streq(e->modules[0], "shop") && asprintf(&file, "%s.causes", all_path) >= 0 &&
           access(file, F_OK) >= 0;
}

static int get_common_cause(sd_bus_message *reply, const Entry *e)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "The \x1b[1mCA does not reach %s; the next try is due at 2126-01-02 03:04:05 UTC",
                 e->name) < 0)
        return -ENOMEM;
    return sd_bus_message_append(reply, "(ssxu)", "connection", text, (int64_t)begun, 1);
}

static int get_deployments(sd_bus_message *reply, const Entry *e)
{
    if (streq(e->name, "mail.example.com"))
        return sd_bus_message_append(reply, "a(sssx)", 2, "postfix", "verified", "", (int64_t)begun,
                                     "dovecot", "rolled-back", "dovecot.service: the reload \x1b[1mfailed.",
                                     (int64_t)begun);
    if (streq(e->name, "trusted.example.com"))
        return sd_bus_message_append(reply, "a(sssx)", 1, "haproxy", "pending", "", (int64_t)0);
    if (streq(e->name, "wide.example.com"))
        return sd_bus_message_append(reply, "a(sssx)", 1, "nginx", nginx_state,
                                     streq(nginx_state, "verified") ? "" : "nginx.service: no.", nginx_time);
    return sd_bus_message_append(reply, "a(sssx)", 0);
}

/* Of the orders that a registration starts. */
static const char *running_job(const Entry *e)
{
    for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
        if (jobs[i].slot && jobs[i].entry == e && jobs[i].is_order)
            return jobs[i].path;
    return "/";
}

static int get_other(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property, sd_bus_message *reply, void *userdata,
                     sd_bus_error *error _unused_)
{
    const Entry *e = userdata;
    bool late = failed && streq(e->name, "late.example.com");

    if (streq(property, "Job"))
        return sd_bus_message_append(reply, "o", running_job(e));
    if (streq(property, "LastError") && has_common_cause(e))
        return get_common_cause(reply, e);
    if (streq(property, "LastError"))
        return sd_bus_message_append(reply, "(ssxu)", late ? "StorageFailed" : "",
                                     late ? "disk full \x1b[0m; see https://ca.example/why" : "",
                                     late ? (int64_t)time(NULL) : 0, late ? 2 : 0);
    if (streq(property, "RenewalWindow")) {
        bool wanted = streq(e->name, "early.example.com");

        return sd_bus_message_append(reply, "(xxs)", wanted ? (int64_t)begun : 0,
                                     wanted ? (int64_t)begun + 86400 : 0,
                                     wanted ? "https://ca.example/why" : "");
    }
    if (streq(property, "Deployments"))
        return get_deployments(reply, e);
    if (e->days == 0)
        return sd_bus_message_append(reply, streq(property, "Chain") ? "a(sssxxs)" : "a(sbsx)", 0);
    if (streq(property, "Chain"))
        return sd_bus_message_append(reply, "a(sssxxs)", 2, "CN=leaf", e->issuer, "0A1B", (int64_t)begun,
                                     entry_not_after(e), FINGERPRINT, e->issuer, e->issuer, "01",
                                     (int64_t)begun, entry_not_after(&root), FINGERPRINT);
    return sd_bus_message_append(reply, "a(sbsx)", 2, "uploaded", false, "no upload fits", (int64_t)0,
                                 "local", true, "", entry_not_after(e));
}

/* ---- jobs */

typedef struct Outcome {
    const char *name, *result, *code, *text;
} Outcome;

static const Outcome *job_outcome(const Job *j)
{
    static const Outcome outcomes[] = {
        { "cancelled.example.com", "cancelled", "", "" },
        { "fail.example.com", "failed", "WeakKey", "no \x1b[1mentropy" },
        { "late.example.com", "failed", "StorageFailed", "disk full \x1b[0m; see https://ca.example/why" },
        { "forged.example.com", "failed", "", "" },
        { "fallback.example.com", "fallback", "rateLimited", "too many \x1b[1morders" },
        { "lost.example.com", "failed", "connection", "no \x1b[1manswer" },
        { "old.example.com", "failed", "Lost", "nobody is told" },
        { "", "done", "", "" },
    };
    const Outcome *o = outcomes;

    while (*o->name && !streq(o->name, j->entry->name))
        o++;
    return o;
}

static const char *job_kind(const Job *j)
{
    return j->entry == &root ? "root" : j->is_order ? "order" : "reissue";
}

static int get_job(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                   const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const Job *j = userdata;

    if (streq(property, "Certificate"))
        return sd_bus_message_append(reply, "o", j->certificate);
    if (streq(property, "Kind"))
        return sd_bus_message_append(reply, "s", job_kind(j));
    if (streq(property, "Error"))
        return sd_bus_message_append(reply, "(ss)", job_outcome(j)->code, job_outcome(j)->text);
    return sd_bus_message_append(reply, "s", "signing");
}

static const sd_bus_vtable job_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Kind", "s", get_job, 0, 0),
    SD_BUS_PROPERTY("Certificate", "o", get_job, 0, 0),
    SD_BUS_PROPERTY("Step", "s", get_job, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Error", "(ss)", get_job, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

/* old.example.com is of a service that has no JobFinished. */
static int job_finish(Job *j)
{
    const Outcome *o = job_outcome(j);
    const char *name = j->entry->name;
    int r = 0;

    failed = failed || streq(o->result, "failed");
    if (*o->code)
        sd_bus_emit_properties_changed(j->bus, j->path, SERVICE ".Job", "Error", NULL);
    if (streq(o->result, "done") || streq(o->result, "fallback"))
        sd_bus_emit_signal(j->bus, MANAGER, SERVICE ".Manager", "ChainChanged", "osss", j->certificate, name,
                           "local", FINGERPRINT);
    if (j->entry != &root)
        sd_bus_emit_properties_changed(j->bus, j->certificate, CERTIFICATE, "State", NULL);
    if (!streq(name, "old.example.com"))
        r = sd_bus_emit_signal(j->bus, MANAGER, SERVICE ".Manager", "JobFinished", "ososs(ss)", j->path,
                               job_kind(j), j->certificate, name, o->result, o->code, o->text);
    if (r >= 0)
        r = sd_bus_emit_signal(j->bus, MANAGER, SERVICE ".Manager", "JobRemoved", "os", j->path, o->result);
    j->slot = sd_bus_slot_unref(j->slot);
    return r;
}

static int on_job_due(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    Job *j = userdata;

    if (streq(j->entry->name, "gone.example.com"))
        return sd_event_exit(sd_event_source_get_event(source), 0);
    return job_finish(j);
}

/* Somebody else claims that the job is done: to the caller alone, for the subscription names the service. */
static int job_forge(Job *j, const char *receiver, const char *member)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *other = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    int r = sd_bus_open_system(&other);

    if (r >= 0)
        r = sd_bus_message_new_signal(other, &m, MANAGER, SERVICE ".Manager", member);
    if (r >= 0 && streq(member, "JobFinished"))
        r = sd_bus_message_append(m, "ososs(ss)", j->path, "reissue", j->certificate, j->entry->name, "done",
                                  "", "");
    else if (r >= 0)
        r = sd_bus_message_append(m, "os", j->path, "done");
    return r < 0 ? r : sd_bus_send_to(other, m, receiver, NULL);
}

static int job_start(sd_bus *bus, const Entry *e, const char *receiver, Job **ret)
{
    _cleanup_free_ char *certificate = entry_path(e);
    Job *j = &jobs[n_jobs++ % ELEMENTSOF(jobs)];
    int r;

    *j = (Job){ .bus = bus, .entry = e };
    snprintf(j->path, sizeof j->path, MANAGER "/job/%zu", n_jobs);
    snprintf(j->certificate, sizeof j->certificate, "%s", strempty(certificate));
    *ret = j;
    if (streq(e->name, "silent.example.com"))
        return 0;
    r = sd_bus_add_object_vtable(bus, &j->slot, j->path, SERVICE ".Job", job_vtable, j);
    if (r >= 0)
        r = sd_bus_emit_signal(bus, MANAGER, SERVICE ".Manager", "JobNew", "o", j->path);
    if (r >= 0)
        r = sd_bus_emit_signal(bus, MANAGER, SERVICE ".Manager", "JobStarted", "osos", j->path, job_kind(j),
                               j->certificate, e->name);
    if (r >= 0 && streq(e->name, "forged.example.com"))
        r = job_forge(j, receiver, "JobFinished");
    if (r >= 0 && streq(e->name, "forged.example.com"))
        r = job_forge(j, receiver, "JobRemoved");
    if (r < 0 || streq(e->name, "early.example.com"))
        return r < 0 ? r : job_finish(j);
    return sd_event_add_time_relative(sd_bus_get_event(bus), NULL, CLOCK_MONOTONIC, 100000, 0, on_job_due,
                                      j);
}

static int options_print(sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const char *key, *type, *text;
        int flag;

        r = sd_bus_message_read(m, "s", &key);
        if (r >= 0)
            r = sd_bus_message_peek_type(m, NULL, &type);
        printf(" %s=", key);
        if (r >= 0)
            r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0 && streq(type, "as"))
            r = sd_bus_message_enter_container(m, 'a', "s");
        if (r >= 0 && streq(type, "b") && (r = sd_bus_message_read(m, "b", &flag)) >= 0)
            printf("%s", flag ? "yes" : "no");
        while (r >= 0 && !streq(type, "b") && sd_bus_message_read(m, "s", &text) > 0)
            printf("%s%s", text, streq(type, "as") ? "," : "");
        if (r >= 0 && streq(type, "as"))
            r = sd_bus_message_exit_container(m);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    printf("\n");
    return r;
}

static int method_reissue(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const Entry *e = userdata;
    Job *j;
    int r;

    if (streq(e->name, "denied.example.com"))
        return sd_bus_error_set(error, SERVICE ".Error.NotAuthorized", "You may not \x1b[2Jreissue this.");
    if (streq(e->name, "ask.example.com") && sd_bus_message_get_allow_interactive_authorization(m) <= 0)
        return sd_bus_error_set(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "polkit would ask.");
    printf("reissue %s", e->name);
    r = options_print(m);
    if (r >= 0)
        r = job_start(sd_bus_message_get_bus(m), e, sd_bus_message_get_sender(m), &j);
    return r < 0 ? r : sd_bus_reply_method_return(m, "o", j->path);
}

static int method_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const Entry *e = userdata;
    const char *reason;
    Job *j;
    int r = sd_bus_message_read(m, "s", &reason);

    if (r < 0)
        return r;
    printf("revoke %s for %s\n", e->name, reason);
    if (streq(reason, "boredom"))
        return sd_bus_error_set(error, SERVICE ".Error.InvalidArgument", "\"boredom\" is no \x1b[1mreason.");
    r = job_start(sd_bus_message_get_bus(m), e, sd_bus_message_get_sender(m), &j);
    return r < 0 ? r : sd_bus_reply_method_return(m, "o", j->path);
}

static int method_reissue_all(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    FILE *names = fopen(all_path, "re");
    char name[128];
    int r = names ? sd_bus_message_new_method_return(m, &reply) : -errno;

    printf("reissue all");
    if (r >= 0)
        r = options_print(m);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "o");
    while (r >= 0 && fscanf(names, "%127s", name) == 1) {
        Job *j;

        r = job_start(sd_bus_message_get_bus(m), entry_find(name), NULL, &j);
        if (r >= 0)
            r = sd_bus_message_append(reply, "o", j->path);
    }
    if (names)
        fclose(names);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_message_send(reply);
}

/* ---- what else can be asked for */

/* What a method was given besides its first argument. */
typedef struct Given {
    const char *format, *name, *passphrase; /* NULL where not given */
    const void *key;
    size_t n_key;
    int fetch_issuers;
} Given;

static int given_read_key(sd_bus_message *m, Given *g)
{
    int r = sd_bus_message_enter_container(m, 'v', "ay");

    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &g->key, &g->n_key);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int given_read_value(sd_bus_message *m, Given *g, const char *key)
{
    if (streq(key, "format"))
        return sd_bus_message_read(m, "v", "s", &g->format);
    if (streq(key, "name"))
        return sd_bus_message_read(m, "v", "s", &g->name);
    if (streq(key, "passphrase"))
        return sd_bus_message_read(m, "v", "s", &g->passphrase);
    if (streq(key, "key"))
        return given_read_key(m, g);
    if (streq(key, "fetch-issuers"))
        return sd_bus_message_read(m, "v", "b", &g->fetch_issuers);
    return -EINVAL;
}

static int given_read(sd_bus_message *m, Given *g)
{
    const char *key;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    *g = (Given){};
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &key);
        if (r >= 0)
            r = given_read_value(m, g, key);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

static void given_print(const Given *g)
{
    if (g->key)
        printf(", key of %zu bytes", g->n_key);
    if (g->name)
        printf(", name %s", g->name);
    if (g->passphrase)
        printf(", passphrase '%s'", g->passphrase);
    if (g->fetch_issuers)
        printf(", fetch-issuers");
    printf("\n");
}

/* Prints what was given; *ret is the text of the bundle. */
static int upload_read(sd_bus_message *m, char **ret, Given *g, sd_bus_error *error)
{
    const void *data;
    size_t size;
    int r = sd_bus_message_read_array(m, 'y', &data, &size);

    if (r >= 0)
        r = given_read(m, g);
    if (r < 0)
        return r;
    printf("%s of %zu bytes", sd_bus_message_get_member(m), size);
    given_print(g);
    *ret = strndup(data, size);
    if (!*ret)
        return -ENOMEM;
    if (strstr(*ret, "SLOW"))
        sleep(1);
    if (!strstr(*ret, "ENCRYPTED") || (g->passphrase && streq(g->passphrase, "secret")))
        return 0;
    return sd_bus_error_setf(error, SERVICE ".Error.PassphraseRequired", "The key is encrypted%s.",
                             g->passphrase ? ", and the passphrase is wrong \x1b[1m"
                                           : "; give its passphrase in the option \"passphrase\"");
}

static int upload_refuse(const char *text, sd_bus_error *error)
{
    if (strstr(text, "MISMATCH"))
        return sd_bus_error_set(error, SERVICE ".Error.KeyMismatch", "The key is another certificate's.");
    if (strstr(text, "NETWORK"))
        return sd_bus_error_set(error, SERVICE ".Error.NetworkFailed", "http://ca.example does not answer.");
    if (strstr(text, "GARBAGE"))
        return sd_bus_error_set(error, SERVICE ".Error.InvalidBundle", "There is no certificate in it.");
    return 0;
}

/* A word in the bundle, and why mail.example.com does not serve it then. */
static const char *const not_served[][2] = {
    { "EARLY", "It is not valid yet, and will be served from 2099-01-02 03:04:05 UTC on." },
    { "ENDING", "It expires at 2026-01-02 03:04:05 UTC, which is too soon to be served." },
    { "ENDED", "It expired at 2026-01-02 03:04:05 UTC." },
    { "LATER", "Another chain was uploaded later: " FINGERPRINT "." },
    { "DAMAGED", "Its files are damaged: upload it again." },
    { "BUSY", "It is not served yet: the certificate is being changed." },
    { "STRANGE", "A newer service \x1b[31mknows why." },
};

static const char *reason_not_served(const char *text)
{
    for (size_t i = 0; i < ELEMENTSOF(not_served); i++)
        if (strstr(text, not_served[i][0]))
            return not_served[i][1];
    return "";
}

static int method_upload_data(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *mail = entry_path(&entries[1]), *wide = entry_path(&entries[2]), *text = NULL;
    const char *reason;
    Given g;
    int r = upload_read(m, &text, &g, error);

    if (r >= 0)
        r = upload_refuse(text, error);
    if (r < 0)
        return r;
    reason = reason_not_served(text);
    if (g.name && streq(g.name, "root"))
        return sd_bus_reply_method_return(m, "sa(obs)", FINGERPRINT, 1, MANAGER "/root", !*reason, reason);
    if (strstr(text, "NOTHING"))
        return sd_bus_reply_method_return(m, "sa(obs)", FINGERPRINT, 0);
    if (strstr(text, "BOTH"))
        return sd_bus_reply_method_return(m, "sa(obs)", FINGERPRINT, 2, mail, !*reason, reason, wide, true,
                                          "");
    return sd_bus_reply_method_return(m, "sa(obs)", FINGERPRINT, 1, mail, !*reason, reason);
}

static int method_check_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *text = NULL;
    Given g;
    int r = upload_read(m, &text, &g, error);

    if (r < 0)
        return r;
    if (strstr(text, "NOTHING"))
        return sd_bus_reply_method_return(m, "a(sbs)", 0);
    if (strstr(text, "NEWER"))
        return sd_bus_reply_method_return(m, "a(sbs)", 2, "format", true, "PEM", "quantum", true, "safe");
    if (strstr(text, "MISMATCH"))
        return sd_bus_reply_method_return(m, "a(sbs)", 4, "format", true, "PEM", "leaf", true, "CN=leaf",
                                          "key-match", false, "The key is \x1b[31manother's.", "validity",
                                          false, "It has expired.");
    return sd_bus_reply_method_return(m, "a(sbs)", 10, "format", true, "PKCS#12", "key", true, "ecdsa-p256",
                                      "leaf", true, "CN=leaf", "key-match", true, "It is its key.", "chain",
                                      true, "complete", "signatures", true, "all verify", "validity", true,
                                      "until next year", "names", true, "mail.example.com", "purpose", true,
                                      "serverAuth", "outcome", true, "It would be served.");
}

/* The key of the certificate that is pending is an empty file, which no key is. */
static int method_open_key(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_close_ int fd = -EBADF;
    _cleanup_free_ char *text = NULL;
    const Entry *e = userdata;
    Given g;
    int r = given_read(m, &g);

    if (r < 0)
        return r;
    printf("OpenKey of %s with format %s", e->name, strempty(g.format));
    given_print(&g);
    if (streq(e->name, "denied.example.com"))
        return sd_bus_error_set(error, SERVICE ".Error.NotAuthorized", "You may not read this key.");
    if (streq(strempty(g.format), "pkcs12") && isempty(g.passphrase))
        return sd_bus_error_set(error, SERVICE ".Error.PassphraseRequired", "PKCS#12 needs a passphrase.");
    if (r < 0 || asprintf(&text, "KEY OF %s\n", e->name) < 0)
        return -ENOMEM;
    fd = memfd_new("key", text, e->days == 0 ? 0 : strlen(text));
    return fd < 0 ? fd : sd_bus_reply_method_return(m, "h", fd);
}

static int method_export(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const Entry *e = userdata;
    const char *data = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    Given g;
    int r = given_read(m, &g);

    if (r < 0)
        return r;
    printf("%s with format %s\n", sd_bus_message_get_member(m), strempty(g.format));
    if (streq(strempty(g.format), "fingerprint"))
        data = FINGERPRINT;
    else if (!streq(strempty(g.format), "pem"))
        data = "\x30\x03\x02\x01\x1b";
    else if (e && streq(e->name, "evil.example.com"))
        data = "-----BEGIN \x1b[31m";
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', data, strlen(data));
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_explain(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_free_ char *text = NULL;
    const char *name;
    char moment[MOMENT_SIZE];
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    moment_to_text(time(NULL) + 5L * 3600, moment);
    if (asprintf(&text,
                 "%s serves a chain.\nIt is \x1b[1mfine.\nIt was made at 2020-02-03 04:05:06 UTC.\n"
                 "The next attempt is due in 5 hours, at %s.\n"
                 "It is that of %s.\nIts file is /srv/%s/x.\n",
                 name, moment, name, name) < 0)
        return -ENOMEM;
    return sd_bus_reply_method_return(m, "s", text);
}

static int method_get_certificate(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *path = NULL;
    const Entry *e;
    const char *name;
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    if (streq(name, "timeout"))
        return sd_bus_error_set(error, SD_BUS_ERROR_TIMEOUT, "Timed out.");
    if (streq(name, "masked"))
        return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitMasked", "Unit x is masked.");
    if (strchr(name, '/'))
        return sd_bus_error_setf(error, SERVICE ".Error.InvalidName", "%s: a slash is no part of a name.",
                                 name);
    e = entry_find(name);
    if (!e && !streq(name, LEAVING))
        return sd_bus_error_set(error, SERVICE ".Error.NoSuchCertificate", "No certificate covers it.");
    path = entry_path(e ? e : &(Entry){ .name = LEAVING });
    return sd_bus_reply_method_return(m, "o", path);
}

/* The job of postfix is done, that of dovecot fails; nginx presents the chain if it is told to by the name. */
static int method_deploy(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    static const struct {
        const char *module;
        size_t entry;
    } outcomes[] = { { "postfix", 1 }, { "dovecot", 4 }, { "haproxy", 14 }, { "nginx", 2 } };
    const char *module;
    int r = sd_bus_message_read(m, "s", &module);

    if (r < 0)
        return r;
    printf("deploy %s", module);
    r = options_print(m);
    if (streq(module, "nginx"))
        nginx_time = (int64_t)time(NULL);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(outcomes); i++) {
        Job *j;

        if (!streq(outcomes[i].module, module))
            continue;
        r = job_start(sd_bus_message_get_bus(m), &entries[outcomes[i].entry], sd_bus_message_get_sender(m),
                      &j);
        return r < 0 ? r : sd_bus_reply_method_return(m, "o", j->path);
    }
    return r < 0 ? r
                 : sd_bus_error_setf(error, SERVICE ".Error.InvalidArgument",
                                     "The module %s has no [Deploy].", module);
}

/* An order begins for some, and ends after the reply. */
static int register_order(sd_bus_message *m, const Entry *e)
{
    Job *j;
    int r = job_start(sd_bus_message_get_bus(m), e, sd_bus_message_get_sender(m), &j);

    j->is_order = r >= 0;
    return r;
}

/* Whatever the name, unless an order is to begin: mail.example.com. */
static int method_register(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_free_ char *path = NULL;
    const Entry *e = &entries[1];
    const char *module, *name;
    int r = sd_bus_message_read(m, "ss", &module, &name);

    if (r < 0)
        return r;
    printf("register %s %s", module, name);
    r = options_print(m);
    if (r >= 0 && (streq(name, "order.example.com") || streq(name, "lost.example.com"))) {
        e = entry_find(name);
        r = register_order(m, e);
    }
    path = entry_path(e);
    return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

static int method_unregister(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    const char *module, *name;
    int r = sd_bus_message_read(m, "ss", &module, &name);

    if (r < 0)
        return r;
    printf("unregister %s %s\n", module, name);
    return sd_bus_reply_method_return(m, NULL);
}

static int method_list_uploads(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    return sd_bus_reply_method_return(m, "a(ssssx)", 1, FINGERPRINT, "CN=up", "CN=Some \x1b[7mCA",
                                      "mail.example.com imap.example.com", entry_not_after(&entries[1]));
}

static int method_list_modules(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    return sd_bus_reply_method_return(m, "a(ssas)", 2, "idle", "Does \x1b[1mnothing \"yet\"", 0, "postfix",
                                      "Mail server", 2, "postfix.service", "dovecot.service");
}

static int method_remove_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    const char *fingerprint;
    int r = sd_bus_message_read(m, "s", &fingerprint);

    if (r < 0)
        return r;
    if (!streq(fingerprint, FINGERPRINT))
        return sd_bus_error_set(error, SERVICE ".Error.NoSuchCertificate", "Nothing with it is uploaded.");
    return sd_bus_reply_method_return(m, NULL);
}

static int method_account(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    const char *authority;
    int r = sd_bus_message_read(m, "s", &authority);

    if (r < 0)
        return r;
    printf("%s %s\n", sd_bus_message_get_member(m), authority);
    if (streq(authority, "off"))
        return sd_bus_error_set(error, SERVICE ".Error.AcmeDisabled",
                                "There is no account at off yet: TermsOfServiceAgreed=yes.");
    if (streq(authority, "unasked"))
        return sd_bus_error_set(error, SERVICE ".Error.NotAuthorized",
                                "RolloverAccountKey is not allowed: polkit cannot be reached (Lost).");
    if (streq(authority, "unknown"))
        return sd_bus_error_set(
            error, SERVICE ".Error.InvalidArgument",
            "There is no [Authority unknown] in the configuration; property Authorities lists "
            "them.");
    if (streq(authority, "unreachable"))
        return sd_bus_error_set(error, SERVICE ".Error.NetworkFailed", "It does not answer.");
    if (!streq(authority, "internal"))
        return sd_bus_error_set(error, SERVICE ".Error.InvalidArgument", "There is no such authority.");
    return sd_bus_reply_method_return(m, NULL);
}

/* Of three tries, the first succeeds, the second by the second way to prove, and the third does not. */
static int method_test_order(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    const char *name;
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    printf("test order %s", name);
    r = options_print(m);
    if (r < 0)
        return r;
    if (streq(name, "mail.example.com"))
        return sd_bus_reply_method_return(m, "a(sbs)", 2, "limits", true, "299 of 300 orders are left.",
                                          "proof", true, "mail.example.com by http-01");
    if (streq(name, "wide.example.com"))
        return sd_bus_reply_method_return(m, "a(sbs)", 2, "proof", false, "wide.example.com by http-01: no.",
                                          "proof", true, "wide.example.com by dns-01");
    return sd_bus_reply_method_return(m, "a(sbs)", 1, "names", false,
                                      "No public \x1b[1mauthority issues for it.");
}

/* All of them are public while this file beside all_path exists. */
static int method_list_authorities(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_free_ char *file = NULL;
    bool is_public = asprintf(&file, "%s.public", all_path) >= 0 && access(file, F_OK) >= 0;

    return sd_bus_reply_method_return(
        m, "a(sssbxuux)", 2, "internal", "https://ca.example/dir", "https://ca.example/account/1", is_public,
        (int64_t)0, (uint32_t)3, (uint32_t)300, (int64_t)10800, "red\x1b[31m", "https://red.example/dir", "",
        true, (int64_t)begun, (uint32_t)0, (uint32_t)0, (int64_t)0);
}

static bool acme_enabled = true;

/* Nobody has agreed to the terms while this file beside all_path exists. */
static bool terms_are_agreed(void)
{
    _cleanup_free_ char *file = NULL;

    return asprintf(&file, "%s.terms", all_path) < 0 || access(file, F_OK) < 0;
}

static int get_status(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                      const char *property, sd_bus_message *reply, void *userdata _unused_,
                      sd_bus_error *error _unused_)
{
    if (streq(property, "Version"))
        return sd_bus_message_append(reply, "s", "7.5");
    if (streq(property, "RootFingerprint"))
        return sd_bus_message_append(reply, "s", FINGERPRINT);
    if (streq(property, "Certificates"))
        return sd_bus_message_append(reply, "u", (uint32_t)ELEMENTSOF(entries));
    if (streq(property, "JobsRunning"))
        return sd_bus_message_append(reply, "u", (uint32_t)4);
    if (streq(property, "ClockTrusted"))
        return sd_bus_message_append(reply, "b", true);
    if (streq(property, "AcmeEnabled"))
        return sd_bus_message_append(reply, "b", acme_enabled && terms_are_agreed());
    if (streq(property, "Authorities"))
        return acme_enabled ? sd_bus_message_append(reply, "as", 2, "internal", "red\x1b[31m")
                            : sd_bus_message_append(reply, "as", 0);
    return sd_bus_message_append(reply, "x", (int64_t)begun);
}

static int get_newer(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata _unused_,
                     sd_bus_error *error _unused_)
{
    return sd_bus_message_append(reply, "(sv)", "what no version of the command knows", "s", "yet");
}

/* While the file beside all_path exists. */
static int get_errors(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                      const char *property _unused_, sd_bus_message *reply, void *userdata _unused_,
                      sd_bus_error *error _unused_)
{
    _cleanup_free_ char *file = NULL;

    if (asprintf(&file, "%s.errors", all_path) < 0)
        return -ENOMEM;
    if (access(file, F_OK) < 0)
        return sd_bus_message_append(reply, "a(suss)", 0);
    return sd_bus_message_append(reply, "a(suss)", 3, "/etc/certwright/modules.d", 0, "", "chmod o+rx",
                                 "/etc/certwright/certwright.conf", 7, "IdleExit", "no \x1b[1mtime", "", 0,
                                 "", "there are 2 more errors");
}

static int method_renew_due(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    static uint32_t due = 3;
    uint32_t started = due;

    due = 0;
    acme_enabled = false; /* for want of another way to ask for that */
    return sd_bus_reply_method_return(m, "u", started);
}

/* Reads a word of a file, which is what becomes of deliveries to nginx. */
static int nginx_reload(sd_bus *bus)
{
    static char word[32];
    _cleanup_free_ char *path = entry_path(&entries[2]);
    FILE *file = nginx_path ? fopen(nginx_path, "re") : NULL;

    if (!file)
        return 0;
    if (fscanf(file, "%31s", word) == 1)
        nginx_state = word;
    fclose(file);
    return sd_bus_emit_signal(bus, path, CERTIFICATE, "DeploymentChanged", "sss", "nginx", nginx_state,
                              "It \x1b[1mwas done.");
}

/* Warns besides, for want of time that passes. */
static int method_reload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_free_ char *path = entry_path(&entries[2]);
    int r = sd_bus_emit_signal(sd_bus_message_get_bus(m), MANAGER, SERVICE ".Manager", "ExpiryWarning",
                               "osxs", path, entries[2].name, entry_not_after(&entries[2]),
                               "Upload \x1b[5manother one.");

    printf("reload\n");
    if (r >= 0)
        r = nginx_reload(sd_bus_message_get_bus(m));
    return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable certificate_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Name", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Names", "as", get_list, 0, 0),
    SD_BUS_PROPERTY("Role", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Source", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Reason", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("State", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Serial", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("NotBefore", "x", get_time, 0, 0),
    SD_BUS_PROPERTY("NotAfter", "x", get_time, 0, 0),
    SD_BUS_PROPERTY("Issuer", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Subject", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Fingerprint", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("KeyType", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Chain", "a(sssxxs)", get_other, 0, 0),
    SD_BUS_PROPERTY("Candidates", "a(sbsx)", get_other, 0, 0),
    SD_BUS_PROPERTY("Modules", "as", get_list, 0, 0),
    SD_BUS_PROPERTY("Authority", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("NextRenewal", "x", get_time, 0, 0),
    SD_BUS_PROPERTY("RenewalWindow", "(xxs)", get_other, 0, 0),
    SD_BUS_PROPERTY("LastError", "(ssxu)", get_other, 0, 0),
    SD_BUS_PROPERTY("Deployments", "a(sssx)", get_other, 0, 0),
    SD_BUS_PROPERTY("Job", "o", get_other, 0, 0),
    SD_BUS_METHOD("Reissue", "a{sv}", "o", method_reissue, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Revoke", "s", "o", method_revoke, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Export", "a{sv}", "ay", method_export, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ExportRoot", "a{sv}", "ay", method_export, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("OpenKey", "a{sv}", "h", method_open_key, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", get_status, 0, 0),
    SD_BUS_PROPERTY("Certificates", "u", get_status, 0, 0),
    SD_BUS_PROPERTY("JobsRunning", "u", get_status, 0, 0),
    SD_BUS_PROPERTY("RootFingerprint", "s", get_status, 0, 0),
    SD_BUS_PROPERTY("AcmeEnabled", "b", get_status, 0, 0),
    SD_BUS_PROPERTY("Authorities", "as", get_status, 0, 0),
    SD_BUS_PROPERTY("NextWake", "x", get_status, 0, 0),
    SD_BUS_PROPERTY("ClockTrusted", "b", get_status, 0, 0),
    SD_BUS_PROPERTY("ConfigurationErrors", "a(suss)", get_errors, 0, 0),
    SD_BUS_PROPERTY("NewerThanThis", "(sv)", get_newer, 0, 0),
    SD_BUS_METHOD("ListAuthorities", "", "a(sssbxuux)", method_list_authorities, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("TestOrder", "sa{sv}", "a(sbs)", method_test_order, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RolloverAccountKey", "s", "", method_account, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("DeactivateAccount", "s", "", method_account, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Register", "ssa{sv}", "o", method_register, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Unregister", "ss", "", method_unregister, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetCertificate", "s", "o", method_get_certificate, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Explain", "s", "s", method_explain, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("UploadData", "aya{sv}", "sa(obs)", method_upload_data, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("CheckUploadData", "aya{sv}", "a(sbs)", method_check_upload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListModules", "", "a(ssas)", method_list_modules, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListUploads", "", "a(ssssx)", method_list_uploads, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RemoveUpload", "s", "", method_remove_upload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ExportRoot", "a{sv}", "ay", method_export, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ReissueAll", "a{sv}", "ao", method_reissue_all, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Deploy", "sa{sv}", "o", method_deploy, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RenewDue", "", "u", method_renew_due, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Reload", "", "", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static int entry_enumerate(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata _unused_,
                           char ***ret, sd_bus_error *error _unused_)
{
    char **paths = calloc(ELEMENTSOF(entries) + 1, sizeof *paths);

    if (!paths)
        return -ENOMEM;
    for (size_t i = 0; i < ELEMENTSOF(entries); i++)
        paths[i] = entry_path(&entries[i]);
    *ret = paths;
    return 0;
}

static int mock_add_objects(sd_bus *bus)
{
    int r = sd_bus_add_object_vtable(bus, NULL, MANAGER, SERVICE ".Manager", manager_vtable, NULL);

    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, NULL, MANAGER "/root", CERTIFICATE, certificate_vtable, &root);
    if (r >= 0)
        r = sd_bus_add_fallback_vtable(bus, NULL, MANAGER "/certificate", CERTIFICATE, certificate_vtable,
                                       entry_find_object, NULL);
    if (r >= 0)
        r = sd_bus_add_node_enumerator(bus, NULL, MANAGER "/certificate", entry_enumerate, NULL);
    return r < 0 ? r : sd_bus_add_object_manager(bus, NULL, MANAGER);
}

int main(int argc, char **argv)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_event_default(&event);

    setlinebuf(stdout);
    all_path = argc > 1 ? argv[1] : "/dev/null";
    nginx_path = argc > 2 ? argv[2] : NULL;
    begun = time(NULL);
    if (r >= 0)
        r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_attach_event(bus, event, 0);
    if (r >= 0)
        r = mock_add_objects(bus);
    if (r >= 0)
        r = sd_bus_request_name(bus, SERVICE, 0);
    if (r >= 0)
        r = sd_event_loop(event);
    if (r < 0)
        fprintf(stderr, "mock-service: %s\n", strerror(-r));
    return r < 0;
}
