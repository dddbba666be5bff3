/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/options.h"

#include <getopt.h>

#include "cli/table.h"
#include "cli/xalloc.h"
#include "util/text.h"

#define FIRST_VALUE 0x100 /* of options without a letter; + index in the table */

typedef struct Option {
    const char *name;
    OptionFlag flag;
    size_t value; /* offset of its text in Options; 0: none */
    char letter;
    const char *placeholder, *help; /* placeholder: of the value; NULL: none */
} Option;

static const Option table[] = {
    { "help", OPTION_HELP, 0, 'h', NULL, N_("print this help") },
    { "version", OPTION_VERSION, 0, 0, NULL, N_("print the version") },
    { "json", OPTION_JSON, 0, 0, NULL, N_("print JSON") },
    { "no-legend", OPTION_NO_LEGEND, 0, 0, NULL, N_("omit headings and remarks") },
    { "no-ask-password", OPTION_NO_ASK_PASSWORD, 0, 0, NULL, N_("do not ask for a password or passphrase") },
    { "all", OPTION_ALL, 0, 0, NULL, N_("all certificates") },
    { "root", OPTION_ROOT, 0, 0, NULL, N_("the local root") },
    { "no-wait", OPTION_NO_WAIT, 0, 0, NULL, N_("do not wait until it has finished") },
    { "wait", OPTION_WAIT, 0, 0, NULL, N_("wait until the order has finished") },
    { "format", OPTION_FORMAT, offsetof(Options, format), 0, "FORMAT", N_("format of the output") },
    { "output", OPTION_OUTPUT, offsetof(Options, output), 'o', "FILE",
      N_("write to this file; - is standard output") },
    { "name", OPTION_NAME, offsetof(Options, names), 0, "NAME", N_("one more name; may be repeated") },
    { "key-type", OPTION_KEY_TYPE, offsetof(Options, key_type), 0, "TYPE",
      "ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, ed25519" },
    { "key", OPTION_KEY, offsetof(Options, key), 0, "FILE", N_("read the private key from this file") },
    { "passphrase-file", OPTION_PASSPHRASE_FILE, offsetof(Options, passphrase_file), 0, "FILE",
      N_("read the passphrase from this file; - is standard input") },
    { "fetch-issuers", OPTION_FETCH_ISSUERS, 0, 0, NULL, N_("download missing intermediate certificates") },
    { "force", OPTION_FORCE, 0, 0, NULL, N_("replace a file that exists") },
    { "keep-current", OPTION_KEEP_CURRENT, 0, 0, NULL, N_("keep a valid chain if the order fails") },
    { "no-keep-current", OPTION_NO_KEEP_CURRENT, 0, 0, NULL,
      N_("replace the chain by one of the local root if the order fails") },
    { "yes", OPTION_YES, 0, 0, NULL, N_("do not ask for confirmation") },
    { "reason", OPTION_REASON, offsetof(Options, reason), 0, "WORD",
      "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation" },
    { "acme", OPTION_ACME, offsetof(Options, acme), 0, "yes|no",
      N_("order it from an ACME authority, or never") },
    { "authority", OPTION_AUTHORITY, offsetof(Options, authority), 0, "NAME",
      N_("order it from this ACME authority only") },
    { "module", OPTION_FILTER, offsetof(Options, module), 0, "MODULE",
      N_("only those that this module uses") },
    { "source", OPTION_FILTER, offsetof(Options, source), 0, "SOURCE", "uploaded, acme, local" },
    { "state", OPTION_FILTER, offsetof(Options, state), 0, "STATE", "pending, valid, expiring, expired" },
    { "expiring", OPTION_FILTER, offsetof(Options, expiring), 0, "DAYS",
      N_("only those that expire within so many days, or have expired") },
    { "sort", OPTION_FILTER, offsetof(Options, sort), 0, "KEY",
      "name, expiry, state, source, issuer, renewal" },
    { "agree-tos", OPTION_AGREE_TOS, 0, 0, NULL, N_("agree to the terms of service of the authorities") },
    { "contact", OPTION_CONTACT, offsetof(Options, contact), 0, "ADDRESS",
      N_("e-mail address that the authorities may use") },
    { "directory", OPTION_DIRECTORY, offsetof(Options, directory), 0, "URL",
      N_("ACME directory of an authority that is not configured yet") },
    { "ca-file", OPTION_CA_FILE, offsetof(Options, ca_file), 0, "FILE",
      N_("root certificates that authenticate this directory") },
    { "challenges", OPTION_CHALLENGES, offsetof(Options, challenges), 0, "TYPES",
      "http-01, tls-alpn-01, dns-01" },
    { "csv", OPTION_CSV, 0, 0, NULL, N_("print comma-separated values (RFC 4180)") },
    { "watch", OPTION_WATCH, 0, 0, NULL, N_("print the list again whenever it changes") },
};

void options_done(Options *o)
{
    strv_free(o->names);
    *o = (Options){ 0 };
}

static int option_to_value(size_t i)
{
    return table[i].letter ? table[i].letter : FIRST_VALUE + (int)i;
}

static Exit options_take(Options *o, int value)
{
    size_t i = 0;

    while (i < ELEMENTSOF(table) && option_to_value(i) != value)
        i++;
    if (i == ELEMENTSOF(table)) {
        /* getopt_long() has reported it */
        hint(_("\"certwright --help\" lists the commands and their options."));
        return EXIT_USAGE;
    }
    if (table[i].value > 0 && isempty(optarg))
        return fail(EXIT_USAGE, _("The option --%s needs a value."), table[i].name);
    o->given |= table[i].flag;
    if (table[i].flag == OPTION_NAME)
        xcheck(strv_extend(&o->names, optarg) < 0 ? NULL : o->names);
    else if (table[i].value > 0)
        *(const char **)(void *)((char *)o + table[i].value) = optarg;
    return EXIT_DONE;
}

Exit options_parse(Options *o, int argc, char **argv)
{
    struct option options[ELEMENTSOF(table) + 1] = {};
    int value;

    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        options[i] = (struct option){ table[i].name, table[i].value > 0 ? required_argument : no_argument,
                                      NULL, option_to_value(i) };
    while ((value = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
        Exit e = options_take(o, value);

        if (e != EXIT_DONE)
            return e;
    }
    o->arguments = argv + optind;
    o->n_arguments = argc - optind;
    return EXIT_DONE;
}

static bool option_is_given(const Options *o, const Option *t)
{
    return t->value == 0 || *(const void *const *)(const void *)((const char *)o + t->value);
}

void options_print_help(unsigned options)
{
    _cleanup_table_ Table t = { .n_columns = 2 };

    for (size_t i = 0; i < ELEMENTSOF(table); i++) {
        const Option *p = &table[i];
        char letter[8] = "";
        _cleanup_free_ char *text = NULL;

        if (!(options & p->flag))
            continue;
        if (p->letter)
            snprintf(letter, sizeof letter, "-%c, ", p->letter);
        text = xasprintf("%s--%s%s%s", letter, p->name, p->placeholder ? "=" : "", strempty(p->placeholder));
        table_add_row(&t, text, _(p->help));
    }
    table_print(&t, true, 2);
}

Exit options_check(const Options *o, const char *verb, unsigned allowed)
{
    for (const Option *t = table; t < table + ELEMENTSOF(table); t++)
        if (o->given & ~(allowed | OPTIONS_COMMON) & t->flag && option_is_given(o, t))
            return fail(EXIT_USAGE,
                        _("The command \"%s\" has no option --%s; \"certwright help %s\" lists them."), verb,
                        t->name, verb);
    return EXIT_DONE;
}

Exit options_check_format(const Options *o, const char *formats)
{
    _cleanup_free_ char *copy = xstrdup(formats);
    char *rest = copy;

    if (!o->format)
        return EXIT_DONE;
    while (rest)
        if (streq(strsep(&rest, "|"), o->format))
            return EXIT_DONE;
    return fail(EXIT_USAGE, _("Unknown format \"%s\"; use one of %s."), o->format, formats);
}
