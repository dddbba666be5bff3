/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-fixture.h"

#include <arpa/inet.h>

/* ---- a server, a thread for each connection */

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

/* What is sent as it stands. */
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
    { "/head", TEXT("HTTP/1.1 200 OK\r\nReplay-Nonce: n\r\nContent-Length: 500000\r\n\r\n"), false },
    { "/fields",
      TEXT("HTTP/1.1 103 Early Hints\r\nReplay-Nonce: early\r\nX-Early: 1\r\n\r\n"
           "HTTP/1.1 200 OK\r\nreplay-nonce: \t one two \t\r\nREPLAY-NONCE: three\r\n"
           "Replay-Nonce-More: 4\r\nX-Folded: a,\r\n \t b\r\nX-Empty:\r\nX-Spaced : 5\r\n"
           "X-Control: a\x01"
           "b\r\nX-Unprintable: \xc3\xa9\r\nX-Fold-Control: a\r\n \x1b[31m\r\n : 6\r\n"
           "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nReplay-Nonce: late\r\nX-Late: 1\r\n\r\n"),
      false },
    { "/no-http", TEXT("220 mail.test ESMTP \x1b[31m\xff\r\n"), true },
    { "/http-3", TEXT("HTTP/3.7 200 OK\r\nContent-Length: 5\r\n\r\nhello"), false },
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

static bool peer_receive(Peer *p, GString *request)
{
    char text[65536];
    ssize_t n = p->ssl ? SSL_read(p->ssl, text, sizeof(text)) : recv(p->fd, text, sizeof(text), 0);

    if (n <= 0)
        return false;
    g_string_append_len(request, text, n);
    return true;
}

/* The next request, head and body, and whether it carries what it should. */
static bool peer_read(Peer *p, GString *request)
{
    const char *end, *length;
    size_t size;

    g_string_truncate(request, 0);
    while (!(end = strstr(request->str, "\r\n\r\n")))
        if (!peer_receive(p, request))
            return false;
    length = strstr(request->str, "\r\nContent-Length: ");
    size = (size_t)(end + 4 - request->str);
    if (length && length < end)
        size += (size_t)atoi(length + strlen("\r\nContent-Length: "));
    while (request->len < size)
        if (!peer_receive(p, request))
            return false;
    g_assert_cmpuint(request->len, ==, size);
    g_assert_nonnull(strstr(request->str, "\r\nUser-Agent: Certwright/" CERTWRIGHT_VERSION "\r\n"));
    g_assert_null(strstr(request->str, "Accept-Encoding"));
    g_assert_null(strstr(request->str, "Authorization"));
    g_assert_null(strstr(request->str, "Expect"));
    return true;
}

/* Sends back what was sent. */
static bool peer_echo(Peer *p, const GString *request)
{
    g_autofree char *head = g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", request->len);

    return peer_print(p, head) && peer_write(p, request->str, request->len);
}

/* Whether the connection goes on. */
static bool peer_serve(Peer *p, const GString *request)
{
    char path[256];

    g_atomic_int_inc(&p->server->n_requests);
    if (sscanf(request->str, "%*[A-Z] %255s HTTP/1.1", path) != 1)
        return false;
    if (streq(path, "/lost"))
        return g_atomic_int_add(&p->server->n_lost, -1) <= 0 && peer_answer(p, "/ok");
    return streq(path, "/echo") ? peer_echo(p, request) : peer_answer(p, path);
}

static void *peer_main(void *userdata)
{
    Peer *p = userdata;
    Server *s = p->server;
    GString *request = g_string_new(NULL);
    int n = g_atomic_int_add(&s->n_open, 1) + 1;

    for (int max = g_atomic_int_get(&s->n_open_max);
         n > max && !g_atomic_int_compare_and_exchange(&s->n_open_max, max, n);)
        max = g_atomic_int_get(&s->n_open_max);
    if (!s->deaf && (!p->ssl || SSL_accept(p->ssl) == 1))
        while (peer_read(p, request) && peer_serve(p, request))
            ;
    g_string_free(request, TRUE);
    if (s->deaf)
        return NULL;
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

void server_start_at(Server *s, in_addr_t address)
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

void server_start(Server *s)
{
    server_start_at(s, INADDR_LOOPBACK);
}

void server_stop(Server *s)
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
/* ---- requests */

void client_init(Client *c)
{
    *c = (Client){};
    g_assert_cmpint(sd_event_new(&c->event), ==, 0);
    g_assert_cmpint(http_new(c->event, &c->http), ==, 0);
}

void client_done(Client *c)
{
    c->http = http_free(c->http);
    c->event = sd_event_unref(c->event);
}
void answer_done(Answer *a)
{
    g_free(a->redirect);
    a->redirect = NULL;
    problem_clear(&a->problem);
    if (a->body)
        g_string_free(a->body, TRUE);
    if (a->values)
        g_string_free(a->values, TRUE);
    a->body = a->values = NULL;
}
static void collect_values(const HttpReply *reply, Answer *a)
{
    const char *value;

    a->values = g_string_new(NULL);
    for (size_t i = 0; (value = http_reply_header(reply, a->field, i)); i++)
        g_string_append_printf(a->values, "[%s]", value);
}

void on_done(const HttpReply *reply, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    g_assert_true(!reply != !problem);
    a->n_done++;
    if (reply) {
        a->status = reply->status;
        a->repeated = reply->repeated;
        g_assert_nonnull(reply->body);
        a->body = g_string_new_len(reply->body, (gssize)reply->size);
        a->redirect = g_strdup(http_reply_redirect(reply));
        if (a->field)
            collect_values(reply, a);
    } else {
        g_assert_cmpint(problem_copy(problem, &a->problem), ==, 0);
        g_assert_nonnull(problem->text);
        if (g_test_verbose())
            g_test_message("%s: %s", problem_code_to_string(problem->code), problem->text);
    }
    if (a->next) {
        HttpRequest request = { .url = a->next, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true };

        a->next_result = http_send(a->client->http, &request, on_done, a->next_answer, NULL);
    }
    if (a->free)
        a->client->http = http_free(a->client->http);
}

bool is_answered(void *userdata)
{
    return ((Answer *)userdata)->n_done > 0;
}

bool is_idle(void *userdata)
{
    return http_pending(((Client *)userdata)->http) == 0;
}

char *url_of(const Server *s, const char *path)
{
    return g_strdup_printf("http%s://127.0.0.1:%u%s", s->tls ? "s" : "", s->port, path);
}

void client_start(Client *c, const HttpRequest *request, Answer *answer)
{
    _cleanup_problem_ Problem problem = {};

    if (http_send(c->http, request, on_done, answer, &problem) < 0)
        g_error("%s: %s", request->url, problem.text);
    g_assert_cmpuint(answer->n_done, ==, 0);
}

void client_start_path(Client *c, const Server *s, const char *path, Answer *answer)
{
    g_autofree char *url = url_of(s, path);

    client_start(c, &(HttpRequest){ .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = true },
                 answer);
}

void client_ask(Client *c, const HttpRequest *request, Answer *answer)
{
    client_start(c, request, answer);
    loop_until(c->event, is_answered, answer);
    g_assert_cmpuint(answer->n_done, ==, 1);
}

void client_ask_path(Client *c, const Server *s, const char *path, Answer *answer)
{
    client_start_path(c, s, path, answer);
    loop_until(c->event, is_answered, answer);
    g_assert_cmpuint(answer->n_done, ==, 1);
}

void assert_problem(const Answer *a, ProblemCode code, const char *part)
{
    g_assert_cmpuint(a->n_done, ==, 1);
    g_assert_cmpstr(problem_code_to_string(a->problem.code), ==, problem_code_to_string(code));
    if (!strstr(a->problem.text, part))
        g_error("\"%s\" does not say \"%s\"", a->problem.text, part);
}

void assert_reply(const Answer *a, unsigned status, const char *body, size_t size)
{
    if (a->problem.code != PROBLEM_NONE)
        g_error("%s", a->problem.text);
    g_assert_cmpuint(a->n_done, ==, 1);
    g_assert_cmpuint(a->status, ==, status);
    g_assert_cmpmem(a->body->str, a->body->len, body, size);
}

void check_slow_neighbour(Server *s, const char *authorities)
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
