/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "call.h"

typedef enum FloodFlags {
    FLOOD_TABLE = 1 << 0,  /* runs on dbus-broker, too, and under systemd if all is run */
    FLOOD_SYSTEM = 1 << 1, /* runs under systemd always, with one of the buses */
    FLOOD_HALF = 1 << 2,   /* of the last call of each connection the first half is written alone */
    FLOOD_BURST = 1 << 3,  /* connections are made as fast as the bus lets them in */
    FLOOD_RANDOM = 1 << 4, /* calls are not made in turn but by chance */
    FLOOD_RULES = 1 << 5,  /* its first user may register and upload, by a rule of the administrator */
} FloodFlags;

/* What unprivileged users do to the service and its bus at the same time. */
typedef struct Flood {
    const char *name;
    guint users;             /* so many do the same */
    guint connections;       /* of each user; 0: nobody floods */
    guint calls;             /* of each connection, which is then closed and made again; 0: without end */
    guint pending;           /* answers that a connection waits for at most; 0: it reads none */
    guint hold_msec;         /* that a connection stays open after its last call */
    const Call *const *says; /* in turn, NULL behind the last */
    const Call *(*first)(
        guint n); /* the n-th call that is made before, once for each connection; NULL: no more */
    int *(*open_fds)(guint *ret_n); /* what the calls' descriptors are taken from, in turn */
    unsigned flags;
} Flood;

/* The n-th flood of the table; NULL: there are not so many. */
const Flood *flood_nth(guint n);
const Flood *flood_find(const char *name);
/* Whether samples are tried, by CERTWRIGHT_TESTS_SEED; everything is without a seed, or with CERTWRIGHT_TESTS_FULL. */
gboolean flood_is_sampled(guint32 *ret_seed);
/* The users who flood, by name. */
const char *flood_user(guint n);
