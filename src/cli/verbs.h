/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/options.h"
#include "cli/session.h"

typedef struct Verb {
    const char *name;
    int least, most; /* arguments */
    unsigned options;
    Exit (*run)(Session *s, const Options *o, char **arguments);
    const char *usage, *help;
    bool needs_no_bus;
} Verb;

/* Help: all commands; one of them with its options. */
Exit help_print(const Verb *verbs, size_t n);
Exit help_print_verb(const Verb *v);

/* Says how a command is used. */
Exit verb_fail_usage(const Verb *v);

/* The commands. arguments: those after the verb, NULL-terminated, as many as the table of verbs permits. */

Exit verb_list(Session *s, const Options *o, char **arguments);
Exit verb_show(Session *s, const Options *o, char **arguments);
Exit verb_explain(Session *s, const Options *o, char **arguments);
Exit verb_reissue(Session *s, const Options *o, char **arguments);
Exit verb_revoke(Session *s, const Options *o, char **arguments);
Exit verb_status(Session *s, const Options *o, char **arguments);
Exit verb_account(Session *s, const Options *o, char **arguments);
Exit verb_upload(Session *s, const Options *o, char **arguments);
Exit verb_check(Session *s, const Options *o, char **arguments);
Exit verb_uploads(Session *s, const Options *o, char **arguments);
Exit verb_remove_upload(Session *s, const Options *o, char **arguments);
Exit verb_export(Session *s, const Options *o, char **arguments);
Exit verb_export_root(Session *s, const Options *o, char **arguments);
Exit verb_export_key(Session *s, const Options *o, char **arguments);
Exit verb_monitor(Session *s, const Options *o, char **arguments);
Exit verb_register(Session *s, const Options *o, char **arguments);
Exit verb_unregister(Session *s, const Options *o, char **arguments);
Exit verb_reload(Session *s, const Options *o, char **arguments);
Exit verb_renew_due(Session *s, const Options *o, char **arguments);
Exit verb_deploy(Session *s, const Options *o, char **arguments);
Exit verb_modules(Session *s, const Options *o, char **arguments);
Exit verb_metrics(Session *s, const Options *o, char **arguments);
Exit verb_doctor(Session *s, const Options *o, char **arguments);
Exit verb_enable(Session *s, const Options *o, char **arguments);
Exit verb_disable(Session *s, const Options *o, char **arguments);
Exit verb_acme(Session *s, const Options *o, char **arguments);
