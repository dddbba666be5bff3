/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "config/keys.h"
#include "config/section.h"

/* Complaints as lines, "FILE:LINE:KEY TEXT". */
typedef struct Scene {
    GString *complaints;
    ParseContext context;
    unsigned n;
} Scene;

static void on_complaint(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    Scene *s = userdata;

    s->n++;
    g_string_append_printf(s->complaints, "%s:%u:%s %s\n", file, line, key ? key : "-", text);
}

static void scene_begin(Scene *s)
{
    *s = (Scene){ .complaints = g_string_new(NULL) };
    s->context = (ParseContext){ .complain = on_complaint, .userdata = s };
}

static void scene_end(Scene *s)
{
    context_done(&s->context);
    g_string_free(s->complaints, TRUE);
}

typedef struct Target {
    int a, b;
} Target;

/* Reads the length of the value; "refused" is none, and "oom" takes all memory. */
static int parse_length(ParseContext *context, const IniEntry *e, void *target)
{
    if (g_str_equal(e->value, "oom"))
        return -ENOMEM;
    if (g_str_equal(e->value, "refused"))
        return entry_complain(context, e, "%s is wrong", QUOTED(e->value));
    *(int *)target = (int)strlen(e->value);
    return 0;
}

static const KeyRow rows[] = {
    { "One", "A", parse_length, offsetof(Target, a), false },
    { "Two", "A", parse_length, offsetof(Target, b), false },
    { "Two", "B", parse_length, offsetof(Target, a), false },
};

static int apply(Scene *s, Target *t, const char *section, const char *key, const char *value)
{
    const IniEntry e = { "f", section, 1, key, value, 7 };

    return key_apply(&s->context, &e, rows, ELEMENTSOF(rows), section, t);
}

static void test_known(void)
{
    g_assert_true(section_is_known(rows, ELEMENTSOF(rows), "One"));
    g_assert_true(section_is_known(rows, ELEMENTSOF(rows), "Two"));
    g_assert_false(section_is_known(rows, ELEMENTSOF(rows), "one"));
    g_assert_false(section_is_known(rows, 1, "Two"));
    g_assert_false(section_is_known(rows, 0, "One"));
}

/* The same key means another member in another section. */
static void test_apply(void)
{
    Target t = {};
    Scene s;

    scene_begin(&s);
    g_assert_cmpint(apply(&s, &t, "One", "A", "x"), ==, 0);
    g_assert_cmpint(apply(&s, &t, "Two", "A", "xx"), ==, 0);
    g_assert_cmpint(t.a, ==, 1);
    g_assert_cmpint(t.b, ==, 2);
    g_assert_cmpint(apply(&s, &t, "Two", "B", "xxx"), ==, 0);
    g_assert_cmpint(t.a, ==, 3);
    g_assert_cmpuint(s.n, ==, 0);
    scene_end(&s);
}

/* A complaint is no failure; a lack of memory is. */
static void test_apply_refused(void)
{
    Target t = { 5, 6 };
    Scene s;

    scene_begin(&s);
    g_assert_cmpint(apply(&s, &t, "One", "A", "refused"), ==, 0);
    g_assert_cmpstr(s.complaints->str, ==, "f:7:A refused is wrong\n");
    g_assert_cmpint(apply(&s, &t, "One", "B", "x"), ==, 0);
    g_assert_cmpuint(s.n, ==, 2);
    g_assert_nonnull(strstr(s.complaints->str, "f:7:B unknown key in [One]"));
    g_assert_cmpint(apply(&s, &t, "One", "A", "oom"), ==, -ENOMEM);
    g_assert_cmpuint(s.n, ==, 2);
    g_assert_cmpint(t.a, ==, 5);
    g_assert_cmpint(t.b, ==, 6);
    scene_end(&s);
}

/* Complaints are counted for each file separately; the last one says that more follow. */
static void test_complaints(void)
{
    Scene s;

    scene_begin(&s);
    for (unsigned file = 1; file <= 3; file++) {
        context_begin_file(&s.context);
        for (int i = 0; i < LIMIT_CONFIG_ERRORS * 3; i++)
            context_complain("f", 1, NULL, "text", &s.context);
        g_assert_cmpuint(s.n, ==, file * (LIMIT_CONFIG_ERRORS + 1));
        g_assert_false(g_str_has_suffix(s.complaints->str, ":- text\n"));
    }
    scene_end(&s);
}

static void test_index(void)
{
    SectionIndex *index = NULL;
    size_t position = 7;

    g_assert_false(section_index_find(index, "a", &position));
    g_assert_cmpuint(position, ==, 7);
    g_assert_cmpint(section_index_add(&index, "a", 0), ==, 0);
    g_assert_cmpint(section_index_add(&index, "", 1), ==, 0);
    g_assert_true(section_index_find(index, "", &position));
    g_assert_cmpuint(position, ==, 1);
    g_assert_true(section_index_find(index, "a", &position));
    g_assert_cmpuint(position, ==, 0);
    section_index_clear(&index);
    g_assert_null(index);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/section/known", test_known);
    g_test_add_func("/section/apply", test_apply);
    g_test_add_func("/section/apply-refused", test_apply_refused);
    g_test_add_func("/section/complaints", test_complaints);
    g_test_add_func("/section/index", test_index);
    return g_test_run();
}
