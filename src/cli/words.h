/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Translates fixed words and sentences of the service to the user's language. Unknown ones, of a newer
 * service, are returned unchanged. */

/* The reason of a certificate whose revoked chain a service may still use. */
#define REASON_REVOKED_IN_USE \
    "A service still uses the revoked chain: its successor has not been delivered yet; Deployments shows why."

const char *word_to_text(const char *word);

/* How good it is what a word says. */
Style word_to_style(const char *word);

/* Translates a text of the service if it matches a sentence, in which "%s" stands for anything. Returns an
 * allocated text, or NULL if it does not match. */
char *sentence_to_text(const char *sentence, const char *text);

/* The same with another sentence as its translation, in which "%s" is what it stands for in the first one. */
char *sentence_reword(const char *sentence, const char *rewording, const char *text);
