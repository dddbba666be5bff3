/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "deploy/report.h"
#include "util/fs.h"
#include "util/strict-json.h"
#include "util/text.h"

/* The set is a folder: one file with all contents, one after the other, and a manifest with everything else. It is
 * written under another name and renamed when it is complete. */
#define SET      SAVED_SET
#define NEW_SET  SET ".new"
#define OLD_SET  SET ".old"
#define MANIFEST "manifest.json"
#define CONTENT  "content"
#define FORMAT   1
#define DEPTH    4

void saved_clear(SavedSet *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->files[i].certificate);
        free(s->files[i].path);
        image_clear(&s->files[i].image);
    }
    free(s->files);
    strv_free(s->units);
    *s = (SavedSet){ 0 };
}

int saved_add(SavedSet *s, const char *certificate, DeployFile kind, const char *path, const Image *image)
{
    SavedFile *files = reallocarray(s->files, s->n + 1, sizeof(SavedFile));
    SavedFile *f;

    if (!files)
        return -ENOMEM;
    s->files = files;
    f = files + s->n++;
    *f = (SavedFile){ .certificate = strdup(certificate), .kind = kind, .path = strdup(path) };
    return f->certificate && f->path ? image_copy(image, &f->image) : -ENOMEM;
}

/* ---- writing */

static int describe(const SavedFile *f, json_object *o)
{
    const Image *i = &f->image;
    int r;

    if ((r = json_put_text(o, "certificate", f->certificate)) < 0 ||
        (r = json_put_text(o, "contains", deploy_file_to_string(f->kind))) < 0 ||
        (r = json_put_text(o, "path", f->path)) < 0 ||
        (r = json_put_text(o, "kind", image_kind_to_string(i->kind))) < 0 ||
        (r = json_put_int(o, "owner", i->owner)) < 0 || (r = json_put_int(o, "group", i->group)) < 0 ||
        (r = json_put_int(o, "mode", i->mode)) < 0 || (r = json_put_int(o, "size", (int64_t)i->size)) < 0)
        return r;
    r = i->label ? json_put_text(o, "label", i->label) : 0;
    return r >= 0 && i->acl ? json_put_text(o, "acl", i->acl) : r;
}

static int make_manifest(const SavedSet *s, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    json_object *list = json_object_new_array();
    int r = json_put(o, "files", list);

    if (r >= 0)
        r = json_put_int(o, "format", FORMAT);
    if (r >= 0)
        r = json_put_list(o, "units", s->units);
    for (size_t i = 0; r >= 0 && i < s->n; i++) {
        json_object *entry = json_object_new_object();

        r = entry && json_object_array_add(list, entry) == 0 ? describe(s->files + i, entry) : -ENOMEM;
    }
    if (r >= 0)
        *ret = TAKE_PTR(o);
    return r;
}

static int write_content(int dir_fd, const SavedSet *s)
{
    _cleanup_close_ int fd = openat(dir_fd, CONTENT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t size = 0;
    int r = fd < 0 ? -errno : 0;

    for (size_t i = 0; r >= 0 && i < s->n; i++) {
        size += s->files[i].image.size;
        r = size > LIMIT_SAVED_CONTENT ? -E2BIG
                                       : fs_write_all(fd, s->files[i].image.data, s->files[i].image.size);
    }
    return r < 0 ? r : fs_sync(fd);
}

static int write_set(int fd, const SavedSet *s)
{
    _cleanup_json_ json_object *manifest = NULL;
    const char *text;
    int r = make_manifest(s, &manifest);

    if (r >= 0)
        r = write_content(fd, s);
    if (r < 0)
        return r;
    text = json_to_text(manifest);
    if (text && strlen(text) > LIMIT_SAVED_LIST)
        return -E2BIG;
    r = text ? fs_create_at(fd, MANIFEST, text, strlen(text), true) : -ENOMEM;
    return r < 0 ? r : fs_sync(fd);
}

static int write_new(int dir_fd, const SavedSet *s)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_remove_tree_at(dir_fd, NEW_SET);

    if (r >= 0)
        r = fs_make_directory_at(dir_fd, NEW_SET);
    if (r >= 0)
        r = fs_open_directory_at(dir_fd, NEW_SET, &fd);
    if (r >= 0)
        r = write_set(fd, s);
    if (r >= 0 && renameat(dir_fd, NEW_SET, dir_fd, SET) < 0)
        r = -errno;
    return r < 0 ? r : fs_sync(dir_fd);
}

static int fail(int r, const char *what, Problem *problem)
{
    return r < 0 ? problem_set(problem, PROBLEM_STORAGE_FAILED, "The former files cannot be %s: %s.", what,
                               strerror(-r))
                 : 0;
}

int saved_write(int dir_fd, const SavedSet *s, Problem *problem)
{
    int r;

    if (faccessat(dir_fd, SET, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    r = write_new(dir_fd, s);
    if (r < 0)
        (void)fs_remove_tree_at(dir_fd, NEW_SET);
    return fail(r, "saved", problem);
}

/* ---- reading */

static int get_number(json_object *o, const char *key, int64_t max, int64_t *ret)
{
    int r = json_get_int(o, key, ret);

    return r >= 0 && (*ret < 0 || *ret > max) ? -EBADMSG : r;
}

static int read_attributes(json_object *o, Image *i)
{
    int64_t owner = 0, group = 0, mode = 0, size = 0;
    const char *label = NULL, *acl = NULL, *kind = NULL;
    int r;

    if ((r = json_get_text(o, "kind", &kind)) < 0 || (r = get_number(o, "owner", UINT32_MAX, &owner)) < 0 ||
        (r = get_number(o, "group", UINT32_MAX, &group)) < 0 ||
        (r = get_number(o, "mode", 07777, &mode)) < 0 ||
        (r = get_number(o, "size", LIMIT_DEPLOYED_FILE, &size)) < 0)
        return r;
    if ((json_object_object_get_ex(o, "label", NULL) && (r = json_get_text(o, "label", &label)) < 0) ||
        (json_object_object_get_ex(o, "acl", NULL) && (r = json_get_text(o, "acl", &acl)) < 0))
        return r;
    *i = (Image){ .kind = image_kind_from_string(kind),
                  .owner = (uid_t)owner,
                  .group = (gid_t)group,
                  .mode = (mode_t)mode };
    if (i->kind < 0)
        return -EBADMSG;
    r = text_set(&i->label, label);
    if (r >= 0)
        r = text_set(&i->acl, acl);
    if (r >= 0 && i->kind != IMAGE_ABSENT)
        i->data = calloc(1, (size_t)size + 1);
    if (r < 0 || (i->kind != IMAGE_ABSENT && !i->data))
        return -ENOMEM;
    i->size = i->data ? (size_t)size : 0;
    return 0;
}

static int read_file(json_object *o, SavedFile *f)
{
    const char *certificate = NULL, *path = NULL, *kind = NULL;
    int r;

    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    if ((r = json_get_text(o, "certificate", &certificate)) < 0 ||
        (r = json_get_text(o, "path", &path)) < 0 || (r = json_get_text(o, "contains", &kind)) < 0)
        return r;
    f->kind = deploy_file_from_string(kind);
    if (f->kind < 0)
        return -EBADMSG;
    r = text_set(&f->certificate, certificate);
    if (r >= 0)
        r = text_set(&f->path, path);
    return r < 0 ? r : read_attributes(o, &f->image);
}

static int read_files(json_object *list, SavedSet *s)
{
    size_t n = json_object_array_length(list);
    int r = 0;

    if (n > LIMIT_DEPLOYED_FILES)
        return -EBADMSG;
    s->files = calloc(n + 1, sizeof(SavedFile));
    if (!s->files)
        return -ENOMEM;
    while (r >= 0 && s->n < n) {
        r = read_file(json_object_array_get_idx(list, s->n), s->files + s->n);
        s->n++;
    }
    return r;
}

static int read_bytes(int fd, char *data, size_t size)
{
    ssize_t n = 1;

    for (size_t at = 0; at < size; at += (size_t)n) {
        do
            n = read(fd, data + at, size - at);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
    }
    return 0;
}

static int read_content(int dir_fd, SavedSet *s)
{
    _cleanup_close_ int fd = openat(dir_fd, CONTENT, O_RDONLY | O_CLOEXEC);
    char more;
    int r = fd < 0 ? -errno : 0;

    for (size_t i = 0; r >= 0 && i < s->n; i++)
        r = read_bytes(fd, s->files[i].image.data, s->files[i].image.size);
    return r >= 0 && read(fd, &more, 1) != 0 ? -EBADMSG : r;
}

static int read_set(int fd, SavedSet *s)
{
    _cleanup_json_ json_object *manifest = NULL;
    _cleanup_free_ char *text = NULL;
    json_object *list;
    size_t size = 0;
    int r = fs_read_at(fd, MANIFEST, LIMIT_SAVED_LIST, &text, &size);

    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    manifest = json_parse(text, size, DEPTH);
    if (!manifest || !json_has_format(manifest, FORMAT))
        return -EBADMSG;
    r = json_get_list(manifest, "units", LIMIT_DEPLOYED_FILES, &s->units);
    if (r >= 0)
        r = json_get(manifest, "files", json_type_array, &list);
    if (r >= 0)
        r = read_files(list, s);
    return r < 0 ? r : read_content(fd, s);
}

int saved_read(int dir_fd, SavedSet *ret, Problem *problem)
{
    _cleanup_saved_ SavedSet s = { 0 };
    _cleanup_close_ int fd = -EBADF;
    int r = fs_open_directory_at(dir_fd, SET, &fd);

    if (r == -ENOENT)
        return r;
    if (r >= 0)
        r = read_set(fd, &s);
    if (r < 0) {
        (void)fail(r, "read back", problem);
        return r;
    }
    *ret = s;
    s = (SavedSet){ 0 };
    return 0;
}

/* The set is gone at once for a reader, and then its files. */
int saved_erase(int dir_fd, Problem *problem)
{
    int r = fs_remove_tree_at(dir_fd, OLD_SET);

    if (r >= 0 && renameat(dir_fd, SET, dir_fd, OLD_SET) < 0 && errno != ENOENT)
        r = -errno;
    if (r >= 0)
        r = fs_sync(dir_fd);
    if (r >= 0)
        r = fs_remove_tree_at(dir_fd, OLD_SET);
    if (r >= 0)
        r = fs_remove_tree_at(dir_fd, NEW_SET);
    return fail(r, "removed", problem);
}

int saved_put_aside(int dir_fd, Problem *problem)
{
    return fail(fs_put_aside_at(dir_fd, SET), "put aside", problem);
}
