/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <semaphore.h>
#include <signal.h>

#include "core/limits.h"
#include "util/address.h"
#include "util/http.h"

#define BODY_MAX 1000
#define TIME_MAX 60
#define PARALLEL 200

/* ---- a server, a thread for each connection */

typedef struct Server {
    int fd;
    uint16_t port;
    SSL_CTX *tls;
    bool deaf; /* accepts and never answers */
    GThread *thread;
    GPtrArray *peers;
    int n_connections, n_requests, n_open, n_open_max;
} Server;

typedef struct Peer {
    Server *server;
    GThread *thread;
    int fd;
    SSL *ssl;
} Peer;

static bool peer_write(Peer *p, const void *data, size_t size)
{
    for (const char *d = data; size > 0;) {
        ssize_t n = p->ssl ? SSL_write(p->ssl, d, (int)size) : send(p->fd, d, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        d += n;
        size -= (size_t)n;
    }
    return true;
}

static bool peer_print(Peer *p, const char *text)
{
    return peer_write(p, text, strlen(text));
}

static bool peer_fill(Peer *p, size_t size)
{
    g_autofree char *data = g_malloc(size);

    memset(data, 'x', size);
    return peer_write(p, data, size);
}

/* Until the other side has had enough. */
static void peer_repeat(Peer *p, const char *text)
{
    while (peer_print(p, text))
        ;
}

static void peer_drip(Peer *p)
{
    if (peer_print(p, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"))
        while (peer_print(p, "x"))
            g_usleep(50000);
}

static void peer_write_long_body(Peer *p, const char *header)
{
    g_autofree char *head = g_strdup_printf("HTTP/1.1 200 OK\r\n%s: %d\r\n\r\n", header, BODY_MAX + 1);

    if (peer_print(p, head))
        (void)peer_fill(p, BODY_MAX + 1);
}

/* What is sent as it stands. The compressed bodies are "hello" as gzip writes it. */
#define GZIP    "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"
#define TEXT(s) s, sizeof(s) - 1
static const struct {
    const char *path, *reply;
    size_t size;
    bool close;
} replies[] = {
    { "/ok", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), false },
    { "/ok?secret=1", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n"), true },
    { "/bytes", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\0\xff\0"), false },
    { "/empty", TEXT("HTTP/1.1 204 No Content\r\n\r\n"), false },
    { "/missing", TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"), false },
    { "/chunked",
      TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), false },
    { "/close", TEXT("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"), true },
    { "/redirect", TEXT("HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"), false },
    { "/gzip", TEXT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" GZIP), false },
    { "/transfer-gzip", TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n" GZIP),
      true },
    { "/broken", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), true },
    { "/no-http", TEXT("220 mail.test ESMTP \x1b[31m\xff\r\n"), true },
    { "/nothing", TEXT(""), true },
};

/* Whether the connection goes on. */
static bool peer_answer(Peer *p, const char *path)
{
    for (size_t i = 0; i < ELEMENTSOF(replies); i++)
        if (streq(path, replies[i].path))
            return peer_write(p, replies[i].reply, replies[i].size) && !replies[i].close;
    if (streq(path, "/large"))
        peer_write_long_body(p, "Content-Length");
    else if (streq(path, "/large-unsaid"))
        peer_write_long_body(p, "X-Not-Length");
    else if (streq(path, "/full"))
        return peer_print(p, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") && peer_fill(p, BODY_MAX);
    else if (streq(path, "/endless") && peer_print(p, "HTTP/1.1 200 OK\r\n\r\n"))
        peer_repeat(p, "more and more and more and ");
    else if (streq(path, "/endless-chunks") &&
             peer_print(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        peer_repeat(p, "1\r\nx\r\n");
    else if (streq(path, "/headers") && peer_print(p, "HTTP/1.1 200 OK\r\n"))
        peer_repeat(p, "X-More: and more and more and more\r\n");
    else if (streq(path, "/interim"))
        peer_repeat(p, "HTTP/1.1 100 Continue\r\n\r\n");
    else if (streq(path, "/header-line") && peer_print(p, "HTTP/1.1 200 OK\r\nX-More: "))
        peer_repeat(p, "and more ");
    else if (streq(path, "/slow"))
        peer_drip(p);
    return false;
}

/* The path of the next request and whether it carries what it should. */
static bool peer_read(Peer *p, char ret_path[static 256])
{
    char text[4096] = {};
    size_t size = 0;

    while (!strstr(text, "\r\n\r\n")) {
        size_t room = sizeof(text) - 1 - size;
        ssize_t n = p->ssl ? SSL_read(p->ssl, text + size, (int)room) : recv(p->fd, text + size, room, 0);

        if (n <= 0)
            return false;
        size += (size_t)n;
        g_assert_cmpuint(size, <, sizeof(text) - 1);
    }
    g_assert_nonnull(strstr(text, "\r\nUser-Agent: Certwright/" CERTWRIGHT_VERSION "\r\n"));
    g_assert_null(strstr(text, "Accept-Encoding"));
    g_assert_null(strstr(text, "Authorization"));
    return sscanf(text, "GET %255s HTTP/1.1", ret_path) == 1;
}

static void *peer_main(void *userdata)
{
    Peer *p = userdata;
    Server *s = p->server;
    char path[256];
    int n = g_atomic_int_add(&s->n_open, 1) + 1;

    for (int max = g_atomic_int_get(&s->n_open_max);
         n > max && !g_atomic_int_compare_and_exchange(&s->n_open_max, max, n);)
        max = g_atomic_int_get(&s->n_open_max);
    if (s->deaf)
        return NULL;
    if (!p->ssl || SSL_accept(p->ssl) == 1)
        do {
            if (!peer_read(p, path))
                break;
            g_atomic_int_inc(&s->n_requests);
        } while (peer_answer(p, path));
    g_atomic_int_add(&s->n_open, -1);
    shutdown(p->fd, SHUT_RDWR);
    return NULL;
}

static void *server_main(void *userdata)
{
    Server *s = userdata;
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        Peer *p = g_new0(Peer, 1);

        *p = (Peer){ .server = s, .fd = fd };
        if (s->tls) {
            p->ssl = SSL_new(s->tls);
            SSL_set_fd(p->ssl, fd);
        }
        g_atomic_int_inc(&s->n_connections);
        g_ptr_array_add(s->peers, p);
        p->thread = g_thread_new("peer", peer_main, p);
    }
    return NULL;
}

static void server_start_at(Server *s, in_addr_t address)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    socklen_t size = sizeof(in);

    s->peers = g_ptr_array_new();
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(s->fd, (struct sockaddr *)&in, sizeof(in)), ==, 0);
    g_assert_cmpint(listen(s->fd, 2 * PARALLEL), ==, 0);
    g_assert_cmpint(getsockname(s->fd, (struct sockaddr *)&in, &size), ==, 0);
    s->port = ntohs(in.sin_port);
    s->thread = g_thread_new("server", server_main, s);
}

static void server_start(Server *s)
{
    server_start_at(s, INADDR_LOOPBACK);
}

static void server_stop(Server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    g_thread_join(s->thread);
    for (guint i = 0; i < s->peers->len; i++) {
        Peer *p = s->peers->pdata[i];

        shutdown(p->fd, SHUT_RDWR);
        g_thread_join(p->thread);
        SSL_free(p->ssl);
        close(p->fd);
        g_free(p);
    }
    g_ptr_array_free(s->peers, TRUE);
    close(s->fd);
    SSL_CTX_free(s->tls);
}
#define _cleanup_server_ _cleanup_(server_stop)

/* ---- names: this program's own resolver, of which libcurl asks in a thread */

static sem_t resolver_goes_on;
static int n_resolving, n_asked;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    g_atomic_int_inc(&n_asked);
    if (name && streq(name, "stuck.test")) {
        g_atomic_int_inc(&n_resolving);
        while (sem_wait(&resolver_goes_on) < 0)
            ;
        g_atomic_int_add(&n_resolving, -1);
        return EAI_AGAIN;
    }
    if (name && streq(name, "local.test"))
        return real("127.0.0.1", service, hints, ret);
    return EAI_NONAME;
}

static void let_resolver_go_on(void)
{
    int n = g_atomic_int_get(&n_resolving);

    g_assert_cmpint(n, >, 0);
    for (int i = 0; i < n; i++)
        sem_post(&resolver_goes_on);
    while (g_atomic_int_get(&n_resolving) > 0)
        g_usleep(1000);
}

/* ---- requests */

typedef struct Client {
    sd_event *event;
    Http *http;
} Client;

/* What became of a request. */
typedef struct Answer {
    unsigned n_done, status;
    GString *body;
    Problem problem;
    Client *client;
    const char *next; /* is asked for then */
    bool free;        /* the Http is freed then */
    int next_result;
    struct Answer *next_answer;
} Answer;

static void client_init(Client *c)
{
    *c = (Client){};
    g_assert_cmpint(sd_event_new(&c->event), ==, 0);
    g_assert_cmpint(http_new(c->event, &c->http), ==, 0);
}

static void client_done(Client *c)
{
    c->http = http_free(c->http);
    c->event = sd_event_unref(c->event);
}
#define _cleanup_client_ _cleanup_(client_done)

static void answer_done(Answer *a)
{
    problem_clear(&a->problem);
    if (a->body)
        g_string_free(a->body, TRUE);
    a->body = NULL;
}
#define _cleanup_answer_ _cleanup_(answer_done)

static void on_done(const HttpReply *reply, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    g_assert_true(!reply != !problem);
    a->n_done++;
    if (reply) {
        a->status = reply->status;
        g_assert_nonnull(reply->body);
        a->body = g_string_new_len(reply->body, (gssize)reply->size);
    } else {
        g_assert_cmpint(problem_copy(problem, &a->problem), ==, 0);
        g_assert_nonnull(problem->text);
        if (g_test_verbose())
            g_test_message("%s: %s", problem_code_to_string(problem->code), problem->text);
    }
    if (a->next) {
        HttpRequest request = { .url = a->next, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true };

        a->next_result = http_get(a->client->http, &request, on_done, a->next_answer, NULL);
    }
    if (a->free)
        a->client->http = http_free(a->client->http);
}

static bool is_answered(void *userdata)
{
    return ((Answer *)userdata)->n_done > 0;
}

static bool is_idle(void *userdata)
{
    return http_pending(((Client *)userdata)->http) == 0;
}

static char *url_of(const Server *s, const char *path)
{
    return g_strdup_printf("http%s://127.0.0.1:%u%s", s->tls ? "s" : "", s->port, path);
}

static void client_start(Client *c, const HttpRequest *request, Answer *answer)
{
    _cleanup_problem_ Problem problem = {};

    if (http_get(c->http, request, on_done, answer, &problem) < 0)
        g_error("%s: %s", request->url, problem.text);
    g_assert_cmpuint(answer->n_done, ==, 0);
}

static void client_start_path(Client *c, const Server *s, const char *path, Answer *answer)
{
    g_autofree char *url = url_of(s, path);

    client_start(c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
                 answer);
}

static void client_ask(Client *c, const HttpRequest *request, Answer *answer)
{
    client_start(c, request, answer);
    loop_until(c->event, is_answered, answer);
    g_assert_cmpuint(answer->n_done, ==, 1);
}

static void client_ask_path(Client *c, const Server *s, const char *path, Answer *answer)
{
    client_start_path(c, s, path, answer);
    loop_until(c->event, is_answered, answer);
    g_assert_cmpuint(answer->n_done, ==, 1);
}

static void assert_problem(const Answer *a, ProblemCode code, const char *part)
{
    g_assert_cmpuint(a->n_done, ==, 1);
    g_assert_cmpstr(problem_code_to_string(a->problem.code), ==, problem_code_to_string(code));
    if (!strstr(a->problem.text, part))
        g_error("\"%s\" does not say \"%s\"", a->problem.text, part);
}

static void assert_reply(const Answer *a, unsigned status, const char *body, size_t size)
{
    if (a->problem.code != PROBLEM_NONE)
        g_error("%s", a->problem.text);
    g_assert_cmpuint(a->n_done, ==, 1);
    g_assert_cmpuint(a->status, ==, status);
    g_assert_cmpmem(a->body->str, a->body->len, body, size);
}

static void test_replies(void)
{
    static const struct {
        const char *path;
        unsigned status;
        const char *body;
        size_t size;
    } cases[] = {
        { "/ok", 200, TEXT("hello") },      { "/bytes", 200, TEXT("\0\xff\0") },
        { "/empty", 204, TEXT("") },        { "/missing", 404, TEXT("gone") },
        { "/chunked", 200, TEXT("hello") }, { "/close", 200, TEXT("hello") },
        { "/redirect", 302, TEXT("") },     { "/gzip", 200, TEXT(GZIP) },
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_answer_ Answer a = {};

        client_ask_path(&c, &s, cases[i].path, &a);
        assert_reply(&a, cases[i].status, cases[i].body, cases[i].size);
    }
    /* nobody went where the redirect points to */
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, ELEMENTSOF(cases));
}

static void test_body_just_fits(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    server_start(&s);
    client_init(&c);
    client_ask_path(&c, &s, "/full", &a);
    g_assert_cmpuint(a.status, ==, 200);
    g_assert_cmpuint(a.body->len, ==, BODY_MAX);
}

static void test_failures(void)
{
    static const struct {
        const char *path;
        ProblemCode code;
        const char *text;
    } cases[] = {
        { "/large", PROBLEM_LIMITS_EXCEEDED, "larger than 1000 bytes" },
        { "/large-unsaid", PROBLEM_LIMITS_EXCEEDED, "larger than 1000 bytes" },
        { "/ok?secret=1", PROBLEM_LIMITS_EXCEEDED, "larger than 1000 bytes" },
        { "/endless", PROBLEM_LIMITS_EXCEEDED, "larger than 1000 bytes" },
        { "/endless-chunks", PROBLEM_LIMITS_EXCEEDED, "larger than 1000 bytes" },
        { "/headers", PROBLEM_LIMITS_EXCEEDED, "headers" },
        { "/header-line", PROBLEM_LIMITS_EXCEEDED, "headers" },
        { "/interim", PROBLEM_LIMITS_EXCEEDED, "headers" },
        { "/transfer-gzip", PROBLEM_NETWORK_FAILED, "transfer coding" },
        { "/broken", PROBLEM_NETWORK_FAILED, "broke off" },
        { "/no-http", PROBLEM_NETWORK_FAILED, "not HTTP" },
        { "/nothing", PROBLEM_NETWORK_FAILED, "without a reply" },
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *host = NULL;

    server_start(&s);
    client_init(&c);
    host = g_strdup_printf("127.0.0.1:%u", s.port);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_answer_ Answer a = {};

        client_ask_path(&c, &s, cases[i].path, &a);
        assert_problem(&a, cases[i].code, cases[i].text);
        assert_problem(&a, cases[i].code, host);
        g_assert_null(strstr(a.problem.text, "secret"));
        g_assert_true(g_str_is_ascii(a.problem.text));
    }
}

static void test_slow(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/slow");
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = 1, .plain = true }, &a);
    assert_problem(&a, PROBLEM_NETWORK_FAILED, "within 1 seconds");
}

/* Nobody listens; nobody knows the name. */
static void test_nobody(void)
{
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer refused = {}, unknown = {};
    g_autofree char *url = NULL;
    Server s = {};

    server_start(&s);
    url = url_of(&s, "/ok");
    server_stop(&s);
    client_init(&c);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
               &refused);
    assert_problem(&refused, PROBLEM_NETWORK_FAILED, "Connection refused");
    client_ask(&c,
               &(HttpRequest){ .url = "https://nowhere.test/", .body_max = BODY_MAX, .time_max = TIME_MAX },
               &unknown);
    assert_problem(&unknown, PROBLEM_NETWORK_FAILED, "nowhere.test: the name does not resolve");
}

/* A resolver that hangs holds up nobody: not the loop, and not who frees the Http. */
static void test_stuck_resolver(void)
{
    HttpRequest request = { .url = "https://stuck.test/", .body_max = BODY_MAX, .time_max = 1 };
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer late = {}, cancelled = {};

    client_init(&c);
    client_ask(&c, &request, &late);
    assert_problem(&late, PROBLEM_NETWORK_FAILED, "stuck.test");
    g_assert_cmpint(g_atomic_int_get(&n_resolving), ==, 1);
    request.time_max = TIME_MAX;
    client_start(&c, &request, &cancelled);
    for (int i = 0; i < 1000 && g_atomic_int_get(&n_resolving) < 2; i++)
        loop_for(c.event, 10000);
    g_assert_cmpint(g_atomic_int_get(&n_resolving), ==, 2);
    c.http = http_free(c.http);
    assert_problem(&cancelled, PROBLEM_CANCELLED, "stuck.test");
    let_resolver_go_on();
}

static void assert_refused(Client *c, const char *url, bool plain, const char *part)
{
    HttpRequest request = { .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = plain };
    _cleanup_problem_ Problem problem = {};
    _cleanup_answer_ Answer a = {};

    if (http_get(c->http, &request, on_done, &a, &problem) != -EINVAL)
        g_error("%s is not refused", url);
    g_assert_cmpstr(problem_code_to_string(problem.code), ==, "InvalidArgument");
    if (!strstr(problem.text, part))
        g_error("%s: \"%s\" does not say \"%s\"", url, problem.text, part);
    g_assert_null(strstr(problem.text, "secret"));
    g_assert_cmpuint(http_pending(c->http), ==, 0);
    loop_for(c->event, 1000);
    g_assert_cmpuint(a.n_done, ==, 0);
}

static void test_urls(void)
{
    static const struct {
        const char *url;
        bool plain;
        const char *part;
    } cases[] = {
        { "http://localhost/", false, "not protected" },
        { "ftp://localhost/", true, "scheme" },
        { "file:///etc/passwd", true, "scheme" },
        { "file://localhost/etc/passwd", true, "scheme" },
        { "gopher://localhost/", true, "scheme" },
        { "ldap://localhost/", true, "scheme" },
        { "javascript:alert(1)", true, "refused" },
        { "", true, "refused" },
        { "localhost", true, "refused" },
        { "//localhost/", true, "refused" },
        { "https://", true, "refused" },
        { "https:///localhost/", true, "host" },
        { "https:/localhost/", true, "host" },
        { "https:localhost/", true, "refused" },
        { "https://localhost:99999/", true, "refused" },
        { "https://localhost:https/", true, "refused" },
        { "https://[::1/", true, "refused" },
        { "https://me:secret@localhost/", true, "user name" },
        { "https://me@localhost/", true, "user name" },
        { "https://local host/", true, "characters" },
        { "https://localhost/\r\nX-More: 1", true, "characters" },
        { "https://b\xc3\xbc"
          "cher.test/",
          true, "characters" },
        { "https://\xff.test/", true, "characters" },
        { "https://%ff.test/", true, "host" },
    };
    g_autofree char *name = g_strnfill(LIMIT_NAME + 1, 'a'), *url = g_strdup_printf("https://%s/", name);
    _cleanup_client_ Client c = {};

    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        assert_refused(&c, cases[i].url, cases[i].plain, cases[i].part);
    assert_refused(&c, url, true, "host");
    g_assert_cmpint(g_atomic_int_get(&n_asked), ==, 0);
}

static void ask_public_only(Client *c, const char *url, Answer *a)
{
    client_ask(
        c,
        &(HttpRequest){
            .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true, .public_only = true },
        a);
}

static void test_public_only(void)
{
    static const char *const hosts[] = {
        "127.0.0.1",     "127.1",      "2130706433",      "0x7f000001",           "[::1]",
        "localhost",     "local.test", "0.0.0.0",         "169.254.1.1",          "[::ffff:127.0.0.1]",
        "[::127.0.0.1]", "224.0.0.1",  "255.255.255.255", "[64:ff9b::127.0.0.1]", "[fe80::1]",
        "[ff02::1]",     "[::]",
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start_at(&s, INADDR_ANY);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
        g_autofree char *url = g_strdup_printf("http://%s:%u/ok", hosts[i], s.port);
        _cleanup_answer_ Answer a = {};

        ask_public_only(&c, url, &a);
        assert_problem(&a, PROBLEM_NETWORK_FAILED, "was not asked: its address ");
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 0);
}

/* An open connection to a local address is not for those who may not open one. */
static void test_public_only_reuse(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer local = {}, public = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = g_strdup_printf("http://local.test:%u/ok", s.port);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
               &local);
    assert_reply(&local, 200, TEXT("hello"));
    ask_public_only(&c, url, &public);
    assert_problem(&public, PROBLEM_NETWORK_FAILED, "127.0.0.1 belongs to this machine");
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* An address of an interface that is not local, NULL if the machine has none. */
static char *find_address(void)
{
    struct ifaddrs *all, *i;
    char text[ADDRESS_TEXT_SIZE], *found = NULL;

    g_assert_cmpint(getifaddrs(&all), ==, 0);
    for (i = all; i && !found; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
            !address_is_local(i->ifa_addr, sizeof(struct sockaddr_in))) {
            address_to_text(i->ifa_addr, sizeof(struct sockaddr_in), text);
            found = g_strdup(text);
        }
    freeifaddrs(all);
    return found;
}

static void test_public_only_allows(void)
{
    g_autofree char *address = find_address(), *url = NULL;
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {}, again = {};

    if (!address) {
        g_test_skip("this machine has no IPv4 address but local ones");
        return;
    }
    _cleanup_server_ Server s = {};

    server_start_at(&s, INADDR_ANY);
    client_init(&c);
    url = g_strdup_printf("http://%s:%u/ok", address, s.port);
    ask_public_only(&c, url, &a);
    assert_reply(&a, 200, TEXT("hello"));
    ask_public_only(&c, url, &again);
    assert_reply(&again, 200, TEXT("hello"));
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

static void test_reuse(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (int i = 0; i < 10; i++) {
        _cleanup_answer_ Answer a = {};

        client_ask_path(&c, &s, i % 2 ? "/missing" : "/ok", &a);
        g_assert_cmpint(a.problem.code, ==, PROBLEM_NONE);
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 10);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* A reply that takes its time keeps no other from the same server. */
static void check_slow_neighbour(Server *s, const char *authorities)
{
    g_autofree char *slow_url = url_of(s, "/slow"), *url = url_of(s, "/ok");
    HttpRequest request = { .url = slow_url,
                            .body_max = BODY_MAX,
                            .time_max = TIME_MAX,
                            .plain = true,
                            .authorities = authorities };
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer slow = {}, quick = {};

    client_init(&c);
    client_start(&c, &request, &slow);
    request.url = url;
    client_ask(&c, &request, &quick);
    assert_reply(&quick, 200, TEXT("hello"));
    g_assert_cmpuint(slow.n_done, ==, 0);
    c.http = http_free(c.http);
    assert_problem(&slow, PROBLEM_CANCELLED, "127.0.0.1");
}

static void test_slow_neighbour(void)
{
    _cleanup_server_ Server s = {};

    server_start(&s);
    check_slow_neighbour(&s, NULL);
}

static void test_parallel(void)
{
    g_autofree Answer *answers = g_new0(Answer, PARALLEL);
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (int i = 0; i < PARALLEL; i++)
        client_start_path(&c, &s, i % 3 == 0 ? "/close" : i % 3 == 1 ? "/ok" : "/broken", answers + i);
    g_assert_cmpuint(http_pending(c.http), ==, PARALLEL);
    loop_until(c.event, is_idle, &c);
    for (int i = 0; i < PARALLEL; i++) {
        if (i % 3 == 2)
            assert_problem(answers + i, PROBLEM_NETWORK_FAILED, "broke off");
        else
            assert_reply(answers + i, 200, TEXT("hello"));
        answer_done(answers + i);
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, PARALLEL);
    g_assert_cmpint(g_atomic_int_get(&s.n_open_max), <=, 64 + 8);
}

/* More than connections are allowed, and none comes to anything: those that only wait are told as well. */
static void test_parallel_deaf(void)
{
    g_autofree Answer *answers = g_new0(Answer, PARALLEL);
    _cleanup_server_ Server s = { .deaf = true };
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/ok");
    for (int i = 0; i < PARALLEL; i++)
        client_start(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = 1, .plain = true },
                     answers + i);
    loop_until(c.event, is_idle, &c);
    for (int i = 0; i < PARALLEL; i++) {
        assert_problem(answers + i, PROBLEM_NETWORK_FAILED, "within 1 seconds");
        answer_done(answers + i);
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), <=, 64);
}

static void test_get_in_done(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer second = {}, first = { .client = &c, .next_answer = &second };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    first.next = url = url_of(&s, "/missing");
    client_start_path(&c, &s, "/ok", &first);
    loop_until(c.event, is_answered, &second);
    assert_reply(&first, 200, TEXT("hello"));
    assert_reply(&second, 404, TEXT("gone"));
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* path is that whose done frees the Http: by success, by failure, by its deadline. */
static void free_in_done(const char *path, unsigned time_max)
{
    Answer answers[10] = {};
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer first = { .client = &c, .free = true };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, path);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++)
        client_start_path(&c, &s, "/slow", answers + i);
    client_ask(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = time_max, .plain = true },
               &first);
    g_assert_null(c.http);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        assert_problem(answers + i, PROBLEM_CANCELLED, "127.0.0.1");
        answer_done(answers + i);
    }
    loop_for(c.event, 10000);
    g_assert_cmpuint(first.n_done, ==, 1);
}

static void test_free_in_done(void)
{
    free_in_done("/ok", TIME_MAX);
    free_in_done("/broken", TIME_MAX);
    free_in_done("/slow", 1);
}

/* Several are finished in one turn when the first frees the Http. */
static void test_free_in_done_many(void)
{
    Answer answers[50] = {};
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    unsigned n_cancelled = 0;

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        answers[i] = (Answer){ .client = &c, .free = true };
        client_start_path(&c, &s, "/ok", answers + i);
    }
    g_usleep(1000);
    while (c.http)
        g_assert_cmpint(sd_event_run(c.event, 100000), >=, 0);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        g_assert_cmpuint(answers[i].n_done, ==, 1);
        n_cancelled += answers[i].problem.code == PROBLEM_CANCELLED;
        answer_done(answers + i);
    }
    g_assert_cmpuint(n_cancelled, ==, ELEMENTSOF(answers) - 1);
}

/* Nothing new is begun by who is told that all is over. */
static void test_free(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer second = {}, first = { .client = &c, .next_answer = &second };
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    first.next = url = url_of(&s, "/ok");
    client_start_path(&c, &s, "/slow", &first);
    loop_for(c.event, 100000);
    g_assert_cmpuint(http_pending(c.http), ==, 1);
    c.http = http_free(c.http);
    assert_problem(&first, PROBLEM_CANCELLED, "was cancelled");
    g_assert_cmpint(first.next_result, ==, -ECANCELED);
    loop_for(c.event, 10000);
    g_assert_cmpuint(second.n_done, ==, 0);
}

static void test_free_at_once(void)
{
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    client_init(&c);
    client_start(&c, &(HttpRequest){ .url = "https://localhost/", .body_max = 1, .time_max = TIME_MAX }, &a);
    c.http = http_free(c.http);
    assert_problem(&a, PROBLEM_CANCELLED, "localhost");
    g_assert_null(http_free(NULL));
}

/* All tests have these. */
static void set_proxies(void)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy",
                                         "ALL_PROXY" };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        g_assert_cmpint(setenv(names[i], "http://127.0.0.1:1", 1), ==, 0);
}

static void test_environment(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    server_start(&s);
    client_init(&c);
    g_assert_nonnull(getenv("http_proxy"));
    client_ask_path(&c, &s, "/ok", &a);
    assert_reply(&a, 200, TEXT("hello"));
}

/* ---- TLS */

/* names: of the certificate. */
static void server_start_tls(Server *s, const char *names)
{
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "server", .names = names }, NULL, NULL);

    s->tls = SSL_CTX_new(TLS_server_method());
    g_assert_cmpint(SSL_CTX_use_certificate(s->tls, i.certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(s->tls, i.key), ==, 1);
    server_start(s);
}

static char *write_authorities(const Server *s, const Folder *f)
{
    Issued i = { .certificate = SSL_CTX_get0_certificate(s->tls) };
    g_autofree char *pem = pem_of(&i);

    folder_write(f, "authorities.pem", pem);
    return folder_path(f, "authorities.pem");
}

static void ask_tls(Client *c, const char *url, const char *authorities, Answer *a)
{
    client_ask(
        c,
        &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .authorities = authorities },
        a);
}

static void test_tls(void)
{
    _cleanup_answer_ Answer trusted = {}, untrusted = {}, other_name = {}, no_file = {};
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL, *other = NULL, *authorities = NULL,
                    *missing = folder_path(&f, "missing.pem");

    server_start_tls(&s, "IP:127.0.0.1");
    client_init(&c);
    url = url_of(&s, "/ok");
    other = g_strdup_printf("https://local.test:%u/ok", s.port);
    authorities = write_authorities(&s, &f);
    ask_tls(&c, url, authorities, &trusted);
    assert_reply(&trusted, 200, TEXT("hello"));
    /* and then not over the connection of who trusts more */
    ask_tls(&c, url, NULL, &untrusted);
    assert_problem(&untrusted, PROBLEM_NETWORK_FAILED, "not trusted");
    ask_tls(&c, other, authorities, &other_name);
    assert_problem(&other_name, PROBLEM_NETWORK_FAILED, "local.test");
    assert_problem(&other_name, PROBLEM_NETWORK_FAILED, "not trusted");
    ask_tls(&c, url, missing, &no_file);
    assert_problem(&no_file, PROBLEM_NETWORK_FAILED, "cannot be read");
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
}

/* The file of the authorities is read for the first connection alone. */
static void test_tls_trust_is_kept(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL, *authorities = NULL;

    server_start_tls(&s, "IP:127.0.0.1");
    client_init(&c);
    url = url_of(&s, "/close");
    authorities = write_authorities(&s, &f);
    for (int i = 0; i < 3; i++) {
        _cleanup_answer_ Answer a = {};

        ask_tls(&c, url, authorities, &a);
        assert_reply(&a, 200, TEXT("hello"));
        if (i == 0)
            folder_remove(&f, "authorities.pem");
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 3);
}

static void test_tls_slow_neighbour(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server s = {};
    g_autofree char *authorities = NULL;

    server_start_tls(&s, "IP:127.0.0.1");
    authorities = write_authorities(&s, &f);
    check_slow_neighbour(&s, authorities);
}

/* Requests that wait for the first to find out whether its connection can be shared. */
static void test_tls_deaf(void)
{
    _cleanup_server_ Server s = { .deaf = true };
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL;
    Answer answers[5] = {};

    server_start(&s);
    client_init(&c);
    url = g_strdup_printf("https://127.0.0.1:%u/", s.port);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++)
        client_start(&c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = 1 }, answers + i);
    loop_until(c.event, is_idle, &c);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        assert_problem(answers + i, PROBLEM_NETWORK_FAILED, "127.0.0.1");
        answer_done(answers + i);
    }
}

static void test_tls_parallel(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL, *authorities = NULL;
    Answer answers[20] = {};

    server_start_tls(&s, "IP:127.0.0.1");
    client_init(&c);
    url = url_of(&s, "/ok");
    authorities = write_authorities(&s, &f);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++)
        client_start(
            &c,
            &(HttpRequest){
                .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .authorities = authorities },
            answers + i);
    loop_until(c.event, is_idle, &c);
    for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
        assert_reply(answers + i, 200, TEXT("hello"));
        answer_done(answers + i);
    }
}

int main(int argc, char **argv)
{
    set_proxies();
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    sem_init(&resolver_goes_on, 0, 0);
    g_test_add_func("/http/urls", test_urls);
    g_test_add_func("/http/replies", test_replies);
    g_test_add_func("/http/body-just-fits", test_body_just_fits);
    g_test_add_func("/http/failures", test_failures);
    g_test_add_func("/http/slow", test_slow);
    g_test_add_func("/http/nobody", test_nobody);
    g_test_add_func("/http/stuck-resolver", test_stuck_resolver);
    g_test_add_func("/http/public-only", test_public_only);
    g_test_add_func("/http/public-only-reuse", test_public_only_reuse);
    g_test_add_func("/http/public-only-allows", test_public_only_allows);
    g_test_add_func("/http/reuse", test_reuse);
    g_test_add_func("/http/slow-neighbour", test_slow_neighbour);
    g_test_add_func("/http/parallel", test_parallel);
    g_test_add_func("/http/parallel-deaf", test_parallel_deaf);
    g_test_add_func("/http/get-in-done", test_get_in_done);
    g_test_add_func("/http/free-in-done", test_free_in_done);
    g_test_add_func("/http/free-in-done-many", test_free_in_done_many);
    g_test_add_func("/http/free", test_free);
    g_test_add_func("/http/free-at-once", test_free_at_once);
    g_test_add_func("/http/environment", test_environment);
    g_test_add_func("/http/tls", test_tls);
    g_test_add_func("/http/tls-trust-is-kept", test_tls_trust_is_kept);
    g_test_add_func("/http/tls-slow-neighbour", test_tls_slow_neighbour);
    g_test_add_func("/http/tls-deaf", test_tls_deaf);
    g_test_add_func("/http/tls-parallel", test_tls_parallel);
    return g_test_run();
}
