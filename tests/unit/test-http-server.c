/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "solvers/http-server.h"

#define TOKEN  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define TOKEN2 "DGyRejmCefe7v4NfDGDKfA_another_token_0123456"
#define PROOF  TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PLACE  "/.well-known/acme-challenge/"
#define GET    "GET " PLACE TOKEN " HTTP/1.1\r\nHost: www.example.com\r\n\r\n"

#define N_STALLED 400
#define N_GENUINE 100U

/* ---- a listener, and clients in threads of their own */

typedef struct Server {
    sd_event *event;
    Listener *listener;
    uint16_t port;
    char *addresses[2];
    ListenerProof *proof;
    const ListenerProof *seen; /* last */
    unsigned n_seen;
} Server;

static void on_seen(const ListenerProof *proof, void *userdata)
{
    Server *s = userdata;

    s->seen = proof;
    s->n_seen++;
}

static uint16_t free_port(void)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    bool six = true;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(in6);

    if (fd < 0) {
        six = false;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size = sizeof(in4);
    }
    g_assert_cmpint(bind(fd, six ? (void *)&in6 : (void *)&in4, size), ==, 0);
    g_assert_cmpint(getsockname(fd, six ? (void *)&in6 : (void *)&in4, &size), ==, 0);
    close(fd);
    return ntohs(six ? in6.sin6_port : in4.sin_port);
}

static void server_init(Server *s, const char *host)
{
    *s = (Server){ .port = free_port() };
    s->addresses[0] = g_strdup_printf("%s:%u", host, s->port);
    g_assert_cmpint(sd_event_new(&s->event), ==, 0);
    g_assert_cmpint(listener_new(s->event, on_seen, s, &s->listener), ==, 0);
}

static ListenerProof *server_add(Server *s, const char *token, const char *text)
{
    _cleanup_problem_ Problem problem = {};
    ListenerProof *p = NULL;

    if (listener_add(s->listener, s->addresses, token, text, &p, &problem) < 0)
        g_error("%s", problem.text);
    return p;
}

static void server_start(Server *s)
{
    server_init(s, "127.0.0.1");
    s->proof = server_add(s, TOKEN, PROOF);
}

static void server_done(Server *s)
{
    listener_remove(s->proof);
    listener_free(s->listener);
    sd_event_unref(s->event);
    g_free(s->addresses[0]);
}
#define _cleanup_server_ _cleanup_(server_done)

static int connect_to(const char *address, uint16_t port)
{
    bool six = strchr(address, ':');
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    g_assert_cmpint(
        inet_pton(six ? AF_INET6 : AF_INET, address, six ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr),
        ==, 1);
    if (connect(fd, six ? (void *)&in6 : (void *)&in4, six ? sizeof(in6) : sizeof(in4)) < 0) {
        int r = -errno;

        close(fd);
        return r;
    }
    return fd;
}

/* All that comes until the end; what was sent too much may turn the end into a reset. */
static char *read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
        g_string_append_len(text, buffer, n);
    return g_string_free(text, FALSE);
}

typedef struct Work {
    void *(*function)(void *userdata);
    void *userdata, *result;
    int done;
} Work;

static void *work_main(void *userdata)
{
    Work *w = userdata;

    w->result = w->function(w->userdata);
    g_atomic_int_set(&w->done, 1);
    return NULL;
}

static bool work_is_done(void *userdata)
{
    return g_atomic_int_get(&((Work *)userdata)->done);
}

/* Lets the loop turn while the function runs in a thread. */
static void *beside(sd_event *event, void *(*function)(void *), void *userdata)
{
    Work w = { .function = function, .userdata = userdata };
    GThread *thread = g_thread_new("client", work_main, &w);

    loop_until(event, work_is_done, &w);
    g_thread_join(thread);
    return w.result;
}

typedef struct Exchange {
    const char *address, *request;
    size_t size;
    uint16_t port;
} Exchange;

static void *exchange_main(void *userdata)
{
    Exchange *e = userdata;
    _cleanup_close_ int fd = connect_to(e->address, e->port);

    g_assert_cmpint(fd, >=, 0);
    (void)send(fd, e->request, e->size, MSG_NOSIGNAL);
    return read_all(fd);
}

static char *ask_at(Server *s, const char *address, const char *request)
{
    Exchange e = { address, request, strlen(request), s->port };

    return beside(s->event, exchange_main, &e);
}

static char *ask(Server *s, const char *request)
{
    return ask_at(s, "127.0.0.1", request);
}

static unsigned status_of(const char *reply)
{
    unsigned status = 0;

    return sscanf(reply, "HTTP/1.%*1[01] %u ", &status) == 1 ? status : 0;
}

static const char *body_of(const char *reply)
{
    const char *body = strstr(reply, "\r\n\r\n");

    return body ? body + 4 : "(no body)";
}

static bool has_field(const char *reply, const char *line)
{
    g_autofree char *head = g_ascii_strdown(reply, body_of(reply) - reply);
    g_autofree char *wanted = g_ascii_strdown(line, -1);

    return strstr(head, wanted);
}

/* ---- what is served */

static void test_serves(void)
{
    static const char *const requests[] = {
        GET,
        "GET " PLACE TOKEN " HTTP/1.1\r\nHost: another.test:8080\r\nUser-Agent: authority\r\n\r\n",
        "GET " PLACE TOKEN " HTTP/1.1\r\nHost: [2001:db8::1]\r\nConnection: keep-alive\r\n\r\n",
        "GET " PLACE TOKEN " HTTP/1.0\r\n\r\n",
    };
    _cleanup_server_ Server s = {};

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
        g_autofree char *reply = ask(&s, requests[i]);

        g_assert_cmpuint(status_of(reply), ==, 200);
        g_assert_cmpstr(body_of(reply), ==, PROOF);
        g_assert_cmpuint(s.n_seen, ==, i + 1);
        g_assert_true(s.seen == s.proof);
        g_assert_true(has_field(reply, "\r\nContent-Type: application/octet-stream\r\n"));
        g_assert_true(has_field(reply, "\r\nCache-Control: no-store\r\n"));
        g_assert_true(has_field(reply, "\r\nConnection: close\r\n"));
        g_assert_false(has_field(reply, "\r\nServer:"));
    }
}

static void test_head(void)
{
    _cleanup_server_ Server s = {};
    g_autofree char *reply = NULL, *length = g_strdup_printf("\r\nContent-Length: %zu\r\n", strlen(PROOF));

    server_start(&s);
    reply = ask(&s, "HEAD " PLACE TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n");
    g_assert_cmpuint(s.n_seen, ==, 0);
    g_assert_cmpuint(status_of(reply), ==, 200);
    g_assert_cmpstr(body_of(reply), ==, "");
    g_assert_true(has_field(reply, length));
}

static void test_refuses(void)
{
    static const struct {
        const char *line;
        unsigned status;
    } cases[] = {
        { "GET /", 404 },
        { "GET /index.html", 404 },
        { "GET /.well-known", 404 },
        { "GET " PLACE, 404 },
        { "GET " PLACE "/" TOKEN, 404 },
        { "GET /" PLACE TOKEN, 404 },
        { "GET " PLACE TOKEN "/", 404 },
        { "GET " PLACE TOKEN "x", 404 },
        { "GET " PLACE TOKEN2, 404 },
        { "GET " PLACE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX", 404 },
        { "GET " PLACE "%4CoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", 404 },
        { "GET " PLACE "loqxcyv8q5onbjqxbmr7sctno3tiaxdfowyjxajeux0", 404 },
        { "GET /.well-known/./acme-challenge/" TOKEN, 404 },
        { "GET " PLACE "../acme-challenge/" TOKEN, 404 },
        { "GET /.WELL-KNOWN/acme-challenge/" TOKEN, 404 },
        { "GET " PLACE "../../../../etc/passwd", 404 },
        { "GET http://www.example.com/", 404 },
        { "HEAD /", 404 },
        { "POST " PLACE TOKEN, 405 },
        { "PUT " PLACE TOKEN, 405 },
        { "DELETE /", 405 },
        { "OPTIONS *", 405 },
        { "TRACE /", 405 },
        { "get " PLACE TOKEN, 405 },
        { "PROPFIND " PLACE TOKEN, 405 },
    };
    _cleanup_server_ Server s = {};

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *request = g_strconcat(cases[i].line, " HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
        g_autofree char *reply = ask(&s, request);

        if (status_of(reply) != cases[i].status || *body_of(reply))
            note_failure("%s: %s", cases[i].line, reply);
        if (cases[i].status == 405 && !has_field(reply, "\r\nAllow: GET, HEAD\r\n"))
            note_failure("%s: no Allow", cases[i].line);
    }
}

/* An answer comes although nothing of the body does. */
static void test_no_body_is_read(void)
{
    static const struct {
        const char *head;
        unsigned status;
    } cases[] = {
        { "POST " PLACE TOKEN " HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n", 405 },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 405 },
        { "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 405 },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", 404 },
    };
    _cleanup_server_ Server s = {};

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *reply = ask(&s, cases[i].head);

        g_assert_cmpuint(status_of(reply), ==, cases[i].status);
        g_assert_cmpstr(body_of(reply), ==, "");
    }
}

/* Whatever is sent, the connection ends without a proof. */
static void test_nonsense(void)
{
    g_autofree char *fill = g_strnfill(LIMIT_CONNECTION_MEMORY, 'x');
    g_autofree char *cases[] = {
        g_strconcat("GET " PLACE TOKEN " HTTP/1.1\r\nHost: a\r\nX: ", fill, "\r\n\r\n", NULL),
        g_strconcat("GET " PLACE TOKEN "?", fill, " HTTP/1.1\r\nHost: a\r\n\r\n", NULL),
        g_strconcat("GET /", fill, fill, " HTTP/1.1\r\nHost: a\r\n\r\n", NULL),
        g_strconcat(fill, fill, fill, NULL),
        g_strdup("GET\r\n\r\n"),
        g_strdup("\x16\x03\x01\x02\x01\x01\xfc\x03\x03 client hello\r\n\r\n"),
        g_strdup("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        g_strdup("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\nContent-Length: x\r\n\r\n"),
    };
    _cleanup_server_ Server s = {};
    g_autofree char *reply = NULL;

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *answer = ask(&s, cases[i]);

        g_assert_cmpuint(status_of(answer), !=, 200);
        g_assert_null(strstr(answer, PROOF));
    }
    reply = ask(&s, GET);
    g_assert_cmpstr(body_of(reply), ==, PROOF);
    for (size_t i = 1; i < ELEMENTSOF(cases); i++)
        g_free(cases[i]);
}

static void *curl_main(void *userdata)
{
    char *url = userdata, *output = NULL;
    char *argv[] = { S("curl"),      S("--silent"), S("--show-error"),
                     S("--noproxy"), S("*"),        S("--max-time"),
                     S("30"),        url,           NULL };

    g_assert_cmpint(run_program(argv, &output), ==, 0);
    return output;
}

static void test_curl(void)
{
    _cleanup_server_ Server s = {};
    g_autofree char *url = NULL, *output = NULL;

    if (!program_exists("curl")) {
        g_test_skip("there is no curl");
        return;
    }
    server_start(&s);
    url = g_strdup_printf("http://localhost:%u" PLACE TOKEN, s.port);
    output = beside(s.event, curl_main, url);
    g_assert_cmpstr(output, ==, PROOF);
}

/* ---- when and where */

static void assert_closed(const Server *s)
{
    g_assert_cmpint(connect_to("127.0.0.1", s->port), ==, -ECONNREFUSED);
}

static void test_open_while_needed(void)
{
    _cleanup_server_ Server s = {};
    ListenerProof *p;

    server_init(&s, "127.0.0.1");
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *first = NULL, *second = NULL, *gone = NULL;

        assert_closed(&s);
        s.proof = server_add(&s, TOKEN, PROOF);
        p = server_add(&s, TOKEN2, "another text");
        first = ask(&s, GET);
        g_assert_cmpstr(body_of(first), ==, PROOF);
        s.proof = listener_remove(s.proof);
        gone = ask(&s, GET);
        g_assert_cmpuint(status_of(gone), ==, 404);
        second = ask(&s, "GET " PLACE TOKEN2 " HTTP/1.1\r\nHost: a\r\n\r\n");
        g_assert_cmpstr(body_of(second), ==, "another text");
        listener_remove(p);
        assert_closed(&s);
    }
}

/* Who is connected then is sent away. */
static void test_closed_in_the_middle(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_close_ int fd = -EBADF;
    char byte;

    server_start(&s);
    fd = connect_to("127.0.0.1", s.port);
    g_assert_cmpint(send(fd, "GET", 3, 0), ==, 3);
    loop_for(s.event, 100000);
    s.proof = listener_remove(s.proof);
    g_assert_cmpint(recv(fd, &byte, 1, 0), <=, 0);
    assert_closed(&s);
}

static void test_same_token(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_problem_ Problem problem = {};
    g_autofree char *reply = NULL;
    ListenerProof *p = NULL;

    server_start(&s);
    g_assert_cmpint(listener_add(s.listener, s.addresses, TOKEN, "other", &p, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    p = server_add(&s, TOKEN, PROOF);
    listener_remove(p);
    reply = ask(&s, GET);
    g_assert_cmpstr(body_of(reply), ==, PROOF);
    s.proof = listener_remove(s.proof);
    assert_closed(&s);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    _cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
}

static void test_families(void)
{
    _cleanup_server_ Server every = {}, six = {};
    g_autofree char *a = NULL, *b = NULL, *c = NULL;

    server_init(&every, "");
    every.proof = server_add(&every, TOKEN, PROOF);
    a = ask_at(&every, "127.0.0.1", GET);
    g_assert_cmpstr(body_of(a), ==, PROOF);
    if (!has_ipv6()) {
        g_test_skip("there is no IPv6 here");
        return;
    }
    b = ask_at(&every, "::1", GET);
    g_assert_cmpstr(body_of(b), ==, PROOF);
    server_init(&six, "[::1]");
    six.proof = server_add(&six, TOKEN, PROOF);
    c = ask_at(&six, "::1", GET);
    g_assert_cmpstr(body_of(c), ==, PROOF);
    assert_closed(&six);
}

static void assert_refused(const char *address, const char *part)
{
    _cleanup_server_ Server s = {};
    _cleanup_problem_ Problem problem = {};
    ListenerProof *p = NULL;

    server_init(&s, "127.0.0.1");
    g_assert_cmpint(
        listener_add(s.listener, (char *[]){ s.addresses[0], S(address), NULL }, TOKEN, PROOF, &p, &problem),
        <, 0);
    g_assert_null(p);
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(problem.text, part) || !strstr(problem.text, "HTTPListen=") ||
        !strstr(problem.text, address))
        g_error("%s: \"%s\" does not say \"%s\"", address, problem.text, part);
    g_test_message("%s", problem.text);
    assert_closed(&s); /* all or nothing */
}

static void test_port_in_use(void)
{
    _cleanup_server_ Server s = {};
    g_autofree char *everywhere = NULL;

    server_start(&s);
    assert_refused(s.addresses[0],
                   "another program uses the port; let it hand /.well-known/acme-challenge/");
    everywhere = g_strdup_printf(":%u", s.port);
    assert_refused(everywhere, "WebRoot=");
}

static void test_not_here(void)
{
    assert_refused("192.0.2.1:8080", "does not have the address");
    if (has_ipv6())
        assert_refused("[2001:db8::1]:8080", "does not have the address");
}

static void test_no_address(void)
{
    static const char *const cases[] = {
        "x",      "80",       ":0",        ":65536",         ":80 ",        ":-1",
        ":",      "1.2.3:80", "127.0.0.1", "127.0.0.1:",     "127.0.0.1:x", "localhost:80",
        "::1",    "[::1]",    "[::1]80",   "[127.0.0.1]:80", "[]:80",       "[:80",
        "::1:80", "[::1:80",
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        assert_refused(cases[i], "not an address with a port");
}

static void test_no_permission(void)
{
    if (g_test_subprocess()) {
        if (geteuid() == 0)
            g_assert_cmpint(setresuid(65534, 65534, 65534), ==, 0);
        assert_refused("127.0.0.1:1", "CAP_NET_BIND_SERVICE");
        return;
    }
    g_autofree char *first = NULL;

    if (g_file_get_contents("/proc/sys/net/ipv4/ip_unprivileged_port_start", &first, NULL, NULL) &&
        atoi(first) <= 1) {
        g_test_skip("every user may listen on every port here");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

/* ---- abuse */

/* Bytes that a peer has said nothing behind. */
static bool is_open(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

typedef struct Stalled {
    int fds[LIMIT_CONNECTIONS + 1];
    bool trickling;
    gint64 next;
} Stalled;

static bool first_is_closed(void *userdata)
{
    return !is_open(((Stalled *)userdata)->fds[0]);
}

/* The one that came first has to go for the one that is too many, and no other. */
static void test_places(void)
{
    _cleanup_server_ Server s = {};
    Stalled stalled = {};
    unsigned n_open = 0;

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(stalled.fds); i++) {
        stalled.fds[i] = connect_to("127.0.0.1", s.port);
        g_assert_cmpint(send(stalled.fds[i], "G", 1, 0), ==, 1);
    }
    loop_until(s.event, first_is_closed, &stalled);
    for (size_t i = 0; i < ELEMENTSOF(stalled.fds); i++) {
        n_open += is_open(stalled.fds[i]);
        close(stalled.fds[i]);
    }
    g_assert_cmpuint(n_open, ==, LIMIT_CONNECTIONS);
}

static bool trickle_until_closed(void *userdata)
{
    Stalled *s = userdata;

    gint64 now = g_get_monotonic_time();

    if (s->trickling && now >= s->next) {
        (void)send(s->fds[0], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        s->next = now + 10000;
    }
    return first_is_closed(s);
}

static void assert_ends(const char *begin, bool trickling)
{
    _cleanup_server_ Server s = {};
    Stalled stalled = { .trickling = trickling };

    server_start(&s);
    stalled.fds[0] = connect_to("127.0.0.1", s.port);
    g_assert_cmpint(send(stalled.fds[0], begin, strlen(begin), 0), ==, (ssize_t)strlen(begin));
    loop_for(s.event, 200000);
    g_assert_true(is_open(stalled.fds[0]));
    loop_until(s.event, trickle_until_closed, &stalled);
    close(stalled.fds[0]);
}

static void test_stalled_ends(void)
{
    assert_ends("", false);
    assert_ends("GET /", false);
    assert_ends("GET / HTTP/1.1\r\nHost: a\r\nX: ", false);
}

static void test_trickling_ends(void)
{
    assert_ends("G", true);
    assert_ends("GET / HTTP/1.1\r\nHost: a\r\nX: ", true);
}

typedef struct Abuse {
    Server *server;
    int stop;
    unsigned n_good, n_connections;
} Abuse;

/* Hundreds that say nothing, or little by little, and come again as soon as they are sent away. */
static void *abuse_main(void *userdata)
{
    static const char *const beginnings[] = { "", "G", "GET / HTTP/1.1\r\nHost: a\r\n", ("GET " PLACE) };
    Abuse *a = userdata;
    int fds[N_STALLED];

    memset(fds, 0xff, sizeof(fds));
    while (!g_atomic_int_get(&a->stop)) {
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
            const char *begin = beginnings[i % ELEMENTSOF(beginnings)];

            if (fds[i] >= 0 && is_open(fds[i])) {
                if (*begin)
                    (void)send(fds[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
                continue;
            }
            closep(fds + i);
            fds[i] = connect_to("127.0.0.1", a->server->port);
            a->n_connections++;
            if (fds[i] >= 0)
                (void)send(fds[i], begin, strlen(begin), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        g_usleep(1000);
    }
    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        closep(fds + i);
    return NULL;
}

static void *genuine_main(void *userdata)
{
    Abuse *a = userdata;
    Exchange e = { "127.0.0.1", GET, strlen(GET), a->server->port };

    g_usleep(200000);
    for (unsigned i = 0; i < N_GENUINE; i++) {
        g_autofree char *reply = exchange_main(&e);

        a->n_good += status_of(reply) == 200 && streq(body_of(reply), PROOF);
    }
    return NULL;
}

static void test_genuine_during_abuse(void)
{
    _cleanup_server_ Server s = {};
    Abuse a = { .server = &s };
    GThread *thread;

    server_start(&s);
    thread = g_thread_new("abuse", abuse_main, &a);
    beside(s.event, genuine_main, &a);
    g_atomic_int_set(&a.stop, 1);
    /* it may be waiting for a connection */
    s.proof = listener_remove(s.proof);
    g_thread_join(thread);
    g_test_message("%u of %u genuine ones, %u connections of others", a.n_good, N_GENUINE, a.n_connections);
    g_assert_cmpuint(a.n_good, ==, N_GENUINE);
    g_assert_cmpuint(a.n_connections, >=, N_STALLED);
}

static bool has_reply(void *userdata)
{
    return poll(&(struct pollfd){ .fd = *(int *)userdata, .events = POLLIN }, 1, 0) > 0;
}

/* Out of descriptors, those that stall are given up for the one that does not. */
static void descriptors_run_out(void)
{
    _cleanup_server_ Server s = {};
    struct rlimit limit;
    int stalled[20], genuine, next;
    g_autofree char *reply = NULL;

    server_start(&s);
    for (size_t i = 0; i < ELEMENTSOF(stalled); i++) {
        stalled[i] = connect_to("127.0.0.1", s.port);
        g_assert_cmpint(send(stalled[i], "G", 1, 0), ==, 1);
    }
    genuine = connect_to("127.0.0.1", s.port);
    g_assert_cmpint(send(genuine, GET, strlen(GET), 0), ==, (ssize_t)strlen(GET));
    next = dup(genuine);
    close(next);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = (rlim_t)next + 3;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    loop_until(s.event, has_reply, &genuine);
    reply = read_all(genuine);
    g_assert_cmpstr(body_of(reply), ==, PROOF);
}

static void test_descriptors_run_out(void)
{
    if (g_test_subprocess()) {
        descriptors_run_out();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

/* ---- systemd's sockets */

static int passed_tcp(uint16_t *ret_port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&in, size), ==, 0);
    g_assert_cmpint(listen(fd, 10), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &size), ==, 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

static int passed_unix(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpint(bind(fd, (const struct sockaddr *)address, sizeof(*address)), ==, 0);
    g_assert_cmpint(listen(fd, 10), ==, 0);
    return fd;
}

static void *unix_main(void *userdata)
{
    const struct sockaddr_un *address = userdata;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (const struct sockaddr *)address, sizeof(*address)), ==, 0);
    g_usleep(10000);
    g_assert_cmpint(send(fd, GET, strlen(GET), MSG_NOSIGNAL), ==, (ssize_t)strlen(GET));
    return read_all(fd);
}

static void assert_passed_status(Server *s, struct sockaddr_un *address, unsigned status)
{
    g_autofree char *tcp = ask(s, GET), *local = beside(s->event, unix_main, address);

    g_assert_cmpuint(status_of(tcp), ==, status);
    g_assert_cmpuint(status_of(local), ==, status);
    g_assert_cmpstr(body_of(tcp), ==, status == 200 ? PROOF : "");
    g_assert_cmpstr(body_of(local), ==, status == 200 ? PROOF : "");
}

static void use_passed_sockets(void)
{
    _cleanup_folder_ Folder f = folder_new();
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autofree char *path = folder_path(&f, "http"), *pid = g_strdup_printf("%d", getpid());
    Server s = {};
    uint16_t other;
    int fds[] = { passed_tcp(&s.port), passed_tcp(&other),
                  passed_unix(memcpy(address.sun_path, path, strlen(path)) ? &address : NULL) };

    for (int i = 0; i < (int)ELEMENTSOF(fds); i++)
        g_assert_cmpint(fcntl(fds[i], F_DUPFD, 100 + i), ==, 100 + i);
    for (int i = 0; i < (int)ELEMENTSOF(fds); i++)
        g_assert_cmpint(dup2(100 + i, SD_LISTEN_FDS_START + i), ==, SD_LISTEN_FDS_START + i);
    g_setenv("LISTEN_PID", pid, true);
    g_setenv("LISTEN_FDS", "3", true);
    g_setenv("LISTEN_FDNAMES", "http-01:other:http-01", true);
    g_assert_cmpint(sd_event_new(&s.event), ==, 0);
    g_assert_cmpint(listener_new(s.event, NULL, NULL, &s.listener), ==, 0);
    g_assert_true(listener_is_passed(s.listener));
    for (unsigned i = 0; i < 2; i++) {
        assert_passed_status(&s, &address, 404);
        s.proof = server_add(&s, TOKEN, PROOF);
        assert_passed_status(&s, &address, 200);
        s.proof = listener_remove(s.proof);
    }
    assert_passed_status(&s, &address, 404);
    s.listener = listener_free(s.listener);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(fcntl(SD_LISTEN_FDS_START + i, F_GETFD), >=, 0);
    g_assert_cmpint(listener_new(s.event, NULL, NULL, &s.listener), ==, 0);
    assert_passed_status(&s, &address, 404);
    server_done(&s);
}

static void test_passed(void)
{
    if (g_test_subprocess()) {
        use_passed_sockets();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/listener/serves", test_serves);
    g_test_add_func("/listener/head", test_head);
    g_test_add_func("/listener/refuses", test_refuses);
    g_test_add_func("/listener/no-body-is-read", test_no_body_is_read);
    g_test_add_func("/listener/nonsense", test_nonsense);
    g_test_add_func("/listener/curl", test_curl);
    g_test_add_func("/listener/open-while-needed", test_open_while_needed);
    g_test_add_func("/listener/closed-in-the-middle", test_closed_in_the_middle);
    g_test_add_func("/listener/same-token", test_same_token);
    g_test_add_func("/listener/families", test_families);
    g_test_add_func("/listener/port-in-use", test_port_in_use);
    g_test_add_func("/listener/not-here", test_not_here);
    g_test_add_func("/listener/no-address", test_no_address);
    g_test_add_func("/listener/no-permission", test_no_permission);
    g_test_add_func("/listener/places", test_places);
    g_test_add_func("/listener/stalled-ends", test_stalled_ends);
    g_test_add_func("/listener/trickling-ends", test_trickling_ends);
    g_test_add_func("/listener/genuine-during-abuse", test_genuine_during_abuse);
    g_test_add_func("/listener/descriptors-run-out", test_descriptors_run_out);
    g_test_add_func("/listener/passed", test_passed);
    return g_test_run();
}
