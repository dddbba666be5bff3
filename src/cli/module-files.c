/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/module-files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cli/suggestion.h"
#include "cli/xalloc.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/fs.h"
#include "util/text.h"

#define MODULES_DIRECTORY   "/etc/certwright/modules.d"
#define TEMPLATES_DIRECTORY DATADIR "/certwright/modules"

/* A module file of these outranks the template, too. */
static const char *const other_directories[] = { "/run/certwright/modules.d",
                                                 "/usr/lib/certwright/modules.d" };

static const ServiceType services[] = {
    { "nginx", NULL, "nginx", "nginx-tls.conf", "/etc/nginx", false },
    { "apache2", "apache", "Apache", "apache-tls.conf", "/etc/apache2", false },
    { "haproxy", NULL, "HAProxy", "haproxy-tls.cfg", "/etc/haproxy", true },
    { "postfix", NULL, "Postfix", "postfix.cf", "/etc/postfix", false },
    { "dovecot", NULL, "Dovecot", "dovecot.conf", "/etc/dovecot", false },
};

void module_files_done(ModuleFiles *f)
{
    free(f->name);
    free(f->module);
    free(f->folder);
    free(f->drop_in);
    free(f->module_text);
    free(f->drop_in_text);
    *f = (ModuleFiles){ 0 };
}

void files_change_done(FilesChange *c)
{
    strv_free(c->done);
    strv_free(c->kept);
    *c = (FilesChange){ 0 };
}

static void files_change_add(char ***list, const char *path)
{
    xcheck(strv_extend(list, path) < 0 ? NULL : list);
}

/* ---- what is asked for */

static Exit service_fail_unknown(const char *word)
{
    const char *names[ELEMENTSOF(services)], *nearest;

    for (size_t i = 0; i < ELEMENTSOF(services); i++)
        names[i] = services[i].name;
    nearest = suggestion_nearest(word, names, ELEMENTSOF(services));
    fail(EXIT_USAGE, _("There is no template for a service \"%s\"."), word);
    if (nearest)
        hint(_("Did you mean %s?"), nearest);
    hint(_(
        "There are templates for nginx, apache2, haproxy, postfix and dovecot. For other services, write a file in "
        "/etc/certwright/modules.d; see certwright.conf(5)."));
    return EXIT_USAGE;
}

static Exit service_find(const char *word, const ServiceType **ret)
{
    for (size_t i = 0; i < ELEMENTSOF(services); i++)
        if (streq(services[i].name, word) || (services[i].alias && streq(services[i].alias, word))) {
            *ret = &services[i];
            return EXIT_DONE;
        }
    return service_fail_unknown(word);
}

static Exit module_files_read_template(ModuleFiles *f)
{
    _cleanup_free_ char *path = xasprintf(TEMPLATES_DIRECTORY "/%s.conf", f->service->name);
    int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, &f->module_text, NULL);

    if (r >= 0)
        return EXIT_DONE;
    fail(EXIT_FAILED, _("Cannot read the template %s: %s"), path, strerror(-r));
    hint(_("It belongs to Certwright: is it completely installed?"));
    return EXIT_FAILED;
}

Exit module_files_init(ModuleFiles *f, const char *service, const char *name)
{
    _cleanup_problem_ Problem problem = {};
    Exit e = service_find(service, &f->service);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = name_canonicalize(name, &f->name, &problem);
    if (r < 0)
        return fail(EXIT_USAGE, "%s", problem.text ? problem.text : strerror(-r));
    f->module = xasprintf(MODULES_DIRECTORY "/%s.conf", f->service->name);
    f->folder = xasprintf("%s.d", f->module);
    f->drop_in = name_is_wildcard(f->name) ? xasprintf("%s/_%s.conf", f->folder, f->name + 1)
                                           : xasprintf("%s/%s.conf", f->folder, f->name);
    f->drop_in_text =
        xasprintf("# Written by \"certwright enable %s %s\"; \"certwright disable\" removes it.\n"
                  "[Certificate %s]\n",
                  f->service->name, f->name, f->name);
    return module_files_read_template(f);
}

/* ---- write */

static Exit file_fail_write(const char *path, int r)
{
    fail(EXIT_FAILED, _("Cannot write %s: %s"), path, strerror(-r));
    if (r == -EROFS)
        hint(_(
            "/etc is read-only: put the files into the image that the system boots, or make it writable."));
    return EXIT_FAILED;
}

static int directory_make(const char *path)
{
    if (mkdir(path, 0755) == 0)
        return chmod(path, 0755) < 0 ? -errno : 0;
    return errno == EEXIST ? 0 : -errno;
}

static int file_write_aside(const char *path, const char *text)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_remove_file_at(AT_FDCWD, path);

    if (r < 0)
        return r;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0) /* the service reads it, whatever the umask */
        return -errno;
    r = fs_write_all(fd, text, strlen(text));
    return r < 0 ? r : fs_sync(fd);
}

/* Whole, durable, and in the place of no other file. */
static int file_create(const char *folder, const char *path, const char *text)
{
    _cleanup_free_ char *aside = NULL;
    int r;

    if (asprintf(&aside, "%s.new", path) < 0)
        return -ENOMEM;
    r = file_write_aside(aside, text);
    if (r >= 0 && renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
        r = -errno;
    if (r < 0) {
        fs_remove_file_at(AT_FDCWD, aside);
        return r;
    }
    return fs_fsync_directory_at(AT_FDCWD, folder);
}

/* Returns 0 if there is none, and 1 with its text. */
static int file_read(const char *path, char **ret)
{
    int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, ret, NULL);

    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static Exit module_files_write_drop_in(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(f->drop_in, &text);

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), f->drop_in, strerror(-r));
    if (r > 0 && streq(text, f->drop_in_text)) {
        files_change_add(&c->kept, f->drop_in);
        return EXIT_DONE;
    }
    if (r > 0)
        return fail(
            EXIT_FAILED,
            _("%s exists with other content, and is not overwritten. Edit it by hand, or remove it and "
              "try again."),
            f->drop_in);
    r = directory_make(f->folder);
    if (r >= 0)
        r = file_create(f->folder, f->drop_in, f->drop_in_text);
    if (r < 0)
        return file_fail_write(f->drop_in, r);
    files_change_add(&c->done, f->drop_in);
    return EXIT_DONE;
}

/* Looks for the module file; an empty one switches the module off. */
static Exit module_file_check(const char *path, bool *ret_exists, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(path, &text);

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), path, strerror(-r));
    if (r > 0 && isempty(text))
        return fail(EXIT_FAILED, _("%s is empty, which switches the module off. Remove it, and try again."),
                    path);
    if (r > 0)
        files_change_add(&c->kept, path);
    *ret_exists = r > 0;
    return EXIT_DONE;
}

static Exit module_files_write_module(const ModuleFiles *f, FilesChange *c)
{
    bool exists = false;
    Exit e = module_file_check(f->module, &exists, c);
    int r;

    for (size_t i = 0; i < ELEMENTSOF(other_directories) && e == EXIT_DONE && !exists; i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s.conf", other_directories[i], f->service->name);

        e = module_file_check(path, &exists, c);
    }
    if (e != EXIT_DONE || exists)
        return e;
    r = directory_make("/etc/certwright");
    if (r >= 0)
        r = directory_make(MODULES_DIRECTORY);
    if (r >= 0)
        r = file_create(MODULES_DIRECTORY, f->module, f->module_text);
    if (r < 0)
        return file_fail_write(f->module, r);
    files_change_add(&c->done, f->module);
    return EXIT_DONE;
}

Exit module_files_write(const ModuleFiles *f, FilesChange *c)
{
    Exit e = module_files_write_module(f, c);

    return e == EXIT_DONE ? module_files_write_drop_in(f, c) : e;
}

/* ---- remove */

static Exit file_remove(const char *folder, const char *path, FilesChange *c)
{
    int r = fs_remove_file_at(AT_FDCWD, path);

    if (r >= 0)
        r = fs_fsync_directory_at(AT_FDCWD, folder);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot remove %s: %s"), path, strerror(-r));
    files_change_add(&c->done, path);
    return EXIT_DONE;
}

/* The module file goes with the last drop-in, if nobody has changed it. */
static Exit module_files_remove_module(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (rmdir(f->folder) < 0 && errno != ENOENT)
        return errno == ENOTEMPTY || errno == EEXIST
                   ? EXIT_DONE
                   : fail(EXIT_FAILED, _("Cannot remove %s: %s"), f->folder, strerror(errno));
    r = file_read(f->module, &text);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), f->module, strerror(-r));
    if (r > 0 && streq(text, f->module_text))
        return file_remove(MODULES_DIRECTORY, f->module, c);
    if (r > 0)
        files_change_add(&c->kept, f->module);
    return EXIT_DONE;
}

Exit module_files_remove(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(f->drop_in, &text);
    Exit e;

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), f->drop_in, strerror(-r));
    if (r == 0)
        return fail(EXIT_NOT_FOUND, _("%s is not enabled for %s: there is no %s."), f->name,
                    f->service->title, f->drop_in);
    if (!streq(text, f->drop_in_text))
        return fail(EXIT_FAILED,
                    _("%s was changed since it was written, and is not removed. Remove it by hand."),
                    f->drop_in);
    e = file_remove(f->folder, f->drop_in, c);
    return e == EXIT_DONE ? module_files_remove_module(f, c) : e;
}
