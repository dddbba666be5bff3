/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

typedef enum JobResult {
    JOB_RUNNING,
    JOB_DONE,
    JOB_FALLBACK, /* the local root had to sign */
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_UNKNOWN, /* over, but nobody heard how */
    JOB_RESULT_MAX,
} JobResult;

typedef struct Job {
    char *path;
    JobResult result;
    char *name;                    /* of the certificate; NULL unless the service told */
    char *error_code, *error_text; /* NULL without one */
} Job;

/* Waits for jobs. A job can be over before the call that started it has returned: so the signals are
 * subscribed to first (begin), then the call is made and its reply added, and only then are the signals that
 * have come in meanwhile looked at (wait). What is heeded must come from the connection that sent the reply,
 * for anybody on the bus can send us a signal. */
typedef struct JobWatch {
    Session *session;
    char *owner; /* unique name of the service */
    Job *jobs;   /* sorted by path once wait begins */
    size_t n_jobs, n_running;
    bool gone;     /* the service left the bus */
    bool progress; /* show the steps of the only job on the terminal */
    char *step;    /* shown last */
} JobWatch;

void job_watch_done(JobWatch *w);
#define _cleanup_jobs_ _cleanup_(job_watch_done)

Exit job_watch_begin(JobWatch *w, Session *s, bool many);
Exit job_watch_add(JobWatch *w, const char *path);
Exit job_watch_wait(JobWatch *w, sd_bus_message *reply);

size_t job_watch_count(const JobWatch *w, JobResult result);

/* As the bus and JSON spell it. */
const char *job_result_to_string(JobResult result);
