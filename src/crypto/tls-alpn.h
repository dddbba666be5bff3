/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* TLS with ALPN "acme-tls/1" (RFC 8737) over non-blocking sockets: a server that shows proofs, and a client
 * that checks them. */

typedef struct AlpnServer AlpnServer;
typedef struct AlpnConnection AlpnConnection;

int alpn_server_new(AlpnServer **ret);
/* All its connections must be freed before. */
AlpnServer *alpn_server_free(AlpnServer *s);
DEFINE_CLEANUP(AlpnServer *, alpn_server_free);
/* Creates the certificate for a name or address (RFC 8737 section 3, RFC 8738 section 6), which is shown to
 * clients that request it by SNI; an address by its reverse name. Replaces an existing one for the name. */
int alpn_server_add(AlpnServer *s, const char *name, const char *key_authorization);
void alpn_server_remove(AlpnServer *s, const char *name);

/* Takes ownership of fd, also on failure. Performs the handshake only: TLS 1.2 or later, no other
 * protocol. */
int alpn_accept(AlpnServer *s, int fd, AlpnConnection **ret);
/* Creates a client that checks the proof of name. Takes ownership of fd, which is connected or
 * connecting. */
int alpn_connect(int fd, const char *name, const char *key_authorization, AlpnConnection **ret);
AlpnConnection *alpn_connection_free(AlpnConnection *c);
DEFINE_CLEANUP(AlpnConnection *, alpn_connection_free);
int alpn_connection_fd(const AlpnConnection *c);
/* Server: returns true if the client has requested an existing proof, as an authority does. */
bool alpn_connection_is_expected(const AlpnConnection *c);
/* Continues the handshake. Returns EPOLLIN or EPOLLOUT to wait for; 0 when it has completed; a negative
 * errno on failure, for a client with a problem: PROBLEM_NETWORK_FAILED if nobody is reachable,
 * PROBLEM_CHALLENGE_FAILED if the server does not show the proof. The text is a clause without a full stop.
 * The process has to ignore SIGPIPE. */
int alpn_connection_handshake(AlpnConnection *c, Problem *problem);
