/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* A certificate that an uploaded chain fits, as returned by Manager.UploadData. */
typedef struct Fit {
    const char *path, *reason; /* reason: why it does not serve the chain, in English */
    bool served;
} Fit;

/* Returns the reason in the user's language, allocated; NULL on OOM. */
char *fit_reason_to_text(const Fit *fit);
/* Returns what to do about it, untranslated; NULL: nothing. */
const char *fit_advice(const Fit *fit);
/* Returns true if the chain will be served later without further action. */
bool fit_comes_by_itself(const Fit *fit);
