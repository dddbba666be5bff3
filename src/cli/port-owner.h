/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* The program that listens on a TCP port of this machine. */
typedef struct PortOwner {
    char **addresses; /* with the port, as "0.0.0.0:80" and "[::]:80"; NULL: nobody listens */
    char *program;    /* name of its process; "": unknown */
    char *unit;       /* of systemd; "": none */
} PortOwner;

void port_owner_done(PortOwner *o);
#define _cleanup_port_owner_ _cleanup_(port_owner_done)

/* Fills it from /proc; needs root to know the program. */
void port_owner_find(PortOwner *o, uint16_t port);
