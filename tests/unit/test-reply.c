/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-http.h"

#include "acme/header.h"
#include "acme/reply.h"

#define URL "https://ca.test/"
#define URN "urn:ietf:params:acme:error:"

static char *const origins[] = { S("https://files.test"), NULL };
static const AcmeAuthority authority = { .name = S("ca"),
                                         .directory = S(URL "directory"),
                                         .origins = (char **)(uintptr_t)origins };

/* The fields, as http_reply_header() finds them. */
#define FIELDS(...) \
    (char *[]) \
    { \
        __VA_ARGS__, NULL \
    }

static HttpReply reply_of(unsigned status, char **fields, const char *body)
{
    return (HttpReply){ .status = status, .body = body, .size = strlen(body), .easy = fields };
}

static void test_good(void)
{
    HttpReply http = reply_of(201,
                              FIELDS(S("Content-Type"), S("application/json; charset=utf-8"), S("Location"),
                                     S(URL "order/1"), S("Retry-After"), S("5")),
                              "{}"),
              bare = reply_of(204, NULL, "");
    AcmeReply reply = {};

    g_assert_cmpint(reply_check(&authority, &http, ACME_ABOUT_ORDER, TYPE_JSON, true, &reply, NULL), ==, 0);
    g_assert_cmpstr(reply.location, ==, URL "order/1");
    g_assert_cmpint(reply.retry_after, ==, 5);
    g_assert_cmpmem(reply.body, reply.size, "{}", 2);
    g_assert_true(reply.http == &http);
    g_assert_cmpint(reply_check(&authority, &bare, ACME_ABOUT_ORDER, NULL, true, &reply, NULL), ==, 0);
    g_assert_null(reply.location);
    g_assert_cmpint(reply.retry_after, ==, 0);
}

static void test_refused(void)
{
    g_autofree char *filling = g_strnfill(3000, 'x'), *large = g_strconcat(URL, filling, NULL);
    const struct {
        unsigned status;
        char **fields;
        const char *body, *type, *part;
        ProblemCode code;
    } cases[] = {
        { 500, NULL, "", NULL,
          "The authority ca answered the order with status 500 and without a reason; try again later",
          PROBLEM_AUTHORITY_FAILED },
        { 302, NULL, "", NULL, "status 302", PROBLEM_AUTHORITY_FAILED },
        { 403, FIELDS(S("Content-Type"), S("application/problem+json")),
          "{\"type\":\"" URN "unauthorized\",\"detail\":\"No.\"}", NULL,
          "ca refused the order: No (unauthorized)", PROBLEM_AUTHORITY_REFUSED },
        { 403, FIELDS(S("Content-Type"), S("application/problem+json")), "nonsense", NULL, "status 403",
          PROBLEM_AUTHORITY_FAILED },
        { 403, FIELDS(S("Content-Type"), S("text/html")), "{\"type\":\"" URN "unauthorized\"}", NULL,
          "ca refused the order: unauthorized", PROBLEM_AUTHORITY_REFUSED },
        { 403, NULL, "{\"title\":\"Blocked\"}", NULL, "ca refused the order: Blocked",
          PROBLEM_AUTHORITY_REFUSED },
        { 503, FIELDS(S("Content-Type"), S("application/json")), "{\"detail\":\"Maintenance\"}", NULL,
          "ca refused the order: Maintenance", PROBLEM_AUTHORITY_FAILED },
        { 403, FIELDS(S("Content-Type"), S("application/json")), "{\"message\":\"No key\"}", NULL,
          "status 403: \"{\"message\":\"No key\"}\"; see its documentation", PROBLEM_AUTHORITY_FAILED },
        { 403, FIELDS(S("Content-Type"), S("application/problem+json")), "{}", NULL, "it gives no reason",
          PROBLEM_AUTHORITY_REFUSED },
        { 404, FIELDS(S("Content-Type"), S("text/plain")), "  Not\r\n\tfound \x1b[31m\xff\n", NULL,
          "status 404: \"Not found ?[31m?\";", PROBLEM_AUTHORITY_FAILED },
        { 502, FIELDS(S("Content-Type"), S("text/html; charset=utf-8")),
          "<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>p > a { color: red }</style></head>"
          "<body><script>if (1 < 2) x()</script><p>The server\nis <b>down</b>.</p></body></html>",
          NULL, "status 502: \"502 Bad Gateway The server is down .\"; try again later",
          PROBLEM_AUTHORITY_FAILED },
        { 500, FIELDS(S("Content-Type"), S("text/html")), "<style", NULL, "without a reason",
          PROBLEM_AUTHORITY_FAILED },
        { 500, FIELDS(S("Content-Type"), S("text/html")), "oops <", NULL, "status 500: \"oops\"",
          PROBLEM_AUTHORITY_FAILED },
        { 500, FIELDS(S("Content-Type"), S("image/png")), "PNG", NULL, "without a reason",
          PROBLEM_AUTHORITY_FAILED },
        { 500, FIELDS(S("Content-Type"), S("text/plain")), filling, NULL, "xxx…\"; try",
          PROBLEM_AUTHORITY_FAILED },
        { 200, FIELDS(S("Content-Type"), S("text/html")), "{}", TYPE_JSON, "not application/json",
          PROBLEM_AUTHORITY_FAILED },
        { 200, NULL, "{}", TYPE_JSON, "not application/json", PROBLEM_AUTHORITY_FAILED },
        { 200, FIELDS(S("Content-Type"), S("application/json"), S("Content-Type"), S("application/json")),
          "{}", TYPE_JSON, "not application/json", PROBLEM_AUTHORITY_FAILED },
        { 201, FIELDS(S("Location"), S(URL "1"), S("Location"), S(URL "2")), "", NULL,
          "more than one Location", PROBLEM_AUTHORITY_FAILED },
        { 201, FIELDS(S("Location"), S("http://ca.test/1")), "", NULL, "not an https URL",
          PROBLEM_AUTHORITY_FAILED },
        { 201, FIELDS(S("Location"), S("/order/1")), "", NULL, "not an https URL",
          PROBLEM_AUTHORITY_FAILED },
        { 201, FIELDS(S("Location"), large), "", NULL, "not an https URL", PROBLEM_AUTHORITY_FAILED },
        { 201, FIELDS(S("Location"), S("https://elsewhere.test/1")), "", NULL, "leads to another server",
          PROBLEM_AUTHORITY_FAILED },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        HttpReply http = reply_of(cases[i].status, cases[i].fields, cases[i].body);
        _cleanup_problem_ Problem problem = {};
        AcmeReply reply = { .retry_after = 77 };
        int r = reply_check(&authority, &http, ACME_ABOUT_ORDER, cases[i].type, true, &reply, &problem);

        g_assert_cmpint(reply.retry_after, ==, 77); /* untouched */
        if (r >= 0 || problem.code != cases[i].code || !strstr(problem.text, cases[i].part))
            note_failure("case %zu: %d, %s", i, r, strempty(problem.text));
    }
}

/* Where nobody reads it, anything may stand. */
static void test_not_located(void)
{
    static char *const locations[] = { S("/order/1"), S("http://ca.test/1"), S("https://elsewhere.test/1"),
                                       S("") };

    for (size_t i = 0; i < ELEMENTSOF(locations); i++) {
        HttpReply http = reply_of(200, FIELDS(S("Location"), locations[i], S("Location"), S(URL "2")), "{}");
        AcmeReply reply = {};

        g_assert_cmpint(reply_check(&authority, &http, ACME_ABOUT_ORDER, NULL, false, &reply, NULL), ==, 0);
        g_assert_null(reply.location);
    }
}

/* Whatever the body of a reply with status 429 is, the authority is not to blame. */
static void test_too_many(void)
{
    static const char *const bodies[] = { "", "Slow down", "{\"detail\":\"Slow down\"}",
                                          "{\"type\":\"" URN "rateLimited\"}" };

    for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
        HttpReply http = reply_of(429, NULL, bodies[i]);
        _cleanup_problem_ Problem problem = {};

        reply_describe_refusal(&authority, &http, ACME_ABOUT_ORDER, &problem);
        g_assert_true(problem_is_rate_limited(&problem));
    }
}

static void test_retry_after(void)
{
    HttpReply none = reply_of(200, NULL, ""), good = reply_of(503, FIELDS(S("Retry-After"), S("120")), ""),
              bad = reply_of(503, FIELDS(S("Retry-After"), S("soon")), "");

    g_assert_cmpint(reply_retry_after(&none), ==, 0);
    g_assert_cmpint(reply_retry_after(&good), ==, 120);
    g_assert_cmpint(reply_retry_after(&bad), ==, 0);
}

/* Those of other servers and other relations are left out, and so is what cannot be read. */
static void test_links(void)
{
    HttpReply http = reply_of(200,
                              FIELDS(S("Link"), S("<" URL "a>;rel=\"alternate\", <" URL "i>;rel=\"index\""),
                                     S("Link"), S("<https://elsewhere.test/>;rel=alternate"), S("Link"),
                                     S("nonsense"), S("Link"), S("<https://files.test/b>;rel=alternate")),
                              "");
    AcmeReply reply = { .http = &http };
    _cleanup_strv_ char **links = NULL, **none = NULL;

    g_assert_cmpint(acme_reply_links(&authority, &reply, "alternate", &links), ==, 0);
    g_assert_cmpuint(strv_length(links), ==, 2);
    g_assert_cmpstr(links[0], ==, URL "a");
    g_assert_cmpstr(links[1], ==, "https://files.test/b");
    g_assert_cmpint(acme_reply_links(&authority, &reply, "next", &none), ==, 0);
    g_assert_null(none);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reply/good", test_good);
    g_test_add_func("/reply/refused", test_refused);
    g_test_add_func("/reply/not-located", test_not_located);
    g_test_add_func("/reply/too-many", test_too_many);
    g_test_add_func("/reply/retry-after", test_retry_after);
    g_test_add_func("/reply/links", test_links);
    return g_test_run();
}
