/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "solvers/listen.h"

/* The web server of http-01 (RFC 8555 section 8.3). It serves the proofs that wait and nothing else, whatever host it is asked
 * as, and it listens only while there are any, unless systemd passed it a socket named "http-01": then on that one, always. */

typedef struct Listener Listener;
typedef struct ListenerProof ListenerProof;

/* A proof was asked for, and is about to be sent. From within, none may be added or removed. */
typedef void (*ListenerSeen)(const ListenerProof *proof, void *userdata);

/* seen may be NULL. */
int listener_new(sd_event *event, ListenerSeen seen, void *userdata, Listener **ret);
/* No proof may be left. */
Listener *listener_free(Listener *l);
DEFINE_CLEANUP(Listener *, listener_free);
/* Whether there are sockets of systemd, so that no address is needed. */
bool listener_is_passed(const Listener *l);
/* Served until _remove. addresses: those of HTTPListen=, used if it does not listen yet. Two of one token have to have
 * the same text. */
int listener_add(Listener *l, char *const *addresses, const char *token, const char *key_authorization,
                 ListenerProof **ret, Problem *problem);
ListenerProof *listener_remove(ListenerProof *p);
DEFINE_CLEANUP(ListenerProof *, listener_remove);
