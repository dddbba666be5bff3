/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* A certificate that an uploaded chain fits, as returned by Manager.UploadData. */
typedef struct Fit {
    const char *path, *reason; /* reason: why it does not serve the chain, in English */
    int served;
} Fit;

typedef struct FitReason {
    char *text;         /* in the user's language */
    const char *advice; /* in the user's language; NULL: nothing to do */
    bool later;         /* the chain will be served later without further action */
} FitReason;

void fit_reason_done(FitReason *r);
#define _cleanup_fit_reason_ _cleanup_(fit_reason_done)

FitReason fit_get_reason(const Fit *fit);
