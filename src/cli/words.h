/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* What the service says in fixed words and sentences, in the language of the user. What is not known here,
 * because the service is newer, is returned as it is. */

const char *state_to_text(const char *state);
const char *source_to_text(const char *source);
const char *kind_to_text(const char *kind);
const char *result_to_text(const char *result);
const char *check_to_text(const char *check);
const char *reason_to_text(const char *reason);
