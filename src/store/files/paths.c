/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/name.h"
#include "crypto/digest.h"

static const GenerationFile leaf_files[] = {
    { "fullchain.pem", "li", false }, { "chain.pem", "i", false },      { "certificate.pem", "l", false },
    { "privkey.pem", "k", false },    { "combined.pem", "lik", false }, { "root.pem", "a", true },
};

static const GenerationFile root_files[] = {
    { "certificate.pem", "l", false }, { "key.pem", "k", false }, { "cross.pem", "b", false },
    { "chain.pem", "i", true },        { "root.pem", "a", true },
};

const GenerationFile *generation_files(RecordKind kind, size_t *ret_n)
{
    *ret_n = kind == RECORD_ROOT ? ELEMENTSOF(root_files) : ELEMENTSOF(leaf_files);
    return kind == RECORD_ROOT ? root_files : leaf_files;
}

char **bundle_part(Bundle *b, char part)
{
    switch (part) {
    case 'l':
        return &b->leaf;
    case 'i':
        return &b->issuers;
    case 'a':
        return &b->anchor;
    case 'b':
        return &b->bridges;
    default:
        return &b->key;
    }
}

static const char *part_text(const Bundle *b, char part)
{
    Bundle flat = *b;

    return strempty(*bundle_part(&flat, part));
}

static size_t text_size(const GenerationFile *f, const Bundle *b)
{
    size_t size = 1;

    for (const char *p = f->parts; *p; p++)
        size += strlen(part_text(b, *p));
    return size;
}

static size_t put_text(const GenerationFile *f, const Bundle *b, char *out)
{
    char *at = out;

    *at = 0;
    for (const char *p = f->parts; *p; p++)
        at = stpcpy(at, part_text(b, *p));
    return (size_t)(at - out) + 1;
}

bool generation_file_exists(const GenerationFile *f, const Bundle *b)
{
    return !f->optional || text_size(f, b) > 1;
}

int generation_file_text(const GenerationFile *f, const Bundle *b, char **ret)
{
    char *text = malloc(text_size(f, b));

    if (!text)
        return -ENOMEM;
    put_text(f, b, text);
    *ret = text;
    return 0;
}

/* All files concatenated, each with its NUL. */
int generation_digest(RecordKind kind, const Bundle *b, uint8_t ret[static 32])
{
    const GenerationFile *files;
    size_t n, size = 0, at = 0;
    char *all;
    int r;

    files = generation_files(kind, &n);
    for (size_t i = 0; i < n; i++)
        size += generation_file_exists(files + i, b) ? text_size(files + i, b) : 0;
    all = malloc(size);
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        at += generation_file_exists(files + i, b) ? put_text(files + i, b, all + at) : 0;
    r = digest_sha256(all, size, ret);
    explicit_bzero(all, size);
    free(all);
    return r;
}

void generation_name(uint64_t generation, char ret[static 24])
{
    snprintf(ret, 24, "%" PRIu64, generation);
}

char *name_to_directory(const char *name)
{
    char *directory = strdup(name);

    if (directory && directory[0] == '*')
        directory[0] = '_';
    return directory;
}

char *name_from_directory(const char *directory)
{
    _cleanup_free_ char *name = strdup(directory), *canonical = NULL;
    int r;

    if (!name)
        return NULL;
    name[0] = (char)(name[0] == '_' ? '*' : name[0] == '*' ? '_' : name[0]);
    r = name_canonicalize(name, &canonical, NULL);
    if (r < 0 || !streq(name, canonical)) {
        errno = r == -ENOMEM ? ENOMEM : EINVAL;
        return NULL;
    }
    return TAKE_PTR(name);
}

const char *object_parent(RecordKind kind)
{
    static const char *const parents[_RECORD_KIND_MAX] = {
        [RECORD_CERTIFICATE] = "certificates",
        [RECORD_ROOT] = ".",
        [RECORD_UPLOAD] = "uploads",
    };

    return parents[kind];
}

char *object_path(RecordKind kind, const char *name)
{
    _cleanup_free_ char *directory = kind == RECORD_CERTIFICATE ? name_to_directory(name) : strdup(name);
    char *path;

    if (!directory || asprintf(&path, "%s/%s", object_parent(kind), directory) < 0)
        return NULL;
    return path;
}
