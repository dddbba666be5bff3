/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* Whether somebody is there to answer: stdin and stderr are terminals, and no JSON is asked for. */
bool question_can_ask(const Session *s);

/* Asks on stderr whether to go on. Everything but a yes in the language of the user is a no, which is told and fails. */
Exit question_ask(void);
