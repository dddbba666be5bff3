/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/tls-peek.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/name.h"
#include "crypto/inspect.h"
#include "util/wait.h"

#define TEXT_UNKNOWN "unknown error"

/* Algorithms of TLS 1.3, and ciphers before. */
static const struct {
    const char *signatures, *ciphers;
} offers[_TLS_PEEK_KEY_MAX] = {
    [TLS_PEEK_ECDSA] = { "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ECDSA+SHA1", "aECDSA" },
    [TLS_PEEK_RSA] = { "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
                       "aRSA" },
};

struct TlsPeek {
    SSL_CTX *context;
    SSL *tls; /* during a handshake */
    STACK_OF(X509) * certificates;
    uint8_t digests[LIMIT_CHAIN][DIGEST_SIZE];
    size_t n;
    bool too_long, proved;
    uint64_t error;
};

/* ---- what the server presents */

/* Takes the place of verifying, and is called before the server proves that it has the key. */
static int on_chain(X509_STORE_CTX *store, void *userdata)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);
    TlsPeek *p = userdata;
    int n = sk_X509_num(chain);

    if (n < 1 || n > LIMIT_CHAIN) {
        p->too_long = n > LIMIT_CHAIN;
        return 1;
    }
    x509_stack_freep(&p->certificates);
    p->certificates = X509_chain_up_ref(chain);
    for (int i = 0; i < n; i++)
        if (X509_digest(sk_X509_value(chain, i), EVP_sha256(), p->digests[i], NULL) <= 0)
            return 1;
    p->n = (size_t)n;
    return 1;
}

/* The server wants a certificate of the client, and gets none. Up to TLS 1.2 this is called before the handshake is
 * complete, but after the server has signed its key exchange, unless it is one that it does not sign. */
static int on_request(SSL *tls, X509 **certificate _unused_, EVP_PKEY **key _unused_)
{
    const SSL_CIPHER *cipher = SSL_get_pending_cipher(tls);
    TlsPeek *p = SSL_get_app_data(tls);

    p->proved = SSL_version(tls) <= TLS1_2_VERSION && cipher && SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa;
    return 0;
}

/* Services are not judged here, so old versions and weak keys are accepted. */
static int set_up(TlsPeek *p)
{
    p->context = SSL_CTX_new(TLS_client_method());
    if (!p->context)
        return -EIO;
    SSL_CTX_set_security_level(p->context, 0);
    SSL_CTX_set_max_cert_list(p->context, LIMIT_PRESENTED_CHAIN);
    SSL_CTX_set_session_cache_mode(p->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_verify_callback(p->context, on_chain, p);
    SSL_CTX_set_client_cert_cb(p->context, on_request);
    return SSL_CTX_set_min_proto_version(p->context, TLS1_VERSION) > 0 ? 0 : -EIO;
}

static int load_texts(void)
{
    return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
                                OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                            NULL) > 0
               ? 0
               : -EIO;
}

int tls_peek_new(TlsPeek **ret)
{
    _cleanup_(tls_peek_freep) TlsPeek *p = calloc(1, sizeof(TlsPeek));
    uint8_t byte;
    int r;

    if (!p)
        return -ENOMEM;
    r = load_texts();
    if (r >= 0)
        r = random_bytes(&byte, sizeof(byte)); /* seeds the generator */
    if (r >= 0)
        r = set_up(p);
    if (r >= 0)
        *ret = TAKE_PTR(p);
    return r;
}

TlsPeek *tls_peek_free(TlsPeek *p)
{
    if (p) {
        SSL_CTX_free(p->context);
        x509_stack_freep(&p->certificates);
        free(p);
    }
    return NULL;
}

/* ---- handshake */

/* Nothing more is read after the deadline, however much there is. */
static int wait_for(int fd, short events, int64_t deadline)
{
    return monotonic_msec() < deadline ? wait_until_ready(fd, events, deadline) : -ETIMEDOUT;
}

static int failure_of(TlsPeek *p)
{
    unsigned long error = ERR_peek_last_error(); /* that of libssl, if several libraries have one */

    ERR_clear_error();
    if (error == 0)
        return -ECONNRESET;
    p->error = error;
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return -EPROTO;
    switch (ERR_GET_REASON(error)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return -ECONNRESET;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return -E2BIG;
    case SSL_R_BAD_SIGNATURE:
        return -EKEYREJECTED;
    default:
        return -EPROTO;
    }
}

static int handshake(TlsPeek *p, int fd, int64_t deadline)
{
    int r = 0;

    while (r >= 0) {
        ERR_clear_error();
        r = SSL_do_handshake(p->tls);
        if (r > 0)
            return 0;
        switch (SSL_get_error(p->tls, r)) {
        case SSL_ERROR_WANT_READ:
            r = wait_for(fd, POLLIN, deadline);
            break;
        case SSL_ERROR_WANT_WRITE:
            r = wait_for(fd, POLLOUT, deadline);
            break;
        default:
            r = failure_of(p);
        }
    }
    return r;
}

/* The macros of OpenSSL cast const away. */
static char *plain(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int prepare(TlsPeek *p, const char *name, TlsPeekKey key, int fd)
{
    if (!p->tls || SSL_set_app_data(p->tls, p) <= 0 || SSL_set_fd(p->tls, fd) <= 0)
        return -ENOMEM;
    if (offers[key].ciphers && (SSL_set1_sigalgs_list(p->tls, plain(offers[key].signatures)) <= 0 ||
                                SSL_set_cipher_list(p->tls, offers[key].ciphers) <= 0))
        return -EIO;
    SSL_set_connect_state(p->tls);
    return name_is_address(name) || SSL_set_tlsext_host_name(p->tls, plain(name)) > 0 ? 0 : -EIO;
}

static int take_outcome(TlsPeek *p, int r)
{
    if (p->too_long)
        return -E2BIG;
    if (r >= 0)
        (void)SSL_shutdown(p->tls);
    else if (!p->proved || r == -ETIMEDOUT)
        return r;
    return p->n > 0 ? 0 : -EPROTO;
}

int tls_peek(TlsPeek *p, const char *name, TlsPeekKey key, int fd, int64_t deadline)
{
    int r;

    p->n = 0;
    p->error = 0;
    p->too_long = p->proved = false;
    p->tls = SSL_new(p->context);
    r = prepare(p, name, key, fd);
    if (r >= 0)
        r = take_outcome(p, handshake(p, fd, deadline));
    SSL_free(p->tls);
    p->tls = NULL;
    ERR_clear_error();
    return r;
}

size_t tls_peek_chain(const TlsPeek *p, const uint8_t (**ret)[DIGEST_SIZE])
{
    *ret = p->digests;
    return p->n;
}

int tls_peek_describe(const TlsPeek *p, Chain **ret)
{
    int r = p->n > 0 && p->certificates ? chain_from_x509(p->certificates, ret) : -ENODATA;

    ERR_clear_error();
    return r;
}

uint64_t tls_peek_error(const TlsPeek *p)
{
    return p->error;
}

const char *tls_error_to_text(uint64_t error)
{
    const char *text;

    load_texts();
    text = error > 0 && error <= ULONG_MAX ? ERR_reason_error_string((unsigned long)error) : NULL;
    return text ? text : TEXT_UNKNOWN;
}
