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

GETTER(property_get_certificates)
{
    const Bus *b = userdata;
    uint32_t n = (uint32_t)model_n_certificates(b->model);

    return sd_bus_message_append_basic(reply, 'u', &n);
}

GETTER(property_get_jobs_running)
{
    const Bus *b = userdata;
    uint32_t n = (uint32_t)model_n_jobs(b->model);

    return sd_bus_message_append_basic(reply, 'u', &n);
}

GETTER(property_get_root_fingerprint)
{
    const Bus *b = userdata;
    const Chain *chain = certificate_chain(model_root(b->model));

    return sd_bus_message_append_basic(reply, 's', chain ? chain_leaf(chain)->fingerprint : "");
}

GETTER(property_get_acme_enabled)
{
    const Bus *b = userdata;
    int enabled = manager_acme_is_on(b->manager);

    return sd_bus_message_append_basic(reply, 'b', &enabled);
}

GETTER(property_get_authorities)
{
    const Bus *b = userdata;
    const Settings *s = manager_settings(b->manager);
    int r;

    r = sd_bus_message_open_container(reply, 'a', "s");
    for (size_t i = 0; i < s->n_authorities && r >= 0; i++)
        if (s->authorities[i].enabled)
            r = sd_bus_message_append_basic(reply, 's', s->authorities[i].name);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(property_get_next_wake)
{
    const Bus *b = userdata;
    int64_t wake = manager_next_wake(b->manager);

    return sd_bus_message_append_basic(reply, 'x', &wake);
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
    RegistrationWish wish = { .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    const char *type_text = NULL;
    _cleanup_free_ char *name = NULL;
    _cleanup_strv_ char **names = NULL;
    const OptionRow rows[] = { { "names", 'a', &names },
                               { "key-type", 's', &type_text },
                               { "acme", 'b', &wish.acme },
                               { "authority", 's', &wish.authority },
                               {} };
    _cleanup_call_ Call *call = NULL;
    int r;

    r = read_module_and_name(m, &wish.module, &name, error);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0)
        r = read_key_type(type_text, error, &wish.key_type);
    if (r >= 0)
        r = call_begin(m, name, wish.module, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    wish.names = names;
    if (manager_register(call->bus->manager, name, &wish, on_registered, call, &call->problem) >= 0)
        TAKE_PTR(call);
    return 1;
}

static void on_unregistered(Certificate *c _unused_, RequestResult result _unused_, const Problem *problem,
                            void *userdata)
{
    call_end(userdata, problem);
}

static int method_unregister(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *name = NULL;
    _cleanup_call_ Call *call = NULL;
    const char *module;
    int r;

    r = read_module_and_name(m, &module, &name, error);
    if (r >= 0)
        r = call_begin(m, name, module, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (manager_unregister(call->bus->manager, module, name, on_unregistered, call, &call->problem) >= 0)
        TAKE_PTR(call);
    return 1;
}

/* For methods with only a name as argument; like call_begin(). */
static int begin_with_name(sd_bus_message *m, const char **ret_name, sd_bus_error *error, Call **ret)
{
    int r = sd_bus_message_read_basic(m, 's', ret_name);

    return r < 0 ? r : call_begin(m, *ret_name, NULL, error, ret);
}

static int method_get_certificate(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_call_ Call *call = NULL;
    const char *name;
    Certificate *c;
    int r;

    r = begin_with_name(m, &name, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
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

    r = begin_with_name(m, &name, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (model_get(call->bus->model, name, &c, &call->problem) < 0) {
        if (!streq(name, "root"))
            return 1;
        problem_clear(&call->problem);
        c = model_root(call->bus->model);
    }
    text = manager_explain(call->bus->manager, c);
    return text ? call_answer(call, "s", text) : call_fail(call, -ENOMEM);
}

/* The certificates that serve the upload. */
static void reply_with_paths(Call *call, const UploadOutcome *outcome)
{
    sd_bus_message *reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "o");
    for (size_t i = 0; i < outcome->n_fits && r >= 0; i++) {
        _cleanup_free_ char *path = NULL;

        if (!outcome->fits[i].served)
            continue;
        path = certificate_path(outcome->fits[i].certificate);
        r = path ? sd_bus_message_append_basic(reply, 'o', path) : -ENOMEM;
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = call_answer_message(call, reply);
    sd_bus_message_unref(reply);
    if (r < 0)
        (void)call_fail(call, r);
}

static void on_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        reply_with_paths(call, outcome);
}

static int method_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return upload_text(m, NULL, ANY_NAME, on_uploaded, error);
}

static int method_upload_fd(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return upload_descriptor(m, NULL, ANY_NAME, on_uploaded, error);
}

static int method_check_upload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return upload_check(m, userdata, false, error);
}

static int method_upload_data(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return upload_data(m, userdata, error);
}

static int method_check_upload_data(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return upload_check(m, userdata, true, error);
}

static int append_upload(Certificate *upload, void *userdata)
{
    const Chain *chain = certificate_chain(upload);
    const ChainEntry *leaf = chain_leaf(chain);
    _cleanup_free_ char *names = chain_join_names(chain, " ");

    if (!names)
        return -ENOMEM;
    return sd_bus_message_append(userdata, "(ssssx)", leaf->fingerprint, valid_text(leaf->subject),
                                 valid_text(leaf->issuer), valid_text(names), leaf->not_after);
}

static int method_list_uploads(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    sd_bus_message *reply = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ssssx)");
    if (r >= 0)
        r = model_foreach_upload(call->bus->model, append_upload, reply);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = call_answer_message(call, reply);
    sd_bus_message_unref(reply);
    return r < 0 ? call_fail(call, r) : 1;
}

static void on_upload_removed(const UploadOutcome *outcome _unused_, const Problem *problem, void *userdata)
{
    call_end(userdata, problem);
}

static int method_remove_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    const char *fingerprint;
    int r;

    r = sd_bus_message_read_basic(m, 's', &fingerprint);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (manager_remove_upload(call->bus->manager, fingerprint, on_upload_removed, call, &call->problem) >= 0)
        TAKE_PTR(call);
    return 1;
}

static int method_export_root(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const Bus *b = userdata;

    return export_chain(m, model_root(b->model), true, error);
}

typedef struct ReissueAll {
    Manager *manager;
    RequestOptions options;
    sd_bus_message *reply;
} ReissueAll;

static int reissue_one(Certificate *c, void *userdata)
{
    ReissueAll *all = userdata;
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *path = NULL;
    uint64_t job;

    if (manager_reissue(all->manager, c, &all->options, &job, &problem) < 0)
        return 0;
    path = job_path(job);
    return path ? sd_bus_message_append_basic(all->reply, 'o', path) : -ENOMEM;
}

static int method_reissue_all(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    int keep_current = true, r;
    const OptionRow rows[] = { { "keep-current", 'b', &keep_current }, {} };
    _cleanup_call_ Call *call = NULL;
    ReissueAll all = {};

    r = read_options(m, rows, error);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    all = (ReissueAll){ .manager = call->bus->manager, .options.keep_current = keep_current };
    r = sd_bus_message_new_method_return(m, &all.reply);
    if (r >= 0)
        r = sd_bus_message_open_container(all.reply, 'a', "o");
    if (r >= 0)
        r = model_foreach(call->bus->model, reissue_one, &all);
    if (r >= 0)
        r = sd_bus_message_close_container(all.reply);
    if (r >= 0)
        r = call_answer_message(call, all.reply);
    sd_bus_message_unref(all.reply);
    return r < 0 ? call_fail(call, r) : 1;
}

static int method_renew_due(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    return call_answer(call, "u", manager_renew_due(call->bus->manager));
}

static void on_account_changed(const Problem *problem, void *userdata)
{
    call_end(userdata, problem);
}

static int change_account(sd_bus_message *m, bool deactivate, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    const char *authority;
    int r;

    r = sd_bus_message_read_basic(m, 's', &authority);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (manager_change_account(call->bus->manager, authority, deactivate, on_account_changed, call,
                               &call->problem) >= 0)
        TAKE_PTR(call);
    return 1;
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

    r = call_begin(m, ANY_NAME, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    manager_reload(call->bus->manager);
    return call_answer(call, NULL);
}

#define CHANGES     SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define METHOD_OPEN SD_BUS_VTABLE_UNPRIVILEGED

const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Certificates", "u", property_get_certificates, 0, CHANGES),
    SD_BUS_PROPERTY("JobsRunning", "u", property_get_jobs_running, 0, CHANGES),
    SD_BUS_PROPERTY("RootFingerprint", "s", property_get_root_fingerprint, 0, CHANGES),
    SD_BUS_PROPERTY("AcmeEnabled", "b", property_get_acme_enabled, 0, CHANGES),
    SD_BUS_PROPERTY("Authorities", "as", property_get_authorities, 0, CHANGES),
    SD_BUS_PROPERTY("NextWake", "x", property_get_next_wake, 0, CHANGES),
    SD_BUS_METHOD_WITH_ARGS("Register", SD_BUS_ARGS("s", module, "s", name, "a{sv}", options),
                            SD_BUS_RESULT("o", certificate), method_register, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("Unregister", SD_BUS_ARGS("s", module, "s", name), SD_BUS_NO_RESULT,
                            method_unregister, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("GetCertificate", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", certificate),
                            method_get_certificate, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", text), method_explain,
                            METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("Upload", SD_BUS_ARGS("s", pem, "a{sv}", options),
                            SD_BUS_RESULT("ao", certificates), method_upload,
                            METHOD_OPEN | SD_BUS_VTABLE_SENSITIVE),
    SD_BUS_METHOD_WITH_ARGS("UploadFd", SD_BUS_ARGS("h", bundle, "a{sv}", options),
                            SD_BUS_RESULT("ao", certificates), method_upload_fd,
                            METHOD_OPEN | SD_BUS_VTABLE_SENSITIVE),
    SD_BUS_METHOD_WITH_ARGS("CheckUpload", SD_BUS_ARGS("h", bundle, "a{sv}", options),
                            SD_BUS_RESULT("a(sbs)", checks), method_check_upload,
                            METHOD_OPEN | SD_BUS_VTABLE_SENSITIVE),
    SD_BUS_METHOD_WITH_ARGS("UploadData", SD_BUS_ARGS("ay", bundle, "a{sv}", options),
                            SD_BUS_RESULT("s", fingerprint, "a(obs)", certificates), method_upload_data,
                            METHOD_OPEN | SD_BUS_VTABLE_SENSITIVE),
    SD_BUS_METHOD_WITH_ARGS("CheckUploadData", SD_BUS_ARGS("ay", bundle, "a{sv}", options),
                            SD_BUS_RESULT("a(sbs)", checks), method_check_upload_data,
                            METHOD_OPEN | SD_BUS_VTABLE_SENSITIVE),
    SD_BUS_METHOD_WITH_ARGS("ListUploads", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssx)", uploads),
                            method_list_uploads, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("RemoveUpload", SD_BUS_ARGS("s", fingerprint), SD_BUS_NO_RESULT,
                            method_remove_upload, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("ExportRoot", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("ay", data),
                            method_export_root, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("ReissueAll", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("ao", jobs),
                            method_reissue_all, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("RenewDue", SD_BUS_NO_ARGS, SD_BUS_RESULT("u", started), method_renew_due,
                            METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("RolloverAccountKey", SD_BUS_ARGS("s", authority), SD_BUS_NO_RESULT,
                            method_rollover_account_key, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("DeactivateAccount", SD_BUS_ARGS("s", authority), SD_BUS_NO_RESULT,
                            method_deactivate_account, METHOD_OPEN),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, METHOD_OPEN),
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
