/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* A certificate that an uploaded chain fits, as Manager.UploadData tells of it. */
typedef struct Fit {
    const char *path, *reason; /* reason: why it does not serve the chain, in English */
    bool served;
} Fit;

/* The reason in the user's language, allocated; NULL if out of memory. */
char *fit_reason_to_text(const Fit *fit);
/* What to do about it, untranslated; NULL: nothing. */
const char *fit_advice(const Fit *fit);
/* Whether the chain will be served without anybody doing anything. */
bool fit_comes_by_itself(const Fit *fit);
