/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "bus/internal.h"
#include "core/limits.h"
#include "util/memfd.h"
#include "util/text.h"

/* Common parts of the methods for uploads. Texts and file descriptors belong to the message, which the call
 * references. */

typedef struct Arguments {
    int bundle_fd; /* owned */
    UploadOptions options;
    int key_memfd;    /* of a key in the message; owned */
    const char *name; /* of the target certificate; NULL: any */
} Arguments;

static void arguments_done(Arguments *a)
{
    if (a->bundle_fd >= 0)
        close(a->bundle_fd);
    if (a->key_memfd >= 0)
        close(a->key_memfd);
}

static int complain_of_size(sd_bus_error *error, const char *what)
{
    return error_set(error, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %d bytes.", what, LIMIT_BUNDLE);
}

static int bytes_to_memfd(const Bytes *bytes, const char *what, sd_bus_error *error, int *ret)
{
    if (bytes->size > LIMIT_BUNDLE)
        return complain_of_size(error, what);
    *ret = memfd_new("upload", bytes->data, bytes->size);
    return *ret;
}

static int take_bundle(Arguments *a, const Bytes *bundle, const Bytes *key, sd_bus_error *error)
{
    int r = bytes_to_memfd(bundle, "upload", error, &a->bundle_fd);

    if (r >= 0 && key->data) {
        r = bytes_to_memfd(key, "key", error, &a->key_memfd);
        a->options.key_fd = a->key_memfd;
    }
    return r;
}

static int check_passphrase(const Arguments *a, sd_bus_error *error)
{
    if (a->options.passphrase && a->options.passphrase_fd >= 0)
        return error_set(
            error, PROBLEM_INVALID_ARGUMENT,
            "The options \"passphrase\" and \"passphrase-fd\" contradict each other; leave one out.");
    return 0;
}

static int read_text_arguments(sd_bus_message *m, Arguments *a, sd_bus_error *error)
{
    const char *pem, *key_text = NULL;
    int fetch = false, r;
    const OptionRow rows[] = { { "key", 's', &key_text },
                               { "passphrase", 's', &a->options.passphrase },
                               { "fetch-issuers", 'b', &fetch },
                               {} };
    Bytes bundle, key;

    r = sd_bus_message_read_basic(m, 's', &pem);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r < 0)
        return r;
    a->options.fetch_issuers = fetch;
    bundle = (Bytes){ pem, strlen(pem) };
    key = (Bytes){ key_text, strlen(strempty(key_text)) };
    return take_bundle(a, &bundle, &key, error);
}

/* named: it takes the option "name". */
static int read_descriptor_arguments(sd_bus_message *m, Arguments *a, bool named, sd_bus_error *error)
{
    int bundle = -EBADF, fetch = false, r;
    const OptionRow rows[] = { { "key", 'h', &a->options.key_fd },
                               { "passphrase", 's', &a->options.passphrase },
                               { "passphrase-fd", 'h', &a->options.passphrase_fd },
                               { "fetch-issuers", 'b', &fetch },
                               { named ? "name" : NULL, 's', &a->name },
                               {} };

    r = sd_bus_message_read_basic(m, 'h', &bundle);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0)
        r = check_passphrase(a, error);
    if (r < 0)
        return r;
    a->bundle_fd = fcntl(bundle, F_DUPFD_CLOEXEC, 3);
    a->options.fetch_issuers = fetch;
    return a->bundle_fd < 0 ? -errno : 0;
}

static int read_data_arguments(sd_bus_message *m, Arguments *a, sd_bus_error *error)
{
    Bytes bundle = {}, key = {};
    int fetch = false, r;
    const OptionRow rows[] = { { "key", 'y', &key },
                               { "passphrase", 's', &a->options.passphrase },
                               { "passphrase-fd", 'h', &a->options.passphrase_fd },
                               { "fetch-issuers", 'b', &fetch },
                               { "name", 's', &a->name },
                               {} };

    r = sd_bus_message_read_array(m, 'y', &bundle.data, &bundle.size);
    if (r >= 0 && bundle.size > LIMIT_BUNDLE)
        r = complain_of_size(error, "upload");
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0)
        r = check_passphrase(a, error);
    if (r < 0)
        return r;
    a->options.fetch_issuers = fetch;
    return take_bundle(a, &bundle, &key, error);
}

static void arguments_init(Arguments *a)
{
    *a = (Arguments){ .bundle_fd = -EBADF,
                      .key_memfd = -EBADF,
                      .options = { .key_fd = -EBADF, .passphrase_fd = -EBADF } };
}

/* Finds the certificate of the option "name", and its primary name for polkit, whichever name was given. */
static int find_target(Bus *b, const Arguments *a, Certificate **ret, const char **ret_name,
                       sd_bus_error *error)
{
    _cleanup_problem_ Problem problem = {};

    *ret = NULL;
    *ret_name = ANY_NAME;
    if (!a->name)
        return 0;
    if (streq(a->name, certificate_name(model_root(b->model))))
        *ret = model_root(b->model);
    else if (model_get(b->model, a->name, ret, &problem) < 0)
        return error_set_problem(error, &problem);
    *ret_name = certificate_name(*ret);
    return 0;
}

static int upload(sd_bus_message *m, Certificate *target, const char *name, Arguments *a, UploadDone done,
                  sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, name, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    a->options.owner = call->uid;
    r = manager_upload(call->bus->manager, target, a->bundle_fd, &a->options, done, call, &call->problem);
    if (r >= 0)
        TAKE_PTR(call);
    return 1;
}

int upload_text(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    int r;

    arguments_init(&a);
    r = read_text_arguments(m, &a, error);
    return r < 0 ? r : upload(m, target, name, &a, done, error);
}

int upload_descriptor(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                      sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    int r;

    arguments_init(&a);
    r = read_descriptor_arguments(m, &a, false, error);
    return r < 0 ? r : upload(m, target, name, &a, done, error);
}

static int append_fits(sd_bus_message *reply, const UploadOutcome *outcome)
{
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
    sd_bus_message *reply = NULL;
    int r;

    if (call_failed(call, problem))
        return;
    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = append_fits(reply, outcome);
    if (r >= 0)
        r = call_answer_message(call, reply);
    if (r < 0)
        (void)call_fail(call, r);
    sd_bus_message_unref(reply);
}

int upload_data(sd_bus_message *m, Bus *b, sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    Certificate *target;
    const char *name;
    int r;

    arguments_init(&a);
    r = read_data_arguments(m, &a, error);
    if (r >= 0)
        r = find_target(b, &a, &target, &name, error);
    return r < 0 ? r : upload(m, target, name, &a, on_data_uploaded, error);
}

static int append_findings(sd_bus_message *reply, const UploadReport *report)
{
    int r = sd_bus_message_open_container(reply, 'a', "(sbs)");

    for (Check c = 0; c < _CHECK_MAX && r >= 0; c++) {
        const Finding *f = report->findings + c;

        if (finding_was_made(f))
            r = sd_bus_message_append(reply, "(sbs)", check_to_string(c), (int)finding_passed(f),
                                      valid_text(finding_text(f)));
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Nothing can be checked without the passphrase: tells callers that can ask for it. */
static const Problem *passphrase_problem(const UploadReport *report)
{
    const Problem *first = report_first_problem(report);

    return first && first->code == PROBLEM_PASSPHRASE_REQUIRED ? first : NULL;
}

static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;
    sd_bus_message *reply = NULL;
    int r;

    if (problem->code == PROBLEM_NONE && passphrase_problem(report))
        problem = passphrase_problem(report);
    if (call_failed(call, problem))
        return;
    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = append_findings(reply, report);
    if (r >= 0)
        r = call_answer_message(call, reply);
    if (r < 0)
        (void)call_fail(call, r);
    sd_bus_message_unref(reply);
}

int upload_check(sd_bus_message *m, Bus *b, bool data, sd_bus_error *error)
{
    _cleanup_(arguments_done) Arguments a;
    _cleanup_call_ Call *call = NULL;
    Certificate *target = NULL;
    const char *name;
    int r;

    arguments_init(&a);
    r = data ? read_data_arguments(m, &a, error) : read_descriptor_arguments(m, &a, true, error);
    if (r >= 0)
        r = find_target(b, &a, &target, &name, error);
    if (r >= 0)
        r = call_begin(m, name, NULL, error, &call);
    if (r <= 0)
        return r < 0 ? r : 1;
    a.options.owner = call->uid;
    r = manager_check_upload(b->manager, target, a.bundle_fd, &a.options, on_checked, call, &call->problem);
    if (r >= 0)
        TAKE_PTR(call);
    return 1;
}
