/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Translates fixed words and sentences of the service to the user's language. Unknown ones, of a newer
 * service, are returned unchanged. */

const char *state_to_text(const char *state);
const char *source_to_text(const char *source);
const char *kind_to_text(const char *kind);
const char *result_to_text(const char *result);
const char *check_to_text(const char *check);
const char *reason_to_text(const char *reason);
