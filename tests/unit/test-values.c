/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/values.h"

#include <errno.h>

static unsigned n_complaints;

static void on_complaint(const char *file, unsigned line, const char *key, const char *text,
                         void *userdata _unused_)
{
    g_assert_cmpstr(file, ==, "FILE");
    g_assert_cmpuint(line, ==, 7);
    g_assert_cmpstr(key, ==, "Key");
    g_assert_cmpuint(strlen(text), >, 10);
    n_complaints++;
}

/* Complains exactly if it refuses. */
static int parse(ParseKey parser, const char *value, void *target)
{
    ParseContext context = { .complain = on_complaint };
    const IniEntry entry = { "FILE", "Section", 1, "Key", value, 7 };
    int r;

    n_complaints = 0;
    r = parser(&context, &entry, target);
    g_assert_true(r == 0 || r == -EINVAL);
    if (n_complaints != (r < 0))
        note_failure("\"%s\": %d with %u complaints", value, r, n_complaints);
    return r;
}

#define SAME "the same"

static const struct {
    ParseKey *parse;
    const char *value, *expected; /* SAME: as it is; NULL: refused */
} texts[] = {
    { parse_text, "any \t text", SAME },
    { parse_organization, "Grüne Wiese", SAME },
    { parse_organization, "\xff", NULL },
    { parse_label, "Example Root X1", SAME },
    { parse_label, "a\033b", NULL },
    { parse_label,
      "a\xe2\x80\xae"
      "b",
      NULL }, /* turns the direction of writing */
    { parse_word, "a-b_c!", SAME },
    { parse_word, "a b", NULL },
    { parse_word, "é", NULL },
    { parse_directory, "/etc/ssl/../certs", SAME },
    { parse_directory, "etc", NULL },
    { parse_directory, "/a:/b", NULL },
    { parse_path, "/var/www/a..b/.c", SAME },
    { parse_path, "/var/../www", NULL },
    { parse_path, "/var/./www", NULL },
    { parse_path, "/var/..", NULL },
    { parse_path, "var", NULL },
    { parse_path, "/a\nb", NULL },
    { parse_file_name, "hook-1.sh", SAME },
    { parse_file_name, "a/b", NULL },
    { parse_file_name, "../b", NULL },
    { parse_file_name, ".b", NULL },
    { parse_server, "192.0.2.53", SAME },
    { parse_server, "192.0.2.53:5353", SAME },
    { parse_server, "2001:db8::53", SAME },
    { parse_server, "[2001:db8::53]:5353", SAME },
    { parse_server, "ns.example.com", NULL },
    { parse_server, "192.0.2.53:0", NULL },
    { parse_server, "192.0.2.53 192.0.2.54", NULL },
    { parse_url, "https://ca.example.com/directory", SAME },
    { parse_url, "HTTPS://CA.Example.com:443/Directory", "https://ca.example.com/Directory" },
    { parse_url, "https://ca.example.com", SAME },
    { parse_url, "https://ca.example.com?x=y", SAME },
    { parse_url, "https://192.0.2.1:14000/dir", SAME },
    { parse_url, "https://[2001:DB8:0::1]:443/dir", "https://[2001:db8::1]/dir" },
    { parse_url, "https://bücher.example/", NULL },
    { parse_url, "http://ca.example.com/", NULL },
    { parse_url, "https://", NULL },
    { parse_url, "https:///dir", NULL },
    { parse_url, "https://u@ca.example.com/", NULL },
    { parse_url, "https://ca.example.com:0/", NULL },
    { parse_url, "https://ca.example.com:65536/", NULL },
    { parse_url, "https://*.example.com/", NULL },
    { parse_url, "https://2001:db8::1/", NULL },
    { parse_url, "https://[192.0.2.1]/", NULL },
    { parse_url, "https://[::1/", NULL },
    { parse_url, "https://ca.example.com/#x", NULL },
    { parse_url, "https://ca.example.com/a b", NULL },
};

/* What is refused leaves the field as it was, and an empty text takes it away. */
static void test_texts(void)
{
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        g_autofree char *field = g_strdup("before");
        const char *expected = texts[i].expected ? texts[i].expected : "before";
        int r = parse(texts[i].parse, texts[i].value, &field);

        if (g_strcmp0(expected, SAME) == 0)
            expected = texts[i].value;
        if ((r == 0) != (texts[i].expected != NULL) || !streq(field, expected))
            note_failure("\"%s\": %d, \"%s\"", texts[i].value, r, field);
        g_assert_cmpint(parse(texts[i].parse, "", &field), ==, 0);
        g_assert_null(field);
    }
}

/* The longest of each, and one byte more. */
static void test_lengths(void)
{
    static const struct {
        ParseKey *parse;
        size_t max;
    } rows[] = {
        { parse_organization, 64 }, { parse_label, 256 }, { parse_word, 1024 }, { parse_file_name, 64 }
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *text = g_strnfill(rows[i].max + 1, 'a'), *field = NULL;

        g_assert_cmpint(parse(rows[i].parse, text, &field), ==, -EINVAL);
        text[rows[i].max] = 0;
        g_assert_cmpint(parse(rows[i].parse, text, &field), ==, 0);
        g_assert_cmpstr(field, ==, text);
    }
}

static const struct {
    ParseKey *parse;
    const char *value, *expected; /* words with a blank between; NULL: refused */
} lists[] = {
    { parse_servers, "192.0.2.53  [::1]:5353\t192.0.2.53", "192.0.2.53 [::1]:5353" },
    { parse_servers, "192.0.2.53 ns.example.com", NULL },
    { parse_listen, ":80 127.0.0.1:8080 [::1]:8080", ":80 127.0.0.1:8080 [::1]:8080" },
    { parse_listen, "127.0.0.1", NULL },
    { parse_listen, ":0", NULL },
    { parse_listen, ":65536", NULL },
    { parse_listen, "80", NULL },
    { parse_contact, "mailto:a@b.example MAILTO:c@d.example", "mailto:a@b.example MAILTO:c@d.example" },
    { parse_contact, "a@b.example", NULL },
    { parse_contact, "mailto:a", NULL },
    { parse_contact, "mailto:@b", NULL },
    { parse_contact, "mailto:a@", NULL },
    { parse_contact, "mailto:a@b@c", NULL },
    { parse_contact, "mailto:a@b,c@d", NULL },
    { parse_contact, "mailto:a@b?subject=x", NULL },
    { parse_origins, "https://A.example:443 https://b.example:8443",
      "https://a.example https://b.example:8443" },
    { parse_origins, "https://a.example https://A.example:443", "https://a.example" },
    { parse_origins, "https://a.example/", NULL },
    { parse_origins, "https://a.example?x", NULL },
};

/* A line counts as a whole or not at all. */
static void test_lists(void)
{
    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        char **field = NULL;
        g_autofree char *joined = NULL;
        int r;

        g_assert_cmpint(strv_extend(&field, "before"), ==, 0);
        r = parse(lists[i].parse, lists[i].value, &field);
        joined = strv_join(field, " ");
        if ((r == 0) != (lists[i].expected != NULL) ||
            !streq(joined, lists[i].expected ? lists[i].expected : "before"))
            note_failure("\"%s\": %d, \"%s\"", lists[i].value, r, joined);
        g_assert_cmpint(parse(lists[i].parse, " ", &field), ==, 0);
        g_assert_null(field);
    }
}

static void test_list_lengths(void)
{
    static const struct {
        ParseKey *parse;
        const char *before, *after; /* a number */
        unsigned max;
    } rows[] = { { parse_servers, "192.0.2.", " ", LIMIT_RESOLVERS },
                 { parse_listen, "192.0.2.", ":80 ", LIMIT_LISTEN_ADDRESSES },
                 { parse_contact, "mailto:a", "@b.example ", LIMIT_CONTACTS },
                 { parse_origins, "https://a", ".example ", LIMIT_ORIGINS } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        _cleanup_strv_ char **field = NULL;

        for (unsigned n = 1; n <= rows[i].max + 1; n++) {
            g_string_append_printf(text, "%s%u%s", rows[i].before, n, rows[i].after);
            g_assert_cmpint(parse(rows[i].parse, text->str, &field), ==, n <= rows[i].max ? 0 : -EINVAL);
        }
        g_assert_cmpuint(strv_length(field), ==, rows[i].max);
    }
}

static void test_flags(void)
{
    static const struct {
        const char *value;
        int expected; /* negative: refused */
    } rows[] = {
        { "yes", 1 }, { "no", 0 }, { "on", 1 }, { "0", 0 }, { "", -1 }, { "maybe", -1 }, { "2", -1 }
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (int before = 0; before < 2; before++) {
            int wanted = rows[i].expected < 0 ? -EINVAL : 0, choice = before;
            bool flag = before;

            g_assert_cmpint(parse(parse_flag, rows[i].value, &flag), ==, wanted);
            g_assert_cmpint(flag, ==, wanted < 0 ? before : rows[i].expected);
            g_assert_cmpint(parse(parse_choice, rows[i].value, &choice), ==, wanted);
            g_assert_cmpint(choice, ==, wanted < 0 ? before : rows[i].expected);
        }
}

static void test_port(void)
{
    static const char *const bad[] = { "", "0", "65536", "-1", "80 ", "http", "0x50" };
    uint16_t port = 7;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        g_assert_cmpint(parse(parse_port, bad[i], &port), ==, -EINVAL);
    g_assert_cmpuint(port, ==, 7);
    g_assert_cmpint(parse(parse_port, "1", &port), ==, 0);
    g_assert_cmpuint(port, ==, 1);
    g_assert_cmpint(parse(parse_port, "65535", &port), ==, 0);
    g_assert_cmpuint(port, ==, 65535);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/values/texts", test_texts);
    g_test_add_func("/values/lengths", test_lengths);
    g_test_add_func("/values/lists", test_lists);
    g_test_add_func("/values/list-lengths", test_list_lengths);
    g_test_add_func("/values/flags", test_flags);
    g_test_add_func("/values/port", test_port);
    return g_test_run();
}
