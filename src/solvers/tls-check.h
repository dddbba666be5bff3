/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "solvers/self-check.h"

/* The self-check of tls-alpn-01. */
typedef struct TlsCheck {
    SelfCheck check; /* first */
    uint16_t port;
} TlsCheck;

/* Ends with self_check_end(). */
int tls_check_start(TlsCheck *c, Task *t, uint16_t port, Problem *problem);
