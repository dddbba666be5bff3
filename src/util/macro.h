/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

/* Takes the value of a variable that has a cleanup attribute, and resets the variable. */
#define TAKE_GENERIC(var, type, nullvalue) \
    ({ \
        type *_pvar_ = &(var); \
        type _value_ = *_pvar_; \
        *_pvar_ = (nullvalue); \
        _value_; \
    })
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, typeof(ptr), NULL)
#define TAKE_FD(fd)   TAKE_GENERIC(fd, int, -EBADF)

#define PASTE_(x, y) x##y
#define PASTE(x, y)  PASTE_(x, y)
#define PICK_(x, y, a, b, op) \
    ({ \
        typeof(a) x = (a); \
        typeof(b) y = (b); \
        x op y ? x : y; \
    })
#undef MIN
#undef MAX
#define MIN(a, b) PICK_(PASTE(_a_, __COUNTER__), PASTE(_b_, __COUNTER__), a, b, <)
#define MAX(a, b) PICK_(PASTE(_a_, __COUNTER__), PASTE(_b_, __COUNTER__), a, b, >)

/* Defines func##p for use with _cleanup_(). */
#define DEFINE_CLEANUP(type, func) \
    static inline void func##p(type *p) \
    { \
        if (*p) \
            func(*p); \
    } \
    struct _require_semicolon_

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Erases a string that held a secret, then frees it. */
static inline void *erase_and_free(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
    return NULL;
}
DEFINE_CLEANUP(char *, erase_and_free);

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_erase_ _cleanup_(erase_and_freep)

static inline bool streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static inline const char *strempty(const char *s)
{
    return s ? s : "";
}

static inline bool isempty(const char *s)
{
    return !s || !*s;
}
