/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-fixture.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>

#include "core/limits.h"

/* No name of these tests may be resolved. */
static int n_resolved;

int getaddrinfo(const char *restrict name _unused_, const char *restrict service _unused_,
                const struct addrinfo *restrict hints _unused_, struct addrinfo **restrict ret _unused_)
{
    g_atomic_int_inc(&n_resolved);
    return EAI_NONAME;
}

static void assert_refused(Client *c, const char *url, bool plain, const char *part)
{
    HttpRequest request = { .url = url, .body_max = BODY_MAX, .time_max = TIME_MAX, .plain = plain };
    _cleanup_problem_ Problem problem = {};
    _cleanup_answer_ Answer a = {};

    if (http_send(c->http, &request, on_done, &a, &problem) != -EINVAL)
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
    g_assert_cmpint(g_atomic_int_get(&n_resolved), ==, 0);
}

static void test_head(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *url = NULL;

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/head");
    for (int i = 0; i < 3; i++) {
        _cleanup_answer_ Answer a = { .field = "replay-nonce" };

        client_ask(
            &c,
            &(HttpRequest){
                .method = HTTP_HEAD, .url = url, .body_max = 10, .time_max = TIME_MAX, .plain = true },
            &a);
        assert_reply(&a, 200, TEXT(""));
        g_assert_cmpstr(a.values->str, ==, "[n]");
    }
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 3);
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
}

/* What the server got, with a head in lower case. */
static char *post(Client *c, const Server *s, HttpRequest request)
{
    g_autofree char *url = url_of(s, "/echo");
    _cleanup_answer_ Answer a = {};
    char *end;

    request.url = url;
    request.body_max = request.size + BODY_MAX;
    request.time_max = TIME_MAX;
    request.plain = true;
    client_ask(c, &request, &a);
    g_assert_cmpuint(a.status, ==, 200);
    end = strstr(a.body->str, "\r\n\r\n");
    g_assert_cmpmem(end + 4, (size_t)(a.body->str + a.body->len - end - 4), request.body, request.size);
    *end = 0;
    return g_ascii_strdown(a.body->str, -1);
}

static void test_post(void)
{
    static const size_t sizes[] = { 1, 1025, 70000,
                                    3000000 }; /* some of which libcurl would ask about first */
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    g_autofree char *empty = NULL, *plain = NULL;

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        g_autofree char *body = g_malloc(sizes[i]), *head = NULL;

        for (size_t j = 0; j < sizes[i]; j++)
            body[j] = (char)(j % 251);
        head = post(&c, &s,
                    (HttpRequest){ .method = HTTP_POST,
                                   .content_type = "application/jose+json",
                                   .accept = "application/pem-certificate-chain",
                                   .body = body,
                                   .size = sizes[i] });
        g_assert_true(g_str_has_prefix(head, "post /echo http/1.1\r\n"));
        g_assert_nonnull(strstr(head, "\r\ncontent-type: application/jose+json"));
        g_assert_nonnull(strstr(head, "\r\naccept: application/pem-certificate-chain"));
        g_assert_null(strstr(head, "x-www-form-urlencoded"));
        g_assert_null(strstr(head, "*/*"));
    }
    empty = post(&c, &s, (HttpRequest){ .method = HTTP_POST, .content_type = "text/plain" });
    g_assert_nonnull(strstr(empty, "\r\ncontent-length: 0"));
    plain = post(&c, &s, (HttpRequest){ .method = HTTP_POST, .body = "x", .size = 1 });
    g_assert_null(strstr(plain, "content-type"));
    g_assert_cmpint(g_atomic_int_get(&s.n_connections), ==, 1);
    g_assert_cmpuint(http_connections(c.http), ==, 1);
}

/* The request may be gone as soon as it was sent. */
static void test_post_is_copied(void)
{
    g_autofree char *url = NULL, *body = g_strdup("first");
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    server_start(&s);
    client_init(&c);
    url = url_of(&s, "/echo");
    client_start(&c,
                 &(HttpRequest){ .method = HTTP_POST,
                                 .url = url,
                                 .body = body,
                                 .size = 5,
                                 .body_max = BODY_MAX,
                                 .time_max = TIME_MAX,
                                 .plain = true },
                 &a);
    memcpy(body, "other", 5);
    memset(url, 'x', strlen(url));
    loop_until(c.event, is_answered, &a);
    g_assert_true(g_str_has_suffix(a.body->str, "\r\n\r\nfirst"));
}

static void test_invalid_fields(void)
{
    static const char *const values[] = { "text/plain\r\nX-More: 1", "text/\x01", "caf\xc3\xa9", "a\tb" };
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        HttpRequest request = {
            .url = "https://localhost/", .accept = values[i], .body_max = 1, .time_max = TIME_MAX
        };

        g_assert_cmpint(http_send(c.http, &request, on_done, &a, NULL), ==, -EINVAL);
        request.accept = NULL;
        request.content_type = values[i];
        g_assert_cmpint(http_send(c.http, &request, on_done, &a, NULL), ==, -EINVAL);
    }
    g_assert_cmpuint(http_pending(c.http), ==, 0);
}

static void test_invalid_address(void)
{
    static const char *const addresses[] = { "",      "localhost", "127.1", "127.0.0.1:80",
                                             "[::1]", "::1%lo",    "::g" };
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = {};

    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
        HttpRequest request = {
            .url = "https://localhost/", .address = addresses[i], .body_max = 1, .time_max = TIME_MAX
        };
        _cleanup_problem_ Problem problem = {};

        if (http_send(c.http, &request, on_done, &a, &problem) != -EINVAL)
            g_error("%s is taken", addresses[i]);
        g_assert_nonnull(strstr(problem.text, "is not an IPv4 or IPv6 address"));
    }
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
        { "/broken", PROBLEM_NETWORK_FAILED, "was truncated" },
        { "/no-http", PROBLEM_NETWORK_FAILED, "not HTTP" },
        { "/http-3", PROBLEM_NETWORK_FAILED, "not HTTP" },
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

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/http-transfer/urls", test_urls);
    g_test_add_func("/http-transfer/head", test_head);
    g_test_add_func("/http-transfer/post", test_post);
    g_test_add_func("/http-transfer/post-is-copied", test_post_is_copied);
    g_test_add_func("/http-transfer/invalid-fields", test_invalid_fields);
    g_test_add_func("/http-transfer/invalid-address", test_invalid_address);
    g_test_add_func("/http-transfer/body-just-fits", test_body_just_fits);
    g_test_add_func("/http-transfer/failures", test_failures);
    return g_test_run();
}
