/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/session.h"

/* What "upload" and "check" have in common: files, a passphrase, and what they are meant for. */
typedef struct Submission {
    bool root;        /* to become the local root */
    const char *path; /* of the certificate that it is for, the root too; NULL: for whatever it fits */
    sd_bus_message *found;
    int bundle_fd, key_fd; /* negative: there is none */
    bool fetch_issuers;
    bool may_ask; /* for a passphrase */
    Passphrase *passphrase;
} Submission;

typedef struct SubmissionCall {
    const char *path, *interface, *member;
    const char *name;    /* option of that name; NULL: without */
    const char *purpose; /* see session_send() */
} SubmissionCall;

#define _cleanup_submission_ _cleanup_(submission_done)
void submission_done(Submission *u);

/* Opens and reads all that arguments and options tell of. */
Exit submission_init(Submission *u, Session *s, const Options *o, char **arguments, int n);

/* Asks on the terminal where the service wants a passphrase, three times at most. */
Exit submission_send(Submission *u, Session *s, const SubmissionCall *c, sd_bus_message **ret_reply);
