/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "core/now.h"
#include "util/text.h"

#define PATH_SHOWN_MAX 1024 /* bytes of an unknown path that are quoted */
#define NAME_MAX_BYTES 1024
#define BRIEF_MAX      64 /* of a text in brief */

char *certificate_path(const Certificate *c)
{
    char *path;

    if (certificate_is_root(c))
        return strdup(BUS_PATH_ROOT);
    return sd_bus_path_encode(BUS_PATH_CERTIFICATES, certificate_name(c), &path) < 0 ? NULL : path;
}

/* sd_bus_path_decode() allocates, which takes a large part of the time of a lookup when ten thousand are
 * listed. */
static bool decode_name(const char *path, char *ret, size_t size)
{
    size_t n = 0;

    for (; *path && n + 1 < size; path++) {
        unsigned byte;

        if (*path == '/')
            return false;
        if (*path != '_')
            ret[n++] = *path;
        else if (sscanf(path + 1, "%2x", &byte) == 1 && byte > 0) {
            ret[n++] = (char)byte;
            path += 2;
        } else
            return false;
    }
    ret[n] = 0;
    return !*path;
}

static bool name_at(const char *path, char *ret, size_t size)
{
    const char *id = path + strlen(BUS_PATH_CERTIFICATES);

    return *id == '/' && decode_name(id + 1, ret, size);
}

Certificate *certificate_at(const Bus *b, const char *path)
{
    char name[NAME_MAX_BYTES];

    if (streq(path, BUS_PATH_ROOT))
        return b->model->root;
    return strncmp(path, BUS_PATH_CERTIFICATES, strlen(BUS_PATH_CERTIFICATES)) == 0 &&
                   name_at(path, name, sizeof(name))
               ? model_find(b->model, name)
               : NULL;
}

int find_certificate(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata,
                     void **ret, sd_bus_error *error)
{
    char name[NAME_MAX_BYTES];
    Bus *b = userdata;
    Certificate *c;

    if (!name_at(path, name, sizeof(name)))
        return 0;
    c = model_find(b->model, name);
    if (!c)
        return error_set(error, PROBLEM_NO_SUCH_CERTIFICATE,
                         "There is no certificate at %s; GetCertificate finds the object of a name.",
                         QUOTE(path, PATH_SHOWN_MAX));
    known_values_note_read(b, c);
    *ret = c;
    return 1;
}

typedef struct Listing {
    char **at;
    Brevity *brevity;
} Listing;

static int add_path(Certificate *c, void *userdata)
{
    Listing *l = userdata;
    char *path = certificate_path(c);

    if (!path)
        return -ENOMEM;
    *l->at++ = path;
    brevity_add(l->brevity, c, path);
    return 0;
}

int enumerate_certificates(sd_bus *bus _unused_, const char *prefix, void *userdata, char ***ret,
                           sd_bus_error *error _unused_)
{
    Bus *b = userdata;
    Listing l = { .brevity = &b->brevity };
    char **paths;

    if (!prefix_is_above(prefix, BUS_PATH_CERTIFICATES))
        return 0;
    l.at = paths = calloc(b->model->n_published + 1, sizeof(char *));
    if (!paths)
        return -ENOMEM;
    *l.brevity = (Brevity){};
    if (model_foreach(b->model, add_path, &l) < 0) {
        strv_free(paths);
        return -ENOMEM;
    }
    brevity_end(l.brevity);
    *ret = paths;
    return 0;
}

/* Properties. Each getter appends what the record contains. */

static bool is_brief(sd_bus *bus, const Certificate *c)
{
    Bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));

    return brevity_wants(&b->brevity, bus, c);
}

#define SHOWN(text, brief) ((brief) ? QUOTE(text, BRIEF_MAX) : valid_text(text))

const ChainEntry *served_leaf(const Certificate *c)
{
    static const ChainEntry none = {};
    const Chain *chain = certificate_chain(c);

    return chain ? chain_leaf(chain) : &none;
}

static int64_t served_until(const Certificate *c)
{
    const Chain *chain = certificate_chain(c);

    return chain ? source_chain_ends(c->record->served, chain) : 0;
}

TEXT_GETTER(property_get_serial, Certificate, c, valid_text(served_leaf(c)->serial));
TEXT_GETTER(property_get_fingerprint, Certificate, c, valid_text(served_leaf(c)->fingerprint));
TEXT_GETTER(property_get_issuer, Certificate, c, SHOWN(served_leaf(c)->issuer, is_brief(bus, c)));
TEXT_GETTER(property_get_subject, Certificate, c, SHOWN(served_leaf(c)->subject, is_brief(bus, c)));
NUMBER_GETTER(property_get_not_before, 'x', int64_t, Certificate, c, served_leaf(c)->not_before);
NUMBER_GETTER(property_get_not_after, 'x', int64_t, Certificate, c, served_until(c));
TEXT_GETTER(property_get_name, Certificate, c, certificate_name(c));
TEXT_GETTER(property_get_role, Certificate, c, certificate_role(c));
TEXT_GETTER(property_get_source, Certificate, c, source_to_string(c->record->served));
TEXT_GETTER(property_get_authority, Certificate, c,
            c->record->served == SOURCE_ACME ? valid_text(c->record->authority) : "");

GETTER(property_get_names)
{
    const Certificate *c = userdata;

    return is_brief(bus, c) ? sd_bus_message_append(reply, "as", 1, c->names[0])
                            : sd_bus_message_append_strv(reply, c->names);
}

static const char *root_reason(const Certificate *c)
{
    if (!certificate_chain(c))
        return "There is no root yet; it is being made.";
    if (c->record->served == SOURCE_UPLOADED)
        return "An administrator uploaded this root.";
    return c->record->slots[SOURCE_UPLOADED].chain
               ? "The uploaded root cannot be used, so the machine's own root is."
               : "The machine made this root by itself.";
}

const char *certificate_reason(const Certificate *c)
{
    return certificate_is_root(c) ? root_reason(c) : certificate_explain(c, clock_now());
}

TEXT_GETTER(property_get_reason, Certificate, c, certificate_reason(c));
TEXT_GETTER(property_get_state, Certificate, c,
            certificate_state_to_string(certificate_state(c, clock_now())));

GETTER(property_get_key_type)
{
    const Chain *chain = certificate_chain(userdata);

    return sd_bus_message_append_basic(reply, 's', chain ? key_type_to_string(chain->key_type) : "");
}

GETTER(property_get_chain)
{
    const Chain *chain = is_brief(bus, userdata) ? NULL : certificate_chain(userdata);
    int r;

    r = sd_bus_message_open_container(reply, 'a', "(sssxxs)");
    for (unsigned i = 0; chain && i < chain->n_entries && r >= 0; i++) {
        const ChainEntry *e = chain->entries + i;

        r = sd_bus_message_append(reply, "(sssxxs)", valid_text(e->subject), valid_text(e->issuer),
                                  valid_text(e->serial), e->not_before, e->not_after, e->fingerprint);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(property_get_candidates)
{
    const Certificate *c = userdata;
    Choice choice = certificate_choose(c, clock_now());
    int r;

    r = sd_bus_message_open_container(reply, 'a', "(sbsx)");
    for (Source s = 0; s < _SOURCE_MAX && r >= 0; s++) {
        const Chain *chain = c->record->slots[s].chain;

        r = sd_bus_message_append(reply, "(sbsx)", source_to_string(s), choice.verdicts[s] == VERDICT_USABLE,
                                  verdict_to_string(choice.verdicts[s]),
                                  chain ? source_chain_ends(s, chain) : INT64_C(0));
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(property_get_modules)
{
    const Certificate *c = userdata;
    _cleanup_strv_ char **modules = NULL;
    int r;

    if (is_brief(bus, c))
        return sd_bus_message_append_strv(reply, NULL);
    if (c->record->n_registrations == 0)
        return sd_bus_message_append_strv(reply, c->wish.modules);
    r = certificate_modules(c, &modules);
    return r < 0 ? r : sd_bus_message_append_strv(reply, modules);
}

GETTER(property_get_next_renewal)
{
    const Bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
    int64_t next = manager_next_renewal(b->manager, userdata);

    return sd_bus_message_append_basic(reply, 'x', &next);
}

bool served_has_window(const Certificate *c)
{
    return c->record->served == SOURCE_ACME && c->order.window.start < c->order.window.end;
}

GETTER(property_get_renewal_window)
{
    const Certificate *c = userdata;
    bool suggested = served_has_window(c), tells_page = suggested && !is_brief(bus, c);

    return sd_bus_message_append(reply, "(xxs)", suggested ? c->order.window.start : INT64_C(0),
                                 suggested ? c->order.window.end : INT64_C(0),
                                 tells_page ? valid_text(c->order.explanation_url) : "");
}

GETTER(property_get_last_error)
{
    const Certificate *c = userdata;
    const Failure *f = &c->record->failure;
    bool brief = is_brief(bus, c);

    return sd_bus_message_append(reply, "(ssxu)", SHOWN(problem_name(&f->problem), brief),
                                 SHOWN(f->problem.text, brief), f->when, f->attempts);
}

GETTER(property_get_deployments)
{
    const Certificate *c = userdata;
    size_t n = is_brief(bus, c) ? 0 : c->placements.n;
    int r;

    r = sd_bus_message_open_container(reply, 'a', "(sssx)");
    for (size_t i = 0; i < n && r >= 0; i++) {
        const Placement *d = c->placements.list + i;

        r = sd_bus_message_append(reply, "(sssx)", d->module, deployment_state_to_string(d->state),
                                  valid_text(d->detail), d->when);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(property_get_job)
{
    const Certificate *c = userdata;
    _cleanup_free_ char *job = c->job ? job_path(c->job->id) : strdup("/");

    return job ? sd_bus_message_append_basic(reply, 'o', job) : -ENOMEM;
}

/* Methods. */

static int method_reissue(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    int keep_current = false;
    const OptionRow rows[] = { { "keep-current", "b", &keep_current }, {} };
    _cleanup_call_ Call *call = NULL;
    Certificate *c = userdata;
    RequestOptions options = { .hurry = true };
    uint64_t job;
    int r;

    r = read_options(m, rows, error);
    if (r >= 0)
        r = call_begin_for(m, c, &call);
    if (!call)
        return r;
    options.keep_current = keep_current;
    if (manager_reissue(call->bus->manager, c, &options, &job, &call->problem) < 0)
        return 1;
    return call_answer_job(call, job);
}

static void on_revoking(uint64_t job, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer_job(call, job);
}

static int method_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    Certificate *c = userdata;
    const char *reason;
    int r;

    r = sd_bus_message_read(m, "s", &reason);
    if (r >= 0)
        r = call_begin_for(m, c, &call);
    if (!call)
        return r;
    return call_park(&call,
                     manager_revoke(call->bus->manager, c, reason, on_revoking, call, &call->problem));
}

static int method_export_root(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return export_chain(m, userdata, true, error);
}

static int method_export(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return export_chain(m, userdata, false, error);
}

const sd_bus_vtable certificate_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Name", "s", property_get_name, 0, CONST),
    SD_BUS_PROPERTY("Names", "as", property_get_names, 0, CHANGES),
    SD_BUS_PROPERTY("Role", "s", property_get_role, 0, CONST),
    SD_BUS_PROPERTY("Source", "s", property_get_source, 0, CHANGES),
    SD_BUS_PROPERTY("Reason", "s", property_get_reason, 0, CHANGES),
    SD_BUS_PROPERTY("State", "s", property_get_state, 0, CHANGES),
    SD_BUS_PROPERTY("Serial", "s", property_get_serial, 0, CHANGES),
    SD_BUS_PROPERTY("NotBefore", "x", property_get_not_before, 0, CHANGES),
    SD_BUS_PROPERTY("NotAfter", "x", property_get_not_after, 0, CHANGES),
    SD_BUS_PROPERTY("Issuer", "s", property_get_issuer, 0, CHANGES),
    SD_BUS_PROPERTY("Subject", "s", property_get_subject, 0, CHANGES),
    SD_BUS_PROPERTY("Fingerprint", "s", property_get_fingerprint, 0, CHANGES),
    SD_BUS_PROPERTY("KeyType", "s", property_get_key_type, 0, CHANGES),
    SD_BUS_PROPERTY("Chain", "a(sssxxs)", property_get_chain, 0, CHANGES),
    SD_BUS_PROPERTY("Candidates", "a(sbsx)", property_get_candidates, 0, CHANGES),
    SD_BUS_PROPERTY("Modules", "as", property_get_modules, 0, CHANGES),
    SD_BUS_PROPERTY("Authority", "s", property_get_authority, 0, CHANGES),
    SD_BUS_PROPERTY("NextRenewal", "x", property_get_next_renewal, 0, CHANGES),
    SD_BUS_PROPERTY("RenewalWindow", "(xxs)", property_get_renewal_window, 0, CHANGES),
    SD_BUS_PROPERTY("LastError", "(ssxu)", property_get_last_error, 0, CHANGES),
    SD_BUS_PROPERTY("Deployments", "a(sssx)", property_get_deployments, 0, CHANGES),
    SD_BUS_PROPERTY("Job", "o", property_get_job, 0, CHANGES),
    METHOD("Reissue", ("a{sv}", options), ("o", job), method_reissue, 0),
    METHOD("Upload", ("s", pem, "a{sv}", options), NONE, method_upload_to_certificate, SENSITIVE),
    METHOD("UploadFd", ("h", bundle, "a{sv}", options), NONE, method_upload_to_certificate, SENSITIVE),
    METHOD("ExportRoot", ("a{sv}", options), ("ay", data), method_export_root, 0),
    METHOD("Export", ("a{sv}", options), ("ay", data), method_export, 0),
    METHOD("OpenKey", ("a{sv}", options), ("h", key), method_open_key, SENSITIVE),
    METHOD("Revoke", ("s", reason), ("o", job), method_revoke, 0),
    SD_BUS_SIGNAL_WITH_ARGS("ChainChanged",
                            SD_BUS_ARGS("s", source, "s", fingerprint, "s", previous, "s", reason), 0),
    SD_BUS_SIGNAL_WITH_ARGS("DeploymentChanged", SD_BUS_ARGS("s", module, "s", state, "s", detail), 0),
    SD_BUS_VTABLE_END,
};
