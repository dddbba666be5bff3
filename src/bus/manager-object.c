/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "core/name.h"
#include "util/text.h"

GETTER(property_get_version)
{
    (void)userdata;
    return sd_bus_message_append_basic(reply, 's', CERTWRIGHT_VERSION);
}

#define COUNT_GETTER(name, letter, number, member) \
    GETTER(name) \
    { \
        const Counts now = bus_read_counts(userdata); \
\
        return sd_bus_message_append_basic(reply, letter, &(number){ (number)now.member }); \
    } \
    struct _require_semicolon_

COUNT_GETTER(property_get_certificates, 'u', uint32_t, certificates);
COUNT_GETTER(property_get_jobs_running, 'u', uint32_t, jobs);
COUNT_GETTER(property_get_acme_enabled, 'b', int, acme);
COUNT_GETTER(property_get_clock_trusted, 'b', int, trusts_clock);
COUNT_GETTER(property_get_next_wake, 'x', int64_t, wake);

GETTER(property_get_root_fingerprint)
{
    return sd_bus_message_append_basic(reply, 's', bus_read_counts(userdata).root);
}

GETTER(property_get_authorities)
{
    const Bus *b = userdata;
    const Settings *s = manager_settings(b->manager);
    int r;

    (void)bus_read_counts(userdata);
    r = sd_bus_message_open_container(reply, 'a', "s");
    for (size_t i = 0; i < s->n_authorities && r >= 0; i++)
        if (s->authorities[i].enabled)
            r = sd_bus_message_append_basic(reply, 's', s->authorities[i].name);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(property_get_configuration_errors)
{
    const Bus *b = userdata;
    const ConfigError *errors;
    size_t n = manager_config_errors(b->manager, &errors);
    int r;

    r = sd_bus_message_open_container(reply, 'a', "(suss)");
    for (size_t i = 0; i < n && r >= 0; i++)
        r = sd_bus_message_append(reply, "(suss)", errors[i].file, (uint32_t)errors[i].line, errors[i].key,
                                  errors[i].text);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_registered(Certificate *c, RequestResult result _unused_, const Problem *problem,
                          void *userdata)
{
    _cleanup_call_ Call *call = userdata;
    _cleanup_free_ char *path = NULL;

    if (call_failed(call, problem))
        return;
    path = certificate_path(c);
    (void)call_answer(call, "o", path);
}

static int read_key_type(const char *text, sd_bus_error *error, KeyType *ret)
{
    KeyType type = text ? key_type_from_string(text) : _KEY_TYPE_INVALID;

    if (text && !key_type_suits_leaf(type))
        return error_set(
            error, PROBLEM_INVALID_ARGUMENT,
            "The option \"key-type\" is one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 "
            "and ed25519, not \"%s\".",
            QUOTE(text, 32));
    *ret = type;
    return 0;
}

/* Canonicalized before authorization: a rule of polkit for a name must not be bypassed with another
 * spelling. */
static int read_module_and_name(sd_bus_message *m, const char **ret_module, char **ret_name,
                                sd_bus_error *error)
{
    _cleanup_problem_ Problem problem = {};
    const char *name;
    int r;

    r = sd_bus_message_read(m, "ss", ret_module, &name);
    if (r < 0)
        return r;
    r = manager_check_module(*ret_module, &problem);
    if (r >= 0)
        r = name_canonicalize(name, ret_name, &problem);
    return r < 0 ? error_set_problem(error, &problem) : 0;
}

static int method_register(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    RegistrationRequest wish = { .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    const char *type_text = NULL;
    _cleanup_free_ char *name = NULL;
    _cleanup_strv_ char **names = NULL;
    const OptionRow rows[] = { { "names", "as", &names },
                               { "key-type", "s", &type_text },
                               { "acme", "b", &wish.acme },
                               { "authority", "s", &wish.authority },
                               {} };
    _cleanup_call_ Call *call = NULL;
    int r;

    r = read_module_and_name(m, &wish.module, &name, error);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0)
        r = read_key_type(type_text, error, &wish.key_type);
    if (r >= 0)
        r = call_begin(m, name, wish.module, &call);
    if (!call)
        return r;
    wish.names = names;
    return call_park(&call,
                     manager_register(call->bus->manager, name, &wish, on_registered, call, &call->problem));
}

static void on_unregistered(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem,
                            void *userdata)
{
    call_end(problem, userdata);
}

static int method_unregister(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *name = NULL;
    _cleanup_call_ Call *call = NULL;
    const char *module;
    int r;

    r = read_module_and_name(m, &module, &name, error);
    if (r >= 0)
        r = call_begin(m, name, module, &call);
    if (!call)
        return r;
    return call_park(
        &call, manager_unregister(call->bus->manager, module, name, on_unregistered, call, &call->problem));
}

/* For methods with only a name as argument; like call_begin(). */
static int begin_with_name(sd_bus_message *m, const char **ret_name, Call **ret)
{
    int r = sd_bus_message_read_basic(m, 's', ret_name);

    return r < 0 ? r : call_begin(m, *ret_name, NULL, ret);
}

static int method_get_certificate(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_call_ Call *call = NULL;
    const char *name;
    Certificate *c;
    int r;

    r = begin_with_name(m, &name, &call);
    if (!call)
        return r;
    if (model_get(call->bus->model, name, &c, &call->problem) < 0)
        return 1;
    path = certificate_path(c);
    return call_answer(call, "o", path);
}

static int method_explain(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_call_ Call *call = NULL;
    const char *name;
    Certificate *c;
    int r;

    r = begin_with_name(m, &name, &call);
    if (!call)
        return r;
    if (streq(name, BUS_PATH_ROOT))
        c = call->bus->model->root;
    else if (model_get(call->bus->model, name, &c, &call->problem) < 0) {
        if (!streq(name, "root"))
            return 1;
        problem_clear(&call->problem);
        c = call->bus->model->root;
    }
    text = manager_explain(call->bus->manager, c);
    return text ? call_answer(call, "s", text) : call_fail(call, -ENOMEM);
}

static int append_module(const Module *module, void *userdata)
{
    _cleanup_strv_ char **units = NULL;
    sd_bus_message *reply = userdata;
    int r = module_units(module, &units);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'r', "ssas");
    if (r >= 0)
        r = sd_bus_message_append(reply, "ss", module->name, valid_text(module->description));
    if (r >= 0)
        r = sd_bus_message_append_strv(reply, units);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_modules(sd_bus_message *reply, const void *userdata)
{
    int r = sd_bus_message_open_container(reply, 'a', "(ssas)");

    if (r >= 0)
        r = manager_foreach_module(userdata, append_module, reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_modules(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, &call);
    return call ? call_answer_with(call, append_modules, call->bus->manager) : r;
}

static int method_export_root(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const Bus *b = userdata;

    return export_chain(m, b->model->root, true, error);
}

typedef struct ReissueAll {
    Call *call;
    RequestOptions options;
    sd_bus_message *reply;
} ReissueAll;

static int reissue_one(Certificate *c, void *userdata)
{
    ReissueAll *all = userdata;
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *path = NULL;
    uint64_t job;

    if (manager_reissue(all->call->bus->manager, c, &all->options, &job, &problem) < 0)
        return 0;
    call_log_note_job(all->call, job);
    path = job_path(job);
    return path ? sd_bus_message_append_basic(all->reply, 'o', path) : -ENOMEM;
}

static int append_jobs(sd_bus_message *reply, const void *userdata)
{
    ReissueAll all = *(const ReissueAll *)userdata;
    int r = sd_bus_message_open_container(reply, 'a', "o");

    all.reply = reply;
    if (r >= 0)
        r = model_foreach(all.call->bus->model, reissue_one, &all);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_reissue_all(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    int keep_current = true, r;
    const OptionRow rows[] = { { "keep-current", "b", &keep_current }, {} };
    _cleanup_call_ Call *call = NULL;

    r = read_options(m, rows, error);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    return call_answer_with(call, append_jobs,
                            &(ReissueAll){ .call = call, .options.keep_current = keep_current });
}

static int method_deploy(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    int again = false, r;
    const OptionRow rows[] = { { "again", "b", &again }, {} };
    _cleanup_call_ Call *call = NULL;
    _cleanup_problem_ Problem problem = {};
    const char *module;
    uint64_t job;

    r = sd_bus_message_read_basic(m, 's', &module);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0 && manager_check_module(module, &problem) < 0)
        r = error_set_problem(error, &problem);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, module, &call);
    if (!call)
        return r;
    if (manager_deploy(call->bus->manager, module, again, &job, &call->problem) < 0)
        return 1;
    return call_answer_job(call, job);
}

static int method_renew_due(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    return call_answer(call, "u", manager_renew_due(call->bus->manager));
}

static int change_account(sd_bus_message *m, bool deactivate, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    const char *authority;
    int r;

    r = sd_bus_message_read_basic(m, 's', &authority);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    return call_park(&call, manager_change_account(call->bus->manager, authority, deactivate, call_end, call,
                                                   &call->problem));
}

static int method_rollover_account_key(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return change_account(m, false, error);
}

static int method_deactivate_account(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return change_account(m, true, error);
}

static int method_reload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    r = manager_reload(call->bus->manager);
    return r < 0 ? call_fail(call, r) : call_answer(call, NULL);
}

const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", property_get_version, 0, CONST),
    SD_BUS_PROPERTY("Certificates", "u", property_get_certificates, 0, CHANGES),
    SD_BUS_PROPERTY("JobsRunning", "u", property_get_jobs_running, 0, CHANGES),
    SD_BUS_PROPERTY("RootFingerprint", "s", property_get_root_fingerprint, 0, CHANGES),
    SD_BUS_PROPERTY("AcmeEnabled", "b", property_get_acme_enabled, 0, CHANGES),
    SD_BUS_PROPERTY("Authorities", "as", property_get_authorities, 0, CHANGES),
    SD_BUS_PROPERTY("NextWake", "x", property_get_next_wake, 0, CHANGES),
    SD_BUS_PROPERTY("ClockTrusted", "b", property_get_clock_trusted, 0, CHANGES),
    SD_BUS_PROPERTY("ConfigurationErrors", "a(suss)", property_get_configuration_errors, 0, CHANGES),
    METHOD("Register", ("s", module, "s", name, "a{sv}", options), ("o", certificate), method_register, 0),
    METHOD("Unregister", ("s", module, "s", name), NONE, method_unregister, 0),
    METHOD("GetCertificate", ("s", name), ("o", certificate), method_get_certificate, 0),
    METHOD("Explain", ("s", name), ("s", text), method_explain, 0),
    METHOD("ListModules", NONE, ("a(ssas)", modules), method_list_modules, 0),
    METHOD("Upload", ("s", pem, "a{sv}", options), ("ao", certificates), method_upload, SENSITIVE),
    METHOD("UploadFd", ("h", bundle, "a{sv}", options), ("ao", certificates), method_upload, SENSITIVE),
    METHOD("CheckUpload", ("h", bundle, "a{sv}", options), ("a(sbs)", checks), method_check_upload,
           SENSITIVE),
    METHOD("UploadData", ("ay", bundle, "a{sv}", options), ("s", fingerprint, "a(obs)", certificates),
           method_upload_data, SENSITIVE),
    METHOD("CheckUploadData", ("ay", bundle, "a{sv}", options), ("a(sbs)", checks), method_check_upload,
           SENSITIVE),
    METHOD("ListUploads", NONE, ("a(ssssx)", uploads), method_list_uploads, 0),
    METHOD("RemoveUpload", ("s", fingerprint), NONE, method_remove_upload, 0),
    METHOD("ExportRoot", ("a{sv}", options), ("ay", data), method_export_root, 0),
    METHOD("ReissueAll", ("a{sv}", options), ("ao", jobs), method_reissue_all, 0),
    METHOD("Deploy", ("s", module, "a{sv}", options), ("o", job), method_deploy, 0),
    METHOD("RenewDue", NONE, ("u", started), method_renew_due, 0),
    METHOD("ListAuthorities", NONE, ("a(sssbxuux)", authorities), method_list_authorities, 0),
    METHOD("TestOrder", ("s", name, "a{sv}", options), ("a(sbs)", checks), method_test_order, 0),
    METHOD("RolloverAccountKey", ("s", authority), NONE, method_rollover_account_key, 0),
    METHOD("DeactivateAccount", ("s", authority), NONE, method_deactivate_account, 0),
    METHOD("Reload", NONE, NONE, method_reload, 0),
    SD_BUS_SIGNAL_WITH_ARGS("ChainChanged",
                            SD_BUS_ARGS("o", certificate, "s", name, "s", source, "s", fingerprint), 0),
    SD_BUS_SIGNAL_WITH_ARGS("ExpiryWarning",
                            SD_BUS_ARGS("o", certificate, "s", name, "x", not_after, "s", reason), 0),
    SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("o", job), 0),
    SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("o", job, "s", result), 0),
    SD_BUS_SIGNAL_WITH_ARGS("JobStarted", SD_BUS_ARGS("o", job, "s", kind, "o", certificate, "s", name), 0),
    SD_BUS_SIGNAL_WITH_ARGS(
        "JobFinished",
        SD_BUS_ARGS("o", job, "s", kind, "o", certificate, "s", name, "s", result, "(ss)", error), 0),
    SD_BUS_VTABLE_END,
};
