/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "crypto/key.h"
#include "crypto/tls-alpn.h"

#define ACME       "\012acme-tls/1"
#define IDENTIFIER "1.3.6.1.5.5.7.1.31"
#define PROOF      "token.thumbprint"

static void make_pair(int ret[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret), ==, 0);
}

/* ---- the server, asked by OpenSSL's own client */

typedef struct Question {
    const char *sni;
    const char *alpn; /* as it goes over the wire; NULL: none */
    int version_min, version_max;
} Question;

typedef struct Reply {
    bool shaken;
    X509 *certificate;
    char *protocol;
    bool resumable;
    int version;
} Reply;

static void reply_done(Reply *r)
{
    X509_free(r->certificate);
    g_free(r->protocol);
}
#define _cleanup_reply_ _cleanup_(reply_done)

static SSL *client_new(const Question *q, int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls;

    SSL_CTX_set_security_level(context, 0); /* old versions as well */
    SSL_CTX_set_min_proto_version(context, q->version_min);
    SSL_CTX_set_max_proto_version(context, q->version_max);
    tls = SSL_new(context);
    SSL_CTX_free(context);
    if (q->sni)
        SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)q->sni);
    if (q->alpn)
        SSL_set_alpn_protos(tls, (const uint8_t *)q->alpn, (unsigned)strlen(q->alpn));
    SSL_set_fd(tls, fd);
    SSL_set_connect_state(tls);
    return tls;
}

static void read_reply(SSL *tls, Reply *ret)
{
    const uint8_t *protocol;
    unsigned size;

    SSL_get0_alpn_selected(tls, &protocol, &size);
    *ret = (Reply){
        .shaken = true,
        .certificate = SSL_get1_peer_certificate(tls),
        .protocol = g_strndup((const char *)protocol, size),
        .resumable = SSL_SESSION_is_resumable(SSL_get_session(tls)),
        .version = SSL_version(tls),
    };
}

/* Both sides by turns until the server is done; the client's handshake has to be over as well for it to count. */
static Reply ask(AlpnServer *s, const Question *q, bool *ret_expected)
{
    AlpnConnection *c = NULL;
    Reply reply = {};
    int fds[2], events = 1;
    bool done = false;
    char byte;
    SSL *tls;

    make_pair(fds);
    g_assert_cmpint(alpn_accept(s, fds[0], &c), ==, 0);
    g_assert_cmpint(alpn_connection_fd(c), ==, fds[0]);
    tls = client_new(q, fds[1]);
    for (int i = 0; i < 20 && events > 0; i++) {
        done = SSL_do_handshake(tls) > 0;
        events = alpn_connection_handshake(c, NULL);
    }
    g_assert_cmpint(events, <=, 0);
    if (events == 0) {
        done = done || SSL_do_handshake(tls) > 0;
        g_assert_true(done);
        (void)SSL_read(tls, &byte, 1); /* tickets would come now */
        read_reply(tls, &reply);
    }
    if (ret_expected)
        *ret_expected = alpn_connection_is_expected(c);
    alpn_connection_free(c);
    SSL_free(tls);
    close(fds[1]);
    ERR_clear_error();
    return reply;
}

static AlpnServer *server_new(void)
{
    AlpnServer *s = NULL;

    g_assert_cmpint(alpn_server_new(&s), ==, 0);
    g_assert_cmpint(alpn_server_add(s, "www.example.com", PROOF), ==, 0);
    g_assert_cmpint(alpn_server_add(s, "192.0.2.17", PROOF), ==, 0);
    g_assert_cmpint(alpn_server_add(s, "2001:db8::f00", PROOF), ==, 0);
    return s;
}

/* RFC 8737 section 3. */
static void test_certificate(void)
{
    static const struct {
        const char *sni, *names;
    } vectors[] = {
        { "www.example.com", "DNS:www.example.com" },
        { "WWW.Example.COM", "DNS:www.example.com" },
        { "17.2.0.192.in-addr.arpa", "IP Address:192.0.2.17" },
        { "0.0.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
          "IP Address:2001:DB8:0:0:0:0:0:F00" },
    };
    _cleanup_(alpn_server_freep) AlpnServer *s = server_new();
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, PROOF, -1);
    g_autofree char *expected = g_strdup_printf("0420%s", digest);

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        Question q = { vectors[i].sni, ACME, TLS1_2_VERSION, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION };
        _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
        _cleanup_free_ char *names = NULL;
        ASN1_OBJECT *object = OBJ_txt2obj(IDENTIFIER, 1);
        g_autoptr(GString) value = g_string_new(NULL);
        const ASN1_OCTET_STRING *data;
        _cleanup_reply_ Reply reply = ask(s, &q, NULL);
        X509_EXTENSION *e;

        g_assert_true(reply.shaken);
        g_assert_cmpstr(reply.protocol, ==, "acme-tls/1");
        g_assert_false(reply.resumable);
        g_assert_cmpint(reply.version, ==, q.version_max);
        g_assert_cmpint(X509_self_signed(reply.certificate, 1), ==, 1);
        e = X509_get_ext(reply.certificate, X509_get_ext_by_OBJ(reply.certificate, object, -1));
        ASN1_OBJECT_free(object);
        g_assert_true(X509_EXTENSION_get_critical(e));
        data = X509_EXTENSION_get_data(e);
        for (int n = 0; n < data->length; n++)
            g_string_append_printf(value, "%02x", data->data[n]);
        g_assert_cmpstr(value->str, ==, expected);
        e = X509_get_ext(reply.certificate,
                         X509_get_ext_by_NID(reply.certificate, NID_subject_alt_name, -1));
        g_assert_cmpint(X509V3_EXT_print(bio, e, 0, 0), ==, 1);
        g_assert_cmpint(bio_to_text(bio, &names), ==, 0);
        g_assert_cmpstr(names, ==, vectors[i].names);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *what;
        Question q;
    } vectors[] = {
        { "no ALPN", { "www.example.com", NULL, 0, 0 } },
        { "another protocol", { "www.example.com", "\002h2", 0, 0 } },
        { "one more, behind", { "www.example.com", ACME "\002h2", 0, 0 } },
        { "one more, in front", { "www.example.com", "\002h2" ACME, 0, 0 } },
        { "nearly", { "www.example.com", "\012acme-tls/2", 0, 0 } },
        { "no name", { NULL, ACME, 0, 0 } },
        { "another name", { "www.example.org", ACME, 0, 0 } },
        { "a part of a name", { "example.com", ACME, 0, 0 } },
        { "an address as it is", { "192.0.2.17", ACME, 0, 0 } },
        { "TLS 1.1", { "www.example.com", ACME, TLS1_VERSION, TLS1_1_VERSION } },
        { "TLS 1.0", { "www.example.com", ACME, TLS1_VERSION, TLS1_VERSION } },
    };
    _cleanup_(alpn_server_freep) AlpnServer *s = server_new();

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        bool expected;
        _cleanup_reply_ Reply reply = ask(s, &vectors[i].q, &expected);

        if (reply.shaken || reply.certificate)
            note_failure("%s: there is a handshake", vectors[i].what);
        if (expected && !strstr(vectors[i].what, "TLS 1"))
            note_failure("%s: is taken for an authority", vectors[i].what);
    }
}

static void test_remove(void)
{
    static const Question q = { "www.example.com", ACME, 0, 0 };
    _cleanup_(alpn_server_freep) AlpnServer *s = server_new();
    _cleanup_reply_ Reply first = ask(s, &q, NULL), second = {}, third = {}, fourth = {};

    g_assert_cmpint(alpn_server_add(s, "www.example.com", "another"), ==, 0);
    second = ask(s, &q, NULL);
    g_assert_true(first.shaken && second.shaken);
    g_assert_cmpint(X509_cmp(first.certificate, second.certificate), !=, 0);
    alpn_server_remove(s, "www.example.com");
    alpn_server_remove(s, "www.example.com");
    third = ask(s, &q, NULL);
    g_assert_false(third.shaken);
    fourth = ask(s, &(Question){ "17.2.0.192.in-addr.arpa", ACME, 0, 0 }, NULL);
    g_assert_true(fourth.shaken);
}

/* ---- the client */

/* What the client makes of it; its problem's code. */
static ProblemCode look(AlpnServer *s, SSL *other, const int fds[2], const char *name, const char *proof)
{
    AlpnConnection *server = NULL, *client = NULL;
    _cleanup_problem_ Problem problem = {};
    int there = 1, here = 1;

    if (s)
        g_assert_cmpint(alpn_accept(s, fds[0], &server), ==, 0);
    g_assert_cmpint(alpn_connect(fds[1], name, proof, &client), ==, 0);
    for (int i = 0; i < 20 && here > 0; i++) {
        here = alpn_connection_handshake(client, &problem);
        if (server && there > 0)
            there = alpn_connection_handshake(server, NULL);
        if (other)
            (void)SSL_do_handshake(other);
    }
    g_assert_cmpint(here, <=, 0);
    g_assert_true((here == 0) == (problem.code == PROBLEM_NONE));
    if (problem.text)
        g_test_message("%s", problem.text);
    alpn_connection_free(server);
    alpn_connection_free(client);
    ERR_clear_error();
    return problem.code;
}

static ProblemCode look_at(AlpnServer *s, const char *name, const char *proof)
{
    int fds[2];

    make_pair(fds);
    return look(s, NULL, fds, name, proof);
}

static void test_client(void)
{
    _cleanup_(alpn_server_freep) AlpnServer *s = server_new();

    g_assert_cmpint(look_at(s, "www.example.com", PROOF), ==, PROBLEM_NONE);
    g_assert_cmpint(look_at(s, "192.0.2.17", PROOF), ==, PROBLEM_NONE);
    g_assert_cmpint(look_at(s, "2001:db8::f00", PROOF), ==, PROBLEM_NONE);
    g_assert_cmpint(look_at(s, "www.example.com", "token.other"), ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_cmpint(look_at(s, "www.example.org", PROOF), ==, PROBLEM_CHALLENGE_FAILED);
}

static int accept_anything(SSL *tls _unused_, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned size _unused_, void *userdata _unused_)
{
    *ret = offered + 1;
    *ret_size = offered[0];
    return SSL_TLSEXT_ERR_OK;
}

/* A certificate as another server may show it: the extension's value in hexadecimal, or none. */
static Issued other_certificate(const char *names, const char *identifier, bool critical)
{
    Issued i = issue(&(CertificateSpec){ .subject = "other", .names = names }, NULL, NULL);

    if (identifier) {
        ASN1_OBJECT *object = OBJ_txt2obj(IDENTIFIER, 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e;
        long size;
        uint8_t *data = OPENSSL_hexstr2buf(identifier, &size);

        ASN1_OCTET_STRING_set(value, data, (int)size);
        e = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
        g_assert_cmpint(X509_add_ext(i.certificate, e, -1), ==, 1);
        g_assert_cmpint(X509_sign(i.certificate, i.key, EVP_sha256()), >, 0);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(object);
        OPENSSL_free(data);
    }
    return i;
}

static ProblemCode look_at_other(const Issued *i, bool alpn)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ProblemCode code;
    int fds[2];
    SSL *tls;

    g_assert_cmpint(SSL_CTX_use_certificate(context, i->certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(context, i->key), ==, 1);
    if (alpn)
        SSL_CTX_set_alpn_select_cb(context, accept_anything, NULL);
    tls = SSL_new(context);
    make_pair(fds);
    SSL_set_fd(tls, fds[0]);
    SSL_set_accept_state(tls);
    code = look(NULL, tls, fds, "www.example.com", PROOF);
    SSL_free(tls);
    SSL_CTX_free(context);
    close(fds[0]);
    return code;
}

/* Servers that are not the one that proves. The first vector shows that it is the other ones' faults that are found. */
static void test_client_refuses(void)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, PROOF, -1);
    g_autofree char *good = g_strdup_printf("0420%s", digest), *bare = g_strdup(digest),
                    *longer = g_strdup_printf("0421%s00", digest),
                    *tail = g_strdup_printf("0420%s00", digest);
    const struct {
        const char *names, *identifier;
        bool critical, alpn, good;
    } vectors[] = {
        { "DNS:www.example.com", good, true, true, true },
        { "DNS:www.example.com", good, true, false, false },
        { "DNS:www.example.com", good, false, true, false },
        { "DNS:www.example.com", NULL, false, true, false },
        { "DNS:www.example.com", bare, true, true, false },
        { "DNS:www.example.com", longer, true, true, false },
        { "DNS:www.example.com", tail, true, true, false },
        { "DNS:www.example.com", "0420", true, true, false },
        { "DNS:www.example.com,DNS:example.com", good, true, true, false },
        { "DNS:*.example.com", good, true, true, false },
        { "IP:192.0.2.1", good, true, true, false },
    };

    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        _cleanup_issued_ Issued other =
            other_certificate(vectors[i].names, vectors[i].identifier, vectors[i].critical);
        ProblemCode code = look_at_other(&other, vectors[i].alpn);

        if (code != (vectors[i].good ? PROBLEM_NONE : PROBLEM_CHALLENGE_FAILED))
            note_failure("vector %zu: %s", i, problem_code_to_string(code));
    }
}

/* No TLS at all. */
static void test_client_meets_others(void)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    int fds[2];

    make_pair(fds);
    close(fds[0]);
    g_assert_cmpint(look(NULL, NULL, fds, "www.example.com", PROOF), ==, PROBLEM_CHALLENGE_FAILED);
    make_pair(fds);
    g_assert_cmpint(write(fds[0], http, strlen(http)), ==, strlen(http));
    g_assert_cmpint(look(NULL, NULL, fds, "www.example.com", PROOF), ==, PROBLEM_CHALLENGE_FAILED);
    close(fds[0]);
}

/* Noise of many lengths, half of it as a ClientHello begins. */
static void test_noise(void)
{
    static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x00, 0x80, 0x01, 0x00, 0x00, 0x7c };
    _cleanup_(alpn_server_freep) AlpnServer *s = server_new();

    for (size_t n = sizeof(record); n < 400; n += 13) {
        uint8_t noise[400] = {};
        AlpnConnection *c = NULL;
        int fds[2];

        make_pair(fds);
        g_assert_cmpint(alpn_accept(s, fds[0], &c), ==, 0);
        memcpy(noise, record, sizeof(record));
        for (size_t i = n % 2 ? 0 : sizeof(record); i < n; i++)
            noise[i] = (uint8_t)g_test_rand_int();
        g_assert_cmpint(write(fds[1], noise, n), ==, n);
        (void)shutdown(fds[1], SHUT_WR);
        g_assert_cmpint(alpn_connection_handshake(c, NULL), <, 0);
        g_assert_false(alpn_connection_is_expected(c));
        alpn_connection_free(c);
        close(fds[1]);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/tls-alpn/certificate", test_certificate);
    g_test_add_func("/tls-alpn/refused", test_refused);
    g_test_add_func("/tls-alpn/remove", test_remove);
    g_test_add_func("/tls-alpn/client", test_client);
    g_test_add_func("/tls-alpn/client-refuses", test_client_refuses);
    g_test_add_func("/tls-alpn/client-meets-others", test_client_meets_others);
    g_test_add_func("/tls-alpn/noise", test_noise);
    return g_test_run();
}
