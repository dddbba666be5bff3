/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "solvers/listen.h"

/* The web server of http-01 (RFC 8555 section 8.3). Serves only pending proofs, for any host, and listens
 * only while there are any, unless systemd passed it a socket named "http-01", on which it always
 * listens. */

typedef struct Listener Listener;
typedef struct ListenerProof ListenerProof;

/* A proof was requested and is about to be sent. Must not add or remove proofs. */
typedef void (*ListenerSeen)(const ListenerProof *proof, void *userdata);

/* seen may be NULL. */
int listener_new(sd_event *event, ListenerSeen seen, void *userdata, Listener **ret);
/* All proofs must be removed before. */
Listener *listener_free(Listener *l);
DEFINE_CLEANUP(Listener *, listener_free);
/* Returns true if systemd passed sockets, so that no address is needed. */
bool listener_is_passed(const Listener *l);
/* Serves a proof until listener_remove(). addresses: those of HTTPListen=, used unless it listens already.
 * Proofs with the same token must have the same text. */
int listener_add(Listener *l, char *const *addresses, const char *token, const char *key_authorization,
                 ListenerProof **ret, Problem *problem);
ListenerProof *listener_remove(ListenerProof *p);
DEFINE_CLEANUP(ListenerProof *, listener_remove);
