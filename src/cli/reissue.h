/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/certificate.h"
#include "cli/job.h"

typedef enum KeepCurrent {
    KEEP_DEFAULT, /* default of the service: yes for all, no for one */
    KEEP_YES,
    KEEP_NO,
} KeepCurrent;

/* A run of reissue or revoke. */
typedef struct Reissue {
    bool all, root, wait;
    bool ask; /* ask before a chain is withdrawn, if possible */
    KeepCurrent keep_current;
    const char *reason;      /* reason of a revocation; NULL: a reissue */
    const char *name, *path; /* of a single certificate */
    JobWatch jobs;
} Reissue;

/* Print which jobs were started, or their results. */
Exit reissue_report_started(Session *s, const Reissue *r);
Exit reissue_report_finished(Session *s, Reissue *r);
