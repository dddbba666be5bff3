/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "cli/acme-file.h"
#include "cli/acme-status.h"
#include "cli/agreement.h"
#include "cli/delivery-wait.h"
#include "cli/handover.h"
#include "cli/label.h"
#include "cli/module-targets.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "core/private-name.h"
#include "util/text.h"

/* A run of enable or disable, which change files besides talking to the service. */
typedef struct Enabling {
    Session *session;
    ModuleFiles files;
    FilesChange change;
    size_t n_done, n_kept; /* of those: already printed */
    char **targets;
    Agreement agreement;
    Handover handover;
    CertificateList list;         /* the certificate, as it was looked at last */
    const Deployment *deployment; /* in it */
    bool lines_printed;
} Enabling;

static void enabling_done(Enabling *n)
{
    module_files_done(&n->files);
    files_change_done(&n->change);
    strv_free(n->targets);
    agreement_done(&n->agreement);
    handover_done(&n->handover);
    certificate_list_done(&n->list);
}

/* Everything that can be known to fail does so before the first change. */
static Exit enabling_begin(Enabling *n, const Options *o, char **arguments)
{
    Exit e = module_files_init(&n->files, arguments[0], arguments[1]);

    if (e != EXIT_DONE)
        return e;
    if (geteuid() != 0)
        return fail(EXIT_NOT_AUTHORIZED,
                    _("Only root may change files in /etc/certwright: run it with sudo."));
    return agreement_init(&n->agreement, n->session, o);
}

static Exit enabling_reload(Session *s)
{
    Exit e = session_call_manager(s, "Reload", NULL, 0, _("Cannot reload the configuration"), NULL);

    if (e != EXIT_DONE)
        hint(_("The files stay as they are now; \"certwright reload\" makes the service read them."));
    return e;
}

static void print_files(const char *label, char *const *files, size_t *printed)
{
    for (; files && files[*printed]; (*printed)++)
        print_line(stdout, "%s %s", label, files[*printed]);
}

/* Prints what was not printed yet. */
static void enabling_print_files(Enabling *n, const char *done, const char *kept)
{
    if (n->session->json)
        return;
    print_files(done, n->change.done, &n->n_done);
    print_files(kept, n->change.kept, &n->n_kept);
    fflush(stdout);
}

static Exit enabling_print_json(const Enabling *n, const char *done)
{
    const Certificate *c = n->list.items;
    Json *object = json_object_new_object();

    json_set(object, "module", json_text(n->files.service->name));
    json_set(object, "name", json_text(n->files.name));
    json_set(object, done, json_texts(n->change.done));
    json_set(object, "kept", json_texts(n->change.kept));
    json_set(object, "targets", json_texts(n->targets));
    if (c) {
        json_set(object, "source", json_text(c->source));
        json_set(object, "deployment", n->deployment ? deployment_to_json(c, n->deployment) : NULL);
    }
    return json_print(object);
}

/* ---- enable: what is written */

static void enable_print_written(Enabling *n)
{
    enabling_print_files(n, _("Wrote"), _("Already there:"));
}

static Exit enable_agree(Enabling *n, const Options *o)
{
    const char *private_reason = name_private_reason(n->files.name);
    _cleanup_free_ char *command =
        xasprintf("certwright enable %s %s", n->files.service->name, n->files.name);
    bool internal = false;
    Exit e = private_reason ? acme_find_internal(n->session, &internal) : EXIT_DONE;

    if (e != EXIT_DONE)
        return e;
    if (!private_reason || internal) {
        agreement_ask(&n->agreement, n->session, command);
        return EXIT_DONE;
    }
    if (!(o->given & OPTION_AGREE_TOS))
        return EXIT_DONE;
    fail(EXIT_USAGE, _("No public authority issues for %s: it is %s."), n->files.name, private_reason);
    hint(_(
        "Without --agree-tos, it gets a chain of this machine's own root; an internal authority can be set up with "
        "\"certwright acme setup\"."));
    return EXIT_USAGE;
}

/* Nobody asks for proofs before there is an agreement, and none is written before they can be given. */
static Exit enable_hand_over(Enabling *n, char *const *expected)
{
    Exit e = EXIT_DONE;

    if (!agreement_holds(&n->agreement))
        return EXIT_DONE;
    e = handover_make(&n->handover, n->files.name, expected, &n->change);
    if (e == EXIT_DONE && n->handover.state != HANDOVER_POSTPONED)
        e = agreement_write(&n->agreement, "enable", &n->change);
    enable_print_written(n);
    return e;
}

static Exit enable_check_targets(const Enabling *n)
{
    if (n->targets)
        return EXIT_DONE;
    return fail(
        EXIT_FAILED,
        _("%s names no file to deliver to: its [Deploy] section is missing; see certwright.conf(5)."),
        n->change.kept ? n->change.kept[0] : n->files.module);
}

static Exit enable_print_lines(Enabling *n)
{
    n->lines_printed = true;
    print_line(stdout, _("%s uses the chain with these lines in its configuration (%s):"),
               n->files.service->title, n->files.service->configuration);
    return module_files_print_snippet(&n->files);
}

static bool enable_lacks_lines(const Enabling *n)
{
    return !module_files_are_used(&n->files, n->targets);
}

static Exit enable_write(Enabling *n)
{
    size_t before = strv_length(n->change.done);
    Exit e = module_files_write(&n->files, &n->change);

    enable_print_written(n);
    if (e == EXIT_DONE)
        e = module_files_targets(&n->files, &n->targets);
    if (e == EXIT_DONE)
        e = enable_check_targets(n);
    if (e == EXIT_DONE && !n->session->json && strv_length(n->change.done) > before && enable_lacks_lines(n))
        e = enable_print_lines(n);
    fflush(stdout);
    return e;
}

/* The files that the service's configuration may name before they are delivered. */
static Exit enable_hand_over_first(Enabling *n)
{
    _cleanup_strv_ char **expected = NULL;

    xcheck(strv_extend(&expected, "/etc/ssl/certwright/") < 0 ? NULL : n);
    return enable_hand_over(n, expected);
}

/* ---- enable: what comes of it */

static Exit enable_find(const Enabling *n, const char **ret_path)
{
    Exit e = session_find_certificate(n->session, n->files.name, ret_path);

    if (e == EXIT_NOT_FOUND)
        hint(_("The service did not accept the configuration. The journal says why: "
               "journalctl -u certwrightd.service"));
    return e;
}

static bool order_failed(const Enabling *n)
{
    const Certificate *c = n->list.items;

    return streq(c->source, "local") && agreement_holds(&n->agreement) && !isempty(c->error.code);
}

/* Somebody who enables once more has mended what kept the last order from being fulfilled. */
static Exit enable_retry_order(Enabling *n, const char *path)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = certificate_load(n->session, path, &n->list);

    if (e != EXIT_DONE || !order_failed(n) || !streq(n->list.items->job, "/"))
        return e;
    e = session_new_call(n->session, path, CERTIFICATE_INTERFACE, "Reissue", &call);
    if (e == EXIT_DONE)
        e = message_check(sd_bus_message_append(call, "a{sv}", 1, "keep-current", "b", true));
    return e == EXIT_DONE ? session_send(n->session, call, _("Cannot retry the order"), &reply) : e;
}

static Exit enable_deliver(Enabling *n)
{
    time_t begun = time(NULL);
    const char *path;
    Exit e = enabling_reload(n->session);

    if (e == EXIT_DONE)
        e = enable_find(n, &path);
    if (e == EXIT_DONE)
        e = enable_retry_order(n, path);
    if (e == EXIT_DONE)
        e = delivery_wait(n->session, path, n->files.service->name, n->targets, begun, &n->list,
                          &n->deployment);
    return e;
}

/* The files are there now that the configuration of the service names. */
static Exit enable_go_on(Enabling *n)
{
    Exit e;

    if (n->handover.state != HANDOVER_POSTPONED || deployment_is_failure(n->deployment))
        return EXIT_DONE;
    e = enable_hand_over(n, NULL);
    return e == EXIT_DONE ? enable_deliver(n) : e;
}

static void enable_advise(const Enabling *n, const Deployment *d)
{
    if (streq(d->state, "verified") || streq(d->state, "waiting"))
        return;
    if (enable_lacks_lines(n))
        hint(_("No file in %s names %s yet: add the lines, then run \"certwright deploy %s\"."),
             n->files.service->configuration, n->targets[0], n->files.service->name);
    else if (deployment_is_failure(d))
        hint(_("The delivery is retried automatically; \"certwright deploy %s\" tries it at once."),
             n->files.service->name);
    else
        hint(_("%s uses the chain as soon as it runs."), n->files.service->title);
    if (streq(d->state, "written") && agreement_holds(&n->agreement) &&
        handover_may_lack(&n->handover, n->files.service->name))
        hint(
            _("Renewals need port 80, which is free now. If %s takes it when it runs, run \"certwright enable %s %s\" again "
              "then: it makes %s hand the requests for proofs over."),
            n->files.service->title, n->files.service->name, n->files.name, n->files.service->title);
}

/* Without an authority, the reason says why there is none. */
static void enable_report_order(const Enabling *n)
{
    const Certificate *c = n->list.items;
    _cleanup_free_ char *error = text_to_labels(strempty(c->error.text));

    if (order_failed(n)) {
        fail(EXIT_FELL_BACK, _("%s: no authority has issued a chain, so this machine has signed it: %s"),
             certificate_label(c), error);
        if (n->handover.state == HANDOVER_BY_HAND)
            handover_print_lines(&n->handover, c->name);
        hint(_("The order is retried automatically; \"certwright reissue %s\" tries it at once."), c->name);
    } else if (streq(c->source, "local") && agreement_holds(&n->agreement)) {
        hint("%s", word_to_text(c->reason));
    } else if (streq(c->source, "acme")) {
        print_line(stdout, _("%s: %s has issued the chain."), certificate_label(c), c->authority);
    }
}

static Exit enable_report(Enabling *n)
{
    const Certificate *c = n->list.items;
    const Deployment *d = n->deployment;
    Exit e = EXIT_DONE;

    if (n->session->json) {
        e = enabling_print_json(n, "written");
    } else {
        enable_report_order(n);
        deployment_print(c, d);
        if (!n->lines_printed && !streq(d->state, "verified") && enable_lacks_lines(n))
            e = enable_print_lines(n);
        enable_advise(n, d);
    }
    if (e != EXIT_DONE)
        return e;
    return deployment_is_failure(d) ? EXIT_JOB_FAILED : order_failed(n) ? EXIT_FELL_BACK : EXIT_DONE;
}

Exit verb_enable(Session *s, const Options *o, char **arguments)
{
    _cleanup_(enabling_done) Enabling n = { .session = s };
    Exit e = enabling_begin(&n, o, arguments);

    if (e == EXIT_DONE)
        e = module_files_check_installed(&n.files);
    if (e == EXIT_DONE)
        e = enable_agree(&n, o);
    if (e == EXIT_DONE)
        e = enable_hand_over_first(&n);
    if (e == EXIT_DONE)
        e = enable_write(&n);
    if (e == EXIT_DONE)
        e = enable_deliver(&n);
    if (e == EXIT_DONE)
        e = enable_go_on(&n);
    return e == EXIT_DONE ? enable_report(&n) : e;
}

/* ---- disable */

static void disable_drop_missing(Enabling *n)
{
    char **kept = n->targets;

    for (char **target = n->targets; target && *target; target++)
        if (access(*target, F_OK) == 0)
            *kept++ = *target;
        else
            free(*target);
    if (kept)
        *kept = NULL;
}

static void disable_print_removed(Enabling *n)
{
    enabling_print_files(n, _("Removed"), _("Changed since it was written, and kept:"));
}

/* Another file may request the same certificate for the same module. */
static Exit disable_find_request(const Enabling *n, bool *ret_requested)
{
    _cleanup_certificates_ CertificateList list = {};
    Exit e = certificate_look_up(n->session, n->files.name, &list);
    const Certificate *c = list.items;

    *ret_requested = list.n > 0 && strv_contains(c->names, n->files.name) &&
                     strv_contains(c->modules, n->files.service->name);
    return e;
}

/* A service that has no line about the files has stopped using them, or reads whatever is there. */
static Exit disable_targets(Enabling *n)
{
    bool requested;
    Exit e = disable_find_request(n, &requested);

    if (e != EXIT_DONE)
        return e;
    if (requested) {
        hint(
            _("%s is still requested for %s, by another file or a registration, so that what was delivered stays."),
            n->files.name, n->files.service->title);
        return EXIT_DONE;
    }
    if (!n->files.service->snippet || enable_lacks_lines(n)) {
        e = targets_remove(n->targets, &n->change);
        disable_print_removed(n);
    }
    disable_drop_missing(n);
    if (n->session->json || !n->targets || !*n->targets)
        return e;
    print_line(stdout,
               _("The delivered files stay, and %s goes on using them; they are not renewed any more:"),
               n->files.service->title);
    for (char **target = n->targets; *target; target++)
        print_line(stdout, "    %s", *target);
    return e;
}

Exit verb_disable(Session *s, const Options *o, char **arguments)
{
    _cleanup_(enabling_done) Enabling n = { .session = s };
    OtherFiles others = {};
    Exit e = enabling_begin(&n, o, arguments);

    if (e == EXIT_DONE)
        e = module_files_targets(&n.files, &n.targets);
    if (e == EXIT_DONE)
        e = module_files_remove(&n.files, &n.change);
    if (e != EXIT_DONE)
        return e;
    others = module_files_find_others(&n.files);
    if (!others.any)
        e = acme_file_remove_enabled(&n.change);
    if (e == EXIT_DONE)
        e = handover_remove(n.files.name, others.same_name, others.any, &n.change);
    disable_print_removed(&n);
    if (e == EXIT_DONE && !n.change.done)
        return fail(EXIT_NOT_FOUND, _("%s is not enabled for %s: there is no %s."), n.files.name,
                    n.files.service->title, n.files.drop_in);
    if (e == EXIT_DONE)
        e = enabling_reload(s);
    if (e == EXIT_DONE)
        e = disable_targets(&n);
    return e == EXIT_DONE && s->json ? enabling_print_json(&n, "removed") : e;
}
