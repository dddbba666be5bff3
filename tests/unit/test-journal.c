/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "store/files/journal.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/limits.h"

#define LINE(name) "{\"time\":1,\"event\":\"issued\",\"kind\":\"certificate\",\"name\":\"" name "\"}\n"

static Journal *open_journal(const Folder *f)
{
    Journal *j = NULL;

    g_assert_cmpint(journal_open(f->fd, &j), >=, 0);
    return j;
}

static void append(Journal *j, const char *lines)
{
    g_assert_cmpint(journal_append(j, lines, strlen(lines)), ==, 0);
    g_assert_cmpint(journal_sync(j), ==, 0);
}

static int on_line(RecordKind kind, const char *name, void *userdata)
{
    g_string_append_printf(userdata, "%d:%s ", (int)kind, name);
    return 0;
}

static void assert_replay(Journal *j, const JournalPosition *from, const char *expected)
{
    g_autoptr(GString) seen = g_string_new(NULL);

    g_assert_cmpint(journal_replay(j, from, on_line, seen), ==, 0);
    g_assert_cmpstr(seen->str, ==, expected);
}

static void test_replay(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition begin = journal_end(j), middle, end;

    assert_replay(j, &begin, "");
    append(j, LINE("a.example"));
    middle = journal_end(j);
    append(j, LINE("b.example") LINE("a.example"));
    end = journal_end(j);
    assert_replay(j, &begin, "0:a.example 0:b.example 0:a.example ");
    assert_replay(j, &middle, "0:b.example 0:a.example ");
    assert_replay(j, &end, "");
    journal_close(j);
    j = open_journal(&f);
    g_assert_cmpstr(journal_end(j).id, ==, end.id);
    g_assert_cmpuint(journal_end(j).offset, ==, end.offset);
    assert_replay(j, &middle, "0:b.example 0:a.example ");
    journal_close(j);
}

/* A last line without its end was never there, and what is written next stands alone. */
static void test_torn(void)
{
    static const char *const torn[] = { "{", LINE("z.example"), "\377\376",
                                        "{\"kind\":\"certificate\",\"name\":\"z.example\"}" };

    for (size_t i = 0; i < ELEMENTSOF(torn); i++) {
        _cleanup_folder_ Folder f = folder_new();
        Journal *j = open_journal(&f);
        JournalPosition begin = journal_end(j), end;
        g_autofree char *text = NULL, *longer = NULL;

        append(j, LINE("a.example"));
        end = journal_end(j);
        journal_close(j);
        text = folder_read(&f, "journal");
        longer = g_strdup_printf("%s%.*s", text,
                                 (int)strlen(torn[i]) - (torn[i][strlen(torn[i]) - 1] == '\n'), torn[i]);
        folder_write(&f, "journal", longer);
        j = open_journal(&f);
        g_assert_cmpuint(journal_end(j).offset, ==, end.offset);
        assert_replay(j, &begin, "0:a.example ");
        append(j, LINE("b.example"));
        assert_replay(j, &begin, "0:a.example 0:b.example ");
        journal_close(j);
    }
}

/* A torn line longer than any buffer. */
static void test_torn_long(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition begin = journal_end(j);
    g_autofree char *text = NULL, *filler = g_strnfill(100000, 'x'), *longer = NULL;

    journal_close(j);
    text = folder_read(&f, "journal");
    longer = g_strconcat(text, LINE("a.example"), filler, NULL);
    folder_write(&f, "journal", longer);
    j = open_journal(&f);
    assert_replay(j, &begin, "0:a.example ");
    journal_close(j);
    folder_write(&f, "journal", text);
    longer[strlen(text)] = 0;
    g_free(TAKE_PTR(longer));
    longer = g_strconcat(text, filler, NULL);
    folder_write(&f, "journal", longer);
    j = open_journal(&f);
    assert_replay(j, &begin, "");
    g_assert_cmpuint(journal_end(j).offset, ==, begin.offset);
    journal_close(j);
}

static void test_stale(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition p = journal_end(j), other = p, beyond = p, before = p;
    g_autoptr(GString) seen = g_string_new(NULL);

    append(j, LINE("a.example"));
    other.id[0] = other.id[0] == '0' ? '1' : '0';
    beyond.offset = journal_end(j).offset + 1;
    before.offset = 3;
    g_assert_cmpint(journal_replay(j, &other, on_line, seen), ==, -ESTALE);
    g_assert_cmpint(journal_replay(j, &beyond, on_line, seen), ==, -ESTALE);
    g_assert_cmpint(journal_replay(j, &before, on_line, seen), ==, -ESTALE);
    g_assert_cmpstr(seen->str, ==, "");
    journal_close(j);
}

static void test_damaged(void)
{
    static const char *const texts[] = { "",
                                         "x",
                                         "{\"journal\":\"",
                                         "{\"journal\":\"0123456789abcdef0123456789abcdeg\"}\n",
                                         "{\"journal\":\"0123456789abcdef0123456789abcdef\"} \n" LINE(
                                             "a.example"),
                                         "\n\n\n\n" };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_folder_ Folder f = folder_new();
        g_autofree char *aside = NULL;
        JournalPosition begin;
        Journal *j;

        folder_write(&f, "journal", texts[i]);
        g_assert_cmpint(journal_probe(f.fd), ==, -EBADMSG);
        g_assert_cmpint(journal_open(f.fd, &j), ==, 1);
        g_assert_cmpint(journal_probe(f.fd), ==, 0);
        aside = folder_read(&f, "journal.damaged");
        g_assert_cmpstr(aside, ==, texts[i]);
        begin = journal_end(j);
        append(j, LINE("a.example"));
        assert_replay(j, &begin, "0:a.example ");
        journal_close(j);
    }
}

static void test_replaced(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j;

    g_assert_cmpint(mkdirat(f.fd, "journal", 0700), ==, 0);
    j = open_journal(&f);
    append(j, LINE("a.example"));
    journal_close(j);
}

static void test_bad_line(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition begin = journal_end(j);
    g_autoptr(GString) seen = g_string_new(NULL);

    append(j, "not json\n");
    g_assert_cmpint(journal_replay(j, &begin, on_line, seen), ==, -EBADMSG);
    journal_close(j);
}

static int stop(RecordKind kind _unused_, const char *name _unused_, void *userdata _unused_)
{
    return -EXDEV;
}

static void test_visitor_ends_it(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition begin = journal_end(j);

    append(j, LINE("a.example") LINE("b.example"));
    g_assert_cmpint(journal_replay(j, &begin, stop, NULL), ==, -EXDEV);
    journal_close(j);
}

/* LIMIT_JOURNAL: below it goes on, at it a new one begins. */
static void test_rotate(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Journal *j = open_journal(&f);
    JournalPosition begin = journal_end(j);
    g_autofree char *line = g_strnfill(LIMIT_JOURNAL - begin.offset - 1, 'x');

    line[LIMIT_JOURNAL - begin.offset - 2] = '\n';
    append(j, line);
    g_assert_cmpuint(journal_end(j).offset, ==, LIMIT_JOURNAL - 1);
    g_assert_cmpint(journal_rotate(f.fd, &j), ==, 0);
    g_assert_cmpstr(journal_end(j).id, ==, begin.id);
    append(j, "\n");
    g_assert_cmpint(journal_rotate(f.fd, &j), ==, 1);
    g_assert_cmpstr(journal_end(j).id, !=, begin.id);
    g_assert_true(folder_has(&f, "journal.1"));
    g_assert_cmpint(journal_rotate(f.fd, &j), ==, 0);
    append(j, LINE("a.example"));
    journal_close(j);
    j = open_journal(&f);
    begin.offset = 0;
    g_assert_cmpint(journal_replay(j, &begin, stop, NULL), ==, -ESTALE);
    journal_close(j);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/journal/replay", test_replay);
    g_test_add_func("/journal/torn", test_torn);
    g_test_add_func("/journal/torn-long", test_torn_long);
    g_test_add_func("/journal/stale", test_stale);
    g_test_add_func("/journal/damaged", test_damaged);
    g_test_add_func("/journal/replaced", test_replaced);
    g_test_add_func("/journal/bad-line", test_bad_line);
    g_test_add_func("/journal/visitor-ends-it", test_visitor_ends_it);
    g_test_add_func("/journal/rotate", test_rotate);
    return g_test_run();
}
