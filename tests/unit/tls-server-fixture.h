/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <openssl/ssl.h>

#include "core/deployment.h"
#include "crypto/digest.h"

/* A server in this process that talks like those of services until TLS, by a thread, one connection after the other. */

typedef enum ServerManner {
    SERVER_SERVES,
    SERVER_IS_SILENT,   /* accepts, and says nothing */
    SERVER_HANGS_UP,    /* accepts, and closes */
    SERVER_IS_ANOTHER,  /* greets as a server of SSH */
    SERVER_NEVER_ENDS,  /* greets with a line that has no end */
    SERVER_REFUSES_TLS, /* STARTTLS is answered by an error, or TLS by plain text */
    SERVER_STOPS,       /* says nothing after STARTTLS, or after the ClientHello */
} ServerManner;

typedef struct TlsServer {
    ProbeScheme scheme;
    ServerManner manner;
    bool proxy; /* expects a header of the PROXY protocol */
    /* that are used from connection n on, n from 0 */
    struct {
        SSL_CTX *context;
        int from;
    } contexts[4];
    size_t n_contexts;

    int fd;
    uint16_t port;
    GThread *thread;
    GArray *open; /* descriptors of connections that are left open */
    int n_connections;
    char header[128], server_name[256]; /* of the last connection */
} TlsServer;

/* Makes a context with this chain and key; more: certificates that follow the leaf, each of which may be NULL. */
SSL_CTX *tls_context_make(const Issued *leaf, const Issued *more, size_t n_more);
void tls_server_add(TlsServer *s, SSL_CTX *context, int from);
void tls_server_start_at(TlsServer *s, const char *address);
void tls_server_start(TlsServer *s);
void tls_server_stop(TlsServer *s);
#define _cleanup_tls_server_ _cleanup_(tls_server_stop)

/* SHA-256 of the DER. */
void digest_of(const Issued *i, uint8_t ret[static DIGEST_SIZE]);
