/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "deploy/report.h"
#include "util/text.h"

#define LEAF "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static Deployment *add(Report *r, const char *name)
{
    Deployment *d = report_get(r, name);

    g_assert_nonnull(d);
    g_assert_cmpstr(d->name, ==, name);
    g_assert_cmpint(d->state, ==, DEPLOYMENT_PENDING);
    return d;
}

static void test_table(void)
{
    static const char *const names[] = { "m.example.com", "a.example.com", "z.example.com",
                                         "*.example.com" };
    _cleanup_deploy_report_ Report r = {};

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_assert_null(report_find(&r, names[i]));
        add(&r, names[i])->failures = (unsigned)i;
    }
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        g_assert_cmpuint(report_get(&r, names[i])->failures, ==, i);
    for (size_t i = 1; i < r.n; i++)
        g_assert_cmpint(strcmp(r.deployments[i - 1].name, r.deployments[i].name), <, 0);
    report_remove(&r, "a.example.com");
    report_remove(&r, "b.example.com");
    g_assert_cmpuint(r.n, ==, 3);
    g_assert_null(report_find(&r, "a.example.com"));
    g_assert_cmpuint(report_find(&r, "z.example.com")->failures, ==, 2);
}

static void test_back(void)
{
    _cleanup_deploy_report_ Report r = {}, back = {};
    _cleanup_folder_ Folder f = folder_new();
    Deployment *d = add(&r, "www.example.com");
    struct stat st;

    g_assert_cmpint(report_read_at(f.fd, &back, NULL), ==, -ENOENT);
    d->state = DEPLOYMENT_ROLLED_BACK;
    d->when = 1764460800;
    d->failures = 7;
    d->detail = strdup("nginx.service could not be \"reloaded\" — ä.");
    g_strlcpy(d->leaf, LEAF, sizeof(d->leaf));
    g_strlcpy(d->settings, LEAF, sizeof(d->settings));
    add(&r, "*.example.com");
    g_assert_cmpint(report_write_at(f.fd, &r, (gid_t)-1, NULL), ==, 0);
    g_assert_cmpint(report_write_at(f.fd, &r, (gid_t)-1, NULL), ==, 0);
    g_assert_cmpint(report_read_at(f.fd, &back, NULL), ==, 0);
    g_assert_cmpuint(back.n, ==, 2);
    d = report_find(&back, "www.example.com");
    g_assert_cmpint(d->state, ==, DEPLOYMENT_ROLLED_BACK);
    g_assert_cmpint(d->when, ==, 1764460800);
    g_assert_cmpuint(d->failures, ==, 7);
    g_assert_cmpstr(d->detail, ==, "nginx.service could not be \"reloaded\" — ä.");
    g_assert_cmpstr(d->leaf, ==, LEAF);
    g_assert_cmpstr(d->settings, ==, LEAF);
    d = report_find(&back, "*.example.com");
    g_assert_null(d->detail);
    g_assert_cmpstr(d->leaf, ==, "");
    g_assert_cmpint(fstatat(f.fd, REPORT_FILE, &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode, ==, S_IFREG | 0600);
    g_assert_false(folder_has(&f, REPORT_FILE ".new"));
}

static void test_readers(void)
{
    _cleanup_folder_ Folder f = folder_new();
    Report r = {};
    struct stat st;

    g_assert_cmpint(report_write_at(f.fd, &r, getgid(), NULL), ==, 0);
    g_assert_cmpint(fstatat(f.fd, REPORT_FILE, &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode, ==, S_IFREG | 0640);
    g_assert_cmpuint(st.st_gid, ==, getgid());
}

#define ENTRY(name, state, when, failures, leaf, more) \
    "{\"name\":\"" name "\",\"state\":\"" state "\",\"when\":" when ",\"failures\":" failures \
    ",\"leaf\":\"" leaf "\",\"settings\":\"\"" more "}"
#define GOOD               ENTRY("www.example.com", "failed", "1", "2", LEAF, "")
#define REPORT_OF(entries) "{\"format\":1,\"deployments\":[" entries "]}"

static void test_damaged(void)
{
    static const char *const texts[] = {
        "",
        "x",
        "{}",
        REPORT_OF(GOOD) "x",
        "{\"format\":2,\"deployments\":[]}",
        "{\"format\":1,\"deployments\":{}}",
        REPORT_OF("7"),
        REPORT_OF(GOOD "," GOOD),
        REPORT_OF(GOOD "," ENTRY("a.example.com", "failed", "1", "2", LEAF, "")),
        REPORT_OF(ENTRY("WWW.example.com", "failed", "1", "2", LEAF, "")),
        REPORT_OF(ENTRY("../x", "failed", "1", "2", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "broken", "1", "2", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "-1", "2", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "9223372036854775807", "2", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "-2", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "4294967296", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "\"2\"", LEAF, "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "2", LEAF "0", "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "2", "xyz", "")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "2", LEAF, ",\"detail\":\"\\u0007\"")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "2", LEAF, ",\"detail\":\"a\\u0000b\"")),
        REPORT_OF(ENTRY("www.example.com", "failed", "1", "2", LEAF, ",\"detail\":7")),
    };
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_deploy_report_ Report r = {};

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_problem_ Problem problem = {};

        folder_write(&f, REPORT_FILE, texts[i]);
        if (report_read_at(f.fd, &r, &problem) != -EBADMSG || r.n > 0 || !problem.text)
            note_failure("%s", texts[i]);
    }
    folder_write(&f, REPORT_FILE, REPORT_OF(GOOD));
    g_assert_cmpint(report_read_at(f.fd, &r, NULL), ==, 0);
    g_assert_cmpuint(r.n, ==, 1);
}

static void test_detail_at_its_limit(void)
{
    _cleanup_folder_ Folder f = folder_new();

    for (size_t n = LIMIT_PROBLEM_TEXT; n <= LIMIT_PROBLEM_TEXT + 1; n++) {
        _cleanup_deploy_report_ Report r = {}, back = {};

        add(&r, "www.example.com")->detail = g_strnfill(n, 'a');
        g_assert_cmpint(report_write_at(f.fd, &r, (gid_t)-1, NULL), ==, 0);
        g_assert_cmpint(report_read_at(f.fd, &back, NULL), ==, n > LIMIT_PROBLEM_TEXT ? -EBADMSG : 0);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/deploy-report/table", test_table);
    g_test_add_func("/deploy-report/back", test_back);
    g_test_add_func("/deploy-report/readers", test_readers);
    g_test_add_func("/deploy-report/damaged", test_damaged);
    g_test_add_func("/deploy-report/detail-at-its-limit", test_detail_at_its_limit);
    return g_test_run();
}
