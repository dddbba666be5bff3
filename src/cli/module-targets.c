/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/module-targets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "cli/xalloc.h"
#include "core/deployment.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/fs.h"
#include "util/text.h"

#define SNIPPETS_DIRECTORY DATADIR "/certwright/snippets"

/* Its folders are made for what is delivered to them. */
#define OWN_FOLDER "/etc/ssl/certwright/"

/* ---- targets */

static void file_name_write(FILE *file, const char *name)
{
    fprintf(file, "%s%s", name_is_wildcard(name) ? "_" : "", name_is_wildcard(name) ? name + 1 : name);
}

/* Replaces %n by the name of files, in lines of a service only within paths, and elsewhere by the name; allocated. */
static char *text_expand(const char *text, const char *name, bool lines)
{
    char *expanded = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&expanded, &length);

    xcheck(file);
    for (const char *at = text; *at; at++)
        if (at[0] == '%' && at[1] == 'n' && lines && at > text && at[-1] != '/' && ++at)
            fputs(name, file);
        else if (at[0] == '%' && at[1] == 'n' && ++at)
            file_name_write(file, name);
        else if (at[0] == '%' && at[1] == '%' && ++at)
            fputc('%', file);
        else
            fputc(*at, file);
    return xcheck(fclose(file) == 0 ? expanded : NULL);
}

static char *text_strip(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* [Deploy] or that of the certificate; other names are as the module's author wrote them. */
static bool section_concerns(const char *line, const char *name)
{
    size_t n = strlen(name);

    return streq(line, "[Deploy]") || (strncmp(line, "[Deploy ", 8) == 0 &&
                                       strncmp(line + 8, name, n) == 0 && streq(line + 8 + n, "]"));
}

/* Later sections win, as in the service; values of several lines are no paths. */
static void targets_read(char *text, const char *name, char *paths[static _DEPLOY_FILE_MAX])
{
    bool concerned = false;

    for (char *rest = text; !isempty(rest);) {
        char *line = text_strip(strsep(&rest, "\n")), *value = strchr(line, '=');
        DeployFile file;

        if (*line == '[')
            concerned = section_concerns(line, name);
        if (!concerned || !value || *line == '#' || *line == ';')
            continue;
        *value++ = '\0';
        file = deploy_file_from_string(text_strip(line));
        value = text_strip(value);
        if (file < 0)
            continue;
        free(paths[file]);
        paths[file] = *value ? text_expand(value, name, false) : NULL;
    }
}

static Exit module_file_read_targets(const char *path, const char *name,
                                     char *paths[static _DEPLOY_FILE_MAX])
{
    _cleanup_free_ char *text = NULL;
    int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, &text, NULL);

    if (r < 0 && r != -ENOENT)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), path, strerror(-r));
    if (r >= 0)
        targets_read(text, name, paths);
    return EXIT_DONE;
}

/* Frees the paths. */
static void targets_add(char *paths[static _DEPLOY_FILE_MAX], char ***targets)
{
    for (size_t i = 0; i < _DEPLOY_FILE_MAX; i++) {
        if (paths[i])
            xcheck(strv_extend(targets, paths[i]) < 0 ? NULL : paths[i]);
        free(paths[i]);
    }
}

Exit module_files_targets(const ModuleFiles *f, char ***ret)
{
    char *paths[_DEPLOY_FILE_MAX] = {};
    _cleanup_strv_ char **targets = NULL;
    Exit e = module_file_read_targets(f->module, f->name, paths);

    if (e == EXIT_DONE)
        e = module_file_read_targets(f->drop_in, f->name, paths);
    targets_add(paths, &targets);
    *ret = TAKE_PTR(targets);
    return e;
}

/* ---- modules of any kind */

/* The file of an earlier one takes the place of those of the same name in the later ones. */
static const char *const directories[] = {
    "/etc/certwright/modules.d",
    "/run/certwright/modules.d",
    "/usr/lib/certwright/modules.d",
};

static void file_read_targets(const char *file, const char *name, char *paths[static _DEPLOY_FILE_MAX])
{
    for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s", directories[i], file), *text = NULL;
        int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, &text, NULL);

        if (r >= 0)
            targets_read(text, name, paths);
        if (r != -ENOENT)
            return;
    }
}

static void folder_add_files(const char *path, char ***files)
{
    _cleanup_(closedirp) DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (*entry->d_name != '.' && text_ends_with(entry->d_name, ".conf") &&
            !strv_contains(*files, entry->d_name))
            xcheck(strv_extend(files, entry->d_name) < 0 ? NULL : directory);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted by their names, wherever they are. */
static char **drop_ins_find(const char *module)
{
    char **files = NULL;

    for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s.conf.d", directories[i], module);

        folder_add_files(path, &files);
    }
    if (files)
        qsort(files, strv_length(files), sizeof *files, compare_texts);
    return files;
}

void module_read_targets(const char *module, const char *name, char ***targets)
{
    char *paths[_DEPLOY_FILE_MAX] = {};
    _cleanup_strv_ char **drop_ins = NULL;
    _cleanup_free_ char *file = xasprintf("%s.conf", module);

    if (!module_name_is_valid(module))
        return;
    drop_ins = drop_ins_find(module);
    file_read_targets(file, name, paths);
    for (char **d = drop_ins; d && *d; d++) {
        _cleanup_free_ char *drop_in = xasprintf("%s.conf.d/%s", module, *d);

        file_read_targets(drop_in, name, paths);
    }
    targets_add(paths, targets);
}

/* ---- lines of the service */

/* Apache knows wildcards as aliases alone. */
static void line_print(char *line, bool wildcard)
{
    static const char key[] = "ServerName ";
    char *found = wildcard ? strstr(line, key) : NULL;

    if (found) {
        *found = '\0';
        print_line(stdout, "    %sServerAlias %s", line, found + strlen(key));
    } else {
        print_line(stdout, "    %s", line);
    }
}

Exit module_files_print_snippet(const ModuleFiles *f)
{
    _cleanup_free_ char *path = xasprintf(SNIPPETS_DIRECTORY "/%s", f->service->snippet), *text = NULL,
                        *expanded = NULL;
    int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, &text, NULL);

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot read %s: %s"), path, strerror(-r));
    expanded = text_expand(text, f->name, true);
    for (char *rest = expanded; !isempty(rest);)
        line_print(strsep(&rest, "\n"), name_is_wildcard(f->name));
    return EXIT_DONE;
}

bool module_files_are_used(const ModuleFiles *f, char *const *targets)
{
    _cleanup_strv_ char **words = NULL;

    if (!f->service->snippet)
        return true;
    for (char *const *target = targets; target && *target; target++) {
        _cleanup_free_ char *word = xstrdup(*target);
        char *slash = strrchr(word, '/');

        if (f->service->reads_folder && slash > word)
            *slash = '\0';
        xcheck(strv_extend(&words, word) < 0 ? NULL : word);
    }
    return root_folder_mentions(f->service->configuration, words, NULL);
}

Exit targets_remove(char *const *targets, FilesChange *c)
{
    Exit e = EXIT_DONE;

    for (; targets && *targets && e == EXIT_DONE; targets++) {
        _cleanup_free_ char *folder = xstrdup(*targets);
        char *slash = strrchr(folder, '/');

        if (access(*targets, F_OK) < 0)
            continue;
        e = root_file_remove(*targets, c);
        *slash = '\0';
        if (strncmp(folder, OWN_FOLDER, strlen(OWN_FOLDER)) == 0)
            (void)rmdir(folder); /* others may have files there */
    }
    return e;
}
