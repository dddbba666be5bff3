/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "deploy/run-internal.h"
#include "deploy/walk.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

#define SERVICE_GROUP  "certwright"
#define DIRECTORY_MODE 0711
#define MODULE_MODE    0750

/* mkdirat(2) applies the umask; whoever may read reports is root's to say. */
static int make_directory(int dir_fd, const char *name, gid_t readers, int *ret)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat st;
    int r = fs_make_directory_at(dir_fd, name);

    if (r >= 0)
        r = fs_open_directory_at(dir_fd, name, &fd);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((readers != (gid_t)-1 && st.st_gid != readers && fchown(fd, 0, readers) < 0) ||
        ((st.st_mode & 07777) != MODULE_MODE && fchmod(fd, MODULE_MODE) < 0))
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

/* A damaged report lets everything be pending. */
static int read_report(ModuleState *m, Problem *problem)
{
    _cleanup_problem_ Problem inner = { 0 };
    int r = report_read_at(m->dir_fd, &m->report, &inner);

    if (r == -EBADMSG)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }), "%s: %s",
                   m->module->name, strempty(inner.text));
    else if (r < 0 && r != -ENOENT)
        return problem_set(problem, inner.code, "%s", strempty(inner.text));
    return 0;
}

/* Also removes the remains of an incomplete set, or of one that is no longer needed. */
static int read_saved(ModuleState *m, Problem *problem)
{
    _cleanup_problem_ Problem inner = { 0 };
    int r = saved_read(m->dir_fd, &m->interrupted, &inner);

    m->saved = r >= 0;
    if (r == -ENOENT)
        return saved_erase(m->dir_fd, problem);
    if (r == -EBADMSG || r == -E2BIG) {
        log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "MODULE", m->module->name }),
                   "%s: %s It was renamed to saved.damaged; nothing is put back.", m->module->name,
                   strempty(inner.text));
        return saved_put_aside(m->dir_fd, problem);
    }
    return r < 0 ? problem_set(problem, inner.code, "%s", strempty(inner.text)) : 0;
}

static int open_state(ModuleState *m, int dir_fd, gid_t readers, Problem *problem)
{
    int r = make_directory(dir_fd, m->module->name, readers, &m->dir_fd);

    if (r < 0)
        return problem_set(problem, PROBLEM_STORAGE_FAILED,
                           "The directory of module %s for reports cannot be opened: %s.", m->module->name,
                           strerror(-r));
    r = read_report(m, problem);
    return r < 0 ? r : read_saved(m, problem);
}

int run_open_states(Run *run, const Module *const *modules, size_t n, Problem *problem)
{
    static const FolderAccess access = { .mode = DIRECTORY_MODE };
    _cleanup_close_ int fd = -EBADF;
    const struct group *group = getgrnam(SERVICE_GROUP);
    int r = walk_open_directory(run->options->deploy_state, &access, &fd, problem);

    run->readers = group ? group->gr_gid : (gid_t)-1;
    if (r < 0)
        return r;
    run->modules = calloc(n + 1, sizeof(ModuleState));
    if (!run->modules)
        return problem_set_errno(problem, -ENOMEM, "reading reports");
    for (size_t i = 0; r >= 0 && i < n; i++) {
        run->modules[run->n_modules++] = (ModuleState){ .module = modules[i], .dir_fd = -EBADF };
        r = open_state(run->modules + i, fd, run->readers, problem);
    }
    return r;
}

void run_close_states(Run *run)
{
    FOREACH_MODULE (m, run) {
        for (size_t i = 0; m->targets && i < m->interrupted.n; i++)
            target_close(m->targets + i);
        free(m->targets);
        closep(&m->dir_fd);
        report_clear(&m->report);
        saved_clear(&m->interrupted);
    }
    free(run->modules);
    run->modules = NULL;
    run->n_modules = 0;
}

ModuleState *run_find_module(const Run *run, const Module *module)
{
    FOREACH_MODULE (m, run)
        if (m->module == module)
            return m;
    return NULL;
}

/* A new chain, or other settings, begin with a new count. */
int run_note(Run *run, const Consumer *c, DeploymentState state, const char *detail)
{
    ModuleState *m = run_find_module(run, c->module);
    Deployment *d = report_get(&m->report, c->claim->name);

    m->changed = true;
    if (!d || text_set(&d->detail, detail) < 0)
        return -ENOMEM;
    if (!streq(d->content, c->content) || !streq(d->settings, c->digest))
        d->failures = 0;
    memcpy(d->leaf, c->leaf, DIGEST_TEXT);
    memcpy(d->content, c->content, DIGEST_TEXT);
    memcpy(d->settings, c->digest, DIGEST_TEXT);
    d->state = state;
    d->when = run->now;
    return 0;
}

int run_write_report(Run *run, ModuleState *m, Problem *problem)
{
    int r = report_write_at(m->dir_fd, &m->report, run->readers, problem);

    m->changed = r < 0;
    return r;
}
