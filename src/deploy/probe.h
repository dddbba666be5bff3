/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/deploy.h"
#include "core/problem.h"
#include "core/sighting.h"
#include "deploy/examine.h"

/* Looks at the chain that a service presents. Only loopback and the machine's own addresses are connected to. The
 * connection is made here; TLS is spoken by a child without rights, which returns a result of fixed size. */

typedef struct Presented {
    uint32_t n;
    uint8_t digests[DEPLOY_CHAIN_MAX][DIGEST_SIZE]; /* as in Examination */
} Presented;

bool presented_equal(const Presented *a, const Presented *b);

/* The same with what a person wants to know of it. */
typedef struct Seen {
    Presented presented;
    SeenLeaf leaf;
} Seen;

/* Makes one new connection, without session resumption. name: sent as server name (RFC 6066 section 3); of a
 * wildcard, a name that it covers. timeout: milliseconds. */
int probe_once(const Probe *p, const char *name, int64_t timeout, Presented *ret, Problem *problem);
/* Waits until three new connections in a row present this chain, at most timeout milliseconds. The problem says what
 * the last one presented instead, or why there was none. */
int probe_verify(const Probe *p, const char *name, const Presented *expected, int64_t timeout,
                 Problem *problem);
/* The same for many certificates: connections to one place share a child, as far as that is safe. */
typedef struct Prober Prober;

int prober_new(Prober **ret);
Prober *prober_free(Prober *p);
DEFINE_CLEANUP(Prober *, prober_free);
int prober_verify(Prober *prober, const Probe *p, const char *name, const Presented *expected,
                  int64_t timeout, Problem *problem);
/* Makes one connection, and one for each kind of key if another leaf than the wanted one (SHA-256 of the DER) is presented.
 * If none presents it, *ret is of the first. timeout: milliseconds. -ECONNREFUSED, -ETIMEDOUT, or another errno; the problem
 * says what happened. */
int prober_see(Prober *prober, const Probe *p, const char *name, const uint8_t wanted[static DIGEST_SIZE],
               int64_t timeout, Seen *ret, Problem *problem);
/* "https://127.0.0.1:443", for messages. */
int probe_to_text(const Probe *p, char **ret);
/* The child: argv[1] is "--probe". Never returns. */
_Noreturn void probe_child(int argc, char *argv[]);
