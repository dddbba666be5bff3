/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <uthash.h>

#include "core/problem.h"

/* Work in progress for a certificate or a module, as clients see it. The state of the certificate does not depend on it. */

typedef enum JobKind {
    JOB_REISSUE,
    JOB_RENEW,
    JOB_ROOT,
    JOB_ORDER, /* started by the service itself */
    JOB_REVOKE,
    JOB_DEPLOY, /* for a module */
    _JOB_KIND_MAX,
} JobKind;

typedef enum JobState {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DONE,
    JOB_FALLBACK, /* with a lesser chain than requested; the problem says why */
    JOB_FAILED,
    JOB_CANCELLED,
    _JOB_STATE_MAX,
} JobState;

const char *job_kind_to_string(JobKind k);
const char *job_state_to_string(JobState s);

/* What clients know of it; written by bus/ only. */
typedef struct JobClient {
    JobState state;
    double progress;
    const char *step; /* static text */
    bool failed;      /* the problem is known */
    bool changed;     /* not signalled yet */
    bool read;        /* a client may have read it since */
} JobClient;

typedef struct Job {
    uint64_t id;
    JobKind kind;
    JobState state;
    struct Certificate *certificate; /* NULL: it is for a module */
    char *module;                    /* NULL: it is for a certificate */
    double progress;                 /* never decreases, although another authority or source begins again */
    const char *step;                /* static text */
    int64_t started;                 /* seconds since 1970-01-01 UTC */
    Problem problem;
    uid_t requester; /* (uid_t)-1: the service itself; written by bus/ only */
    JobClient client;
    UT_hash_handle hh; /* in the model, by id */
} Job;

Job *job_free(Job *j);
/* The name of its certificate or module. */
const char *job_name(const Job *j);
