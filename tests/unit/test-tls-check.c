/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "solvers/tls-check.h"
#include "solvers/tls-server.h"

/* One address that is its own name; what comes of several is the matter of test-self-check.c. */

#define NAME  "127.0.0.1"
#define PROOF "token.print"

/* ---- timers of these tests: they never go off, or at once */

static bool time_is_over;

typedef struct Timer {
    sd_event_time_handler_t handler;
    void *userdata;
} Timer;

static int on_timer(sd_event_source *s, void *userdata)
{
    const Timer *t = userdata;

    return t->handler(s, 0, t->userdata);
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock _unused_,
                               uint64_t usec _unused_, uint64_t accuracy _unused_,
                               sd_event_time_handler_t handler, void *userdata)
{
    Timer *t = g_new(Timer, 1);

    *t = (Timer){ handler, userdata };
    g_assert_cmpint(sd_event_add_defer(e, ret, on_timer, t), >=, 0);
    g_assert_cmpint(sd_event_source_set_destroy_callback(*ret, g_free), >=, 0);
    return sd_event_source_set_enabled(*ret, time_is_over ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---- a check */

typedef struct Bed {
    AcmeSettings settings;
    SolverContext context;
    Solver solver;
    Task task;
    TlsCheck check;
    unsigned n;
    Problem problem;
} Bed;

static void on_ready(const Problem *problem, void *userdata)
{
    Bed *b = userdata;

    b->n++;
    g_assert_cmpint(problem_copy(problem, &b->problem), ==, 0);
}

static void bed_init(Bed *b)
{
    *b = (Bed){};
    time_is_over = false;
    g_assert_cmpint(sd_event_new(&b->context.event), >=, 0);
    b->context.settings = &b->settings;
    b->solver.context = &b->context;
}

static void bed_start(Bed *b, const char *name, const char *proof, uint16_t port)
{
    const Proof p = { .name = name, .token = "token", .key_authorization = proof };

    g_assert_cmpint(task_init(&b->task, &b->solver, &p, on_ready, b), >=, 0);
    g_assert_cmpint(tls_check_start(&b->check, &b->task, port, NULL), >=, 0);
    g_assert_cmpuint(b->n, ==, 0); /* never from within */
}

static void bed_done(Bed *b)
{
    self_check_end(&b->check.check);
    task_done(&b->task);
    loop_for(b->context.event, 1000);
    problem_clear(&b->problem);
    sd_event_unref(b->context.event);
}
#define _cleanup_bed_ _cleanup_(bed_done)

static bool is_ready(void *userdata)
{
    return ((Bed *)userdata)->n > 0;
}

/* text NULL: the proof was seen. */
static void assert_ready(Bed *b, const char *text)
{
    loop_until(b->context.event, is_ready, b);
    loop_for(b->context.event, 1000);
    g_assert_cmpuint(b->n, ==, 1);
    if (!text) {
        g_assert_cmpstr(b->problem.text, ==, NULL);
        return;
    }
    g_assert_cmpint(b->problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(b->problem.text, text))
        note_failure("\"%s\" does not say \"%s\"", b->problem.text, text);
}

/* A socket on a port of its own. */
static int occupy(uint16_t *ret_port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&in, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &size), ==, 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

/* ---- tests */

static void assert_shown(const char *shown, const char *looked_for, const char *text)
{
    TlsListener *listener;
    char *addresses[2] = {};
    uint16_t port;
    _cleanup_bed_ Bed b;

    close(occupy(&port));
    bed_init(&b);
    addresses[0] = g_strdup_printf(NAME ":%u", port);
    g_assert_cmpint(tls_listener_new(b.context.event, &listener), ==, 0);
    g_assert_cmpint(tls_listener_add(listener, addresses, NAME, shown, NULL), ==, 0);
    bed_start(&b, NAME, looked_for, port);
    assert_ready(&b, text);
    tls_listener_free(listener);
    g_free(addresses[0]);
}

static void test_proof(void)
{
    assert_shown(PROOF, PROOF, NULL);
}

/* Somebody else answers: where, and what to do. */
static void test_another_proof(void)
{
    assert_shown("another.proof", PROOF, "was not found at " NAME " port ");
    assert_shown("another.proof", PROOF, "leads to an address of TLSListen=");
}

static void test_nobody(void)
{
    uint16_t port;
    _cleanup_close_ int fd = occupy(&port); /* nobody listens at it */
    _cleanup_bed_ Bed b;

    g_assert_cmpint(fd, >=, 0);
    bed_init(&b);
    bed_start(&b, NAME, PROOF, port);
    assert_ready(&b, "SelfCheck=no");
}

/* Connections are made, but nobody takes them. */
static void test_silence(void)
{
    uint16_t port;
    _cleanup_close_ int fd = occupy(&port);
    _cleanup_bed_ Bed b;

    g_assert_cmpint(listen(fd, 8), ==, 0);
    bed_init(&b);
    time_is_over = true;
    bed_start(&b, NAME, PROOF, port);
    assert_ready(&b, "no answer within 10 seconds; check that the name leads");
}

/* An address of a family that the kernel does not have, or from which nothing is sent there. */
static void test_no_connection(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    bed_start(&b, "255.255.255.255", PROOF, 443);
    assert_ready(&b, "connection failed (");
}

/* After every number of turns of the loop: nothing is said of what has ended. */
static void test_end(void)
{
    uint16_t port;
    _cleanup_close_ int fd = occupy(&port);

    g_assert_cmpint(listen(fd, 8), ==, 0);
    for (unsigned turns = 0; turns < 3; turns++) {
        Bed b;

        bed_init(&b);
        bed_start(&b, NAME, PROOF, port);
        for (unsigned i = 0; i < turns; i++)
            g_assert_cmpint(sd_event_run(b.context.event, 1000), >=, 0);
        bed_done(&b);
        g_assert_cmpuint(b.n, ==, 0);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/tls-check/proof", test_proof);
    g_test_add_func("/tls-check/another-proof", test_another_proof);
    g_test_add_func("/tls-check/nobody", test_nobody);
    g_test_add_func("/tls-check/silence", test_silence);
    g_test_add_func("/tls-check/no-connection", test_no_connection);
    g_test_add_func("/tls-check/end", test_end);
    return g_test_run();
}
