/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/tls-peek.h"
#include "deploy/confined.h"
#include "deploy/probe.h"
#include "deploy/starttls.h"

/* The child that talks to services, and its parent's side. One child talks to one place only, so that a service which
 * takes it over can tell lies about itself alone. */

/* The result of a connection. It is not to be trusted more than the service is. */
typedef struct ProberResult {
    int32_t error;      /* 0, or the negative errno of starttls() or tls_peek() */
    uint32_t step;      /* StarttlsStep */
    uint64_t tls_error; /* tls_peek_error() */
    Seen seen;
} ProberResult;

/* Lets the child look at what is presented over a connected socket. place: of the service; if it is not that of the
 * last one, another child is started. name: that is sent. timeout: milliseconds. Fails if there is no result. */
int prober_look(Prober *p, const char *place, ProbeScheme scheme, const char *name, TlsPeekKey key, int fd,
                int64_t timeout, ProberResult *ret, Problem *problem);
