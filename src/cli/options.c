/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/options.h"

#include <getopt.h>

#include "cli/xalloc.h"
#include "util/text.h"

#define FIRST_VALUE 0x100 /* of options without a letter; + index in the table */

static const struct {
    const char *name;
    OptionFlag flag;
    size_t value; /* offset of its text in Options; 0: none */
    char letter;
} table[] = {
    { "help", OPTION_HELP, 0, 'h' },
    { "version", OPTION_VERSION },
    { "json", OPTION_JSON },
    { "no-legend", OPTION_NO_LEGEND },
    { "no-ask-password", OPTION_NO_ASK_PASSWORD },
    { "all", OPTION_ALL },
    { "root", OPTION_ROOT },
    { "no-wait", OPTION_NO_WAIT },
    { "format", OPTION_FORMAT, offsetof(Options, format) },
    { "output", OPTION_OUTPUT, offsetof(Options, output), 'o' },
    { "name", OPTION_NAME, offsetof(Options, names) },
    { "key-type", OPTION_KEY_TYPE, offsetof(Options, key_type) },
    { "key", OPTION_KEY, offsetof(Options, key) },
    { "passphrase-file", OPTION_PASSPHRASE_FILE, offsetof(Options, passphrase_file) },
    { "fetch-issuers", OPTION_FETCH_ISSUERS },
    { "force", OPTION_FORCE },
    { "keep-current", OPTION_KEEP_CURRENT },
    { "no-keep-current", OPTION_NO_KEEP_CURRENT },
    { "yes", OPTION_YES },
    { "reason", OPTION_REASON, offsetof(Options, reason) },
    { "acme", OPTION_ACME, offsetof(Options, acme) },
    { "authority", OPTION_AUTHORITY, offsetof(Options, authority) },
    { "agree-tos", OPTION_AGREE_TOS },
    { "contact", OPTION_CONTACT, offsetof(Options, contact) },
    { "directory", OPTION_DIRECTORY, offsetof(Options, directory) },
    { "ca-file", OPTION_CA_FILE, offsetof(Options, ca_file) },
    { "challenges", OPTION_CHALLENGES, offsetof(Options, challenges) },
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

Exit options_check(const Options *o, const char *verb, unsigned allowed)
{
    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        if (o->given & ~(allowed | OPTIONS_COMMON) & table[i].flag)
            return fail(EXIT_USAGE,
                        _("The command \"%s\" has no option --%s; \"certwright --help\" lists them."), verb,
                        table[i].name);
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
