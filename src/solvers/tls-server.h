/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "solvers/listen.h"

/* The TLS server of tls-alpn-01 (RFC 8737). It makes handshakes with who asks for a proof that waits and refuses all others,
 * and it listens only while there are any proofs, unless systemd passed it a socket named "tls-alpn-01": then on that one,
 * always. */

typedef struct TlsListener TlsListener;

int tls_listener_new(sd_event *event, TlsListener **ret);
TlsListener *tls_listener_free(TlsListener *l);
DEFINE_CLEANUP(TlsListener *, tls_listener_free);
/* Whether there are sockets of systemd, so that no address is needed. */
bool tls_listener_is_passed(const TlsListener *l);
/* Shown until _remove; there is one proof for each name. addresses: those of TLSListen=, used if it does not listen yet. */
int tls_listener_add(TlsListener *l, char *const *addresses, const char *name, const char *key_authorization,
                     Problem *problem);
void tls_listener_remove(TlsListener *l, const char *name);
