/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/port-owner.h"
#include "cli/root-files.h"

/* The web server that has port 80 hands the requests for http-01 proofs over to certwright-http.socket. What makes nginx and
 * Apache do so are files of their own in the server's configuration, which its own check approves; whatever an
 * administrator wrote stays as it is. For others, the administrator adds lines. */

typedef struct WebServer WebServer;

typedef enum HandoverState {
    HANDOVER_NEEDLESS,  /* port 80 is free */
    HANDOVER_MADE,      /* now or before */
    HANDOVER_POSTPONED, /* the server's configuration names files that are not delivered yet */
    HANDOVER_BY_HAND,   /* somebody has to add lines, or nobody knows which */
} HandoverState;

typedef struct Handover {
    HandoverState state;
    PortOwner owner;         /* of port 80 */
    const WebServer *server; /* NULL: unknown */
    char *former;            /* file of nginx that was replaced; NULL: none */
} Handover;

void handover_done(Handover *h);
#define _cleanup_handover_ _cleanup_(handover_done)

/* Makes the owner of port 80 hand over, as far as it does not yet. expected: files that its configuration may name before
 * they are delivered. If its check fails with what was written, that is taken back. */
Exit handover_make(Handover *h, const char *name, char *const *expected, FilesChange *c);

/* Returns true if port 80 is free now, but this program is a web server, which may take it. */
bool handover_may_lack(const Handover *h, const char *program);

/* Says what to do for HANDOVER_BY_HAND. */
void handover_print_lines(const Handover *h, const char *name);

/* Takes back what handover_make() wrote for the name, and for all names, unless others still want it. */
Exit handover_remove(const char *name, bool name_is_wanted, bool any_is_wanted, FilesChange *c);
