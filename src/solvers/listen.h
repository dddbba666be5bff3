/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "core/problem.h"

/* Sockets for challenges: opened temporarily at the addresses of a setting, or passed by systemd and always
 * open (sd_listen_fds(3), systemd.socket(5)). */

#define ENDPOINTS_MAX (2 * LIMIT_LISTEN_ADDRESSES)

typedef struct Endpoints {
    int fds[ENDPOINTS_MAX];
    size_t n;
    bool passed; /* passed by systemd: never closed */
} Endpoints;

/* Describes a challenge, for messages. */
typedef struct EndpointUse {
    const char *passed;  /* FileDescriptorName= of its sockets */
    const char *key;     /* the setting with the addresses */
    const char *instead; /* what to do if another program uses the port: an imperative clause */
} EndpointUse;

/* Finds the sockets that systemd passed under this name; having none is not an error. */
int endpoints_find_passed(const EndpointUse *use, Endpoints *ret);
/* addresses: ADDRESS:PORT, [ADDRESS]:PORT, or :PORT for all addresses of both families supported by the
 * kernel. Opens all of them or none; the sockets listen and are non-blocking. */
int endpoints_open(const EndpointUse *use, char *const *addresses, Endpoints *ret, Problem *problem);
void endpoints_close(Endpoints *e);
