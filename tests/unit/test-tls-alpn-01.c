/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "crypto/tls-alpn.h"
#include "solvers/solver.h"
#include "util/text.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PROOF TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define NAME  FAKE_DNS_NAME

/* ---- a solver */

typedef struct Bed {
    sd_event *event;
    AcmeSettings settings;
    SolverContext context;
    char *listen[2];
    uint16_t port;
    Solver *solver;
} Bed;

/* A port that was free a moment ago, at 127.0.0.1 and 127.0.0.2. */
static uint16_t free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(a);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &size), ==, 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void bed_init(Bed *b)
{
    *b = (Bed){ .port = free_port() };
    g_assert_cmpint(sd_event_new(&b->event), >=, 0);
    loop = b->event;
    b->listen[0] = g_strdup_printf("127.0.0.1:%u", b->port);
    b->settings.tls_listen = b->listen;
    b->settings.tls_check_port = b->port;
    b->context = (SolverContext){ .event = b->event, .settings = &b->settings };
    g_assert_cmpint(solver_tls_new(&b->context, &b->solver), ==, 0);
}

static void bed_done(Bed *b)
{
    solver_free(b->solver);
    g_free(b->listen[0]);
    sd_event_unref(b->event);
}
#define _cleanup_bed_ _cleanup_(bed_done)

/* What the solver says. */
typedef struct Said {
    unsigned n;
    Problem problem;
} Said;

static void on_ready(const Problem *problem, void *userdata)
{
    Said *s = userdata;

    s->n++;
    problem_clear(&s->problem);
    problem_copy(problem, &s->problem);
    if (problem->text)
        g_test_message("%s", problem->text);
}

static bool was_said(void *userdata)
{
    return ((Said *)userdata)->n > 0;
}

static SolverTask *start(Bed *b, const char *name, const char *proof, Said *said)
{
    Proof p = { .name = name, .token = TOKEN, .key_authorization = proof };
    _cleanup_problem_ Problem problem = {};
    SolverTask *t = NULL;

    *said = (Said){};
    g_assert_cmpint(b->solver->ops->start(b->solver, &p, on_ready, said, &t, &problem), ==, 0);
    g_assert_cmpuint(said->n, ==, 0); /* never from within */
    return t;
}

static ProblemCode wait_for(Bed *b, Said *said)
{
    ProblemCode code;

    loop_until(b->event, was_said, said);
    g_assert_cmpuint(said->n, ==, 1);
    code = said->problem.code;
    problem_clear(&said->problem);
    return code;
}

/* ---- clients */

static int connect_to(const char *address, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert_cmpint(inet_pton(AF_INET, address, &a.sin_addr), ==, 1);
    g_assert_true(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno == EINPROGRESS);
    return fd;
}

/* An authority that validates, by another TLS than the solver's self-check. */
typedef struct Validation {
    char *argv[16];
    GThread *thread;
    char *output;
    int done;
} Validation;

static void *validate(void *userdata)
{
    Validation *v = userdata;

    (void)run_program(v->argv, &v->output);
    __atomic_store_n(&v->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static bool is_validated(void *userdata)
{
    return __atomic_load_n(&((Validation *)userdata)->done, __ATOMIC_ACQUIRE);
}

/* Whether openssl s_client gets there. */
static bool s_client(Bed *b, const char *sni)
{
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", b->port);
    Validation v = { .argv = { S("openssl"), S("s_client"), S("-connect"), address, S("-servername"), S(sni),
                               S("-alpn"), S("acme-tls/1"), S("-nameopt"), S("RFC2253"), NULL } };
    bool good;

    v.thread = g_thread_new("validation", validate, &v);
    while (!is_validated(&v))
        g_assert_cmpint(sd_event_run(b->event, 10000), >=, 0);
    g_thread_join(v.thread);
    good = strstr(v.output, "ALPN protocol: acme-tls/1") && strstr(v.output, "CN=ACME challenge");
    free(v.output);
    return good;
}

/* Connections that say nothing, a part of something, or something else, always more of them than there are places. */
#define ABUSERS (8 * LIMIT_CONNECTIONS)

static void abuse(Bed *b, int *fds, unsigned round)
{
    static const uint8_t hello[] = { 0x16, 0x03, 0x01, 0x01, 0x00, 0x01, 0x00, 0x00, 0xfc, 0x03, 0x03 };
    static const char http[] = "GET / HTTP/1.1\r\n";

    for (size_t i = round % 4; i < ABUSERS; i += 4) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = connect_to("127.0.0.1", b->port);
        if (i % 3 != 1)
            (void)!write(fds[i], hello, 1 + round % sizeof(hello));
        else if (round % 5 == 0)
            (void)!write(fds[i], http, strlen(http));
    }
    for (size_t i = 0; i < ABUSERS; i += 24) /* a little at a time */
        if (fds[i] >= 0)
            (void)!write(fds[i], "", 1);
}

/* Whether a client in this process sees the proof; it gives up when nothing goes on any more. */
static bool see(Bed *b, const char *name, const char *proof)
{
    AlpnConnection *c = NULL;
    int r;

    g_assert_cmpint(alpn_connect(connect_to("127.0.0.1", b->port), name, proof, &c), ==, 0);
    for (int i = 0; i < 6000 && (r = alpn_connection_handshake(c, NULL)) > 0; i++)
        g_assert_cmpint(sd_event_run(b->event, 10000), >=, 0);
    alpn_connection_free(c);
    return r == 0;
}

/* The same while abusers come between each two of its steps, of which there are the more with TLS 1.2. */
static bool see_through(Bed *b, SSL_CTX *context, int *abusers)
{
    int fd = connect_to("127.0.0.1", b->port), r = 0, why = SSL_ERROR_WANT_READ;
    SSL *tls = SSL_new(context);

    SSL_set_fd(tls, fd);
    SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)NAME);
    SSL_set_connect_state(tls);
    for (unsigned i = 0; i < 100 && r <= 0 && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE);
         i++) {
        r = SSL_do_handshake(tls);
        why = SSL_get_error(tls, r);
        abuse(b, abusers, i);
        for (unsigned n = 0; n < 1000 && sd_event_run(b->event, n > 0 ? 0 : 10000) > 0; n++)
            ;
    }
    SSL_free(tls);
    close(fd);
    ERR_clear_error();
    return r > 0;
}

/* ---- tests */

static void test_suits(void)
{
    _cleanup_problem_ Problem wildcard = {}, nowhere = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    g_assert_cmpstr(b.solver->ops->type, ==, "tls-alpn-01");
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
    g_assert_true(b.solver->ops->suits(b.solver, "192.0.2.1", false, NULL));
    g_assert_false(b.solver->ops->suits(b.solver, "example.com", true, &wildcard));
    g_assert_nonnull(strstr(wildcard.text, "dns-01"));
    b.settings.tls_listen = NULL;
    g_assert_false(b.solver->ops->suits(b.solver, NAME, false, &nowhere));
    g_assert_nonnull(strstr(nowhere.text, "TLSListen="));
}

/* It listens as long as there is a proof and no longer. */
static void test_proof(void)
{
    SolverTask *t, *other;
    _cleanup_bed_ Bed b;
    Said said, second;

    bed_init(&b);
    g_assert_false(see(&b, NAME, PROOF));
    t = start(&b, NAME, PROOF, &said);
    g_assert_cmpint(wait_for(&b, &said), ==, PROBLEM_NONE);
    g_assert_true(see(&b, NAME, PROOF));
    g_assert_true(s_client(&b, NAME));
    g_assert_false(s_client(&b, "www.example.org"));
    other = start(&b, "192.0.2.1", PROOF, &second);
    g_assert_true(see(&b, "192.0.2.1", PROOF));
    g_assert_true(s_client(&b, "1.2.0.192.in-addr.arpa"));
    solver_task_end(t);
    g_assert_false(see(&b, NAME, PROOF));
    g_assert_true(see(&b, "192.0.2.1", PROOF));
    solver_task_end(other);
    g_assert_false(see(&b, "192.0.2.1", PROOF));
    g_assert_cmpuint(second.n, <=, 1);
    t = start(&b, NAME, PROOF, &said); /* and once more; the solver is freed with it */
    g_assert_true(see(&b, NAME, PROOF));
}

/* Nothing is said of what has ended. */
static void test_end(void)
{
    _cleanup_bed_ Bed b;
    Said said;

    bed_init(&b);
    b.settings.self_check = true;
    solver_task_end(start(&b, "127.0.0.1", PROOF, &said));
    solver_task_end(start(&b, NAME, PROOF, &said));
    loop_for(b.event, 50000);
    g_assert_cmpuint(said.n, ==, 0);
}

static void test_port_taken(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    Proof p = { .name = NAME, .token = TOKEN, .key_authorization = PROOF };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _cleanup_problem_ Problem problem = {};
    SolverTask *t = NULL;
    _cleanup_bed_ Bed b;
    Said said = {};

    bed_init(&b);
    a.sin_port = htons(b.port);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    g_assert_cmpint(b.solver->ops->start(b.solver, &p, on_ready, &said, &t, &problem), <, 0);
    g_assert_null(t);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    g_assert_nonnull(strstr(problem.text, "TLSListen="));
}

/* Of two orders with one name, the second waits for the first, unless they are of one challenge. */
static void test_same_name(void)
{
    SolverTask *first, *second, *third, *fourth;
    Said a, b2, c, d;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    first = start(&b, NAME, PROOF, &a);
    second = start(&b, NAME, "other.proof", &b2);
    third = start(&b, NAME, PROOF, &c);
    fourth = start(&b, NAME, "third.proof", &d);
    g_assert_cmpint(wait_for(&b, &a), ==, PROBLEM_NONE);
    g_assert_cmpint(wait_for(&b, &c), ==, PROBLEM_NONE);
    solver_task_end(first);
    g_assert_true(see(&b, NAME, PROOF));
    g_assert_cmpuint(b2.n, ==, 0);
    solver_task_end(third);
    g_assert_cmpint(wait_for(&b, &b2), ==, PROBLEM_NONE);
    g_assert_true(see(&b, NAME, "other.proof"));
    g_assert_cmpuint(d.n, ==, 0);
    solver_task_end(second);
    g_assert_cmpint(wait_for(&b, &d), ==, PROBLEM_NONE);
    g_assert_true(see(&b, NAME, "third.proof"));
    solver_task_end(fourth);
    g_assert_false(see(&b, NAME, "third.proof"));
}

/* 127.0.0.1 is where the solver listens, 127.0.0.2 where nobody does, and 127.0.0.3 where others do. */
static void test_self_check(void)
{
    static char *const good[] = { S("127.0.0.1"), NULL }, *const away[] = { S("127.0.0.2"), NULL },
                       *const one_away[] = { S("127.0.0.2"), S("127.0.0.1"), NULL },
                       *const one_wrong[] = { S("127.0.0.1"), S("127.0.0.3"), NULL },
                       *const wrong_and_away[] = { S("127.0.0.2"), S("127.0.0.3"), NULL },
                       *const nonsense[] = { S("nonsense"), NULL }, *const empty[] = { NULL };
    static const struct {
        const char *name;
        DnsResult result;
        char *const *values;
        ProblemCode code;
        const char *text; /* what stands in the problem */
    } vectors[] = {
        { "127.0.0.1", DNS_FAILED, NULL, PROBLEM_NONE, NULL },
        { NAME, DNS_FOUND, good, PROBLEM_NONE, NULL },
        { NAME, DNS_FOUND, one_away, PROBLEM_NONE, NULL },
        { NAME, DNS_FOUND, away, PROBLEM_CHALLENGE_FAILED, "127.0.0.2" },
        { NAME, DNS_FOUND, one_wrong, PROBLEM_CHALLENGE_FAILED, "127.0.0.3" },
        { NAME, DNS_FOUND, wrong_and_away, PROBLEM_CHALLENGE_FAILED, "127.0.0.3" },
        { NAME, DNS_FOUND, nonsense, PROBLEM_CHALLENGE_FAILED, "nonsense" },
        { NAME, DNS_FOUND, empty, PROBLEM_CHALLENGE_FAILED, "address" },
        { NAME, DNS_NO_NAME, NULL, PROBLEM_CHALLENGE_FAILED, "does not exist in the DNS" },
        { NAME, DNS_NO_DATA, NULL, PROBLEM_CHALLENGE_FAILED, "no address" },
        { NAME, DNS_FAILED, NULL, PROBLEM_NETWORK_FAILED, "DNS" },
        { "127.0.0.2", DNS_FAILED, NULL, PROBLEM_CHALLENGE_FAILED, "SelfCheck=no" },
    };
    _cleanup_bed_ Bed b, other;
    SolverTask *elsewhere;
    Said said;

    bed_init(&b);
    bed_init(&other);
    g_free(other.listen[0]);
    other.listen[0] = g_strdup_printf("127.0.0.3:%u", b.port);
    elsewhere = start(&other, "www.example.org", PROOF, &said);
    loop = b.event;
    dns_problem = NULL;
    b.settings.self_check = true;
    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        SolverTask *t;

        dns_values = vectors[i].values;
        dns_result = vectors[i].result;
        t = start(&b, vectors[i].name, PROOF, &said);
        while (said.n == 0) {
            g_assert_cmpint(sd_event_run(b.event, 1000), >=, 0);
            g_assert_cmpint(sd_event_run(other.event, 0), >=, 0);
        }
        if (said.problem.code != vectors[i].code ||
            (vectors[i].text &&
             (!strstr(said.problem.text, vectors[i].text) || !strstr(said.problem.text, vectors[i].name))))
            note_failure("vector %zu: %s: %s", i, problem_code_to_string(said.problem.code),
                         strempty(said.problem.text));
        problem_clear(&said.problem);
        solver_task_end(t);
    }
    solver_task_end(elsewhere);
}

static void test_abuse(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    unsigned n_seen = 0;
    int fds[ABUSERS];
    SolverTask *t;
    _cleanup_bed_ Bed b;
    Said said;

    bed_init(&b);
    memset(fds, -1, sizeof(fds));
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_alpn_protos(context, (const uint8_t *)"\012acme-tls/1", 11);
    t = start(&b, NAME, PROOF, &said);
    for (unsigned round = 0; round < 100; round++) {
        abuse(&b, fds, round);
        n_seen += see_through(&b, context, fds);
    }
    g_assert_cmpuint(n_seen, ==, 100);
    g_assert_true(s_client(&b, NAME));
    for (size_t i = 0; i < ABUSERS; i++)
        close(fds[i]);
    SSL_CTX_free(context);
    solver_task_end(t);
}

static bool is_closed(void *userdata)
{
    char buffer[256];
    ssize_t n = recv(*(int *)userdata, buffer, sizeof(buffer), MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != ENOTCONN);
}

/* One more byte of a ClientHello that never ends. */
static bool is_closed_while_trickling(void *userdata)
{
    static const uint8_t hello[] = { 0x16, 0x03, 0x01, 0x3f, 0xff, 0x01, 0x00, 0x3f, 0xfb, 0x03, 0x03 };
    static size_t at;

    (void)!send(*(int *)userdata, at < sizeof(hello) ? hello + at : (const uint8_t *)"", 1, MSG_NOSIGNAL);
    at++;
    return is_closed(userdata);
}

/* Who stalls is closed, whether he says nothing or goes on saying it, and after a proof was asked for as well. */
static void test_stalled(void)
{
    AlpnConnection *half = NULL;
    int silent, trickling, fd;
    SolverTask *t;
    _cleanup_bed_ Bed b;
    Said said;

    bed_init(&b);
    t = start(&b, NAME, PROOF, &said);
    silent = connect_to("127.0.0.1", b.port);
    trickling = connect_to("127.0.0.1", b.port);
    g_assert_cmpint(alpn_connect(connect_to("127.0.0.1", b.port), NAME, PROOF, &half), ==, 0);
    g_assert_cmpint(alpn_connection_handshake(half, NULL), ==, EPOLLIN); /* a ClientHello, and no more */
    fd = alpn_connection_fd(half);
    loop_until(b.event, is_closed_while_trickling, &trickling);
    loop_until(b.event, is_closed, &silent);
    loop_until(b.event, is_closed, &fd);
    alpn_connection_free(half);
    close(silent);
    close(trickling);
    solver_task_end(t);
}

/* A socket of systemd's is used instead of an address, and stays open. */
static void test_passed(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    g_autofree char *pid = g_strdup_printf("%d", getpid());
    socklen_t size = sizeof(a);
    SolverTask *t;
    Said said;
    Bed b;
    int fd;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_test_trap_assert_passed();
        return;
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &size), ==, 0);
    g_assert_cmpint(listen(fd, 16), ==, 0);
    g_assert_cmpint(dup2(fd, 4), ==, 4);
    g_assert_cmpint(dup2(4, 3), ==, 3);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "other:tls-alpn-01", 1);
    bed_init(&b);
    b.settings.tls_listen = NULL;
    b.port = ntohs(a.sin_port);
    g_assert_true(b.solver->ops->suits(b.solver, NAME, false, NULL));
    g_assert_false(see(&b, NAME, PROOF)); /* is answered, and refused */
    t = start(&b, NAME, PROOF, &said);
    g_assert_true(see(&b, NAME, PROOF));
    solver_task_end(t);
    g_assert_false(see(&b, NAME, PROOF));
    t = start(&b, NAME, PROOF, &said);
    g_assert_true(see(&b, NAME, PROOF));
    solver_task_end(t);
    g_assert_cmpint(fcntl(4, F_GETFD), >=, 0);
    bed_done(&b);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/solver-tls/suits", test_suits);
    g_test_add_func("/solver-tls/proof", test_proof);
    g_test_add_func("/solver-tls/end", test_end);
    g_test_add_func("/solver-tls/port-taken", test_port_taken);
    g_test_add_func("/solver-tls/same-name", test_same_name);
    g_test_add_func("/solver-tls/self-check", test_self_check);
    g_test_add_func("/solver-tls/abuse", test_abuse);
    g_test_add_func("/solver-tls/stalled", test_stalled);
    g_test_add_func("/solver-tls/passed", test_passed);
    return g_test_run();
}
