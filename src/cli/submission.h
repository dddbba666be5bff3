/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/bundle.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/session.h"

/* What "upload" and "check" have in common: files, a passphrase, and what they are meant for. */
typedef struct Submission {
    char *name;            /* of the certificate that it is for, or "root"; NULL: for whatever it fits */
    Content *bundle, *key; /* key NULL: there is none */
    bool fetch_issuers;
    bool may_ask; /* for a passphrase */
    Passphrase *passphrase;
} Submission;

#define _cleanup_submission_ _cleanup_(submission_done)
void submission_done(Submission *u);

/* Opens and reads all that arguments and options tell of. */
Exit submission_init(Submission *u, Session *s, const Options *o, char **arguments, int n);

/* Calls a method of the manager. Asks on the terminal where the service wants a passphrase, three times at most. For purpose see
 * session_send(). */
Exit submission_send(Submission *u, Session *s, const char *member, const char *purpose,
                     sd_bus_message **ret_reply);
