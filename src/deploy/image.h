/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "core/problem.h"

/* The object of a name in a directory: a regular file with its content and attributes, a symbolic link, or nothing. */
typedef enum ImageKind {
    IMAGE_ABSENT,
    IMAGE_FILE,
    IMAGE_LINK,
    _IMAGE_KIND_MAX,
    _IMAGE_KIND_INVALID = -22,
} ImageKind;

const char *image_kind_to_string(ImageKind k);
ImageKind image_kind_from_string(const char *s);

typedef struct Image {
    ImageKind kind;
    uid_t owner;
    gid_t group;
    mode_t mode; /* permission bits; of a file */
    char *label; /* security.selinux; NULL: none; of a file */
    char *acl;   /* system.posix_acl_access, in hexadecimal; NULL: none; of a file */
    char *data;  /* of a file: a secret, erased when freed; of a link: its target */
    size_t size;
} Image;

void image_clear(Image *i);
#define _cleanup_image_ _cleanup_(image_clear)

/* to: not initialized. */
int image_copy(const Image *from, Image *to);

/* Captures what is there. Anything but a regular file of at most LIMIT_DEPLOYED_FILE bytes, a link, or nothing is
 * refused. A link is not followed. path: of the file, for the problem. */
int image_capture(int dir_fd, const char *name, const char *path, Image *ret, Problem *problem);
/* Makes a file or a link of this name, which must not exist, with all attributes. flush: also fsync(2) it. The name
 * appears before the file is complete: use one that nobody reads. Returns a negative errno. */
int image_create(int dir_fd, const char *name, const Image *i, bool flush);
bool image_equal(const Image *a, const Image *b);
