/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/suggestion.h"
#include "cli/verbs.h"

typedef struct Verb {
    const char *name;
    int least, most; /* arguments */
    unsigned options;
    Exit (*run)(Session *s, const Options *o, char **arguments, int n);
    const char *usage, *help;
} Verb;

#define OPTIONS_SUBMISSION (OPTION_ROOT | OPTION_KEY | OPTION_PASSPHRASE_FILE | OPTION_FETCH_ISSUERS)
#define OPTIONS_REISSUE \
    (OPTION_ALL | OPTION_ROOT | OPTION_KEEP_CURRENT | OPTION_NO_KEEP_CURRENT | OPTION_YES | OPTION_NO_WAIT)
#define OPTIONS_KEY (OPTION_ROOT | OPTION_FORMAT | OPTION_OUTPUT | OPTION_PASSPHRASE_FILE | OPTION_FORCE)

static const Verb verbs[] = {
    { "list", 0, 0, 0, verb_list, "", N_("List the certificates") },
    { "show", 0, 1, OPTION_ROOT, verb_show, "NAME | --root",
      N_("Show a certificate, its chain and its candidates") },
    { "explain", 0, 1, OPTION_ROOT, verb_explain, "NAME | --root",
      N_("Tell why its chain is served, what failed, and what comes next") },
    { "status", 0, 0, 0, verb_status, "", N_("Show the service, its ACME authorities, and what failed") },
    { "reissue", 0, 1, OPTIONS_REISSUE, verb_reissue,
      "NAME | --all | --root [--keep-current | --no-keep-current] [--yes] [--no-wait]",
      N_("Make a new chain, all chains, or a new local root") },
    { "revoke", 1, 1, OPTION_REASON | OPTION_YES | OPTION_NO_WAIT, verb_revoke,
      "NAME [--reason=WORD] [--yes] [--no-wait]",
      N_("Tell the ACME authority that its chain is not to be trusted any more") },
    { "export", 0, 1, OPTION_ROOT | OPTION_FORMAT | OPTION_OUTPUT, verb_export,
      "NAME | --root [--format=pem|der|pkcs7] [--output=FILE]",
      N_("Write the chain that is served, without its key") },
    { "export-root", 0, 1, OPTION_FORMAT | OPTION_OUTPUT, verb_export_root,
      "[NAME] [--format=pem|der|pkcs7|fingerprint] [--output=FILE]",
      N_("Write the root that clients have to trust") },
    { "export-key", 0, 1, OPTIONS_KEY, verb_export_key,
      "NAME | --root --output=FILE [--format=pem|pkcs12] [--passphrase-file=FILE] [--force]",
      N_("Write a private key and its chain to a file") },
    { "upload", 1, 2, OPTIONS_SUBMISSION, verb_upload,
      "[NAME | --root] FILE [--key=FILE] [--passphrase-file=FILE] [--fetch-issuers]",
      N_("Give a chain and its key, in any form (- is standard input)") },
    { "check", 1, 2, OPTIONS_SUBMISSION, verb_check,
      "[NAME | --root] FILE [--key=FILE] [--passphrase-file=FILE] [--fetch-issuers]",
      N_("Tell what an upload would come to") },
    { "uploads", 0, 0, 0, verb_uploads, "", N_("List the uploaded chains") },
    { "remove-upload", 1, 1, 0, verb_remove_upload, "FINGERPRINT", N_("Forget an uploaded chain") },
    { "register", 2, 2, OPTION_NAME | OPTION_KEY_TYPE | OPTION_ACME | OPTION_AUTHORITY, verb_register,
      "MODULE NAME [--name=NAME]... [--key-type=TYPE] [--acme=yes|no] [--authority=NAME]",
      N_("Ask for a certificate for a module") },
    { "unregister", 2, 2, 0, verb_unregister, "MODULE NAME", N_("End a registration") },
    { "account", 2, 2, 0, verb_account, "rollover | deactivate AUTHORITY",
      N_("Change the key of the account at an ACME authority, or end the account") },
    { "monitor", 0, 0, 0, verb_monitor, "", N_("Print changes as they happen") },
    { "reload", 0, 0, 0, verb_reload, "", N_("Read the configuration again") },
    { "renew-due", 0, 0, 0, verb_renew_due, "", N_("Start the renewals that are due") },
};

static void help_print_options(void)
{
    printf("%s", _("Options:\n"
                   "  --json             print JSON\n"
                   "  --no-legend        print neither headings nor remarks\n"
                   "  --no-ask-password  do not ask for a password or passphrase\n"
                   "  -h, --help         print this text\n"
                   "  --version          print the version\n"));
}

static Exit help_print(void)
{
    printf("%s\n\n%s\n", _("Usage: certwright [OPTION]... COMMAND [ARGUMENT]..."), _("Commands:"));
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        printf("  %s%s%s\n      %s\n", verbs[i].name, *verbs[i].usage ? " " : "", verbs[i].usage,
               _(verbs[i].help));
    printf("\n");
    help_print_options();
    printf("\n%s\n", _("The exit status is 0 if all was done, 1 if it failed, 2 for wrong usage,\n"
                       "3 if there is no such certificate, 4 if it is not allowed, 5 if the service\n"
                       "cannot be reached, 6 if the job failed, 7 if the order failed and the local\n"
                       "root had to sign, and 8 if what was uploaded for a certificate is not served\n"
                       "by it. See certwright(1)."));
    return EXIT_DONE;
}

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

static Exit verb_find(const Options *o, const Verb **ret)
{
    const char *word = o->n_arguments > 0 ? o->arguments[0] : "list";
    int n = MAX(o->n_arguments - 1, 0);
    const Verb *v = NULL;

    for (size_t i = 0; i < ELEMENTSOF(verbs) && !v; i++)
        if (streq(verbs[i].name, word))
            v = &verbs[i];
    if (!v)
        return verb_fail_unknown(word);
    if (n < v->least || n > v->most)
        return fail(EXIT_USAGE, _("Usage: certwright %s %s"), v->name, v->usage);
    *ret = v;
    return options_check(o, v->name, v->options);
}

static Exit verb_run(const Verb *v, const Options *o)
{
    Session s = { .json = o->json, .legend = !o->no_legend, .ask_password = !o->no_ask_password };
    Exit e = session_open(&s);

    if (e == EXIT_DONE)
        e = v->run(&s, o, o->arguments + 1, MAX(o->n_arguments - 1, 0));
    session_close(&s);
    return e;
}

static Exit run(int argc, char **argv)
{
    _cleanup_options_ Options o = {};
    const Verb *v = NULL;
    Exit e = options_parse(&o, argc, argv);

    if (e != EXIT_DONE)
        return e;
    if (o.help)
        return help_print();
    if (o.version) {
        printf("certwright %s\n", CERTWRIGHT_VERSION);
        return EXIT_DONE;
    }
    e = verb_find(&o, &v);
    return e == EXIT_DONE ? verb_run(v, &o) : e;
}

int main(int argc, char **argv)
{
    output_init();
    return (int)output_finish(run(argc, argv));
}
