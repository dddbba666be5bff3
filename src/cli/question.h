/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* Returns true if somebody can answer: stdin and stderr are terminals, and no JSON is requested. */
bool question_can_ask(const Session *s);

/* Asks for confirmation on stderr. Everything but a yes in the user's language is a no, which is reported as
 * a failure. */
Exit question_ask(void);

/* Asks on stderr. True for a yes in the user's language. */
bool question_confirm(const char *question);

/* Asks for a line, whose newline is stripped; "" for an empty one, or none. Allocated. */
char *question_read(const char *question);
