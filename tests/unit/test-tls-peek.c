/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-server-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <openssl/x509v3.h>

#include "crypto/tls-peek.h"
#include "util/text.h"
#include "util/time.h"

/* Servers that mean no good, at the other end of a socket pair; those that do are in test-probe.c. */

#define NAME      "www.example.com"
#define TIMEOUT   30000
#define MUTATED   300
#define MANY      (100 * 1000 * 1000L)
#define NO_FLIP   (-1)
#define LARGEST   (LIMIT_PRESENTED_CHAIN + 20 * 1024)
#define STEP_USEC (20 * USEC_PER_MSEC)

typedef struct Peer {
    int fd;
    SSL_CTX *context;
    long flip; /* number of the byte whose bits are changed */
    uint8_t bits;
    bool slowly; /* byte by byte */
    long n_sent;
} Peer;

typedef struct Outcome {
    int r;
    size_t n;
    int64_t took; /* milliseconds */
    uint64_t error;
} Outcome;

/* Whatever is presented can be described, or is refused. */
static void check_description(const TlsPeek *p, int r, const uint8_t (*digests)[DIGEST_SIZE])
{
    _cleanup_chain_ Chain *chain = NULL;
    char fingerprint[2 * DIGEST_SIZE + 1];
    int described = tls_peek_describe(p, &chain);

    if (r < 0 || described < 0)
        return;
    hex_encode(digests[0], DIGEST_SIZE, false, fingerprint);
    g_assert_cmpstr(chain_leaf(chain)->fingerprint, ==, fingerprint);
}

static Outcome peek(void *(*server)(void *userdata), Peer *peer, int64_t timeout)
{
    _cleanup_(tls_peek_freep) TlsPeek *p = NULL;
    const uint8_t(*digests)[DIGEST_SIZE];
    int64_t start = monotonic_msec();
    Outcome o = {};
    GThread *thread;
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    g_assert_true(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    peer->fd = ends[1];
    thread = g_thread_new("peer", server, peer);
    g_assert_cmpint(tls_peek_new(&p), ==, 0);
    o.r = tls_peek(p, NAME, TLS_PEEK_ANY, ends[0], start + timeout);
    o.took = monotonic_msec() - start;
    o.n = tls_peek_chain(p, &digests);
    o.error = tls_peek_error(p);
    check_description(p, o.r, digests);
    close(ends[0]);
    g_thread_join(thread);
    return o;
}

static bool deliver(Peer *p, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char byte = p->n_sent++ == p->flip ? (char)(data[i] ^ (char)p->bits) : data[i];

        if (p->slowly)
            g_usleep(STEP_USEC);
        if (send(p->fd, &byte, 1, MSG_NOSIGNAL) != 1)
            return false;
    }
    return true;
}

/* A server of TLS whose bytes pass through deliver(). */
static void *run_server(void *userdata)
{
    Peer *p = userdata;
    SSL *tls = SSL_new(p->context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char buffer[16 * 1024];
    int n = 0;

    SSL_set_bio(tls, in, out);
    SSL_set_accept_state(tls);
    do {
        if (n > 0)
            BIO_write(in, buffer, n);
        (void)SSL_do_handshake(tls);
        while ((n = BIO_read(out, buffer, sizeof(buffer))) > 0)
            if (!deliver(p, buffer, (size_t)n))
                break;
        n = (int)recv(p->fd, buffer, sizeof(buffer), 0);
    } while (n > 0);
    close(p->fd);
    SSL_free(tls);
    return NULL;
}

/* Records of a handshake without end. */
static void *run_endless(void *userdata)
{
    static const char head[] = { 0x16, 0x03, 0x03, 0x40, 0x00, 0x02, (char)0xff, (char)0xff, (char)0xff };
    static char record[5 + 0x4000];
    Peer *p = userdata;
    ssize_t n;

    memcpy(record, head, sizeof(head));
    while (p->n_sent < MANY && (n = send(p->fd, record, sizeof(record), MSG_NOSIGNAL)) > 0)
        p->n_sent += n;
    close(p->fd);
    return NULL;
}

/* Alerts of the kind that does not end a connection, without end. */
static void *run_warnings(void *userdata)
{
    static const char alert[] = { 0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x5a };
    Peer *p = userdata;

    while (p->n_sent < MANY && send(p->fd, alert, sizeof(alert), MSG_NOSIGNAL) > 0)
        p->n_sent += (long)sizeof(alert);
    close(p->fd);
    return NULL;
}

static SSL_CTX *context_make(size_t comment)
{
    g_autofree char *text = g_strnfill(comment, 'x');
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = NAME }, NULL, NULL);

    if (comment > 0) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, text);

        g_assert_cmpint(X509_add_ext(i.certificate, e, -1), ==, 1);
        X509_EXTENSION_free(e);
        g_assert_cmpint(X509_sign(i.certificate, i.key, EVP_sha256()), >, 0);
    }
    return tls_context_make(&i, NULL, 0);
}

static void test_large(void)
{
    static const struct {
        size_t size;
        int r;
    } rows[] = { { 0, 0 }, { LIMIT_PRESENTED_CHAIN - 1024, 0 }, { LARGEST, -E2BIG } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            Peer p = { .context = context_make(rows[i].size), .flip = NO_FLIP };
            Outcome o;

            g_assert_cmpint(SSL_CTX_set_max_proto_version(p.context, version), ==, 1);
            o = peek(run_server, &p, TIMEOUT);
            if (o.r != rows[i].r || o.n != (o.r == 0))
                note_failure("%zu: %d, %zu (%s)", rows[i].size, o.r, o.n, tls_error_to_text(o.error));
            SSL_CTX_free(p.context);
        }
}

static void test_endless(void)
{
    Peer p = { .flip = NO_FLIP }, q = { .flip = NO_FLIP };
    Outcome o = peek(run_endless, &p, TIMEOUT);

    g_assert_cmpint(o.r, <, 0);
    g_assert_cmpint(o.r, !=, -ETIMEDOUT);
    g_assert_cmpint(p.n_sent, <, 10 * 1000 * 1000);
    o = peek(run_warnings, &q, TIMEOUT);
    g_assert_cmpint(o.r, <, 0);
    g_assert_cmpint(o.r, !=, -ETIMEDOUT);
    g_assert_cmpint(q.n_sent, <, 10 * 1000 * 1000);
}

static void test_slow(void)
{
    Peer p = { .context = context_make(0), .flip = NO_FLIP, .slowly = true };
    Outcome o = peek(run_server, &p, 300);

    g_assert_cmpint(o.r, ==, -ETIMEDOUT);
    g_assert_cmpint(o.took, <, 5000);
    SSL_CTX_free(p.context);
}

/* One byte is wrong, somewhere in what the server sends: nothing but the chain itself may be taken from it. */
static void test_mutated(void)
{
    Sample sample = sample_of(MUTATED);
    g_autoptr(GRand) random = g_rand_new_with_seed(sample.seed);
    Peer whole = { .context = context_make(0), .flip = NO_FLIP };
    int n_failed = 0;

    SSL_CTX_set_num_tickets(whole.context, 0);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        g_assert_cmpint(SSL_CTX_set_max_proto_version(whole.context, version), ==, 1);
        whole.n_sent = 0;
        g_assert_cmpint(peek(run_server, &whole, TIMEOUT).r, ==, 0);
        for (int i = 0; i < sample.n / 2; i++) {
            Peer p = { .context = whole.context,
                       .flip = g_rand_int_range(random, 0, (int)whole.n_sent),
                       .bits = (uint8_t)g_rand_int_range(random, 1, 256) };
            Outcome o = peek(run_server, &p, 500);

            n_failed += o.r < 0;
            if (o.n > 1 || (o.r == 0 && o.n != 1))
                note_failure("byte %ld: %d, %zu certificates", p.flip, o.r, o.n);
        }
    }
    /* all bytes count but those of lengths that happen to fit */
    g_assert_cmpint(n_failed, >=, sample.n / 2);
    SSL_CTX_free(whole.context);
}

static void test_errors(void)
{
    g_assert_cmpstr(tls_error_to_text(0), ==, "unknown error");
    g_assert_cmpstr(tls_error_to_text(UINT64_MAX), ==, "unknown error");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/tls-peek/large", test_large);
    g_test_add_func("/tls-peek/endless", test_endless);
    g_test_add_func("/tls-peek/slow", test_slow);
    g_test_add_func("/tls-peek/mutated", test_mutated);
    g_test_add_func("/tls-peek/errors", test_errors);
    return g_test_run();
}
