/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/problem.h"

/* The one place that authorizes. polkit is asked without waiting; the method's handler returns meanwhile, and is
 * run again from its top when the answer is there, with the object looked up anew. So nothing that has an effect
 * stands in front of authorizer_check(). The subject is the sender's unique name on the bus, which is never
 * given to another; a sender who has gone gets nothing done. Every error denies. */
typedef struct Authorizer Authorizer;

/* The bus is attached to an event loop. */
int authorizer_new(sd_bus *bus, Authorizer **ret);
Authorizer *authorizer_free(Authorizer *a);
DEFINE_CLEANUP(Authorizer *, authorizer_free);

/* What polkit is told of the call, and shows to the person it asks; NULL: nothing. */
typedef struct AuthorizeDetails {
    const char *name;
    const char *module;
} AuthorizeDetails;

/* 1: allowed, *ret_uid is the caller's. 0: the answer will come, return from the handler. Negative: denied, see
 * problem. */
int authorizer_check(Authorizer *a, sd_bus_message *m, const AuthorizeDetails *details, uid_t *ret_uid,
                     Problem *problem);
/* Checks whose answer is awaited. */
size_t authorizer_pending(const Authorizer *a);
