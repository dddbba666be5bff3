/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-setup.h"

#include <errno.h>

#include "cli/acme-file.h"
#include "cli/agreement.h"
#include "cli/configuration-error.h"
#include "cli/json.h"
#include "cli/question.h"
#include "cli/xalloc.h"
#include "core/limits.h"
#include "util/text.h"

#define OPTIONS_SETUP \
    (OPTION_AGREE_TOS | OPTION_CONTACT | OPTION_AUTHORITY | OPTION_DIRECTORY | OPTION_CA_FILE | \
     OPTION_CHALLENGES)

/* Of the package, and not enabled: to try everything out. */
#define STAGING "letsencrypt-staging"

typedef struct Setup {
    Session *session;
    const Options *options;
    Agreement agreement;
    const char *authority; /* borrowed; NULL: there is none */
    bool agrees;
    FilesChange change;
} Setup;

static void setup_done(Setup *t)
{
    agreement_done(&t->agreement);
    files_change_done(&t->change);
}

/* ---- options */

static Exit setup_fail_unknown_authority(const Setup *t, const char *name)
{
    _cleanup_free_ char *list = strv_join(t->agreement.authorities, ", ");

    fail(EXIT_USAGE, _("There is no authority \"%s\"."), name);
    hint(_("There are: %s, and for trying out %s. For another one, give --directory=URL as well."),
         isempty(list) ? "-" : list, STAGING);
    return EXIT_USAGE;
}

static Exit setup_choose_authority(Setup *t)
{
    const Options *o = t->options;

    t->authority = o->authority               ? o->authority
                   : t->agreement.authorities ? t->agreement.authorities[0]
                                              : NULL;
    if (o->directory && !o->authority)
        return fail(EXIT_USAGE,
                    _("Give --authority=NAME with --directory=URL: the name that it gets here."));
    if (o->ca_file && !o->directory)
        return fail(EXIT_USAGE, _("--ca-file=FILE belongs to --directory=URL."));
    if (o->contact && !t->authority)
        return fail(EXIT_USAGE,
                    _("No authority is configured that the address could be for: add --authority=NAME and "
                      "--directory=URL."));
    if (!o->authority)
        return EXIT_DONE;
    if (!text_consists_of(o->authority, TEXT_ALNUM "-_.", 1, LIMIT_MODULE_NAME))
        return fail(EXIT_USAGE,
                    _("\"%s\" is not a name for an authority: use letters, digits, \"-\", \"_\" and \".\"."),
                    o->authority);
    if (!o->directory && !strv_contains(t->agreement.authorities, o->authority) &&
        !streq(o->authority, STAGING))
        return setup_fail_unknown_authority(t, o->authority);
    if (o->ca_file && access(o->ca_file, R_OK) < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), o->ca_file, strerror(errno));
    return EXIT_DONE;
}

static Exit setup_check_values(const Options *o)
{
    _cleanup_strv_ char **challenges = NULL;

    if (o->directory && (strncmp(o->directory, "https://", 8) != 0 || !text_is_graphic(o->directory)))
        return fail(EXIT_USAGE, _("\"%s\" is not the URL of a directory: it begins with https://."),
                    o->directory);
    if (o->ca_file && (*o->ca_file != '/' || !text_is_plain(o->ca_file)))
        return fail(EXIT_USAGE, _("\"%s\" is not an absolute path."), o->ca_file);
    if (!o->challenges)
        return EXIT_DONE;
    xcheck(strv_split(o->challenges, &challenges) < 0 ? NULL : (void *)(uintptr_t)o);
    for (char **c = challenges; c && *c; c++)
        if (!streq(*c, "http-01") && !streq(*c, "tls-alpn-01") && !streq(*c, "dns-01"))
            return fail(EXIT_USAGE,
                        _("\"%s\" is no type of challenges: they are http-01, tls-alpn-01 and dns-01."), *c);
    return challenges ? EXIT_DONE : fail(EXIT_USAGE, _("--challenges= needs at least one type."));
}

/* ---- questions */

static Exit setup_ask(Setup *t)
{
    if (t->options->given & OPTIONS_SETUP)
        return EXIT_DONE;
    if (!question_can_ask(t->session)) {
        fail(EXIT_USAGE, _("There is nobody to ask, so give options."));
        hint(_("For example: certwright acme setup --agree-tos --contact=admin@example.com"));
        return EXIT_USAGE;
    }
    if (t->agreement.enabled) {
        t->agrees = true;
        hint(_("You have agreed to the terms of service of %s."), strempty(t->authority));
        agreement_ask_contact(&t->agreement);
        return EXIT_DONE;
    }
    agreement_ask(&t->agreement, t->session, "certwright acme setup");
    t->agrees = t->agreement.agrees;
    return t->agrees ? EXIT_DONE : fail(EXIT_FAILED, _("Nothing was changed."));
}

/* ---- file */

static void setup_fill_authority(const Setup *t, AcmeFile *f)
{
    _cleanup_free_ char *section = NULL;
    const Options *o = t->options;

    if (!t->authority)
        return;
    section = xasprintf("Authority %s", t->authority);
    if (streq(t->authority, STAGING))
        acme_file_set(f, section, "Enabled", "yes");
    if (o->directory)
        acme_file_set(f, section, "Directory", o->directory);
    if (o->ca_file) {
        acme_file_set(f, section, "CAFile", o->ca_file);
        acme_file_set(f, section, "Public", "no"); /* it is this network's own */
    }
    if (t->agreement.contact)
        acme_file_set(f, section, "Contact", t->agreement.contact);
}

static Exit setup_write(Setup *t)
{
    _cleanup_acme_file_ AcmeFile f = {};
    Exit e = acme_file_load(&f, "acme setup");

    if (e != EXIT_DONE)
        return e;
    if (t->options->given & OPTION_AGREE_TOS || t->agrees)
        acme_file_set(&f, "ACME", "TermsOfServiceAgreed", "yes");
    if (t->options->challenges)
        acme_file_set(&f, "ACME", "Challenges", t->options->challenges);
    setup_fill_authority(t, &f);
    e = acme_file_save(&f, &t->change);
    if (e == EXIT_DONE && !t->session->json)
        print_line(stdout, "%s %s", t->change.done ? _("Wrote") : _("Unchanged:"), ACME_FILE);
    return e;
}

/* Of what was written; other errors are for "certwright reload". */
static Exit setup_report_errors(Setup *t)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List errors = {};
    Exit e = configuration_errors_load(t->session, &errors, &reply);

    if (e != EXIT_DONE || errors.n == 0)
        return e;
    fail(EXIT_FAILED, _("The configuration has errors:"));
    configuration_errors_print(stderr, &errors, "  ");
    return EXIT_FAILED;
}

static Exit setup_report(Setup *t)
{
    Agreement now = {};
    Exit e = agreement_init(&now, t->session, &(const Options){});
    Json *j;

    if (e == EXIT_DONE && t->session->json) {
        j = json_object_new_object();
        json_set(j, "written", json_texts(t->change.done));
        json_set(j, "kept", json_texts(t->change.kept));
        json_set(j, "acme_enabled", json_object_new_boolean(now.enabled));
        json_set(j, "authorities", json_texts(now.authorities));
        e = json_print(j);
    } else if (e == EXIT_DONE) {
        _cleanup_free_ char *list = strv_join(now.authorities, ", ");

        if (now.enabled)
            print_line(stdout, _("Chains are ordered from: %s"), isempty(list) ? "-" : list);
        else
            hint(_("Nothing is ordered before you agree to the terms of service: add --agree-tos."));
    }
    agreement_done(&now);
    return e;
}

Exit acme_setup(Session *s, const Options *o)
{
    _cleanup_(setup_done) Setup t = { .session = s, .options = o };
    Exit e = setup_check_values(o);

    if (e == EXIT_DONE && geteuid() != 0)
        e = fail(EXIT_NOT_AUTHORIZED, _("Only root may change files in /etc/certwright: run it with sudo."));
    if (e == EXIT_DONE)
        e = agreement_init(&t.agreement, s, o);
    if (e == EXIT_DONE)
        e = setup_choose_authority(&t);
    if (e == EXIT_DONE)
        e = setup_ask(&t);
    if (e == EXIT_DONE)
        e = setup_write(&t);
    if (e == EXIT_DONE)
        e = session_call_manager(s, "Reload", NULL, 0, _("Cannot reload the configuration"), NULL);
    if (e == EXIT_DONE)
        e = setup_report_errors(&t);
    return e == EXIT_DONE ? setup_report(&t) : e;
}
