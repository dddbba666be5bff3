/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "core/problem.h"

/* The report of a module: what certwright-deploy did last for each of its certificates. It is a file of root's,
 * DIRECTORY/MODULE/report.json (root:certwright, 0640), which only certwright-deploy writes and which the service
 * reads; it is replaced as a whole. */

#define DEPLOY_STATE_DIRECTORY "/var/lib/certwright-deploy"
#define REPORT_FILE            "report.json"
#define SAVED_SET              "saved" /* beside it: former files, until a run has ended (saved.h) */
#define DIGEST_TEXT            65      /* SHA-256 in lower-case hexadecimal, and NUL */

typedef struct Deployment {
    char *name; /* of the certificate, canonical */
    DeploymentState state;
    char *detail;           /* a sentence: the step that failed and why; NULL: none. Holds nothing secret. */
    int64_t when;           /* of the last try, seconds since 1970-01-01 UTC */
    unsigned failures;      /* tries in a row that ended as failed or rolled-back */
    char leaf[DIGEST_TEXT]; /* fingerprint of the leaf that was tried */
    /* deploy_content_digest(); "": it could not be read, or the report is of a version without it */
    char content[DIGEST_TEXT];
    char settings[DIGEST_TEXT]; /* deploy_settings_digest() */
} Deployment;

typedef struct Report {
    Deployment *deployments; /* ordered by name */
    size_t n;
    bool is_open; /* not of the file: report_is_open_at() */
} Report;

void report_clear(Report *r);
#define _cleanup_deploy_report_ _cleanup_(report_clear)
/* NULL: none. */
Deployment *report_find(const Report *r, const char *name);
/* Finds or adds one, in the state DEPLOYMENT_PENDING. NULL on OOM. */
Deployment *report_get(Report *r, const char *name);
void report_remove(Report *r, const char *name);

/* Reads it strictly. -ENOENT: there is none yet. -EBADMSG: it is damaged; the problem says where. */
int report_read_at(int dir_fd, Report *ret, Problem *problem);
/* Returns true if a run has not ended: it is under way, or was interrupted. */
bool report_is_open_at(int dir_fd);
/* Replaces the file, flushed. group: may read it; (gid_t)-1: root's. */
int report_write_at(int dir_fd, const Report *r, gid_t group, Problem *problem);
