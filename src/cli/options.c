/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>

enum {
    ARG_HELP = 'h',
    ARG_OUTPUT = 'o',
    ARG_VERSION = 0x100,
    ARG_JSON,
    ARG_NO_LEGEND,
    ARG_NO_ASK_PASSWORD,
    ARG_VERB, /* + index in verb_options */
};

static const struct option common_options[] = {
    { "help", no_argument, NULL, ARG_HELP },
    { "version", no_argument, NULL, ARG_VERSION },
    { "json", no_argument, NULL, ARG_JSON },
    { "no-legend", no_argument, NULL, ARG_NO_LEGEND },
    { "no-ask-password", no_argument, NULL, ARG_NO_ASK_PASSWORD },
};

/* Options of some verbs. */
static const struct {
    const char *name;
    OptionFlag flag;
    size_t value; /* offset of its text in Options; 0: none */
} verb_options[] = {
    { "all", OPTION_ALL, 0 },
    { "root", OPTION_ROOT, 0 },
    { "no-wait", OPTION_NO_WAIT, 0 },
    { "format", OPTION_FORMAT, offsetof(Options, format) },
    { "output", OPTION_OUTPUT, offsetof(Options, output) },
    { "name", OPTION_NAME, offsetof(Options, names) },
    { "key-type", OPTION_KEY_TYPE, offsetof(Options, key_type) },
    { "key", OPTION_KEY, offsetof(Options, key) },
    { "passphrase-file", OPTION_PASSPHRASE_FILE, offsetof(Options, passphrase_file) },
    { "fetch-issuers", OPTION_FETCH_ISSUERS, 0 },
    { "force", OPTION_FORCE, 0 },
    { "keep-current", OPTION_KEEP_CURRENT, 0 },
    { "no-keep-current", OPTION_NO_KEEP_CURRENT, 0 },
    { "yes", OPTION_YES, 0 },
    { "reason", OPTION_REASON, offsetof(Options, reason) },
    { "acme", OPTION_ACME, offsetof(Options, acme) },
    { "authority", OPTION_AUTHORITY, offsetof(Options, authority) },
};

void options_done(Options *o)
{
    free(o->names);
    *o = (Options){ 0 };
}

static void options_take_verb(Options *o, size_t i, const char *value)
{
    o->given |= verb_options[i].flag;
    if (verb_options[i].flag == OPTION_NAME)
        o->names[o->n_names++] = value;
    else if (verb_options[i].value > 0)
        *(const char **)(void *)((char *)o + verb_options[i].value) = value;
}

static Exit options_take(Options *o, int option)
{
    switch (option) {
    case ARG_HELP:
        o->help = true;
        return EXIT_DONE;
    case ARG_VERSION:
        o->version = true;
        return EXIT_DONE;
    case ARG_JSON:
        o->json = true;
        return EXIT_DONE;
    case ARG_NO_LEGEND:
        o->no_legend = true;
        return EXIT_DONE;
    case ARG_NO_ASK_PASSWORD:
        o->no_ask_password = true;
        return EXIT_DONE;
    case ARG_OUTPUT:
        o->given |= OPTION_OUTPUT;
        o->output = optarg;
        return EXIT_DONE;
    default:
        if (option >= ARG_VERB) {
            options_take_verb(o, (size_t)(option - ARG_VERB), optarg);
            return EXIT_DONE;
        }
        /* getopt_long() has reported it */
        hint(_("\"certwright --help\" lists the commands and their options."));
        return EXIT_USAGE;
    }
}

Exit options_parse(Options *o, int argc, char **argv)
{
    struct option options[ELEMENTSOF(common_options) + ELEMENTSOF(verb_options) + 1] = {};
    int option;

    memcpy(options, common_options, sizeof common_options);
    for (size_t i = 0; i < ELEMENTSOF(verb_options); i++)
        options[ELEMENTSOF(common_options) + i] =
            (struct option){ verb_options[i].name,
                             verb_options[i].value > 0 ? required_argument : no_argument, NULL,
                             ARG_VERB + (int)i };
    o->names = calloc((size_t)argc + 1, sizeof *o->names);
    if (!o->names)
        return fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
        Exit e = options_take(o, option);

        if (e != EXIT_DONE)
            return e;
    }
    o->arguments = argv + optind;
    o->n_arguments = argc - optind;
    return EXIT_DONE;
}

Exit options_check(const Options *o, const char *verb, unsigned allowed)
{
    for (size_t i = 0; i < ELEMENTSOF(verb_options); i++)
        if (o->given & ~allowed & verb_options[i].flag)
            return fail(EXIT_USAGE,
                        _("The command \"%s\" has no option --%s; \"certwright --help\" lists them."), verb,
                        verb_options[i].name);
    return EXIT_DONE;
}
