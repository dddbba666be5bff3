/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "dns/request.h"

/* Changes TXT records with the program certwright-dns (src/dns), so that this service runs neither
 * nsupdate(1) nor hooks in its own sandbox. With systemd, its socket unit starts one instance per change;
 * without that socket, the program beside this one is started with a socket as standard input. One request,
 * one reply (dns/request.h). */
typedef struct DnsHelper DnsHelper;
typedef struct DnsJob DnsJob;

/* problem->code is PROBLEM_NONE if the change was made. Called once, never from within dns_helper_start()
 * and never after dns_job_forget(). */
typedef void (*DnsJobDone)(const Problem *problem, void *userdata);

int dns_helper_new(sd_event *event, DnsHelper **ret);
/* Starts waiting changes, up to LIMIT_DNS_JOBS, and lets running ones continue in their own processes;
 * done() is not called any more. */
DnsHelper *dns_helper_free(DnsHelper *h);
DEFINE_CLEANUP(DnsHelper *, dns_helper_free);
/* At most LIMIT_DNS_JOBS run in parallel, others wait. ret may be NULL: done is called nevertheless. */
int dns_helper_start(DnsHelper *h, const DnsRequest *change, DnsJobDone done, void *userdata, DnsJob **ret,
                     Problem *problem);
/* Call this before done(), which is not called any more; the change itself continues. */
DnsJob *dns_job_forget(DnsJob *j);
DEFINE_CLEANUP(DnsJob *, dns_job_forget);
