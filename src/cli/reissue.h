/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/certificate.h"
#include "cli/job.h"

typedef enum KeepCurrent {
    KEEP_DEFAULT, /* as the service does: yes for all, no for one */
    KEEP_YES,
    KEEP_NO,
} KeepCurrent;

/* One run of reissue or revoke. */
typedef struct Reissue {
    bool all, root, wait;
    bool ask; /* before something is lost, where somebody can answer */
    KeepCurrent keep_current;
    const char *reason;      /* it is a revocation, for this reason; NULL: a reissue */
    const char *name, *path; /* of the only certificate */
    JobWatch jobs;
} Reissue;

/* Prints which jobs were started, or what came of them. */
Exit reissue_report_started(Session *s, const Reissue *r);
Exit reissue_report_finished(Session *s, Reissue *r);
