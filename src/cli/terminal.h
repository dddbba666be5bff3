/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The controlling terminal (tty(4)), independent of stdin and stdout. */

bool terminal_exists(void);

/* Reads one line of less than size bytes without echo, and strips the newline. On any signal, echo is
 * restored before the signal takes effect; if the command is stopped and continued, it asks again.
 * -ECANCELED for Ctrl+D, -EMSGSIZE for a longer line, otherwise a negative errno; `text` may contain part of
 * the line in any case. */
int terminal_ask(const char *prompt, char *text, size_t size, size_t *ret_length);
