/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/root-files.h"

/* The drop-in of certwright.conf in which commands write settings for ACME. Lines of it that an administrator has added or
 * changed stay. */
#define ACME_FILE "/etc/certwright/certwright.conf.d/acme.conf"

typedef struct AcmeFile {
    char **lines;
    bool exists, changed;
} AcmeFile;

void acme_file_done(AcmeFile *f);
#define _cleanup_acme_file_ _cleanup_(acme_file_done)

/* command: the one that a new file is said to be written by. */
Exit acme_file_load(AcmeFile *f, const char *command);
/* Sets the key of a section, which is "ACME" or "Authority NAME". The value has no line breaks. */
void acme_file_set(AcmeFile *f, const char *section, const char *key, const char *value);
/* Writes it if anything has changed, else records it as kept. */
Exit acme_file_save(const AcmeFile *f, FilesChange *c);

/* Removes the file if "certwright enable" wrote all of it. */
Exit acme_file_remove_enabled(FilesChange *c);

/* Returns the URL of an address as Contact= has it, or NULL after an error; allocated. */
char *acme_contact_to_url(const char *contact);
