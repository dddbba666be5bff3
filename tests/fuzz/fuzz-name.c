/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any spelling of a name: what comes out is canonical, safe as the name of a folder, and the way back leads there. */
#include "core/limits.h"
#include "core/name.h"
#include "store/files/paths.h"
#include "target.h"
#include "util/text.h"

static void check_form(const char *name)
{
    require(strlen(name) > 0 && strlen(name) <= LIMIT_NAME);
    require(!strpbrk(name, "/_\\ \t\n\"'%"));
    require(name[0] != '.' && name[0] != '-' && !strstr(name, ".."));
    for (const char *p = name; *p; p++)
        require(*p > 0x20 && *p < 0x7f && !(*p >= 'A' && *p <= 'Z'));
    require(strlen(name) < 1 || name[strlen(name) - 1] != '.');
    require(!strchr(name, '*') || (name_is_wildcard(name) && !strchr(name + 1, '*')));
    require(name_covers(name, name));
}

static void check_folder(const char *name)
{
    _cleanup_free_ char *folder = name_to_directory(name), *back = NULL;

    require(folder && !strchr(folder, '/') && folder[0] != '.');
    back = name_from_directory(folder);
    require(back && streq(back, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_from_input(data, size), *name = NULL, *again = NULL, *folder = NULL;
    _cleanup_problem_ Problem problem = {};

    if (name_canonicalize(text, &name, &problem) < 0) {
        require(problem.code == PROBLEM_INVALID_NAME && problem.text && text_is_utf8(problem.text));
        require(!name);
    } else {
        check_form(name);
        check_folder(name);
        require(name_canonicalize(name, &again, NULL) >= 0 && streq(name, again));
    }
    folder = name_from_directory(text);
    if (folder)
        check_form(folder);
    (void)module_name_is_valid(text);
    return 0;
}
