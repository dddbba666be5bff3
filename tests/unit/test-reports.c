/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <fcntl.h>

#include "manager/manager-internal.h"
#include "manager/reports.h"
#include "util/text.h"

/* Reports of several modules: what is there, what is not, and what cannot be read. */

typedef struct Seen {
    GString *text; /* MODULE:NUMBER or MODULE:CODE, each with a space behind */
    bool done;
} Seen;

static void on_read(const char *module, Report *report, const Problem *problem, void *userdata)
{
    Seen *seen = userdata;

    if (problem->code != PROBLEM_NONE)
        g_string_append_printf(seen->text, "%s:%s ", module, problem_code_to_string(problem->code));
    else
        g_string_append_printf(seen->text, "%s:%zu ", module, report->n);
}

static void on_done(void *userdata)
{
    ((Seen *)userdata)->done = true;
}

static bool is_done(void *userdata)
{
    return ((Seen *)userdata)->done;
}

static void write_report(const Folder *f, const char *module, unsigned n)
{
    g_autofree char *path = g_strconcat(f->path, "/", module, NULL);
    _cleanup_deploy_report_ Report r = {};
    _cleanup_close_ int fd = -EBADF;

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("n%u.example", i);

        g_assert_nonnull(report_get(&r, name));
    }
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(report_write_at(fd, &r, (gid_t)-1, NULL), ==, 0);
}

#define MODULES "a b damaged file link missing"
#define SEEN    "a:3 b:0 damaged:StorageFailed file:Internal link:Internal missing:0 "

static char **make_modules(const Folder *f)
{
    char **l = NULL;

    write_report(f, "a", 3);
    write_report(f, "b", 0);
    folder_write(f, "damaged/report.json", "{");
    folder_write(f, "file", "no directory");
    g_assert_cmpint(symlinkat("a", f->fd, "link"), ==, 0);
    g_assert_cmpint(strv_split(MODULES, &l), ==, 0);
    return l;
}

static void test_now(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_strv_ char **modules = make_modules(&f);
    Seen seen = { .text = g_string_new(NULL) };

    g_assert_cmpint(reports_read_now(f.path, modules, on_read, &seen), ==, 0);
    g_assert_cmpstr(seen.text->str, ==, SEEN);
    /* nothing was ever delivered */
    g_string_truncate(seen.text, 0);
    g_assert_cmpint(reports_read_now("/run/does-not-exist", modules, on_read, &seen), ==, 0);
    g_assert_cmpstr(seen.text->str, ==, "a:0 b:0 damaged:0 file:0 link:0 missing:0 ");
    g_string_free(seen.text, TRUE);
}

static void test_worker(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_strv_ char **modules = make_modules(&f);
    _cleanup_service_ Service s = {};
    Seen seen = { .text = g_string_new(NULL) };

    service_start_with(&s, MODULE_WWW);
    g_assert_cmpint(reports_read(s.manager->lifecycle, f.path, modules, on_read, on_done, &seen), ==, 0);
    g_assert_cmpstr(seen.text->str, ==, "");
    loop_until(s.event, is_done, &seen);
    g_assert_cmpstr(seen.text->str, ==, SEEN);
    g_string_free(seen.text, TRUE);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reports/now", test_now);
    g_test_add_func("/reports/worker", test_worker);
    return g_test_run();
}
