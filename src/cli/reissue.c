/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/reissue.h"

#include "cli/question.h"
#include "cli/verbs.h"

static void reissue_done(Reissue *r)
{
    job_watch_done(&r->jobs);
}

static int reissue_read_job(Reissue *r, sd_bus_message *reply)
{
    const char *path;
    int n = sd_bus_message_read(reply, "o", &path);

    if (n > 0)
        job_watch_add(&r->jobs, path);
    return n;
}

static Exit reissue_read_jobs(Reissue *r, sd_bus_message *reply)
{
    int n = r->all ? sd_bus_message_enter_container(reply, 'a', "o") : reissue_read_job(r, reply);

    while (r->all && n > 0)
        n = reissue_read_job(r, reply);
    return n < 0 ? session_fail_reply(n) : EXIT_DONE;
}

static Exit reissue_append_arguments(const Reissue *r, sd_bus_message *call)
{
    if (r->reason)
        return message_append_text(call, r->reason);
    if (r->keep_current == KEEP_DEFAULT)
        return message_check(sd_bus_message_append(call, "a{sv}", 0));
    return message_check(
        sd_bus_message_append(call, "a{sv}", 1, "keep-current", "b", r->keep_current == KEEP_YES));
}

static Exit reissue_call(Session *s, Reissue *r, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    Exit e = r->all ? session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "ReissueAll", &call)
                    : session_new_call(s, r->path, CERTIFICATE_INTERFACE, r->reason ? "Revoke" : "Reissue",
                                       &call);

    if (e == EXIT_DONE)
        e = reissue_append_arguments(r, call);
    if (e == EXIT_DONE && r->wait)
        e = job_watch_begin(&r->jobs, s, r->all);
    if (e == EXIT_DONE)
        e = session_send(s, call, r->reason ? _("Cannot revoke") : _("Cannot reissue"), &reply);
    if (e == EXIT_DONE)
        e = reissue_read_jobs(r, reply);
    *ret_reply = TAKE_PTR(reply);
    return e;
}

/* Returns true if a chain that clients trust could be lost. Revocations are refused for all but ACME
 * chains. */
static bool reissue_endangers(const Reissue *r, const Certificate *c)
{
    return streq(c->source, "acme") &&
           (r->reason || streq(c->state, "valid") || streq(c->state, "expiring"));
}

static void reissue_warn_one(const Reissue *r, const Certificate *c)
{
    _cleanup_free_ char *expiry = time_format_expiry(c->not_after);

    if (r->reason)
        hint(
            _("The chain of %s is valid until %s. A revocation cannot be undone. Without an uploaded chain, "
              "clients get one signed by the local root, which they may not trust."),
            certificate_label(c), expiry);
    else
        hint(
            _("%s has a chain of an ACME authority, valid until %s. If the order for a new one fails, it is "
              "replaced by a chain of the local root, which clients may not trust; --keep-current keeps it."),
            certificate_label(c), expiry);
}

static void reissue_warn_all(size_t n)
{
    hint(
        ngettext(
            "%zu certificate has a valid chain of an ACME authority. If the order for a new one fails, it is "
            "replaced by a chain of the local root, which clients may not trust; without --no-keep-current it "
            "is kept.",
            "%zu certificates have valid chains of ACME authorities. Where the order for a new one fails, the "
            "chain is replaced by one of the local root, which clients may not trust; without "
            "--no-keep-current it is kept.",
            n),
        n);
}

/* Called before a chain that clients trust is withdrawn. */
static Exit reissue_ask(Session *s, const Reissue *r)
{
    _cleanup_certificates_ CertificateList list = {};
    size_t n = 0;
    Exit e = r->all ? certificates_load(s, &list) : certificate_load(s, r->path, &list);

    if (e != EXIT_DONE)
        return e;
    for (size_t i = 0; i < list.n; i++)
        n += reissue_endangers(r, &list.items[i]);
    if (n == 0)
        return EXIT_DONE;
    if (r->all)
        reissue_warn_all(n);
    else
        reissue_warn_one(r, list.items);
    return question_ask();
}

static Exit reissue_run(Session *s, Reissue *r)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = EXIT_DONE;

    if (!r->all)
        e = session_find_target(s, r->root, r->name, &r->path);
    if (e == EXIT_DONE && r->ask && question_can_ask(s))
        e = reissue_ask(s, r);
    if (e == EXIT_DONE)
        e = reissue_call(s, r, &reply);
    if (e != EXIT_DONE)
        return e;
    if (!r->wait)
        return reissue_report_started(s, r);
    e = job_watch_wait(&r->jobs, reply);
    return e == EXIT_DONE ? reissue_report_finished(s, r) : e;
}

static Exit keep_current_parse(const Options *o, KeepCurrent *ret)
{
    unsigned given = o->given & (OPTION_KEEP_CURRENT | OPTION_NO_KEEP_CURRENT);

    if (given == (OPTION_KEEP_CURRENT | OPTION_NO_KEEP_CURRENT))
        return fail(EXIT_USAGE, _("Give either --keep-current or --no-keep-current."));
    if (given && o->given & OPTION_ROOT)
        return fail(EXIT_USAGE,
                    _("--keep-current and --no-keep-current are about chains of ACME authorities; "
                      "the local root has none."));
    *ret = given == OPTION_KEEP_CURRENT ? KEEP_YES : given ? KEEP_NO : KEEP_DEFAULT;
    return EXIT_DONE;
}

Exit verb_reissue(Session *s, const Options *o, char **arguments)
{
    _cleanup_(reissue_done) Reissue r = {
        .all = o->given & OPTION_ALL,
        .root = o->given & OPTION_ROOT,
        .wait = !(o->given & OPTION_NO_WAIT),
        .name = arguments[0],
    };
    Exit e;

    if (r.all + r.root + (r.name != NULL) != 1)
        return fail(EXIT_USAGE, _("Give one of NAME, --all and --root."));
    e = keep_current_parse(o, &r.keep_current);
    if (e != EXIT_DONE)
        return e;
    r.ask = !(o->given & OPTION_YES) && !r.root &&
            (r.keep_current == KEEP_NO || (r.keep_current == KEEP_DEFAULT && !r.all));
    return reissue_run(s, &r);
}

Exit verb_revoke(Session *s, const Options *o, char **arguments)
{
    _cleanup_(reissue_done) Reissue r = {
        .wait = !(o->given & OPTION_NO_WAIT),
        .ask = !(o->given & OPTION_YES),
        .name = arguments[0],
        .reason = o->reason ? o->reason : "unspecified",
    };

    return reissue_run(s, &r);
}
