/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "bus/internal.h"
#include "core/limits.h"
#include "util/memfd.h"
#include "util/text.h"

/* The methods for uploads. The signature of each tells its form: it takes the bundle, and the key beside it, as
 * texts, file descriptors or bytes. Texts and descriptors belong to the message, which the call references. */

typedef enum Form {
    FORM_TEXT,
    FORM_DESCRIPTOR,
    FORM_BYTES,
} Form;

typedef struct Arguments {
    int bundle_fd; /* owned */
    UploadOptions options;
    int key_memfd;       /* of a key in the message; owned */
    Certificate *target; /* NULL: any */
} Arguments;

static void arguments_init(Arguments *a, Certificate *target)
{
    *a = (Arguments){ .bundle_fd = -EBADF,
                      .key_memfd = -EBADF,
                      .options = { .key_fd = -EBADF, .passphrase_fd = -EBADF },
                      .target = target };
}

static void arguments_done(Arguments *a)
{
    closep(&a->bundle_fd);
    closep(&a->key_memfd);
}

static Form form_of(sd_bus_message *m)
{
    const char *signature = sd_bus_message_get_signature(m, true);

    return *signature == 's' ? FORM_TEXT : *signature == 'h' ? FORM_DESCRIPTOR : FORM_BYTES;
}

static int bytes_to_memfd(const Bytes *bytes, const char *what, sd_bus_error *error, int *ret)
{
    if (bytes->size > LIMIT_BUNDLE)
        return error_set(error, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %d bytes.", what,
                         LIMIT_BUNDLE);
    *ret = memfd_new("upload", bytes->data, bytes->size);
    return *ret;
}

static int read_bundle(sd_bus_message *m, Form form, Arguments *a, sd_bus_error *error)
{
    Bytes bytes = {};
    int fd, r;

    if (form == FORM_DESCRIPTOR) {
        r = sd_bus_message_read_basic(m, 'h', &fd);
        if (r < 0)
            return r;
        a->bundle_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return a->bundle_fd < 0 ? -errno : 0;
    }
    if (form == FORM_TEXT) {
        r = sd_bus_message_read_basic(m, 's', &bytes.data);
        bytes.size = r < 0 ? 0 : strlen(bytes.data);
    } else
        r = sd_bus_message_read_array(m, 'y', &bytes.data, &bytes.size);
    return r < 0 ? r : bytes_to_memfd(&bytes, "upload", error, &a->bundle_fd);
}

static int check_passphrase(const Arguments *a, sd_bus_error *error)
{
    if (a->options.passphrase && a->options.passphrase_fd >= 0)
        return error_set(
            error, PROBLEM_INVALID_ARGUMENT,
            "The options \"passphrase\" and \"passphrase-fd\" contradict each other; leave one out.");
    return 0;
}

/* ret_name: NULL if the method does not take the option "name". */
static int read_upload_options(sd_bus_message *m, Form form, Arguments *a, const char **ret_name,
                               sd_bus_error *error)
{
    const char *key_text = NULL;
    Bytes key = {};
    int fetch = false, r;
    const OptionRow key_rows[] = {
        [FORM_TEXT] = { "key", "s", &key_text },
        [FORM_DESCRIPTOR] = { "key", "h", &a->options.key_fd },
        [FORM_BYTES] = { "key", "ay", &key },
    };
    const OptionRow rows[] = { key_rows[form],
                               { "passphrase", "s", &a->options.passphrase },
                               { "fetch-issuers", "b", &fetch },
                               { form == FORM_TEXT ? NULL : "passphrase-fd", "h",
                                 &a->options.passphrase_fd },
                               { ret_name ? "name" : NULL, "s", ret_name },
                               {} };

    r = read_options(m, rows, error);
    if (r >= 0)
        r = check_passphrase(a, error);
    if (r < 0)
        return r;
    a->options.fetch_issuers = fetch;
    if (key_text)
        key = (Bytes){ key_text, strlen(key_text) };
    if (!key.data)
        return 0;
    r = bytes_to_memfd(&key, "key", error, &a->key_memfd);
    a->options.key_fd = a->key_memfd;
    return r;
}

/* Finds the certificate of the option "name". */
static int find_target(sd_bus_message *m, const char *name, Certificate **ret, sd_bus_error *error)
{
    const Model *model = bus_of_message(m)->model;
    _cleanup_problem_ Problem problem = {};

    if (!name)
        return 0;
    if (streq(name, certificate_name(model->root)))
        *ret = model->root;
    else if (model_get(model, name, ret, &problem) < 0)
        return error_set_problem(error, &problem);
    return 0;
}

/* named: the method takes the option "name". polkit gets the primary name, whichever name was given. */
static int begin_upload(sd_bus_message *m, bool named, Arguments *a, sd_bus_error *error, Call **ret)
{
    const char *name = NULL;
    Form form = form_of(m);
    int r;

    r = read_bundle(m, form, a, error);
    if (r >= 0)
        r = read_upload_options(m, form, a, named ? &name : NULL, error);
    if (r >= 0)
        r = find_target(m, name, &a->target, error);
    if (r >= 0)
        r = a->target ? call_begin_for(m, a->target, ret) : call_begin(m, ANY_NAME, NULL, ret);
    if (*ret)
        a->options.owner = (*ret)->uid;
    return r;
}

static int upload(sd_bus_message *m, Certificate *target, bool named, UploadDone done, sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    _cleanup_call_ Call *call = NULL;
    int r;

    arguments_init(&a, target);
    r = begin_upload(m, named, &a, error, &call);
    if (!call)
        return r;
    return call_park(&call, manager_upload(call->bus->manager, a.target, a.bundle_fd, &a.options, done, call,
                                           &call->problem));
}

static void on_done(const UploadOutcome *outcome _unused_, const Problem *problem, void *userdata)
{
    call_end(problem, userdata);
}

int method_upload_to_certificate(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return upload(m, userdata, false, on_done, error);
}

/* The certificates that serve the upload. */
static int append_served(sd_bus_message *reply, const void *userdata)
{
    const UploadOutcome *outcome = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "o");

    for (size_t i = 0; i < outcome->n_fits && r >= 0; i++) {
        _cleanup_free_ char *path = NULL;

        if (!outcome->fits[i].served)
            continue;
        path = certificate_path(outcome->fits[i].certificate);
        r = path ? sd_bus_message_append_basic(reply, 'o', path) : -ENOMEM;
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer_with(call, append_served, outcome);
}

int method_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return upload(m, NULL, false, on_uploaded, error);
}

static int append_fits(sd_bus_message *reply, const void *userdata)
{
    const UploadOutcome *outcome = userdata;
    int r = sd_bus_message_append_basic(reply, 's', outcome->fingerprint);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(obs)");
    for (size_t i = 0; i < outcome->n_fits && r >= 0; i++) {
        const UploadFit *fit = outcome->fits + i;
        _cleanup_free_ char *path = certificate_path(fit->certificate);

        r = path ? sd_bus_message_append(reply, "(obs)", path, (int)fit->served, valid_text(fit->reason))
                 : -ENOMEM;
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_data_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer_with(call, append_fits, outcome);
}

int method_upload_data(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    return upload(m, NULL, true, on_data_uploaded, error);
}

static int append_findings(sd_bus_message *reply, const void *userdata)
{
    const UploadReport *report = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "(sbs)");

    for (Check c = 0; c < _CHECK_MAX && r >= 0; c++) {
        const Finding *f = report->findings + c;

        if (finding_was_made(f))
            r = sd_bus_message_append(reply, "(sbs)", check_to_string(c), (int)finding_passed(f),
                                      valid_text(finding_text(f)));
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Without the passphrase, nothing can be checked: fails, so that callers ask for it. */
static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;
    const Problem *first = problem->code == PROBLEM_NONE ? report_first_problem(report) : NULL;

    if (first && first->code == PROBLEM_PASSPHRASE_REQUIRED)
        problem = first;
    if (!call_failed(call, problem))
        (void)call_answer_with(call, append_findings, report);
}

int method_check_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    _cleanup_call_ Call *call = NULL;
    int r;

    arguments_init(&a, NULL);
    r = begin_upload(m, true, &a, error, &call);
    if (!call)
        return r;
    return call_park(&call, manager_check_upload(call->bus->manager, a.target, a.bundle_fd, &a.options,
                                                 on_checked, call, &call->problem));
}

static int append_upload(Certificate *upload, void *userdata)
{
    const ChainEntry *leaf = served_leaf(upload);
    _cleanup_free_ char *names = strv_join(certificate_chain(upload)->names, " ");

    if (!names)
        return -ENOMEM;
    return sd_bus_message_append(userdata, "(ssssx)", leaf->fingerprint, valid_text(leaf->subject),
                                 valid_text(leaf->issuer), valid_text(names),
                                 chain_not_after(certificate_chain(upload)));
}

static int append_uploads(sd_bus_message *reply, const void *userdata)
{
    int r = sd_bus_message_open_container(reply, 'a', "(ssssx)");

    if (r >= 0)
        r = model_foreach_upload(userdata, append_upload, reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_uploads(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, &call);
    return call ? call_answer_with(call, append_uploads, call->bus->model) : r;
}

int method_remove_upload(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_call_ Call *call = NULL;
    const char *fingerprint;
    int r;

    r = sd_bus_message_read_basic(m, 's', &fingerprint);
    if (r >= 0)
        r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    return call_park(&call,
                     manager_remove_upload(call->bus->manager, fingerprint, on_done, call, &call->problem));
}
