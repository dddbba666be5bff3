/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>

#include "util/macro.h"

/* String lists: NULL-terminated arrays that own their strings; NULL is the empty list. */
size_t strv_length(char *const *l);
char **strv_free(char **l);
DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_ _cleanup_(strv_freep)
bool strv_contains(char *const *l, const char *s);
bool strv_equal(char *const *a, char *const *b);
/* Compares them as sets, of lists without duplicates. */
bool strv_equal_sets(char *const *a, char *const *b);
int strv_copy(char *const *l, char ***ret);
int strv_extend(char ***l, const char *s);
/* Removes the first string that equals s. */
void strv_take(char **l, const char *s);
/* Splits at white space; *ret is NULL if there are no words. */
int strv_split(const char *s, char ***ret);
/* Joins the strings with a separator. Returns NULL on OOM. */
char *strv_join(char *const *l, const char *separator);

/* Writes 2 * size digits and a NUL. */
void hex_encode(const uint8_t *data, size_t size, bool upper, char *ret);
bool text_is_hex(const char *s, size_t length);
/* Returns the suffix within s, or NULL if s does not end with it. */
const char *text_ends_with(const char *s, const char *suffix);
/* min to max characters, all of them among these. */
#define TEXT_ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TEXT_TOKEN TEXT_ALNUM "!#$%&'*+-.^_`|~" /* RFC 9110 section 5.6.2 */
bool text_consists_of(const char *s, const char *letters, size_t min, size_t max);
/* ASCII without blanks and control characters; also "". */
bool text_is_graphic(const char *s);
/* Skips a prefix of this form, in which 9 matches a digit, A and a match a letter of their case, and all else matches
 * itself. Returns NULL if s does not begin like that. */
const char *text_skip_form(const char *s, const char *form);
/* Replaces *text by a copy of value, which may be NULL. -ENOMEM leaves it unchanged. */
int text_set(char **text, const char *value);
/* Valid UTF-8 (RFC 3629), as D-Bus requires it of strings. */
bool text_is_utf8(const char *s);
/* Escapes all non-ASCII characters of a JSON text with \u (RFC 8259 section 7), since json-c 0.18 accepts
 * nothing else in strict mode. The caller erases and frees it. -EINVAL if the text contains a NUL or is not
 * UTF-8. */
int text_json_to_ascii(const char *s, size_t size, char **ret);
/* Returns the length of the character at the beginning of s, or 0 if there is no valid one (RFC 3629). */
size_t utf8_decode(const char *s, uint32_t *ret_letter);
/* UTF-8 without control characters and without characters that change the direction of writing (Unicode
 * standard, section 23.2), which could disguise the text. */
bool text_is_plain(const char *s);
/* Replaces all other characters by "?", and truncates to at most max bytes, between characters, with "…" at
 * the end. */
void text_make_plain(char *s, size_t max);
/* Formats a text and makes it plain. The caller frees it. NULL on OOM. */
char *text_format_plain(size_t max, const char *format, va_list ap) _printf_(2, 0);
/* Quotes untrusted text (of a caller, a file, an authority, a certificate) in a message: makes it plain, and
 * truncates it to max bytes plus "…". NULL is "". Valid until the end of the block. */
#define QUOTE(s, max)   text_quote(s, max, (char[QUOTE_SIZE(max)]){ 0 })
#define QUOTE_SIZE(max) ((max) + sizeof("…"))
const char *text_quote(const char *s, size_t max, char *ret);
/* Formats a time in seconds since 1970-01-01 UTC: "2026-11-28 08:27:48 UTC". */
#define MOMENT_SIZE 32
const char *moment_to_text(int64_t when, char ret[static MOMENT_SIZE]);
/* The same, valid until the end of the block. */
#define MOMENT(when) moment_to_text(when, (char[MOMENT_SIZE]){ 0 })
/* Returns "." if the text needs one before another sentence, else "". */
const char *text_full_stop(const char *s);

/* Returns the index of s in a string table, or -EINVAL. The same tables serve bus, files and log. */
int table_from_string(const char *const *table, size_t n, const char *s);
#define TABLE_FROM_STRING(table, s) table_from_string(table, ELEMENTSOF(table), s)
/* Defines name_to_string(), which returns NULL for other values, and name_from_string(). */
#define DEFINE_STRING_TABLE(name, type, table) \
    const char *name##_to_string(type value) \
    { \
        return (size_t)value < ELEMENTSOF(table) ? table[value] : NULL; \
    } \
    type name##_from_string(const char *s) \
    { \
        return (type)TABLE_FROM_STRING(table, s); \
    } \
    struct _require_semicolon_

/* Hashes data to a pseudo-random number that is the same for the same data and seed everywhere: FNV-1a
 * (draft-eastlake-fnv), mixed once more. Not for secrets or for hash tables with untrusted keys. */
uint64_t bytes_hash(const void *data, size_t size, uint64_t seed);
uint64_t text_hash(const char *s, uint64_t seed);
/* Parses a whole decimal number without sign and white space. -EINVAL, -ERANGE. */
int parse_uint64(const char *s, uint64_t *ret);
/* Parses a TCP or UDP port: 1 to 65535. -EINVAL. */
int parse_ip_port(const char *s, uint16_t *ret);
/* Parses yes/no, true/false, on/off or 1/0. -EINVAL. */
int parse_boolean(const char *s, bool *ret);
/* Parses numbers with the units s, min, h, d, w, y (365 days), which are added up ("1d 12h"). -EINVAL,
 * -ERANGE. */
int parse_seconds(const char *s, int64_t *ret);
