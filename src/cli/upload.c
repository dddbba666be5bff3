/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"
#include "cli/fit.h"
#include "cli/label.h"
#include "cli/submission.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* The results of an upload for each certificate. */
typedef struct Outcome {
    const char *fingerprint;
    List fits;
    Json *served, *not_served;
    bool missed; /* a certificate does not serve it, and will not later */
} Outcome;

static const Field fit_fields[] = {
    { NULL, NULL, "o", offsetof(Fit, path) },
    { NULL, NULL, "b", offsetof(Fit, served) },
    { NULL, NULL, "s", offsetof(Fit, reason) },
};

static const Record fit_record = RECORD("obs", Fit, fit_fields);

static void outcome_done(Outcome *o)
{
    list_done(&o->fits);
    json_putp(&o->served);
    json_putp(&o->not_served);
}

static void upload_print_root(const Certificate *c)
{
    _cleanup_free_ char *subject = distinguished_name_short(c->subject),
                        *expiry = time_format_expiry(c->not_after);

    print_line(stdout, _("The uploaded root is stored; local root now: %s, valid until %s."), subject,
               expiry);
    hint(_(
        "Every local chain is signed again, in the background. Clients that trust only the former root keep "
        "accepting these chains; new ones need this root: certwright export-root"));
}

static void upload_print_not_served(const Certificate *c, const FitReason *reason)
{
    _cleanup_free_ char *date = time_format(c->not_after);

    print_line(stdout, _("%s: the uploaded chain is stored, but not served. %s"), certificate_label(c),
               reason->text);
    if (c->not_after == 0)
        print_line(stdout, _("%s: no chain is served yet."), certificate_label(c));
    else
        print_line(stdout,
                   _("%s: another chain is served instead (source %s, serial %s, valid until %s). %s"),
                   certificate_label(c), word_to_text(c->source), c->serial, date, word_to_text(c->reason));
    if (reason->advice)
        hint("%s", reason->advice);
}

static Json *not_served_json(const Certificate *c, const Fit *fit)
{
    Json *j = json_object_new_object(), *serving = NULL;

    if (c->not_after != 0) {
        serving = json_object_new_object();
        json_set(serving, "source", json_text(c->source));
        json_set(serving, "serial", json_text(c->serial));
        json_set(serving, "not_after", json_time(c->not_after));
        json_set(serving, "fingerprint", json_text(c->fingerprint));
        json_set(serving, "reason", json_text(c->reason));
    }
    json_set(j, "name", json_text(c->name));
    json_set(j, "reason", json_text(fit->reason));
    json_set(j, "serving", serving);
    return j;
}

/* Reads the root, or what a certificate serves instead of the uploaded chain. */
static Exit outcome_add_loaded(Outcome *o, Session *s, const Fit *fit, const FitReason *reason)
{
    _cleanup_certificates_ CertificateList list = {};
    Exit e = certificate_load(s, fit->path, &list);

    if (e != EXIT_DONE)
        return e;
    if (fit->served)
        json_object_array_add(o->served, json_text(list.items->name));
    else
        json_object_array_add(o->not_served, not_served_json(list.items, fit));
    if (s->json)
        return EXIT_DONE;
    if (fit->served)
        upload_print_root(list.items);
    else
        upload_print_not_served(list.items, reason);
    return EXIT_DONE;
}

static Exit outcome_add(Outcome *o, Session *s, const Fit *fit)
{
    _cleanup_fit_reason_ FitReason reason = fit_get_reason(fit);
    _cleanup_free_ char *name = NULL, *label = NULL;

    o->missed = o->missed || !(fit->served || reason.later);
    if (!fit->served || streq(fit->path, ROOT_PATH))
        return outcome_add_loaded(o, s, fit, &reason);
    name = certificate_path_name(fit->path);
    json_object_array_add(o->served, json_text(name));
    label = name_to_label(name);
    if (!s->json)
        print_line(stdout, _("%s: the uploaded chain is served."), label);
    return EXIT_DONE;
}

static Exit outcome_read(Outcome *o, Session *s, sd_bus_message *reply)
{
    int r = sd_bus_message_read(reply, "s", &o->fingerprint);
    Exit e = EXIT_DONE;

    if (r >= 0)
        r = list_read(&o->fits, &fit_record, "a(obs)", reply);
    if (r < 0)
        return session_fail_reply(r);
    for (size_t i = 0; i < o->fits.n && e == EXIT_DONE; i++)
        e = outcome_add(o, s, (const Fit *)o->fits.items + i);
    return e;
}

static Exit outcome_print_json(Outcome *o)
{
    Json *j = json_object_new_object();

    json_set(j, "fingerprint", json_text(o->fingerprint));
    json_set(j, "certificates", TAKE_PTR(o->served));
    json_set(j, "not_served", TAKE_PTR(o->not_served));
    return json_print(j);
}

/* The fingerprints of what is stored already. Callers that may not read them, or not without a password, get none. */
static void uploads_read(Session *s, char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_call_method(s->bus, SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "ListUploads", NULL, &reply,
                               NULL);

    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ssssx)");
    while (r > 0) {
        const char *fingerprint;

        r = sd_bus_message_read(reply, "(ssssx)", &fingerprint, NULL, NULL, NULL, NULL);
        if (r > 0)
            xcheck(strv_extend(ret, fingerprint) < 0 ? NULL : ret);
    }
}

/* given: it is for one certificate, which has to serve it; stored: fingerprints of earlier uploads. */
static Exit outcome_report(Session *s, sd_bus_message *reply, bool given, char *const *stored)
{
    _cleanup_(outcome_done)
        Outcome o = { .served = json_object_new_array(), .not_served = json_object_new_array() };
    Exit e = outcome_read(&o, s, reply);

    if (e == EXIT_DONE && !s->json && strv_contains(stored, o.fingerprint))
        print_line(stdout, _("The same chain was stored already; it counts as the last upload now."));
    if (e == EXIT_DONE && s->json)
        e = outcome_print_json(&o);
    else if (e == EXIT_DONE && o.fits.n == 0)
        print_line(stdout,
                   _("The chain is stored. It fits no certificate now, and is kept for names that come "
                     "later."));
    return e == EXIT_DONE && given && o.missed ? EXIT_NOT_SERVED : e;
}

Exit verb_upload(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_submission_ Submission u;
    _cleanup_strv_ char **stored = NULL;
    Exit e = submission_init(&u, s, o, arguments);

    if (e == EXIT_DONE)
        uploads_read(s, &stored);
    if (e == EXIT_DONE)
        e = submission_send(&u, s, "UploadData", _("Cannot upload"), &reply);
    return e == EXIT_DONE ? outcome_report(s, reply, u.name, stored) : e;
}
