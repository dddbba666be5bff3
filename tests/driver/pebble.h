/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "../bus/pki.h"

/* Pebble as ACME authority, and a name server for which every name is this machine. */
typedef struct Pebble {
    char *directory, *config, *trust; /* trust: of its own TLS certificate, a file */
    pid_t process, resolver;          /* 0: it does not run */
    GString *roots;                   /* of all its lives, PEM */
} Pebble;

#define PEBBLE_DIRECTORY "https://localhost:14000/dir"
#define PEBBLE_HTTP_PORT "5002" /* where it looks for proofs */

/* Gives this process a network of its own, where every port is free. */
gboolean network_enter(void);

/* NULL when it is not installed. */
Pebble *pebble_new(const char *parent, Pki *pki);
void pebble_free(Pebble *p);
/* Begins with nothing: another root, no accounts. */
void pebble_start(Pebble *p);
void pebble_stop(Pebble *p);
