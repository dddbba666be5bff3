/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* String lists: NULL-terminated arrays that own their strings; NULL is the empty list. */
size_t strv_length(char *const *l);
char **strv_free(char **l);
DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_ _cleanup_(strv_freep)
bool strv_contains(char *const *l, const char *s);
bool strv_equal(char *const *a, char *const *b);
/* In whichever order; none of them twice. */
bool strv_equal_sets(char *const *a, char *const *b);
int strv_copy(char *const *l, char ***ret);
int strv_extend(char ***l, const char *s);
/* Splits at white space; *ret is NULL when there is no word. */
int strv_split(const char *s, char ***ret);
/* The words with a separator between, newly allocated; NULL when memory is short. */
char *strv_join(char *const *l, const char *separator);

/* Writes 2 * size digits and a NUL. */
void hex_encode(const uint8_t *data, size_t size, bool upper, char *ret);
bool text_is_hex(const char *s, size_t length);
/* ASCII without blanks and control characters; also "". */
bool text_is_graphic(const char *s);
/* What is behind a beginning of this form, in which 9 stands for a digit, A and a for a letter of their case, and all else for
 * itself. NULL when s begins otherwise. */
const char *text_skip_form(const char *s, const char *form);
/* Copies value in the place of *text; NULL is none. */
int text_set(char **text, const char *value);
/* RFC 3629: what a D-Bus string may hold. */
bool text_is_utf8(const char *s);
/* A text of JSON with \u (RFC 8259 section 7) for all that is not ASCII, since json-c 0.18 takes nothing else when it is strict.
 * The caller erases and frees it. -EINVAL for what has a NUL or is not UTF-8. */
int text_json_to_ascii(const char *s, size_t size, char **ret);
/* UTF-8 without control characters and what turns the direction of writing (Unicode standard, section 23.2), which would
 * make it look like something else. */
bool text_is_plain(const char *s);
/* Makes it plain, with "?" for what is not, and at most max bytes long: when it is cut, between letters, it ends with "…". */
void text_make_plain(char *s, size_t max);
/* Text of others (a caller, a file, an authority, a certificate) as it goes into a sentence: made plain, and of a longer one
 * the letters that fit into max bytes, with "…" behind them. NULL is "". It lives until the end of the block. */
#define QUOTE(s, max)   text_quote(s, max, (char[QUOTE_SIZE(max)]){ 0 })
#define QUOTE_SIZE(max) ((max) + sizeof("…"))
const char *text_quote(const char *s, size_t max, char *ret);
/* A moment in seconds since 1970-01-01 UTC as people read it: "2026-11-28 08:27:48 UTC". */
#define MOMENT_SIZE 32
const char *moment_to_text(int64_t when, char ret[static MOMENT_SIZE]);
/* What is missing at its end to be followed by another sentence: "." or "". */
const char *text_full_stop(const char *s);

/* Whether s is in the table, and where: one string table serves bus, files and logs. -EINVAL if not. */
int table_from_string(const char *const *table, size_t n, const char *s);
#define TABLE_FROM_STRING(table, s) table_from_string(table, ELEMENTSOF(table), s)

/* A number that looks like chance and is the same for the same text and seed everywhere; not for secrets, nor for tables that
 * others fill: FNV-1a (draft-eastlake-fnv), mixed once more. */
uint64_t bytes_hash(const void *data, size_t size, uint64_t seed);
uint64_t text_hash(const char *s, uint64_t seed);
/* Decimal, no sign, no white space, all of it. -EINVAL, -ERANGE. */
int parse_uint64(const char *s, uint64_t *ret);
/* yes/no, true/false, on/off, 1/0. -EINVAL. */
int parse_boolean(const char *s, bool *ret);
/* A count with a unit: s, min, h, d, w, y (365 days); several are added ("1d 12h"). -EINVAL, -ERANGE. */
int parse_seconds(const char *s, int64_t *ret);
