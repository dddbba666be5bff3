/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/submission.h"
#include "cli/verbs.h"
#include "cli/words.h"

static Exit upload_print_json(const char *const *names, size_t n)
{
    _cleanup_json_ Json *j = json_object_new_object();

    json_set(j, "certificates", json_texts(names, n));
    return json_print(j);
}

static Exit upload_print_names(Session *s, char *const *names, size_t n)
{
    if (s->json)
        return upload_print_json((const char *const *)names, n);
    if (n == 0)
        print_line(stdout,
                   _("The chain is stored. No certificate has a name that it fits now; it is kept for "
                     "names that come later."));
    for (size_t i = 0; i < n; i++)
        print_line(stdout, _("%s: the uploaded chain is served."), names[i]);
    return EXIT_DONE;
}

/* Manager.UploadFd tells the objects; their names are in their paths. */
static Exit upload_print_paths(Session *s, sd_bus_message *reply)
{
    char **paths = NULL;
    size_t n = 0;
    int r = sd_bus_message_read_strv(reply, &paths);
    Exit e;

    if (r < 0)
        return session_fail_reply(r);
    for (; paths && paths[n]; n++) {
        char *name = certificate_path_name(paths[n]);

        if (name) {
            free(paths[n]);
            paths[n] = name;
        }
    }
    e = upload_print_names(s, paths, n);
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
    return e;
}

static void upload_print_root(const Certificate *c)
{
    _cleanup_free_ char *subject = distinguished_name_short(c->subject);
    _cleanup_free_ char *date = time_format_date(c->not_after);

    print_line(stdout, _("The uploaded root is stored; local root now: %s, valid until %s."),
               strempty(subject), strempty(date));
    hint(_(
        "Every local chain is signed again, in the background. Clients that trust the former root alone go on "
        "accepting these chains; new ones need this root: certwright export-root"));
}

/* The service may prefer another chain still, so it is asked. */
static Exit upload_print_certificate(Session *s, const char *path)
{
    _cleanup_certificates_ CertificateList list = {};
    Exit e = certificate_load(s, path, &list);
    const Certificate *c = list.root ? list.root : list.items;

    if (e != EXIT_DONE)
        return e;
    if (s->json)
        return upload_print_json(&c->name, 1);
    if (list.root)
        upload_print_root(c);
    else
        print_line(stdout, _("%s: the chain is stored; served now: %s"), c->name, reason_to_text(c->reason));
    return EXIT_DONE;
}

Exit verb_upload(Session *s, const Options *o, char **arguments, int n)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_submission_ Submission u;
    Exit e = submission_init(&u, s, o, arguments, n);
    SubmissionCall call = {
        .path = u.path ? u.path : MANAGER_PATH,
        .interface = u.path ? CERTIFICATE_INTERFACE : MANAGER_INTERFACE,
        .member = "UploadFd",
        .purpose = _("Cannot upload"),
    };

    if (e == EXIT_DONE)
        e = submission_send(&u, s, &call, &reply);
    if (e != EXIT_DONE)
        return e;
    return u.path ? upload_print_certificate(s, u.path) : upload_print_paths(s, reply);
}
