/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/strict-json.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

typedef struct Members {
    char *text, *none;
    const char *borrowed;
    int64_t when, never;
    uint64_t count;
    unsigned number;
    bool flag, unset;
} Members;

static const JsonField fields[] = {
    { "text", JSON_TEXT, offsetof(Members, text), false },
    { "none", JSON_TEXT, offsetof(Members, none), true },
    { "borrowed", JSON_BORROWED, offsetof(Members, borrowed), false },
    { "when", JSON_INT, offsetof(Members, when), false },
    { "never", JSON_INT, offsetof(Members, never), true },
    { "count", JSON_COUNT, offsetof(Members, count), false },
    { "number", JSON_UNSIGNED, offsetof(Members, number), false },
    { "flag", JSON_FLAG, offsetof(Members, flag), false },
    { "unset", JSON_FLAG, offsetof(Members, unset), true },
};

#define WHOLE \
    "{\"text\":\"a \\\"b\\\"\",\"borrowed\":\"c\",\"when\":-7,\"count\":9223372036854775807,\"number\":4294967295,\"flag\":true}"

static void test_fields(void)
{
    const Members s = { .text = S("a \"b\""),
                        .borrowed = "c",
                        .when = -7,
                        .count = INT64_MAX,
                        .number = UINT32_MAX,
                        .flag = true };
    _cleanup_json_ json_object *o = json_object_new_object(), *parsed = NULL;
    Members again = { .never = 3 };

    g_assert_cmpint(json_put_fields(o, fields, ELEMENTSOF(fields), &s), ==, 0);
    g_assert_cmpstr(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), ==, WHOLE);
    parsed = json_parse(WHOLE, strlen(WHOLE), 2);
    g_assert_cmpint(json_get_fields(parsed, fields, ELEMENTSOF(fields), &again), ==, 0);
    g_assert_cmpstr(again.text, ==, s.text);
    g_assert_null(again.none);
    g_assert_cmpstr(again.borrowed, ==, "c");
    g_assert_cmpint(again.when, ==, -7);
    g_assert_cmpint(again.never, ==, 3);
    g_assert_cmpuint(again.count, ==, s.count);
    g_assert_cmpuint(again.number, ==, s.number);
    g_assert_true(again.flag);
    g_assert_false(again.unset);
    free(again.text);
}

/* Members that have to be there are written even if there is nothing to write; others are omitted. */
static void test_empty(void)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    g_assert_cmpint(json_put_fields(o, fields, ELEMENTSOF(fields), &(Members){}), ==, 0);
    g_assert_cmpstr(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), ==,
                    "{\"text\":\"\",\"borrowed\":\"\",\"when\":0,\"count\":0,\"number\":0,\"flag\":false}");
}

static void test_fields_refused(void)
{
    static const struct {
        JsonField field;
        const char *text;
    } rows[] = {
        { { "k", JSON_TEXT, 0, false }, "{}" },
        { { "k", JSON_TEXT, 0, false }, "[]" },
        { { "k", JSON_TEXT, 0, false }, "{\"k\":null}" },
        { { "k", JSON_TEXT, 0, true }, "{\"k\":7}" },
        { { "k", JSON_TEXT, 0, true }, "{\"k\":\"a\\u0000b\"}" },
        { { "k", JSON_BORROWED, 0, true }, "{\"k\":\"a\\u0000b\"}" },
        { { "k", JSON_BORROWED, 0, false }, "{\"k\":[]}" },
        { { "k", JSON_INT, 0, false }, "{\"k\":\"7\"}" },
        { { "k", JSON_INT, 0, true }, "{\"k\":7.5}" },
        { { "k", JSON_COUNT, 0, false }, "{\"k\":-1}" },
        { { "k", JSON_COUNT, 0, true }, "{\"k\":true}" },
        { { "k", JSON_UNSIGNED, 0, false }, "{\"k\":-1}" },
        { { "k", JSON_FLAG, 0, false }, "{\"k\":1}" },
        { { "k", JSON_FLAG, 0, true }, "{\"k\":\"true\"}" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_json_ json_object *o = json_parse(rows[i].text, strlen(rows[i].text), 3);
        uint64_t member = 0;
        int r = json_get_fields(o, &rows[i].field, 1, &member);

        if (r != -EBADMSG || member != 0)
            note_failure("%s: %d", rows[i].text, r);
    }
}

/* A larger number than the member holds becomes the largest one. */
static void test_unsigned_is_clamped(void)
{
    static const JsonField field = { "k", JSON_UNSIGNED, 0, false };
    static const char text[] = "{\"k\":4294967296}";
    _cleanup_json_ json_object *o = json_parse(text, strlen(text), 2);
    unsigned member = 0;

    g_assert_cmpint(json_get_fields(o, &field, 1, &member), ==, 0);
    g_assert_cmpuint(member, ==, UINT32_MAX);
}

static void test_list(void)
{
    char *many[LIMIT_NAMES + 2] = {};

    for (size_t n = 0; n < ELEMENTSOF(many); n = n < 2 ? n + 1 : n == 2 ? LIMIT_NAMES : n + 1) {
        _cleanup_json_ json_object *o = json_object_new_object();
        _cleanup_strv_ char **again = NULL;

        for (size_t i = 0; i < n; i++)
            many[i] = S("a.example");
        g_assert_cmpint(json_put_list(o, "k", n > 0 ? many : NULL), ==, 0);
        g_assert_cmpint(json_get_list(o, "k", LIMIT_NAMES, &again), ==, n > LIMIT_NAMES ? -EBADMSG : 0);
        g_assert_true(n > LIMIT_NAMES ? again == NULL : strv_equal(again, many));
    }
}

static void test_list_refused(void)
{
    static const char *const texts[] = {
        "{}", "{\"k\":\"a\"}", "{\"k\":{}}", "{\"k\":[\"a\",7]}", "{\"k\":[null]}", "{\"k\":[\"a\\u0000\"]}"
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_json_ json_object *o = json_parse(texts[i], strlen(texts[i]), 3);
        _cleanup_strv_ char **list = NULL;

        if (json_get_list(o, "k", LIMIT_NAMES, &list) != -EBADMSG || list)
            note_failure("%s is taken", texts[i]);
    }
}

static void test_parse(void)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "{}", true },        { " {\"a\":[1]}\n", true }, { "\"\303\251\"", true }, { "", false },
        { "{} {}", false },    { "{\"a\":[[1]]}", false }, { "{\"a\":1,}", false },  { "\"\377\"", false },
        { "{\"a\":1", false }, { "/* */{}", false },
    };
    static const char nul[] = "{}\0{}";

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_json_ json_object *o = json_parse(rows[i].text, strlen(rows[i].text), 3);

        if ((o != NULL) != rows[i].good)
            note_failure("%s", rows[i].text);
    }
    g_assert_null(json_parse(nul, sizeof(nul) - 1, 3));
}

static void test_format(void)
{
    static const char *const texts[] = { "{}", "[]", "{\"format\":2}", "{\"format\":\"1\"}",
                                         "{\"format\":1.0}" };
    _cleanup_json_ json_object *good = json_parse("{\"format\":1}", 12, 2);

    g_assert_true(json_has_format(good, 1));
    g_assert_false(json_has_format(good, 2));
    g_assert_false(json_has_format(NULL, 1));
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_json_ json_object *o = json_parse(texts[i], strlen(texts[i]), 2);

        if (json_has_format(o, 1))
            note_failure("%s is taken", texts[i]);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/strict-json/fields", test_fields);
    g_test_add_func("/strict-json/empty", test_empty);
    g_test_add_func("/strict-json/fields-refused", test_fields_refused);
    g_test_add_func("/strict-json/unsigned-is-clamped", test_unsigned_is_clamped);
    g_test_add_func("/strict-json/list", test_list);
    g_test_add_func("/strict-json/list-refused", test_list_refused);
    g_test_add_func("/strict-json/parse", test_parse);
    g_test_add_func("/strict-json/format", test_format);
    return g_test_run();
}
