/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/problem.h"

/* The one place that authorizes. polkit is asked without waiting; the method's handler returns meanwhile, and is
 * run again from its top when the answer is there, with the object looked up once more. So nothing that has an effect
 * stands in front of authorizer_check(). The subject is the sender's unique name on the bus, which is never
 * given to another; a sender who has left gets nothing done. Every error denies. */
typedef struct Authorizer Authorizer;

/* Has the handler of a call run again. Negative: it cannot be. */
typedef int (*AuthorizerDecided)(sd_bus_message *m, void *userdata);

/* The bus is attached to an event loop; userdata is borrowed. */
int authorizer_new(sd_bus *bus, AuthorizerDecided decided, void *userdata, Authorizer **ret);
Authorizer *authorizer_free(Authorizer *a);
DEFINE_CLEANUP(Authorizer *, authorizer_free);

/* What polkit is told of the call, and shows to the person it asks; NULL: nothing. */
typedef struct AuthorizeDetails {
    const char *name;
    const char *module;
} AuthorizeDetails;

/* uid is the caller's, (uid_t)-1 if it is unknown. 1: allowed, *ret_uid is uid, or (uid_t)-1 for a method that is open to
 * everybody. 0: the answer will come, return from the handler. Negative: denied, see problem. */
int authorizer_check(Authorizer *a, sd_bus_message *m, uid_t uid, const AuthorizeDetails *details,
                     uid_t *ret_uid, Problem *problem);
/* The sender has left the bus: its checks end, and polkit takes its dialogs from the screen. */
void authorizer_forget_sender(Authorizer *a, const char *sender);
/* Drops a decision that the handler did not pick up, as its object has gone. */
void authorizer_forget_decision(Authorizer *a, sd_bus_message *m);
/* Checks whose answer is awaited. */
size_t authorizer_pending(const Authorizer *a);
