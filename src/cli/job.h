/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

typedef enum JobResult {
    JOB_RUNNING,
    JOB_DONE,
    JOB_FALLBACK, /* signed by the local root */
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_UNKNOWN, /* finished, but the result is unknown */
    JOB_RESULT_MAX,
} JobResult;

typedef struct Job {
    char *path;
    JobResult result;
    char *name;                    /* of the certificate; NULL if not reported */
    char *error_code, *error_text; /* NULL if there is none */
} Job;

/* Waits for jobs. A job may finish before the call that started it returns. So the signals are subscribed to
 * first (begin), then the call is made and the jobs of its reply are added, and only then are the signals
 * received meanwhile processed (wait). Only signals from the connection that sent the reply count, as
 * anybody on the bus can send us signals. */
typedef struct JobWatch {
    Session *session;
    sd_bus_slot *slots[4];
    char *owner; /* unique name of the service */
    Job *jobs;   /* sorted by path by wait */
    size_t n_jobs, n_running;
    bool gone;        /* the service left the bus */
    bool progress;    /* show on the terminal the steps of the only job, or how many of them are over */
    char *step;       /* last one shown */
    uint64_t counted; /* when the number was shown last */
} JobWatch;

void job_watch_done(JobWatch *w);
#define _cleanup_jobs_ _cleanup_(job_watch_done)

Exit job_watch_begin(JobWatch *w, Session *s, bool many);
void job_watch_add(JobWatch *w, const char *path);
Exit job_watch_wait(JobWatch *w, sd_bus_message *reply);

size_t job_watch_count(const JobWatch *w, JobResult result);

/* As on the bus and in JSON. */
const char *job_result_to_string(JobResult result);
