/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/tls-alpn.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <uthash.h>

#include "core/limits.h"
#include "core/name.h"
#include "core/now.h"
#include "crypto/digest.h"
#include "crypto/extension.h"
#include "crypto/inspect.h"
#include "util/text.h"

#define PROTOCOL        "\012acme-tls/1"     /* in ALPN format (RFC 7301 section 3.1): length and name */
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31" /* id-pe-acmeIdentifier, RFC 8737 section 6.1 */
#define OTHER_SERVER    "another TLS server answers, which does not support the protocol acme-tls/1 (ALPN)"
#define SNI_MAX         (LIMIT_NAME + 1)
#define LIFETIME        86400 /* seconds; nobody checks it */

DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free);
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free);

typedef struct AlpnProof {
    char *sni;
    X509 *certificate;
    UT_hash_handle hh;
} AlpnProof;

struct AlpnServer {
    SSL_CTX *tls;
    EVP_PKEY *key; /* of all certificates */
    AlpnProof *proofs;
};

struct AlpnConnection {
    SSL *tls;
    int fd;
    char *name; /* of a client */
    uint8_t digest[DIGEST_SIZE];
    bool expected;
};

/* ---- the proof */

/* RFC 8738 section 6: the SNI of an address is its name in in-addr.arpa or ip6.arpa. */
static void name_to_sni(const char *name, char ret[static SNI_MAX])
{
    uint8_t a[16];
    char *at = ret;

    if (inet_pton(AF_INET, name, a) == 1)
        snprintf(ret, SNI_MAX, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
    else if (inet_pton(AF_INET6, name, a) == 1) {
        for (int i = 15; i >= 0; i--)
            at += sprintf(at, "%x.%x.", a[i] & 15U, a[i] >> 4);
        strcpy(at, "ip6.arpa");
    } else
        snprintf(ret, SNI_MAX, "%s", name);
}

/* Its value is the digest as an OCTET STRING, and it is critical (RFC 8737 section 3). */
static int add_identifier(X509 *x, const uint8_t digest[static DIGEST_SIZE])
{
    char hex[2 * DIGEST_SIZE + 1], value[sizeof("critical,DER:0420") + sizeof(hex)];

    hex_encode(digest, DIGEST_SIZE, false, hex);
    snprintf(value, sizeof(value), "critical,DER:0420%s", hex);
    return x509_add_extension(x, ACME_IDENTIFIER, value);
}

static int make_certificate(EVP_PKEY *key, const char *name, const char *key_authorization, X509 **ret)
{
    char *const names[] = { (char *)(uintptr_t)name, NULL };
    uint8_t digest[DIGEST_SIZE];
    _cleanup_x509_ X509 *x = NULL;
    int64_t now = clock_now();
    char serial[33];
    int r;

    if ((r = digest_sha256(key_authorization, strlen(key_authorization), digest)) < 0 ||
        (r = x509_begin(now - SKEW_SEC, now + LIFETIME, serial, &x)) < 0 ||
        (r = x509_add_name_entry(X509_get_subject_name(x), NID_commonName, "ACME challenge")) < 0 ||
        (r = x509_add_alternative_names(x, names, false)) < 0 || (r = add_identifier(x, digest)) < 0)
        return r;
    if (X509_set_pubkey(x, key) <= 0)
        return -EIO;
    r = x509_sign_as(x, X509_get_subject_name(x), key);
    if (r >= 0)
        *ret = TAKE_PTR(x);
    return r;
}

/* ---- the server */

/* Called before anything else: clients that do not ask as required by RFC 8737 section 4 are rejected. */
static int on_hello(SSL *tls, int *alert, void *userdata _unused_)
{
    static const uint8_t wanted[] = "\0\013" PROTOCOL;
    const uint8_t *data;
    size_t size;

    if (SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) >
            0 &&
        size == sizeof(wanted) - 1 && memcmp(data, wanted, size) == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_name(SSL *tls, int *alert, void *userdata)
{
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    AlpnConnection *c = SSL_get_app_data(tls);
    char lower[SNI_MAX] = "";
    AlpnServer *s = userdata;
    AlpnProof *proof = NULL;

    if (name && strlen(name) < sizeof(lower)) {
        for (size_t i = 0; name[i]; i++)
            lower[i] = (char)tolower((unsigned char)name[i]);
        HASH_FIND_STR(s->proofs, lower, proof);
    }
    if (!proof) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (SSL_use_certificate(tls, proof->certificate) <= 0 || SSL_use_PrivateKey(tls, s->key) <= 0) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    c->expected = true;
    return SSL_TLSEXT_ERR_OK;
}

static int on_protocol(SSL *tls _unused_, const unsigned char **ret, unsigned char *ret_size,
                       const unsigned char *offered _unused_, unsigned size _unused_,
                       void *userdata _unused_)
{
    *ret = (const uint8_t *)PROTOCOL + 1; /* on_hello() checked that it is the only one */
    *ret_size = strlen(PROTOCOL) - 1;
    return SSL_TLSEXT_ERR_OK;
}

int alpn_server_new(AlpnServer **ret)
{
    _cleanup_(alpn_server_freep) AlpnServer *s = calloc(1, sizeof(AlpnServer));

    if (!s)
        return -ENOMEM;
    s->key = EVP_EC_gen("P-256");
    s->tls = SSL_CTX_new(TLS_server_method());
    if (!s->key || !s->tls || SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION) <= 0 ||
        SSL_CTX_set_num_tickets(s->tls, 0) <= 0)
        return -EIO;
    (void)SSL_CTX_set_options(s->tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(s->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_client_hello_cb(s->tls, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(s->tls, on_name);
    SSL_CTX_set_tlsext_servername_arg(s->tls, s);
    SSL_CTX_set_alpn_select_cb(s->tls, on_protocol, NULL);
    *ret = TAKE_PTR(s);
    return 0;
}

static void proof_free(AlpnServer *s, AlpnProof *p)
{
    HASH_DEL(s->proofs, p);
    X509_free(p->certificate);
    free(p->sni);
    free(p);
}

AlpnServer *alpn_server_free(AlpnServer *s)
{
    if (!s)
        return NULL;
    while (s->proofs)
        proof_free(s, s->proofs);
    SSL_CTX_free(s->tls);
    EVP_PKEY_free(s->key);
    free(s);
    return NULL;
}

int alpn_server_add(AlpnServer *s, const char *name, const char *key_authorization)
{
    _cleanup_x509_ X509 *x = NULL;
    char sni[SNI_MAX];
    AlpnProof *p;
    int r;

    r = make_certificate(s->key, name, key_authorization, &x);
    ERR_clear_error();
    if (r < 0)
        return r;
    name_to_sni(name, sni);
    p = calloc(1, sizeof(AlpnProof));
    if (!p || !(p->sni = strdup(sni))) {
        free(p);
        return -ENOMEM;
    }
    alpn_server_remove(s, name);
    p->certificate = TAKE_PTR(x);
    HASH_ADD_KEYPTR(hh, s->proofs, p->sni, strlen(p->sni), p);
    return 0;
}

void alpn_server_remove(AlpnServer *s, const char *name)
{
    AlpnProof *p = NULL;
    char sni[SNI_MAX];

    name_to_sni(name, sni);
    HASH_FIND_STR(s->proofs, sni, p);
    if (p)
        proof_free(s, p);
}

/* ---- connections */

static int connection_new(SSL_CTX *context, int fd, AlpnConnection **ret)
{
    _cleanup_(alpn_connection_freep) AlpnConnection *c = calloc(1, sizeof(AlpnConnection));

    if (!c) {
        close(fd);
        return -ENOMEM;
    }
    c->fd = fd;
    c->tls = SSL_new(context);
    if (!c->tls || SSL_set_fd(c->tls, fd) <= 0) {
        ERR_clear_error();
        return -ENOMEM;
    }
    (void)SSL_set_app_data(c->tls, c);
    *ret = TAKE_PTR(c);
    return 0;
}

int alpn_accept(AlpnServer *s, int fd, AlpnConnection **ret)
{
    int r = connection_new(s->tls, fd, ret);

    if (r >= 0)
        SSL_set_accept_state((*ret)->tls);
    return r;
}

int alpn_connect(int fd, const char *name, const char *key_authorization, AlpnConnection **ret)
{
    _cleanup_(SSL_CTX_freep) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    _cleanup_(alpn_connection_freep) AlpnConnection *c = NULL;
    char sni[SNI_MAX];
    int r;

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) <= 0 ||
        SSL_CTX_set_alpn_protos(context, (const uint8_t *)PROTOCOL, strlen(PROTOCOL)) != 0) {
        close(fd);
        ERR_clear_error();
        return -EIO;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); /* only the proof matters, and is checked below */
    r = connection_new(context, fd, &c);
    if (r >= 0)
        r = digest_sha256(key_authorization, strlen(key_authorization), c->digest);
    if (r < 0)
        return r;
    name_to_sni(name, sni);
    c->name = strdup(name);
    if (!c->name || SSL_set_tlsext_host_name(c->tls, sni) <= 0) {
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_connect_state(c->tls);
    *ret = TAKE_PTR(c);
    return 0;
}

AlpnConnection *alpn_connection_free(AlpnConnection *c)
{
    if (!c)
        return NULL;
    SSL_free(c->tls);
    close(c->fd);
    free(c->name);
    free(c);
    return NULL;
}

int alpn_connection_fd(const AlpnConnection *c)
{
    return c->fd;
}

bool alpn_connection_is_expected(const AlpnConnection *c)
{
    return c->expected;
}

/* ---- checking the proof of the peer */

/* NULL: there is none. */
static X509_EXTENSION *find_identifier(X509 *x)
{
    _cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *object = OBJ_txt2obj(ACME_IDENTIFIER, 1);
    int at = object ? X509_get_ext_by_OBJ(x, object, -1) : -1;

    return at >= 0 ? X509_get_ext(x, at) : NULL;
}

static bool identifier_is(X509_EXTENSION *extension, const uint8_t digest[static DIGEST_SIZE])
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);

    return X509_EXTENSION_get_critical(extension) && value->length == 2 + DIGEST_SIZE &&
           value->data[0] == V_ASN1_OCTET_STRING && value->data[1] == DIGEST_SIZE &&
           memcmp(value->data + 2, digest, DIGEST_SIZE) == 0;
}

static int check_proof(const AlpnConnection *c, Problem *problem)
{
    _cleanup_x509_ X509 *x = SSL_get1_peer_certificate(c->tls);
    X509_EXTENSION *identifier = x ? find_identifier(x) : NULL;
    _cleanup_strv_ char **names = NULL;
    const char *what = NULL;
    const uint8_t *protocol;
    unsigned size;
    int r;

    SSL_get0_alpn_selected(c->tls, &protocol, &size);
    if (size != strlen(PROTOCOL) - 1 || memcmp(protocol, &PROTOCOL[1], size) != 0)
        what = OTHER_SERVER;
    else if (!identifier)
        what = "the server presents a certificate without the proof (acmeIdentifier, RFC 8737)";
    else if (!identifier_is(identifier, c->digest))
        what = "the server presents the proof of another challenge or account";
    else if ((r = x509_names(x, &names)) < 0)
        return r;
    else if (strv_length(names) != 1 || !streq(names[0], c->name))
        what = "the server presents the proof of another name";
    return what ? problem_set(problem, PROBLEM_CHALLENGE_FAILED, "%s", what) : 0;
}

/* The peer is unreachable, or hangs up. */
static void describe_errno(int error, Problem *problem)
{
    if (error == 0 || error == ECONNRESET || error == EPIPE)
        (void)problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                          "the connection was closed before a proof was presented");
    else
        (void)problem_set(problem, PROBLEM_NETWORK_FAILED, "no connection can be made (%s)",
                          strerror(error));
}

static void describe_failure(int why, int error, Problem *problem)
{
    int reason = ERR_GET_REASON(ERR_peek_error());

    if (why == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        describe_errno(why == SSL_ERROR_SYSCALL ? error : 0, problem);
    else if (reason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
        (void)problem_set(problem, PROBLEM_CHALLENGE_FAILED, OTHER_SERVER);
    else if (reason == SSL_R_TLSV1_UNRECOGNIZED_NAME)
        (void)problem_set(problem, PROBLEM_CHALLENGE_FAILED, "the server does not know the name");
    else
        (void)problem_set(problem, PROBLEM_CHALLENGE_FAILED, "the TLS handshake fails (%s)",
                          openssl_error());
}

int alpn_connection_handshake(AlpnConnection *c, Problem *problem)
{
    int r, why, error;

    ERR_clear_error();
    errno = 0;
    r = SSL_do_handshake(c->tls);
    error = errno;
    if (r > 0) {
        r = c->name ? check_proof(c, problem) : 0;
        (void)SSL_shutdown(c->tls);
        ERR_clear_error();
        return r;
    }
    why = SSL_get_error(c->tls, r);
    if (why == SSL_ERROR_WANT_READ)
        return EPOLLIN;
    if (why == SSL_ERROR_WANT_WRITE)
        return EPOLLOUT;
    if (c->name)
        describe_failure(why, error, problem);
    ERR_clear_error();
    return -EPROTO;
}
