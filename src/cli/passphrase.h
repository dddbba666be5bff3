/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"
#include "core/limits.h"

/* It comes from a file or the terminal, never from an argument or the environment, and is erased when it is freed. */
typedef struct Passphrase {
    char text[LIMIT_PASSPHRASE + 3]; /* a newline, one byte more than is allowed, and the end */
    size_t length;
} Passphrase;

Passphrase *passphrase_free(Passphrase *p);
DEFINE_CLEANUP(Passphrase *, passphrase_free);

/* Without the newline at its end; "-" is stdin. */
Exit passphrase_read(const char *file, Passphrase **ret);

bool passphrase_can_ask(void);
Exit passphrase_ask(Passphrase **ret);
/* For something new: not empty, and typed twice. */
Exit passphrase_ask_new(Passphrase **ret);
