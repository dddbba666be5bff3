/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-fixture.h"

#include <signal.h>

/* Remembers what is offered, and takes nothing of it. */
static int on_protocols(SSL *ssl _unused_, const unsigned char **out _unused_, unsigned char *size _unused_,
                        const unsigned char *offered, unsigned n, void *userdata)
{
    Server *s = userdata;

    for (unsigned i = 0; i < n && i < sizeof(s->protocols) - 1; i++)
        s->protocols[i] = offered[i] < ' ' ? ' ' : (char)offered[i];
    return SSL_TLSEXT_ERR_NOACK;
}

/* names: of the certificate. */
static void server_start_tls(Server *s, const char *names)
{
    _cleanup_issued_ Issued i = issue(&(CertificateSpec){ .subject = "server", .names = names }, NULL, NULL);

    s->tls = SSL_CTX_new(TLS_server_method());
    g_assert_cmpint(SSL_CTX_use_certificate(s->tls, i.certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(s->tls, i.key), ==, 1);
    SSL_CTX_set_alpn_select_cb(s->tls, on_protocols, s);
    server_start(s);
}

static char *write_authorities_as(const Server *s, const Folder *f, const char *name)
{
    Issued i = { .certificate = SSL_CTX_get0_certificate(s->tls) };
    g_autofree char *pem = pem_of(&i);

    folder_write(f, name, pem);
    return folder_path(f, name);
}

static char *write_authorities(const Server *s, const Folder *f)
{
    return write_authorities_as(s, f, "authorities.pem");
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
    HttpRequest request = { .body_max = BODY_MAX, .time_max = TIME_MAX, .address = "127.0.0.1" };

    server_start_tls(&s, "IP:127.0.0.1");
    client_init(&c);
    url = url_of(&s, "/ok");
    other = g_strdup_printf("https://other.test:%u/ok", s.port);
    authorities = write_authorities(&s, &f);
    ask_tls(&c, url, authorities, &trusted);
    assert_reply(&trusted, 200, TEXT("hello"));
    /* and then not over the connection of who trusts more */
    ask_tls(&c, url, NULL, &untrusted);
    assert_problem(&untrusted, PROBLEM_NETWORK_FAILED, "not trusted");
    request.url = other;
    request.authorities = authorities;
    client_ask(&c, &request, &other_name);
    assert_problem(&other_name, PROBLEM_NETWORK_FAILED, "other.test");
    assert_problem(&other_name, PROBLEM_NETWORK_FAILED, "not trusted");
    ask_tls(&c, url, missing, &no_file);
    assert_problem(&no_file, PROBLEM_NETWORK_FAILED, "cannot be read");
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
    g_assert_cmpstr(s.protocols, ==, " h2 http/1.1");
}

/* The name that is in the URL is the one that counts. */
static void test_tls_address(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer good = {}, bad = {};
    g_autofree char *authorities = NULL, *url = NULL, *other = NULL;
    HttpRequest request = { .body_max = BODY_MAX, .time_max = TIME_MAX, .address = "127.0.0.1" };

    server_start_tls(&s, "DNS:nowhere.test");
    client_init(&c);
    request.authorities = authorities = write_authorities(&s, &f);
    request.url = url = g_strdup_printf("https://nowhere.test:%u/ok", s.port);
    client_ask(&c, &request, &good);
    assert_reply(&good, 200, TEXT("hello"));
    request.url = other = g_strdup_printf("https://other.test:%u/ok", s.port);
    client_ask(&c, &request, &bad);
    assert_problem(&bad, PROBLEM_NETWORK_FAILED, "not trusted");
    g_assert_cmpint(g_atomic_int_get(&s.n_requests), ==, 1);
}

/* Two servers with authorities of their own, by turns: neither file is read twice. */
static void test_tls_trust_of_several(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_server_ Server one = {}, two = {};
    _cleanup_client_ Client c = {};
    g_autofree char *url_one = NULL, *url_two = NULL, *trust_one = NULL, *trust_two = NULL;

    server_start_tls(&one, "IP:127.0.0.1");
    server_start_tls(&two, "IP:127.0.0.1");
    client_init(&c);
    url_one = url_of(&one, "/close");
    url_two = url_of(&two, "/close");
    trust_one = write_authorities_as(&one, &f, "one.pem");
    trust_two = write_authorities_as(&two, &f, "two.pem");
    for (int i = 0; i < 3; i++) {
        _cleanup_answer_ Answer a = {}, b = {};

        ask_tls(&c, url_one, trust_one, &a);
        assert_reply(&a, 200, TEXT("hello"));
        ask_tls(&c, url_two, trust_two, &b);
        assert_reply(&b, 200, TEXT("hello"));
        if (i == 0) {
            folder_remove(&f, "one.pem");
            folder_remove(&f, "two.pem");
        }
    }
    g_assert_cmpuint(http_connections(c.http), ==, 6);
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
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/http/tls", test_tls);
    g_test_add_func("/http/tls-address", test_tls_address);
    g_test_add_func("/http/tls-trust-is-kept", test_tls_trust_is_kept);
    g_test_add_func("/http/tls-trust-of-several", test_tls_trust_of_several);
    g_test_add_func("/http/tls-slow-neighbour", test_tls_slow_neighbour);
    g_test_add_func("/http/tls-deaf", test_tls_deaf);
    g_test_add_func("/http/tls-parallel", test_tls_parallel);
    return g_test_run();
}
