/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/problem.h"

/* The only place that authorizes calls. polkit is asked asynchronously: the handler of the method returns,
 * and is called again from its top when the answer arrives, with a fresh lookup of the object. It must
 * therefore have no side effects before authorizer_check(). The subject is the unique bus name of the
 * sender, which is never reused; if the sender has left the bus, nothing is done for it. All errors deny. */
typedef struct Authorizer Authorizer;

/* Calls the handler of a call again. Negative if that is not possible. */
typedef int (*AuthorizerDecided)(sd_bus_message *m, void *userdata);

/* The bus is attached to an event loop; userdata is borrowed. */
int authorizer_new(sd_bus *bus, AuthorizerDecided decided, void *userdata, Authorizer **ret);
Authorizer *authorizer_free(Authorizer *a);
DEFINE_CLEANUP(Authorizer *, authorizer_free);

/* Details of the call for polkit, which shows them in its dialog; NULL: none. */
typedef struct AuthorizeDetails {
    const char *name;
    const char *module;
    const char *role; /* of the certificate: "leaf" or "root", which a leaf may be called as well */
} AuthorizeDetails;

/* uid: of the caller, (uid_t)-1 if unknown. Returns 1 if the call is allowed, with *ret_uid set to uid, or
 * to (uid_t)-1 for a public method; 0 if the answer is pending: return from the handler; a negative errno if
 * it is denied, with a problem. */
int authorizer_check(Authorizer *a, sd_bus_message *m, uid_t uid, const AuthorizeDetails *details,
                     uid_t *ret_uid, Problem *problem);
/* Drops the checks of a sender that has left the bus; polkit closes its dialogs. */
void authorizer_forget_sender(Authorizer *a, const char *sender);
/* Drops a decision that the handler did not fetch because its object is gone. */
void authorizer_forget_decision(Authorizer *a, sd_bus_message *m);
/* Returns true if there are pending checks. */
bool authorizer_is_busy(const Authorizer *a);
