/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/options.h"
#include "cli/root-files.h"
#include "cli/session.h"

/* The agreement to the terms of service of ACME authorities, without which they issue no chains. */
typedef struct Agreement {
    sd_bus_message *reply; /* owns the text */
    int enabled;           /* orders are placed already */
    char **authorities;    /* in order of preference */
    bool agrees;           /* to be written: the user agrees */
    char *contact;         /* to be written: a URL; NULL: none */
} Agreement;

void agreement_done(Agreement *a);
#define _cleanup_agreement_ _cleanup_(agreement_done)

/* Reads the properties of the service, and the options. */
Exit agreement_init(Agreement *a, Session *s, const Options *o);

/* Asks somebody on a terminal, unless it is not needed or the options say so. Otherwise says what there is to do. */
void agreement_ask(Agreement *a, const Session *s, const char *command);

/* Asks for the contact alone; an empty answer is none. */
void agreement_ask_contact(Agreement *a);

/* True if chains come from authorities, now or once this is written. */
bool agreement_holds(const Agreement *a);

/* Writes what is to be written, for all authorities. */
Exit agreement_write(const Agreement *a, const char *command, FilesChange *c);
