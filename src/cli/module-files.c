/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/module-files.h"

#include <errno.h>
#include <fcntl.h>

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
    { "nginx", NULL, "nginx", "nginx-tls.conf", "/etc/nginx", false, "nginx.service" },
    { "apache2", "apache", "Apache", "apache-tls.conf", "/etc/apache2", false, "apache2.service" },
    { "haproxy", NULL, "HAProxy", "haproxy-tls.cfg", "/etc/haproxy", true, "haproxy.service" },
    { "postfix", NULL, "Postfix", "postfix.cf", "/etc/postfix", false, "postfix.service" },
    { "dovecot", NULL, "Dovecot", "dovecot.conf", "/etc/dovecot", false, "dovecot.service" },
    { "cockpit", NULL, "Cockpit", NULL, "/etc/cockpit", false, "cockpit.service" },
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
        "There are templates for nginx, apache2, haproxy, postfix, dovecot and cockpit. For other services, write a file in "
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

Exit module_files_check_installed(const ModuleFiles *f)
{
    static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system",
                                           "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                           "/lib/systemd/system" };

    for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s", folders[i], f->service->unit);

        if (access(path, F_OK) == 0)
            return EXIT_DONE;
    }
    return fail(EXIT_FAILED, _("%s is not installed: there is no unit %s."), f->service->title,
                f->service->unit);
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

static Exit module_files_write_drop_in(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    Exit e = root_file_load(f->drop_in, &text);

    if (e != EXIT_DONE)
        return e;
    if (text && streq(text, f->drop_in_text)) {
        files_change_keep(c, f->drop_in);
        return EXIT_DONE;
    }
    if (text)
        return fail(
            EXIT_FAILED,
            _("%s exists with other content, and is not overwritten. Edit it by hand, or remove it and "
              "try again."),
            f->drop_in);
    return root_file_create(f->drop_in, f->drop_in_text, c);
}

/* Looks for the module file; an empty one switches the module off. */
static Exit module_file_check(const char *path, bool *ret_exists, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    Exit e = root_file_load(path, &text);

    if (e != EXIT_DONE)
        return e;
    if (text && isempty(text))
        return fail(EXIT_FAILED, _("%s is empty, which switches the module off. Remove it, and try again."),
                    path);
    if (text)
        files_change_keep(c, path);
    *ret_exists = text;
    return EXIT_DONE;
}

static Exit module_files_write_module(const ModuleFiles *f, FilesChange *c)
{
    bool exists = false;
    Exit e = module_file_check(f->module, &exists, c);

    for (size_t i = 0; i < ELEMENTSOF(other_directories) && e == EXIT_DONE && !exists; i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s.conf", other_directories[i], f->service->name);

        e = module_file_check(path, &exists, c);
    }
    if (e != EXIT_DONE || exists)
        return e;
    (void)root_folder_make("/etc/certwright"); /* what fails here fails again */
    return root_file_create(f->module, f->module_text, c);
}

Exit module_files_write(const ModuleFiles *f, FilesChange *c)
{
    Exit e = module_files_write_module(f, c);

    return e == EXIT_DONE ? module_files_write_drop_in(f, c) : e;
}

/* ---- remove */

/* The module file goes with the folder of the last drop-in, if nobody has changed it. */
static Exit module_files_remove_module(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    Exit e;

    if (rmdir(f->folder) < 0)
        return errno == ENOTEMPTY || errno == EEXIST || errno == ENOENT
                   ? EXIT_DONE
                   : fail(EXIT_FAILED, _("Cannot remove %s: %s"), f->folder, strerror(errno));
    e = root_file_load(f->module, &text);
    if (e != EXIT_DONE || !text)
        return e;
    if (streq(text, f->module_text))
        return root_file_remove(f->module, c);
    files_change_keep(c, f->module);
    return EXIT_DONE;
}

Exit module_files_remove(const ModuleFiles *f, FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    Exit e = root_file_load(f->drop_in, &text);

    if (e != EXIT_DONE)
        return e;
    if (text && !streq(text, f->drop_in_text))
        return fail(EXIT_FAILED,
                    _("%s was changed since it was written, and is not removed. Remove it by hand, and try "
                      "again."),
                    f->drop_in);
    if (text)
        e = root_file_remove(f->drop_in, c);
    return e == EXIT_DONE ? module_files_remove_module(f, c) : e;
}

/* ---- others */

static void others_note(const ModuleFiles *f, const char *folder, OtherFiles *o)
{
    const char *own = strrchr(f->drop_in, '/') + 1;
    _cleanup_(closedirp) DIR *directory = opendir(folder);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        bool same = streq(entry->d_name, own);

        if (!text_ends_with(entry->d_name, ".conf") || (same && streq(folder, f->folder)))
            continue;
        o->any = true;
        o->same_name |= same;
    }
}

OtherFiles module_files_find_others(const ModuleFiles *f)
{
    _cleanup_(closedirp) DIR *directory = opendir(MODULES_DIRECTORY);
    const struct dirent *entry;
    OtherFiles others = {};

    while (directory && (entry = readdir(directory))) {
        _cleanup_free_ char *folder = xasprintf(MODULES_DIRECTORY "/%s", entry->d_name);

        if (text_ends_with(folder, ".conf.d"))
            others_note(f, folder, &others);
    }
    return others;
}
