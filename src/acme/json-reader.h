/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* Reads JSON objects that come from outside, member by member. Every function returns a negative errno when the member is
 * not what it has to be, -EBADMSG with a problem that names it. A member that is null counts as missing. */
typedef struct Reader {
    const char *whose; /* whose it is, which begins each sentence */
    const char *what;  /* what the object is, with its article */
    struct json_object *object;
    Problem *problem;
} Reader;

/* RFC 8259, an object, in UTF-8, nested at most LIMIT_ACME_DEPTH deep, with no name twice in one object, no NUL, and
 * nothing but white space behind its end. */
int reader_open(Reader *r, const char *whose, const char *what, const void *data, size_t size,
                Problem *problem);
void reader_close(Reader *r);
/* Returns c, with a problem for what has none yet. */
int reader_finish(int c, Problem *problem);

/* Objects within. They belong to the one that was opened, and need no closing. */
int reader_enter(const Reader *r, const char *key, const char *what, Reader *ret);
/* ret->object is NULL when the member is missing. */
int reader_enter_optional(const Reader *r, const char *key, const char *what, Reader *ret);
/* Of an array with at most max members; a missing one has none. */
int reader_count(const Reader *r, const char *key, size_t max, size_t *ret);
int reader_enter_item(const Reader *r, const char *key, size_t i, const char *what, Reader *ret);

/* The same without a complaint: NULL or false for what is missing or of another type, as RFC 9457 section 3.1 wants it
 * for problem documents. */
const char *reader_peek(const Reader *r, const char *key);
bool reader_peek_object(const Reader *r, const char *key, Reader *ret);
size_t reader_peek_count(const Reader *r, const char *key);
bool reader_peek_item(const Reader *r, const char *key, size_t i, Reader *ret);
const char *reader_peek_word(const Reader *r, const char *key, size_t i);

/* Texts, newly allocated. Those that are optional are NULL when missing. */
typedef bool (*TextCheck)(const char *s);

int reader_read_text(const Reader *r, const char *key, TextCheck check, char **ret);
int reader_read_optional_text(const Reader *r, const char *key, TextCheck check, char **ret);
int reader_read_texts(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret);
/* All the members of an object are texts. The values are for people, and are made plain. */
int reader_read_pairs(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret_keys,
                      char ***ret_values);
/* false when it is missing */
int reader_read_boolean(const Reader *r, const char *key, bool *ret);
/* RFC 3339: seconds since 1970-01-01 UTC; whatever is earlier counts as 0, and so does a missing one. */
int reader_read_time(const Reader *r, const char *key, int64_t *ret);
int reader_read_optional_time(const Reader *r, const char *key, int64_t *ret);

/* Says that the member is wrong, why completes "its member x ...". Returns -EBADMSG. */
int reader_refuse(const Reader *r, const char *key, const char *why);
/* https://, graphic ASCII (RFC 3986), at most LIMIT_URL. */
bool text_is_url(const char *s);
/* An URL of any scheme, for people alone. */
bool text_is_reference(const char *s);
/* [A-Za-z0-9_-]{22,128}, RFC 8555 section 8.1. */
bool text_is_token(const char *s);
