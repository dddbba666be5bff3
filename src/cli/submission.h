/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/bundle.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/session.h"

/* Common parts of "upload" and "check": files, a passphrase, and the target. */
typedef struct Submission {
    char *name;            /* of the target certificate, or "root"; NULL: any that it fits */
    Content *bundle, *key; /* key NULL: none */
    bool fetch_issuers;
    bool may_ask; /* for a passphrase */
    const char *passphrase_file;
    Passphrase *passphrase;
} Submission;

#define _cleanup_submission_ _cleanup_(submission_done)
void submission_done(Submission *u);

/* Opens and reads the files given by arguments and options. */
Exit submission_init(Submission *u, Session *s, const Options *o, char **arguments);

/* Calls a method of the manager. Asks on the terminal if the service requires a passphrase, at most three
 * times. purpose: see session_send(). */
Exit submission_send(Submission *u, Session *s, const char *member, const char *purpose,
                     sd_bus_message **ret_reply);
