/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/certificate.h"
#include "cli/job.h"

/* Deployments: the delivery of a chain to a module, as the service reports it. */

/* Returns the deployment of a certificate to a module, or NULL. */
const Deployment *deployment_find(const Certificate *c, const char *module);
/* True for failed and rolled-back. */
bool deployment_is_failure(const Deployment *d);
/* True if nothing more happens without a reason: neither pending nor unknown. */
bool deployment_is_over(const Deployment *d);

/* True if a module may still use a chain of the certificate that was revoked: its successor is not delivered. */
bool deployment_is_of_revoked(const Certificate *c, const Deployment *d);

/* Returns one sentence that names the certificate and the module, with the detail behind it; allocated. */
char *deployment_to_line(const char *name, const char *module, const char *state, const char *detail);
/* The same as a cause of failure. */
void deployment_add_cause(const Certificate *c, const Deployment *d, Causes *causes);
/* Prints it: failures to stderr, all else to stdout. */
void deployment_print(const Certificate *c, const Deployment *d);
/* Returns an object with name, module, state, detail and time. */
Json *deployment_to_json(const Certificate *c, const Deployment *d);

/* Delivers to a module; again: also files that are missing.
 * The job is added to jobs, which job_watch_begin() has prepared if it is to be waited for. */
Exit deployment_start(Session *s, JobWatch *jobs, const char *module, bool again,
                      sd_bus_message **ret_reply);
