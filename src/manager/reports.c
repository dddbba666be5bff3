/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/reports.h"

#include <errno.h>
#include <fcntl.h>

#include "util/fs.h"
#include "util/text.h"

typedef struct ReportFile {
    Report report;
    Problem problem;
} ReportFile;

typedef struct Reading {
    const char *directory;
    char **modules;
    ReportFile *files; /* one for each module */
    ReportRead read;
    void (*done)(void *userdata);
    void *userdata;
} Reading;

static Reading *reading_free(Reading *g)
{
    if (!g)
        return NULL;
    for (size_t i = 0; g->files && i < strv_length(g->modules); i++) {
        report_clear(&g->files[i].report);
        problem_clear(&g->files[i].problem);
    }
    free(g->files);
    strv_free(g->modules);
    free(g);
    return NULL;
}
DEFINE_CLEANUP(Reading *, reading_free);

static int reading_new(const char *directory, char *const *modules, ReportRead read, void *userdata,
                       Reading **ret)
{
    _cleanup_(reading_freep) Reading *g = calloc(1, sizeof(Reading));

    if (!g || strv_copy(modules, &g->modules) < 0 ||
        !(g->files = calloc(strv_length(modules) + 1, sizeof(ReportFile))))
        return -ENOMEM;
    g->directory = directory;
    g->read = read;
    g->userdata = userdata;
    *ret = TAKE_PTR(g);
    return 0;
}

/* No directory, or no report in it: nothing was delivered yet. */
static int read_file(int directory, const char *module, ReportFile *f)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_open_directory_at(directory, module, &fd);

    if (r >= 0)
        r = report_read_at(fd, &f->report, &f->problem);
    f->report.is_open = fd >= 0 && report_is_open_at(fd);
    return r == -ENOENT ? 0 : r;
}

static void run_reading(void *data)
{
    Reading *g = data;
    _cleanup_close_ int directory = open(g->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int failure = directory < 0 ? -errno : 0;

    for (size_t i = 0; g->modules[i]; i++) {
        int r = failure < 0 ? failure : read_file(directory, g->modules[i], g->files + i);

        if (r < 0 && r != -ENOENT)
            (void)problem_set(&g->files[i].problem, PROBLEM_INTERNAL,
                              "The report of certwright-deploy, %s/%s/" REPORT_FILE
                              ", cannot be read: %s; check its permissions, and the group of its directory.",
                              g->directory, g->modules[i], strerror(-r));
    }
}

static void tell(Reading *g)
{
    for (size_t i = 0; g->modules[i]; i++)
        g->read(g->modules[i], &g->files[i].report, &g->files[i].problem, g->userdata);
}

static void on_run(void *data, void *userdata _unused_)
{
    _cleanup_(reading_freep) Reading *g = data;

    tell(g);
    g->done(g->userdata);
}

int reports_read_now(const char *directory, char *const *modules, ReportRead read, void *userdata)
{
    _cleanup_(reading_freep) Reading *g = NULL;
    int r = reading_new(directory, modules, read, userdata, &g);

    if (r < 0)
        return r;
    run_reading(g);
    tell(g);
    return 0;
}

int reports_read(Lifecycle *l, const char *directory, char *const *modules, ReportRead read,
                 void (*done)(void *userdata), void *userdata)
{
    _cleanup_(reading_freep) Reading *g = NULL;
    int r = reading_new(directory, modules, read, userdata, &g);

    if (r < 0)
        return r;
    g->done = done;
    r = lifecycle_run(l, false, run_reading, on_run, g);
    if (r >= 0)
        TAKE_PTR(g);
    return r;
}
