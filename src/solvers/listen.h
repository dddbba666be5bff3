/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "core/problem.h"

/* Sockets on which challenges are answered: opened for a while at the addresses of a setting, or passed by systemd and
 * open all the time (sd_listen_fds(3), systemd.socket(5)). */

#define ENDPOINTS_MAX (2 * LIMIT_LISTEN_ADDRESSES)

typedef struct Endpoints {
    int fds[ENDPOINTS_MAX];
    size_t n;
    bool passed; /* they are the process's: never closed */
} Endpoints;

/* Of a challenge, for what people read. */
typedef struct EndpointUse {
    const char *passed;  /* FileDescriptorName= of the sockets that are its own */
    const char *key;     /* the setting that has the addresses */
    const char *instead; /* what to do when the port is another program's: an imperative for a sentence */
} EndpointUse;

/* Those that systemd passed under the use's name; none is no error. */
int endpoints_find_passed(const EndpointUse *use, Endpoints *ret);
/* addresses: ADDRESS:PORT, [ADDRESS]:PORT, or :PORT for all addresses of both families, as far as the kernel has them. All
 * or nothing; they listen, non-blocking. */
int endpoints_open(const EndpointUse *use, char *const *addresses, Endpoints *ret, Problem *problem);
void endpoints_close(Endpoints *e);
