/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"
#include "dns/tsig.h"

/* Changes TXT records by the program certwright-dns (src/dns), so that this service starts no nsupdate(1) and no hook in
 * its own sandbox. With systemd its socket unit starts one instance for each change; where that socket is not there, the
 * program beside this one is started with a socket as its standard input. One request, one reply (dns/request.h). */
typedef struct DnsHelper DnsHelper;
typedef struct DnsJob DnsJob;

/* Borrowed. Exactly one of server and hook is set. */
typedef struct DnsChange {
    bool remove; /* this value of the name, and no other; otherwise it is added to those that are there */
    const char *fqdn;   /* the owner of the TXT record, canonical, without the last dot */
    const char *value;  /* RFC 8555 section 8.4: [A-Za-z0-9_-]{43} */
    const char *zone;   /* for an update: the zone that fqdn is in, without the last dot */
    const char *server; /* RFC 2136: ADDRESS[:PORT] or [ADDRESS]:PORT */
    const Tsig *key;    /* NULL: an update that is not signed */
    const char *hook;   /* name of a file in /etc/certwright/dns-hooks */
} DnsChange;

/* problem->code is PROBLEM_NONE when the change was made. Called once, never from within _start and never after _forget. */
typedef void (*DnsJobDone)(const Problem *problem, void *userdata);

int dns_helper_new(sd_event *event, DnsHelper **ret);
/* What waits is begun, as far as LIMIT_DNS_JOBS go, and what is under way goes on, in processes of their own; nobody is told. */
DnsHelper *dns_helper_free(DnsHelper *h);
DEFINE_CLEANUP(DnsHelper *, dns_helper_free);
/* At most LIMIT_DNS_JOBS at once, more wait for their turn. ret may be NULL: done is called all the same. */
int dns_helper_start(DnsHelper *h, const DnsChange *change, DnsJobDone done, void *userdata, DnsJob **ret,
                     Problem *problem);
/* Before it is done: done is not called any more; the change itself goes on. */
DnsJob *dns_job_forget(DnsJob *j);
DEFINE_CLEANUP(DnsJob *, dns_job_forget);
