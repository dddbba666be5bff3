/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"

/* Talks to a server until it expects TLS. For helper programs, like crypto/tls-peek.h. */

typedef enum StarttlsStep {
    STARTTLS_GREETING, /* nothing that such a server says was received yet */
    STARTTLS_COMMAND,  /* STARTTLS has not been accepted */
    STARTTLS_DONE,
} StarttlsStep;

/* fd: a connected non-blocking socket. Reads nothing that belongs to TLS. *ret says how far it came, also on failure.
 * -ETIMEDOUT, -ECONNRESET; -EPROTO: the server says something else; -E2BIG: more than LIMIT_PROBE_TALK bytes. */
int starttls(int fd, ProbeScheme scheme, int64_t deadline, StarttlsStep *ret);
