/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"
#include "core/limits.h"

/* A passphrase, read from a file or the terminal, never from an argument or the environment, and erased when
 * freed. */
typedef struct Passphrase {
    char text[LIMIT_PASSPHRASE + 4]; /* a line end, one byte more than permitted, and the NUL */
    size_t length;
} Passphrase;

Passphrase *passphrase_free(Passphrase *p);
DEFINE_CLEANUP(Passphrase *, passphrase_free);

/* Strips a line end; "-" is stdin. */
Exit passphrase_read(const char *file, Passphrase **ret);

Exit passphrase_ask(Passphrase **ret);
/* For encrypting: not empty, and asked for twice. */
Exit passphrase_ask_new(Passphrase **ret);
