/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/imported.h"
#include "core/problem.h"

/* Reads what somebody uploads, in a process of its own for each: certwright-import has no files, no network, no bus and
 * little time, and hands back DER that it encoded anew. The service itself never parses an upload. */
typedef struct Importer Importer;

typedef struct ImportInput {
    int bundle_fd;     /* certificates, with or without a key, in any form */
    int key_fd;        /* a key in any form; negative: none */
    int passphrase_fd; /* a file with the passphrase, and perhaps a newline at its end; negative: none */
    const char *passphrase; /* NULL: none was given */
    uid_t owner;            /* who uploads it */
} ImportInput;

/* imported is the callee's; NULL when there is a problem. */
typedef void (*ImportDone)(Imported *imported, const Problem *problem, void *userdata);

/* program: path of certwright-import; NULL: beside this program, or where it is installed. */
int importer_new(sd_event *event, const char *program, Importer **ret);
/* Ends what is under way, and answers it as cancelled. */
Importer *importer_free(Importer *i);
DEFINE_CLEANUP(Importer *, importer_free);
/* Descriptors are duplicated, nothing of input is needed afterwards. At most LIMIT_IMPORTS processes run at once, one less of
 * the same user, so that another one's upload need not wait for them; what waits is taken from each user in turn.
 * LimitsExceeded above LIMIT_IMPORTS_PER_UID that wait, Busy above LIMIT_IMPORTS_WAITING of all. done is called exactly
 * once, from the event loop or before this returns, unless a negative value is returned. */
int importer_start(Importer *i, const ImportInput *input, ImportDone done, void *userdata, Problem *problem);
size_t importer_pending(const Importer *i);
