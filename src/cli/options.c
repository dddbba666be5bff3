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
    ARG_ALL,
    ARG_ROOT,
    ARG_NO_WAIT,
    ARG_FORMAT,
    ARG_NAME,
    ARG_KEY_TYPE,
};

static const struct option options[] = {
    { "help", no_argument, NULL, ARG_HELP },
    { "version", no_argument, NULL, ARG_VERSION },
    { "json", no_argument, NULL, ARG_JSON },
    { "no-legend", no_argument, NULL, ARG_NO_LEGEND },
    { "no-ask-password", no_argument, NULL, ARG_NO_ASK_PASSWORD },
    { "all", no_argument, NULL, ARG_ALL },
    { "root", no_argument, NULL, ARG_ROOT },
    { "no-wait", no_argument, NULL, ARG_NO_WAIT },
    { "format", required_argument, NULL, ARG_FORMAT },
    { "output", required_argument, NULL, ARG_OUTPUT },
    { "name", required_argument, NULL, ARG_NAME },
    { "key-type", required_argument, NULL, ARG_KEY_TYPE },
    {},
};

void options_done(Options *o)
{
    free(o->names);
    *o = (Options){ 0 };
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
    case ARG_ALL:
        o->given |= OPTION_ALL;
        return EXIT_DONE;
    case ARG_ROOT:
        o->given |= OPTION_ROOT;
        return EXIT_DONE;
    case ARG_NO_WAIT:
        o->given |= OPTION_NO_WAIT;
        return EXIT_DONE;
    case ARG_FORMAT:
        o->given |= OPTION_FORMAT;
        o->format = optarg;
        return EXIT_DONE;
    case ARG_OUTPUT:
        o->given |= OPTION_OUTPUT;
        o->output = optarg;
        return EXIT_DONE;
    case ARG_NAME:
        o->given |= OPTION_NAME;
        o->names[o->n_names++] = optarg;
        return EXIT_DONE;
    case ARG_KEY_TYPE:
        o->given |= OPTION_KEY_TYPE;
        o->key_type = optarg;
        return EXIT_DONE;
    default: /* getopt_long() has said which one */
        hint(_("\"certwright --help\" lists the commands and their options."));
        return EXIT_USAGE;
    }
}

Exit options_parse(Options *o, int argc, char **argv)
{
    int option;

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
    static const struct {
        OptionFlag flag;
        const char *name;
    } names[] = {
        { OPTION_ALL, "--all" },           { OPTION_ROOT, "--root" },     { OPTION_NO_WAIT, "--no-wait" },
        { OPTION_FORMAT, "--format" },     { OPTION_OUTPUT, "--output" }, { OPTION_NAME, "--name" },
        { OPTION_KEY_TYPE, "--key-type" },
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (o->given & ~allowed & names[i].flag)
            return fail(EXIT_USAGE,
                        _("The command \"%s\" has no option %s; \"certwright --help\" lists them."), verb,
                        names[i].name);
    return EXIT_DONE;
}
