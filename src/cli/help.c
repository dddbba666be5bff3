/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs.h"

static const char *verb_gap(const Verb *v)
{
    return *v->usage ? " " : "";
}

Exit verb_fail_usage(const Verb *v)
{
    fail(EXIT_USAGE, _("Usage: certwright %s%s%s"), v->name, verb_gap(v), v->usage);
    hint(_("\"certwright help %s\" explains it."), v->name);
    return EXIT_USAGE;
}

Exit help_print(const Verb *verbs, size_t n)
{
    printf("%s\n\n%s\n", _("Usage: certwright [OPTION]... COMMAND [ARGUMENT]..."), _("Commands:"));
    for (const Verb *v = verbs; v < verbs + n; v++)
        printf("  %s%s%s\n      %s\n", v->name, verb_gap(v), v->usage, _(v->help));
    printf("\n%s\n", _("Options of all commands:"));
    options_print_help(OPTIONS_COMMON);
    printf("\n%s\n", _("The exit status is 0 on success, 1 on failure, 2 for wrong usage, 3 if there\n"
                       "is no such certificate, 4 if the caller is not authorized, 5 if the service\n"
                       "cannot be reached, 6 if the job failed, 7 if the order failed and the local\n"
                       "root had to sign, and 8 if a chain uploaded for a certificate is stored, but\n"
                       "not served; that of doctor is 9 for warnings, and 10 for errors. See\n"
                       "certwright(1)."));
    return EXIT_DONE;
}

Exit help_print_verb(const Verb *v)
{
    printf(_("Usage: certwright %s%s%s"), v->name, verb_gap(v), v->usage);
    printf("\n\n%s.\n", _(v->help));
    if (v->options) {
        printf("\n%s\n", _("Options:"));
        options_print_help(v->options);
    }
    printf("\n%s\n", _("Options of all commands:"));
    options_print_help(OPTIONS_COMMON);
    printf("\n%s\n", _("certwright(1) has the details."));
    return EXIT_DONE;
}
