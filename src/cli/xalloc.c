/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/xalloc.h"

#include <errno.h>
#include <stdarg.h>

#include "util/text.h"

void *xcheck(void *p)
{
    if (!p) {
        fprintf(stderr, "certwright: %s\n", strerror(ENOMEM));
        exit(EXIT_FAILED);
    }
    return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
    return xcheck(reallocarray(p, n, size));
}

char *xstrdup(const char *text)
{
    return xcheck(strdup(text));
}

void xstrv_add(char ***list, const char *text)
{
    if (!strv_contains(*list, text))
        xcheck(strv_extend(list, text) < 0 ? NULL : *list);
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&text, format, ap);
    va_end(ap);
    return xcheck(r < 0 ? NULL : text);
}
