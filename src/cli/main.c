/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/suggestion.h"
#include "cli/verbs.h"

#define NAMES_MAX 64

#define OPTIONS_SUBMISSION (OPTION_ROOT | OPTION_KEY | OPTION_PASSPHRASE_FILE | OPTION_FETCH_ISSUERS)
#define OPTIONS_REISSUE \
    (OPTION_ALL | OPTION_ROOT | OPTION_KEEP_CURRENT | OPTION_NO_KEEP_CURRENT | OPTION_YES | OPTION_NO_WAIT)
#define OPTIONS_KEY (OPTION_ROOT | OPTION_FORMAT | OPTION_OUTPUT | OPTION_PASSPHRASE_FILE | OPTION_FORCE)

#define OPTIONS_ACME \
    (OPTION_AGREE_TOS | OPTION_CONTACT | OPTION_AUTHORITY | OPTION_DIRECTORY | OPTION_CA_FILE | \
     OPTION_CHALLENGES)

static const Verb verbs[] = {
    { "list", 0, 0, OPTION_FILTER | OPTION_CSV | OPTION_WATCH, verb_list,
      "[--module=MODULE] [--source=SOURCE] [--state=STATE] [--expiring=DAYS] [--sort=KEY] [--csv] [--watch]",
      N_("List the certificates") },
    { "show", 0, 1, OPTION_ROOT, verb_show, "NAME | --root",
      N_("Show a certificate, its chain and its candidates") },
    { "explain", 0, 1, OPTION_ROOT, verb_explain, "NAME | --root",
      N_("Explain why a chain is served, what failed, and what happens next") },
    { "status", 0, 0, 0, verb_status, "", N_("Show the service, its ACME authorities, and failures") },
    { "reissue", 0, 1, OPTIONS_REISSUE, verb_reissue,
      "NAME | --all | --root [--keep-current | --no-keep-current] [--yes] [--no-wait]",
      N_("Reissue a chain, all chains, or the local root") },
    { "revoke", 1, 1, OPTION_REASON | OPTION_YES | OPTION_NO_WAIT, verb_revoke,
      "NAME [--reason=WORD] [--yes] [--no-wait]", N_("Revoke a chain at its ACME authority") },
    { "export", 0, 1, OPTION_ROOT | OPTION_FORMAT | OPTION_OUTPUT, verb_export,
      "NAME | --root [--format=pem|der|pkcs7] [--output=FILE]",
      N_("Export the served chain, without its key") },
    { "export-root", 0, 1, OPTION_FORMAT | OPTION_OUTPUT, verb_export_root,
      "[NAME] [--format=pem|der|pkcs7|fingerprint] [--output=FILE]",
      N_("Export the root that clients have to trust") },
    { "export-key", 0, 1, OPTIONS_KEY, verb_export_key,
      "NAME | --root --output=FILE [--format=pem|pkcs12] [--passphrase-file=FILE] [--force]",
      N_("Export a private key and its chain to a file") },
    { "upload", 1, 2, OPTIONS_SUBMISSION, verb_upload,
      "[NAME | --root] FILE [--key=FILE] [--passphrase-file=FILE] [--fetch-issuers]",
      N_("Upload a chain and its key, in any format (- is standard input)") },
    { "check", 1, 2, OPTIONS_SUBMISSION, verb_check,
      "[NAME | --root] FILE [--key=FILE] [--passphrase-file=FILE] [--fetch-issuers]",
      N_("Check what an upload would do") },
    { "uploads", 0, 0, 0, verb_uploads, "", N_("List the uploaded chains") },
    { "remove-upload", 1, 1, 0, verb_remove_upload, "FINGERPRINT", N_("Remove an uploaded chain") },
    { "register", 2, 2, OPTION_NAME | OPTION_KEY_TYPE | OPTION_ACME | OPTION_AUTHORITY | OPTION_WAIT,
      verb_register,
      "MODULE NAME [--name=NAME]... [--key-type=TYPE] [--acme=yes|no] [--authority=NAME] [--wait]",
      N_("Request a certificate for a module") },
    { "unregister", 2, 2, 0, verb_unregister, "MODULE NAME", N_("Remove a registration") },
    { "account", 2, 2, 0, verb_account, "rollover | deactivate AUTHORITY",
      N_("Change the key of the account at an ACME authority, or deactivate the account") },
    { "acme", 1, 2, OPTIONS_ACME, verb_acme,
      "setup [--agree-tos] [--contact=ADDRESS] [--authority=NAME] [--directory=URL] [--ca-file=FILE] "
      "[--challenges=TYPES] | test NAME [--authority=NAME] | status",
      N_("Set ACME up, test what an order for NAME needs, or show the authorities") },
    { "deploy", 1, 1, OPTION_NO_WAIT, verb_deploy, "NAME | MODULE [--no-wait]",
      N_("Deliver pending chains to the services now") },
    { "enable", 2, 2, OPTION_AGREE_TOS | OPTION_CONTACT, verb_enable,
      "SERVICE NAME [--agree-tos] [--contact=ADDRESS]",
      N_("Keep a chain for NAME in nginx, apache2, haproxy, postfix, dovecot or cockpit") },
    { "disable", 2, 2, 0, verb_disable, "SERVICE NAME", N_("Take back what enable wrote") },
    { "doctor", 0, NAMES_MAX, 0, verb_doctor, "[NAME]...",
      N_("Look for what is wrong, and say what to do about it"), true },
    { "modules", 0, 0, 0, verb_modules, "", N_("List the modules, their certificates and deliveries") },
    { "metrics", 0, 0, OPTION_OUTPUT, verb_metrics, "[--output=FILE]", N_("Print metrics for Prometheus") },
    { "monitor", 0, 0, 0, verb_monitor, "", N_("Print changes as they happen") },
    { "reload", 0, 0, 0, verb_reload, "", N_("Reload the configuration") },
    { "renew-due", 0, 0, 0, verb_renew_due, "", N_("Start the renewals that are due") },
    { "help", 0, 1, 0, NULL, "[COMMAND]",
      N_("Print the commands, or what one of them does and its options") },
};

static Exit verb_fail_unknown(const char *word)
{
    const char *names[ELEMENTSOF(verbs)], *nearest;

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        names[i] = verbs[i].name;
    nearest = suggestion_nearest(word, names, ELEMENTSOF(verbs));
    fail(EXIT_USAGE, _("Unknown command \"%s\"."), word);
    if (nearest)
        hint(_("Did you mean \"certwright %s\"?"), nearest);
    hint(_("\"certwright --help\" lists the commands and their options."));
    return EXIT_USAGE;
}

static const Verb *verb_find(const char *word)
{
    for (const Verb *v = verbs; v < verbs + ELEMENTSOF(verbs); v++)
        if (streq(v->name, word))
            return v;
    return NULL;
}

static Exit usage_check(const Verb *v, const Options *o)
{
    int n = MAX(o->n_arguments - 1, 0);

    return n >= v->least && n <= v->most ? options_check(o, v->name, v->options) : verb_fail_usage(v);
}

/* word: of a command; NULL: all of them. */
static Exit help_run(const char *word)
{
    const Verb *v = word ? verb_find(word) : NULL;

    if (!word)
        return help_print(verbs, ELEMENTSOF(verbs));
    return v ? help_print_verb(v) : verb_fail_unknown(word);
}

static Exit verb_run(const Verb *v, const Options *o)
{
    Session s = {
        .json = o->given & OPTION_JSON,
        .legend = !(o->given & OPTION_NO_LEGEND),
        .ask_password = !(o->given & OPTION_NO_ASK_PASSWORD),
    };
    Exit e = v->needs_no_bus ? EXIT_DONE : session_open(&s);

    if (e == EXIT_DONE)
        e = v->run(&s, o, o->arguments + (o->n_arguments > 0));
    session_close(&s);
    return e;
}

static Exit run(int argc, char **argv)
{
    _cleanup_options_ Options o = {};
    const char *word = "list";
    const Verb *v;
    Exit e = options_parse(&o, argc, argv);

    if (e != EXIT_DONE)
        return e;
    if (o.n_arguments > 0)
        word = o.arguments[0];
    if (o.given & OPTION_HELP)
        return help_run(o.n_arguments > 0 ? word : NULL);
    if (o.given & OPTION_VERSION) {
        printf("certwright %s\n", CERTWRIGHT_VERSION);
        return EXIT_DONE;
    }
    v = verb_find(word);
    if (!v)
        return verb_fail_unknown(word);
    e = usage_check(v, &o);
    if (e == EXIT_DONE && !v->run)
        return help_run(o.arguments[1]);
    return e == EXIT_DONE ? verb_run(v, &o) : e;
}

int main(int argc, char **argv)
{
    output_init();
    return (int)output_finish(run(argc, argv));
}
