/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* TLS with ALPN "acme-tls/1" (RFC 8737) over sockets that do not block: the side that proves, and one that looks whether
 * the proof is there. */

typedef struct AlpnServer AlpnServer;
typedef struct AlpnConnection AlpnConnection;

int alpn_server_new(AlpnServer **ret);
/* No connection of it may be left. */
AlpnServer *alpn_server_free(AlpnServer *s);
DEFINE_CLEANUP(AlpnServer *, alpn_server_free);
/* Makes the certificate for a name or address (RFC 8737 section 3, RFC 8738 section 6), which is shown to who asks for it
 * by SNI; an address by its reverse name. Replaces what is there for the name. */
int alpn_server_add(AlpnServer *s, const char *name, const char *key_authorization);
void alpn_server_remove(AlpnServer *s, const char *name);

/* fd is taken, also when it fails. Nothing but the handshake is made: at least TLS 1.2, no other protocol. */
int alpn_accept(AlpnServer *s, int fd, AlpnConnection **ret);
/* A client that looks for the proof of name; fd, which is taken too, is connected or being connected. */
int alpn_connect(int fd, const char *name, const char *key_authorization, AlpnConnection **ret);
AlpnConnection *alpn_connection_free(AlpnConnection *c);
DEFINE_CLEANUP(AlpnConnection *, alpn_connection_free);
int alpn_connection_fd(const AlpnConnection *c);
/* Of the server: whether the client has asked as an authority does, for a proof that is there. */
bool alpn_connection_is_expected(const AlpnConnection *c);
/* Goes on: EPOLLIN or EPOLLOUT to wait for; 0 when the handshake is over; negative errno when it failed, of a client
 * with a problem: PROBLEM_NETWORK_FAILED when nobody can be reached, PROBLEM_CHALLENGE_FAILED when who answers does not show
 * the proof. Its text is a clause without a full stop. The program has to ignore SIGPIPE. */
int alpn_connection_handshake(AlpnConnection *c, Problem *problem);
