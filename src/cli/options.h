/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Bits of Options.given; those of some verbs also of Verb.options. */
typedef enum OptionFlag {
    OPTION_ALL = 1 << 0,
    OPTION_ROOT = 1 << 1,
    OPTION_NO_WAIT = 1 << 2,
    OPTION_FORMAT = 1 << 3,
    OPTION_OUTPUT = 1 << 4,
    OPTION_NAME = 1 << 5,
    OPTION_KEY_TYPE = 1 << 6,
    OPTION_KEY = 1 << 7,
    OPTION_PASSPHRASE_FILE = 1 << 8,
    OPTION_FETCH_ISSUERS = 1 << 9,
    OPTION_FORCE = 1 << 10,
    OPTION_KEEP_CURRENT = 1 << 11,
    OPTION_REASON = 1 << 12,
    OPTION_ACME = 1 << 13,
    OPTION_AUTHORITY = 1 << 14,
    OPTION_NO_KEEP_CURRENT = 1 << 15,
    OPTION_YES = 1 << 16,
    /* of all verbs */
    OPTION_HELP = 1 << 17,
    OPTION_VERSION = 1 << 18,
    OPTION_JSON = 1 << 19,
    OPTION_NO_LEGEND = 1 << 20,
    OPTION_NO_ASK_PASSWORD = 1 << 21,
    /* of list; those with values share a bit, as they go together */
    OPTION_FILTER = 1 << 22,
    OPTION_CSV = 1 << 23,
    OPTION_WATCH = 1 << 24,
    OPTION_WAIT = 1 << 25,
    /* of enable and acme */
    OPTION_AGREE_TOS = 1 << 26,
    OPTION_CONTACT = 1 << 27,
    OPTION_DIRECTORY = 1 << 28,
    OPTION_CA_FILE = 1 << 29,
    OPTION_CHALLENGES = 1 << 30,
    OPTIONS_COMMON = OPTION_HELP | OPTION_VERSION | OPTION_JSON | OPTION_NO_LEGEND | OPTION_NO_ASK_PASSWORD,
} OptionFlag;

typedef struct Options {
    unsigned given;
    /* NULL if not given */
    const char *format, *output, *key_type, *key, *passphrase_file, *reason, *acme, *authority;
    const char *module, *source, *state, *expiring, *sort;
    const char *contact, *directory, *ca_file, *challenges;
    char **names;     /* --name= */
    char **arguments; /* verb first */
    int n_arguments;
} Options;

void options_done(Options *o);
#define _cleanup_options_ _cleanup_(options_done)

Exit options_parse(Options *o, int argc, char **argv);

/* Prints a line for each option whose bit is set. */
void options_print_help(unsigned options);

/* Fails with the name of the first given option that the verb does not allow. */
Exit options_check(const Options *o, const char *verb, unsigned allowed);

/* Fails if --format= is none of these, which are separated by "|". */
Exit options_check_format(const Options *o, const char *formats);
