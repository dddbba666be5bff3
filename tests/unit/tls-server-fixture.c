/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-server-fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- contexts */

SSL_CTX *tls_context_make(const Issued *leaf, const Issued *more, size_t n_more)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_security_level(c, 0);
    g_assert_cmpint(SSL_CTX_set_min_proto_version(c, TLS1_VERSION), ==, 1);
    g_assert_cmpint(SSL_CTX_use_certificate(c, leaf->certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(c, leaf->key), ==, 1);
    for (size_t i = 0; i < n_more; i++)
        g_assert_cmpint(SSL_CTX_add1_chain_cert(c, more[i].certificate), ==, 1);
    return c;
}

void digest_of(const Issued *i, uint8_t ret[static DIGEST_SIZE])
{
    g_assert_cmpint(X509_digest(i->certificate, EVP_sha256(), ret, NULL), ==, 1);
}

void tls_server_add(TlsServer *s, SSL_CTX *context, int from)
{
    g_assert_cmpuint(s->n_contexts, <, ELEMENTSOF(s->contexts));
    s->contexts[s->n_contexts].context = context;
    s->contexts[s->n_contexts++].from = from;
}

static SSL_CTX *context_of(const TlsServer *s, int connection)
{
    SSL_CTX *c = s->contexts[0].context;

    for (size_t i = 0; i < s->n_contexts; i++)
        if (s->contexts[i].from <= connection)
            c = s->contexts[i].context;
    return c;
}

/* ---- talk */

static void say(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool hear(int fd, char *line, size_t size)
{
    size_t n = 0;
    char byte;

    while (n < size - 1 && recv(fd, &byte, 1, 0) == 1 && byte != '\n')
        line[n++] = byte;
    line[n] = 0;
    return n > 0;
}

static bool hear_line(int fd, const char *expected)
{
    char line[128];

    return hear(fd, line, sizeof(line)) && g_str_has_prefix(line, expected);
}

/* Returns true if TLS follows. */
static bool talk(const TlsServer *s, int fd)
{
    bool refuses = s->manner == SERVER_REFUSES_TLS;

    switch (s->scheme) {
    case PROBE_SMTP:
        say(fd, "220-mail.example ESMTP\r\n220 and more\r\n");
        if (!hear_line(fd, "EHLO "))
            return false;
        say(fd, "250-mail.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n");
        if (!hear_line(fd, "STARTTLS"))
            return false;
        if (s->manner != SERVER_STOPS)
            say(fd,
                refuses ? "454 4.7.0 TLS not available due to local problem\r\n" : "220 2.0.0 Ready\r\n");
        break;
    case PROBE_IMAP:
        say(fd, "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready.\r\n");
        if (!hear_line(fd, "a STARTTLS"))
            return false;
        say(fd, "* CAPABILITY IMAP4rev1\r\n");
        if (s->manner != SERVER_STOPS)
            say(fd,
                refuses ? "a BAD TLS support isn't enabled.\r\n" : "a OK Begin TLS negotiation now.\r\n");
        break;
    case PROBE_POP3:
        say(fd, "+OK ready.\r\n");
        if (!hear_line(fd, "STLS"))
            return false;
        if (s->manner != SERVER_STOPS)
            say(fd, refuses ? "-ERR TLS support isn't enabled.\r\n" : "+OK Begin TLS negotiation now.\r\n");
        break;
    default:
        if (refuses)
            say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
        return s->manner == SERVER_SERVES;
    }
    return s->manner == SERVER_SERVES;
}

static void serve(TlsServer *s, int fd, int connection)
{
    SSL *tls = SSL_new(context_of(s, connection));
    char rest[64];

    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) > 0)
        (void)SSL_read(tls, rest, sizeof(rest)); /* until the client closes */
    g_strlcpy(s->server_name, strempty(SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name)),
              sizeof(s->server_name));
    SSL_free(tls);
}

/* Returns true if the connection is to be closed. */
static bool converse(TlsServer *s, int fd, int connection)
{
    if (s->proxy && !hear(fd, s->header, sizeof(s->header)))
        return true;
    switch (s->manner) {
    case SERVER_HANGS_UP:
        return true;
    case SERVER_IS_SILENT:
        return false;
    case SERVER_IS_ANOTHER:
        say(fd, "SSH-2.0-OpenSSH_9.2p1\r\n");
        return false;
    case SERVER_NEVER_ENDS:
        for (int i = 0; i < 100; i++)
            say(fd,
                "220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x"
                "220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x220-x");
        return false;
    default:
        if (!talk(s, fd))
            return false;
        serve(s, fd, connection);
        return true;
    }
}

static void *run(void *userdata)
{
    TlsServer *s = userdata;
    int fd;

    while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (converse(s, fd, g_atomic_int_add(&s->n_connections, 1)))
            close(fd);
        else
            g_array_append_val(s->open, fd);
    }
    return NULL;
}

/* ---- start and stop */

void tls_server_start_at(TlsServer *s, const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } a = {};
    socklen_t size = strchr(address, ':') ? sizeof(a.in6) : sizeof(a.in4);

    a.any.sa_family = strchr(address, ':') ? AF_INET6 : AF_INET;
    g_assert_cmpint(inet_pton(a.any.sa_family, address,
                              a.any.sa_family == AF_INET ? (void *)&a.in4.sin_addr : &a.in6.sin6_addr),
                    ==, 1);
    s->open = g_array_new(FALSE, FALSE, sizeof(int));
    s->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(s->fd, >=, 0);
    g_assert_cmpint(bind(s->fd, &a.any, size), ==, 0);
    g_assert_cmpint(listen(s->fd, 16), ==, 0);
    g_assert_cmpint(getsockname(s->fd, &a.any, &size), ==, 0);
    s->port = ntohs(a.any.sa_family == AF_INET ? a.in4.sin_port : a.in6.sin6_port);
    s->thread = g_thread_new("server", run, s);
}

void tls_server_start(TlsServer *s)
{
    (void)signal(SIGPIPE, SIG_IGN);
    tls_server_start_at(s, "127.0.0.1");
}

void tls_server_stop(TlsServer *s)
{
    if (s->thread) {
        shutdown(s->fd, SHUT_RDWR);
        g_thread_join(s->thread);
        for (guint i = 0; i < s->open->len; i++)
            close(g_array_index(s->open, int, i));
        g_array_free(s->open, TRUE);
        close(s->fd);
    }
    for (size_t i = 0; i < s->n_contexts; i++)
        SSL_CTX_free(s->contexts[i].context);
}
