/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Reads untrusted JSON objects, member by member. All functions return a negative errno if the member is
 * invalid, -EBADMSG with a problem that names it. A member that is null is treated as missing. */
typedef struct Reader {
    const char *whose; /* sender, as the start of each sentence */
    const char *what;  /* name of the object, with an article */
    struct json_object *object;
    Problem *problem;
} Reader;

/* Parses a JSON object (RFC 8259) in UTF-8, nested at most LIMIT_ACME_DEPTH levels, without duplicate names,
 * without NUL, and with nothing but white space after it. */
int reader_open(Reader *r, const char *whose, const char *what, const void *data, size_t size,
                Problem *problem);
void reader_close(Reader *r);
/* Returns c; if it is negative, sets a problem unless there is one. */
int reader_finish(int c, Problem *problem);

typedef enum Need {
    OPTIONAL, /* the result for a missing member is NULL or 0 */
    REQUIRED,
} Need;

/* Nested objects. They belong to the outermost one, and need not be closed. ret->object is NULL if an
 * optional one is missing. */
int reader_enter(const Reader *r, const char *key, Need need, const char *what, Reader *ret);
/* Counts the members of an array, at most max; a missing array has none. */
int reader_count(const Reader *r, const char *key, size_t max, size_t *ret);
int reader_enter_item(const Reader *r, const char *key, size_t i, const char *what, Reader *ret);

typedef bool (*TextCheck)(const char *s);

/* Lenient: NULL or 0 if the member is missing, of another type or otherwise invalid, as RFC 9457 section 3.1 requires for
 * problem documents, and for members that can be done without. The functions with ret only fail with -ENOMEM. */
const char *reader_peek(const Reader *r, const char *key);
int reader_peek_text(const Reader *r, const char *key, TextCheck check, char **ret);
int reader_peek_url(const Reader *r, const char *key, char **ret);
size_t reader_peek_count(const Reader *r, const char *key);
const char *reader_peek_word(const Reader *r, const char *key, size_t i);
/* Returns false if there is no such object. */
bool reader_peek_object(const Reader *r, const char *key, const char *what, Reader *ret);
/* Returns the valid ones among the names of the members of an object, at most max. */
int reader_peek_names(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret);

/* Newly allocated texts. */
int reader_read_text(const Reader *r, const char *key, Need need, TextCheck check, char **ret);
int reader_read_texts(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret);
/* false if missing */
int reader_read_boolean(const Reader *r, const char *key, bool *ret);
/* RFC 3339, as seconds since 1970-01-01 UTC; earlier times are 0. */
int reader_read_time(const Reader *r, const char *key, Need need, int64_t *ret);

/* Reports that the member is invalid; why completes "its member x ...". Returns -EBADMSG. */
int reader_refuse(const Reader *r, const char *key, const char *why);
/* https://, graphic ASCII (RFC 3986), at most LIMIT_URL. */
bool text_is_url(const char *s);
/* [A-Za-z0-9_-]{22,128}, RFC 8555 section 8.1. */
bool text_is_token(const char *s);
