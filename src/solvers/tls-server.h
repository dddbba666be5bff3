/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "solvers/listen.h"

/* The TLS server of tls-alpn-01 (RFC 8737). Only completes handshakes with clients that request a pending
 * proof, and listens only while there are any proofs, unless systemd passed it a socket named "tls-alpn-01",
 * on which it always listens. */

typedef struct TlsListener TlsListener;

int tls_listener_new(sd_event *event, TlsListener **ret);
TlsListener *tls_listener_free(TlsListener *l);
DEFINE_CLEANUP(TlsListener *, tls_listener_free);
/* Returns true if systemd passed sockets, so that no address is needed. */
bool tls_listener_is_passed(const TlsListener *l);
/* Shows a proof until tls_listener_remove(); there is one proof per name. addresses: those of TLSListen=,
 * used unless it listens already. */
int tls_listener_add(TlsListener *l, char *const *addresses, const char *name, const char *key_authorization,
                     Problem *problem);
void tls_listener_remove(TlsListener *l, const char *name);
