/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The controlling terminal (tty(4)), whatever stdin and stdout are. */

bool terminal_exists(void);

/* Reads one line without showing it, less than size bytes, and leaves the newline away. Whatever signal comes, the
 * terminal shows again what is typed before the signal has its effect; who stops the command and lets it go on is
 * asked again. -ECANCELED for Ctrl+D, -EMSGSIZE for a longer line, otherwise negative errno; there may be something of
 * the line in `text` in any case. */
int terminal_ask(const char *prompt, char *text, size_t size, size_t *ret_length);
