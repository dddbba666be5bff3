/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/solver.h"
#include "net/http.h"
#include "net/resolver.h"

/* The solvers (core/solver.h), one file for each. */

/* Must outlive the solvers. The settings may be replaced between two calls; solvers copy what they need later. */
typedef struct SolverContext {
    sd_event *event;
    Http *http;
    Dns *dns;
    const AcmeSettings *settings;
} SolverContext;

int solver_http_new(const SolverContext *context, Solver **ret);
int solver_tls_new(const SolverContext *context, Solver **ret);
int solver_dns_new(const SolverContext *context, Solver **ret);
