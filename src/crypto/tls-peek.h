/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/chain.h"
#include "core/limits.h"
#include "crypto/digest.h"

/* Looks at the chain that a TLS server presents, without trusting it. For helper programs: it waits, and the bytes of
 * the server are parsed by this process. */
typedef struct TlsPeek TlsPeek;

/* The kind of key that the server is asked for, as it may have a chain for each. */
typedef enum TlsPeekKey {
    TLS_PEEK_ANY, /* the server chooses */
    TLS_PEEK_ECDSA,
    TLS_PEEK_RSA,
    _TLS_PEEK_KEY_MAX,
} TlsPeekKey;

/* Does all that needs files. -ENOMEM, -EIO. */
int tls_peek_new(TlsPeek **ret);
TlsPeek *tls_peek_free(TlsPeek *p);
DEFINE_CLEANUP(TlsPeek *, tls_peek_free);

/* Makes the handshake over a connected non-blocking socket. name: sent as server name (RFC 6066 section 3), unless it
 * is an address. deadline: of monotonic_msec(). All versions from
 * TLS 1.0 on, without resumption. The server has proved that it has the key of the leaf, also if it refuses us
 * then because it wants a certificate of the client. The process has to ignore SIGPIPE.
 *
 * -ETIMEDOUT, -ECONNRESET: the server closed the connection. -E2BIG: the chain is larger than LIMIT_CHAIN or
 * LIMIT_PRESENTED_CHAIN. -EKEYREJECTED: the server signs with another key than that of the leaf. -EPROTO: the
 * handshake failed otherwise; see tls_peek_error(). */
int tls_peek(TlsPeek *p, const char *name, TlsPeekKey key, int fd, int64_t deadline);
/* The chain that was presented last, the leaf first: number of certificates, SHA-256 of the DER of each. */
size_t tls_peek_chain(const TlsPeek *p, const uint8_t (**ret)[DIGEST_SIZE]);
/* The same chain as text. Its certificates may be any that OpenSSL can parse; -EBADMSG: it cannot parse the key of the leaf.
 * timegm(3) has to have read its file before. */
int tls_peek_describe(const TlsPeek *p, Chain **ret);
/* Why the last handshake failed, as a number of OpenSSL; 0: unknown. */
uint64_t tls_peek_error(const TlsPeek *p);
/* Its text, which is static, of any number. */
const char *tls_error_to_text(uint64_t error);
