/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/json-reader.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

static Problem problem;

/* Reads a text that is good. */
static Reader opened(const char *text)
{
    Reader r = {};

    problem_clear(&problem);
    g_assert_cmpint(reader_open(&r, "Example CA", "an object", text, strlen(text), &problem), ==, 0);
    return r;
}
#define _cleanup_reader_ _cleanup_(reader_close)

/* The member was refused by its name; for the next one nothing has happened yet. */
static void assert_complaint(int r, const char *member)
{
    g_autofree char *quoted = g_strdup_printf("\"%s\"", member);

    g_assert_cmpint(r, ==, -EBADMSG);
    g_assert_cmpint(problem.code, ==, PROBLEM_AUTHORITY_FAILED);
    g_assert_true(g_str_has_prefix(problem.text, "Example CA sent an object"));
    if (!strstr(problem.text, quoted))
        note_failure("%s: %s", member, problem.text);
    problem_clear(&problem);
}

static void test_open(void)
{
    static const struct {
        const char *text, *why; /* NULL: it is taken */
    } rows[] = {
        { "{}", NULL },
        { " {\"a\":{\"a\":[{\"a\":1}]}}\r\n", NULL },
        { "{\"a\":\"\\\"}:{\"}", NULL },
        { "{\"a\":\"\xc3\xa9\"}", NULL },
        { "", "is truncated" },
        { "{", "is truncated" },
        { "[]", "not an object" },
        { "\"a\"", "not an object" },
        { "{}{}", "not JSON" },
        { "{} x", "not JSON" },
        { "{\"a\":1,}", "not JSON" },
        { "{'a':1}", "not JSON" },
        { "{\"a\":NaN}", "not JSON" },
        { "{\"a\":\"\n\"}", "not JSON" },
        { "{\"a\":\"\\u0000\"}", "not JSON" },
        { "{\"a\":1,\"a\":2}", "duplicate" },
        { "{\"b\":[{\"a\":1,\"\\u0061\":2}]}", "duplicate" },
        { "{\"a\":\"\xff\"}", "not UTF-8" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_problem_ Problem p = {};
        _cleanup_reader_ Reader r = {};
        int c = reader_open(&r, "Example CA", "an object", rows[i].text, strlen(rows[i].text), &p);

        if (c != (rows[i].why ? -EBADMSG : 0) || (rows[i].why && !strstr(p.text, rows[i].why)))
            note_failure("%s: %d, %s", rows[i].text, c, strempty(p.text));
        g_assert_cmpint(c < 0, ==, r.object == NULL);
    }
}

static void test_limits(void)
{
    g_autofree char *large = g_strnfill(LIMIT_ACME_JSON + 1, ' ');

    memcpy(large, "{}", 2);
    for (int deep = 0; deep < 2; deep++) {
        g_autoptr(GString) text = g_string_new(NULL);
        _cleanup_problem_ Problem p = {};
        _cleanup_reader_ Reader r = {};

        for (int i = 0; i < LIMIT_ACME_DEPTH - 1 + deep; i++)
            g_string_append(text, "{\"a\":");
        g_string_append(text, "1");
        for (int i = 0; i < LIMIT_ACME_DEPTH - 1 + deep; i++)
            g_string_append(text, "}");
        g_assert_cmpint(reader_open(&r, "Example CA", "x", text->str, text->len, &p), ==,
                        deep ? -EBADMSG : 0);
    }
    for (int more = 0; more < 2; more++) {
        _cleanup_problem_ Problem p = {};
        _cleanup_reader_ Reader r = {};

        g_assert_cmpint(reader_open(&r, "Example CA", "x", large, (size_t)(LIMIT_ACME_JSON + more), &p), ==,
                        more ? -EBADMSG : 0);
    }
}

/* Something of each type under the letter of its name, and nothing under "n". */
#define ALL \
    "{\"o\":{\"a\":\"b\"},\"l\":[\"x\",\"y\"],\"m\":[{\"a\":\"c\"}],\"s\":\"text\",\"b\":true,\"i\":1,\"n\":null," \
    "\"u\":\"https://a.test/\"}"

static void test_enter(void)
{
    _cleanup_reader_ Reader r = opened(ALL);
    Reader in = {};
    size_t n = 7;

    g_assert_cmpint(reader_enter(&r, "o", REQUIRED, "an object within", &in), ==, 0);
    g_assert_cmpstr(reader_peek(&in, "a"), ==, "b");
    g_assert_cmpint(reader_enter_item(&r, "m", 0, "an object in a list", &in), ==, 0);
    g_assert_cmpstr(reader_peek(&in, "a"), ==, "c");
    g_assert_cmpint(reader_enter(&r, "n", OPTIONAL, "nothing", &in), ==, 0);
    g_assert_null(in.object);
    g_assert_cmpint(reader_enter(&r, "missing", OPTIONAL, "nothing", &in), ==, 0);
    g_assert_null(in.object);
    assert_complaint(reader_enter(&r, "n", REQUIRED, "nothing", &in), "n");
    assert_complaint(reader_enter(&r, "missing", REQUIRED, "nothing", &in), "missing");
    assert_complaint(reader_enter(&r, "l", REQUIRED, "a list", &in), "l");
    assert_complaint(reader_enter(&r, "s", OPTIONAL, "a text", &in), "s");
    assert_complaint(reader_enter_item(&r, "l", 0, "a text", &in), "l");
    assert_complaint(reader_enter_item(&r, "m", 1, "behind the end", &in), "m");
    g_assert_cmpint(reader_count(&r, "l", 2, &n), ==, 0);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpint(reader_count(&r, "missing", 2, &n), ==, 0);
    g_assert_cmpuint(n, ==, 0);
    assert_complaint(reader_count(&r, "l", 1, &n), "l");
    assert_complaint(reader_count(&r, "o", 1, &n), "o");
}

/* Whatever is there, nothing is said of it. */
static void test_peek(void)
{
    static const char *const keys[] = { "o", "l", "m", "s", "u", "b", "i", "n", "missing" };
    _cleanup_reader_ Reader r = opened(ALL);
    char *url = NULL;

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        bool is_list = streq(keys[i], "l") || streq(keys[i], "m");

        g_assert_cmpstr(reader_peek(&r, keys[i]), ==,
                        streq(keys[i], "s")   ? "text"
                        : streq(keys[i], "u") ? "https://a.test/"
                                              : NULL);
        g_assert_cmpint(reader_peek_url(&r, keys[i], &url), ==, 0);
        g_assert_cmpstr(url, ==, streq(keys[i], "u") ? "https://a.test/" : NULL);
        g_clear_pointer(&url, free);
        g_assert_cmpuint(reader_peek_count(&r, keys[i]), ==, is_list ? streq(keys[i], "l") ? 2 : 1 : 0);
        g_assert_cmpstr(reader_peek_word(&r, keys[i], 1), ==, streq(keys[i], "l") ? "y" : NULL);
        g_assert_null(reader_peek_word(&r, keys[i], 2));
    }
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
}

static bool is_not_y(const char *s)
{
    return !streq(s, "y");
}

static void test_texts(void)
{
    _cleanup_reader_ Reader r = opened(ALL);
    _cleanup_free_ char *text = NULL, *none = NULL;
    _cleanup_strv_ char **l = NULL;
    char **no_list = NULL;

    g_assert_cmpint(reader_read_text(&r, "s", REQUIRED, text_is_plain, &text), ==, 0);
    g_assert_cmpstr(text, ==, "text");
    g_assert_cmpint(reader_read_text(&r, "n", OPTIONAL, text_is_plain, &none), ==, 0);
    g_assert_cmpint(reader_read_text(&r, "missing", OPTIONAL, text_is_plain, &none), ==, 0);
    assert_complaint(reader_read_text(&r, "n", REQUIRED, text_is_plain, &none), "n");
    assert_complaint(reader_read_text(&r, "s", REQUIRED, text_is_url, &none), "s");
    assert_complaint(reader_read_text(&r, "i", OPTIONAL, text_is_plain, &none), "i");
    g_assert_null(none);
    g_assert_cmpint(reader_read_texts(&r, "l", text_is_plain, 2, &l), ==, 0);
    g_assert_cmpuint(strv_length(l), ==, 2);
    g_assert_cmpstr(l[1], ==, "y");
    g_assert_cmpint(reader_read_texts(&r, "missing", text_is_plain, 2, &no_list), ==, 0);
    assert_complaint(reader_read_texts(&r, "l", is_not_y, 2, &no_list), "l");
    assert_complaint(reader_read_texts(&r, "l", text_is_plain, 1, &no_list), "l");
    assert_complaint(reader_read_texts(&r, "m", text_is_plain, 2, &no_list), "m");
    g_assert_null(no_list);
}

static void test_names(void)
{
    _cleanup_reader_ Reader r = opened("{\"p\":{\"a\":\"x\\u001by\",\"b\":\"\"},\"q\":{\"a\":1},\"e\":{}}");
    _cleanup_strv_ char **names = NULL, **one = NULL;
    char **none = NULL;

    g_assert_cmpint(reader_peek_names(&r, "p", text_is_plain, 2, &names), ==, 0);
    g_assert_cmpuint(strv_length(names), ==, 2);
    g_assert_cmpstr(names[0], ==, "a");
    g_assert_cmpint(reader_peek_names(&r, "e", text_is_plain, 2, &none), ==, 0);
    g_assert_cmpint(reader_peek_names(&r, "missing", text_is_plain, 2, &none), ==, 0);
    g_assert_cmpint(reader_peek_names(&r, "p", text_is_url, 2, &none), ==, 0);
    g_assert_null(none);
    g_assert_cmpint(reader_peek_names(&r, "p", text_is_plain, 1, &one), ==, 0);
    g_assert_cmpuint(strv_length(one), ==, 1);
}

static void test_peek_object(void)
{
    _cleanup_reader_ Reader r = opened("{\"o\":{\"t\":\"x\"},\"l\":[],\"n\":null}");
    _cleanup_free_ char *text = NULL;
    Reader object;

    g_assert_false(reader_peek_object(&r, "l", "a list", &object));
    g_assert_false(reader_peek_object(&r, "n", "nothing", &object));
    g_assert_false(reader_peek_object(&r, "missing", "nothing", &object));
    g_assert_true(reader_peek_object(&r, "o", "an object", &object));
    g_assert_cmpint(reader_peek_text(&object, "t", text_is_url, &text), ==, 0);
    g_assert_null(text);
    g_assert_cmpint(reader_peek_text(&object, "t", text_is_plain, &text), ==, 0);
    g_assert_cmpstr(text, ==, "x");
}

static void test_boolean(void)
{
    _cleanup_reader_ Reader r = opened(ALL);
    bool yes = false;

    g_assert_cmpint(reader_read_boolean(&r, "b", &yes), ==, 0);
    g_assert_true(yes);
    g_assert_cmpint(reader_read_boolean(&r, "n", &yes), ==, 0);
    g_assert_false(yes);
    assert_complaint(reader_read_boolean(&r, "i", &yes), "i");
    assert_complaint(reader_read_boolean(&r, "s", &yes), "s");
}

/* Which texts are times is the matter of test-objects.c. */
static void test_time(void)
{
    _cleanup_reader_ Reader r =
        opened("{\"t\":\"2001-09-09T01:46:40Z\",\"e\":\"1900-01-01T00:00:00Z\",\"s\":\"today\"}");
    int64_t seconds = -1;

    g_assert_cmpint(reader_read_time(&r, "t", REQUIRED, &seconds), ==, 0);
    g_assert_cmpint(seconds, ==, 1000000000);
    g_assert_cmpint(reader_read_time(&r, "e", REQUIRED, &seconds), ==, 0);
    g_assert_cmpint(seconds, ==, 0);
    seconds = -1;
    g_assert_cmpint(reader_read_time(&r, "missing", OPTIONAL, &seconds), ==, 0);
    g_assert_cmpint(seconds, ==, 0);
    assert_complaint(reader_read_time(&r, "missing", REQUIRED, &seconds), "missing");
    assert_complaint(reader_read_time(&r, "s", REQUIRED, &seconds), "s");
    assert_complaint(reader_read_time(&r, "s", OPTIONAL, &seconds), "s");
}

static void test_checks(void)
{
    g_autofree char *token = g_strnfill(LIMIT_TOKEN_MAX + 1, 'a'), *path = g_strnfill(LIMIT_URL, 'a'),
                    *url = g_strconcat("https://", path, NULL);

    g_assert_true(text_is_url("https://a/"));
    g_assert_false(text_is_url("HTTPS://a/"));
    g_assert_false(text_is_url("http://a/"));
    g_assert_false(text_is_url("https://"));
    g_assert_false(text_is_url("https:///a"));
    g_assert_false(text_is_url("https://a/ b"));
    g_assert_false(text_is_url("https://a/\xc3\xa9"));
    g_assert_false(text_is_url(url));
    url[LIMIT_URL] = 0;
    g_assert_true(text_is_url(url));
    g_assert_false(text_is_token(token));
    token[LIMIT_TOKEN_MAX] = 0;
    g_assert_true(text_is_token(token));
    token[LIMIT_TOKEN_MIN] = 0;
    g_assert_true(text_is_token(token));
    token[3] = '/';
    g_assert_false(text_is_token(token));
    token[3] = '_';
    token[LIMIT_TOKEN_MIN - 1] = 0;
    g_assert_false(text_is_token(token));
}

int main(int argc, char **argv)
{
    int status;

    fixture_init(&argc, &argv);
    g_test_add_func("/json-reader/open", test_open);
    g_test_add_func("/json-reader/limits", test_limits);
    g_test_add_func("/json-reader/enter", test_enter);
    g_test_add_func("/json-reader/peek", test_peek);
    g_test_add_func("/json-reader/peek-object", test_peek_object);
    g_test_add_func("/json-reader/texts", test_texts);
    g_test_add_func("/json-reader/names", test_names);
    g_test_add_func("/json-reader/boolean", test_boolean);
    g_test_add_func("/json-reader/time", test_time);
    g_test_add_func("/json-reader/checks", test_checks);
    status = g_test_run();
    problem_clear(&problem);
    return status;
}
