/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/certificate.h"
#include "cli/job.h"
#include "cli/verbs.h"
#include "cli/words.h"

static int registration_append_names(sd_bus_message *call, char **names)
{
    int r;

    if (!names)
        return 0;
    r = sd_bus_message_open_container(call, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "names");
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_append_strv(call, names);
    for (int i = 0; r >= 0 && i < 2; i++)
        r = sd_bus_message_close_container(call);
    return r;
}

static Exit registration_append_options(sd_bus_message *call, const Options *o)
{
    bool acme = o->acme && streq(o->acme, "yes");
    int r;

    if (o->acme && !acme && !streq(o->acme, "no"))
        return fail(EXIT_USAGE, _("--acme= takes yes or no."));
    r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0)
        r = registration_append_names(call, o->names);
    if (r >= 0 && o->key_type)
        r = sd_bus_message_append(call, "{sv}", "key-type", "s", o->key_type);
    if (r >= 0 && o->acme)
        r = sd_bus_message_append(call, "{sv}", "acme", "b", acme);
    if (r >= 0 && o->authority)
        r = sd_bus_message_append(call, "{sv}", "authority", "s", o->authority);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r == -EINVAL)
        return fail(EXIT_USAGE, _("The value of an option is not valid UTF-8, which the bus requires."));
    return message_check(r);
}

/* What came of it, and of the order that it started. */
typedef struct Registration {
    const char *path;
    CertificateList before, after; /* before: empty if there was none */
    JobWatch jobs;
    bool wait;
} Registration;

static void registration_done(Registration *r)
{
    certificate_list_done(&r->before);
    certificate_list_done(&r->after);
    job_watch_done(&r->jobs);
}

static bool registration_is_unchanged(const Registration *r)
{
    _cleanup_json_ Json *before = NULL, *after = NULL;

    if (r->before.n == 0)
        return false;
    before = certificate_to_json(r->before.items);
    after = certificate_to_json(r->after.items);
    return json_object_equal(before, after);
}

static void registration_print(const Registration *r)
{
    const Certificate *c = r->after.items;
    _cleanup_free_ char *expiry = time_format_expiry(c->not_after);
    const char *name = certificate_label(c);

    if (c->not_after == 0)
        print_line(stdout, _("%s is registered; its chain is being made."), name);
    else if (registration_is_unchanged(r))
        print_line(
            stdout,
            _("%s is registered, and its certificate is unchanged; source of its chain: %s, valid until "
              "%s."),
            name, word_to_text(c->source), expiry);
    else
        print_line(stdout, _("%s is registered; source of its chain: %s, valid until %s."), name,
                   word_to_text(c->source), expiry);
    if (certificate_has_job(c) && !r->wait)
        hint(_("An order at an ACME authority has begun; \"certwright explain %s\" tells how far it is."),
             c->name);
}

static Exit registration_report_order(const Registration *r)
{
    const Job *j = r->jobs.n_jobs > 0 ? r->jobs.jobs : NULL;
    const Certificate *c = r->after.items;

    if (!j || j->result == JOB_DONE)
        return EXIT_DONE;
    if (j->error_code)
        fail(EXIT_FELL_BACK, "%s: %s: %s", c->name, j->error_code, j->error_text);
    else
        fail(EXIT_FELL_BACK, _("%s: the order did not succeed: %s"), c->name,
             word_to_text(job_result_to_string(j->result)));
    hint(_("The order is retried automatically; \"certwright explain %s\" tells when."), c->name);
    certificate_hint_next(c);
    return streq(c->source, "local") ? EXIT_FELL_BACK : EXIT_JOB_FAILED;
}

/* Waits for the order, if one began, and reads the certificate again. */
static Exit registration_wait(Registration *r, Session *s, sd_bus_message *reply)
{
    Exit e;

    if (!certificate_has_job(r->after.items))
        return EXIT_DONE;
    job_watch_add(&r->jobs, r->after.items->job);
    e = job_watch_wait(&r->jobs, reply);
    certificate_list_done(&r->after);
    return e == EXIT_DONE ? certificate_load(s, r->path, &r->after) : e;
}

static Exit registration_report(Registration *r, Session *s, sd_bus_message *reply)
{
    Exit e = certificate_load(s, r->path, &r->after);

    if (e == EXIT_DONE && r->wait)
        e = registration_wait(r, s, reply);
    if (e != EXIT_DONE)
        return e;
    if (s->json)
        e = json_print(certificate_to_json(r->after.items));
    else
        registration_print(r);
    return e == EXIT_DONE ? registration_report_order(r) : e;
}

Exit verb_register(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_(registration_done) Registration registration = { .wait = o->given & OPTION_WAIT };
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Register", &call);
    int r;

    for (int i = 0; i < 2 && e == EXIT_DONE; i++)
        e = message_append_text(call, arguments[i]);
    if (e == EXIT_DONE)
        e = registration_append_options(call, o);
    if (e == EXIT_DONE)
        e = certificate_look_up(s, arguments[1], &registration.before);
    if (e == EXIT_DONE && registration.wait)
        e = job_watch_begin(&registration.jobs, s, false);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot register"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "o", &registration.path);
    return r < 0 ? session_fail_reply(r) : registration_report(&registration, s, reply);
}

Exit verb_unregister(Session *s, const Options *o _unused_, char **arguments)
{
    Exit e = session_call_manager(s, "Unregister", arguments, 2, _("Cannot unregister"), NULL);

    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("%s is no longer registered for %s."), arguments[1], arguments[0]);
    return e;
}
