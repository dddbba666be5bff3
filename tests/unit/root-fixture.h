/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "deploy/image.h"

/* A folder that only root can write to, all the way. */
static inline Folder folder_of_root(void)
{
    g_autofree char *path = g_strdup("/run/certwright-test-XXXXXX");
    Folder f = {};

    g_assert_nonnull(g_mkdtemp_full(path, 0755));
    f.path = g_steal_pointer(&path);
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(f.fd, >=, 0);
    return f;
}

static inline bool skip_without_root(void)
{
    if (geteuid() != 0)
        g_test_skip("only root owns folders that nobody else can change");
    return geteuid() != 0;
}

static inline Image image_of(const char *text, mode_t mode)
{
    return (Image){ .kind = IMAGE_FILE, .mode = mode, .data = g_strdup(text), .size = strlen(text) };
}

static inline void assert_says(const Problem *problem, const char *words)
{
    g_assert_nonnull(problem->text);
    if (!strstr(problem->text, words))
        note_failure("nothing like '%s' in: %s", words, problem->text);
}
