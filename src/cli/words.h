/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Translates fixed words and sentences of the service to the user's language. Unknown ones, of a newer
 * service, are returned unchanged. */

const char *word_to_text(const char *word);
