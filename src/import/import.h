/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/imported.h"
#include "core/problem.h"

/* Parses each upload in a separate process: certwright-import has no access to files, network and bus and
 * little time, and returns re-encoded DER. The service itself never parses an upload. */
typedef struct Importer Importer;

typedef struct ImportInput {
    int bundle_fd;          /* certificates, with or without a key, in any format */
    int key_fd;             /* a key in any format; negative: none */
    int passphrase_fd;      /* a file with the passphrase and an optional trailing newline; negative: none */
    const char *passphrase; /* NULL: none given */
    uid_t owner;            /* the uploading user */
} ImportInput;

/* The callee takes ownership of imported, which is NULL if there is a problem. */
typedef void (*ImportDone)(Imported *imported, const Problem *problem, void *userdata);

/* program: path of certwright-import; NULL: beside this program, or where it is installed. */
int importer_new(sd_event *event, const char *program, Importer **ret);
/* Ends pending imports, and completes them as cancelled. */
Importer *importer_free(Importer *i);
DEFINE_CLEANUP(Importer *, importer_free);
/* Duplicates the file descriptors, and keeps nothing of input. At most LIMIT_IMPORTS processes run in
 * parallel, one less for the same user, so that uploads of others need not wait for them; users with waiting
 * imports take turns. LimitsExceeded if more than LIMIT_IMPORTS_PER_UID wait, Busy if more than
 * LIMIT_IMPORTS_WAITING wait in total. Calls done exactly once, from the event loop or before it returns,
 * unless it returns a negative errno. */
int importer_start(Importer *i, const ImportInput *input, ImportDone done, void *userdata, Problem *problem);
size_t importer_pending(const Importer *i);
