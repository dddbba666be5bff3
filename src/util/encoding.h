/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Text files as editors of other systems write them. */

/* Copies UTF-8 text without its byte order marks, and converts UTF-16 (with a byte order mark, or recognized by its
 * zero bytes) to UTF-8; unpaired surrogates become "?". Adds a NUL. The copy is at most half longer than data; the
 * caller erases and frees it. -ENOMEM. */
int encoding_to_utf8(const void *data, size_t size, char **ret, size_t *ret_size);
/* Writes the character, at most 4 bytes, and returns the position behind it. */
char *utf8_encode(char *to, uint32_t letter);
/* Returns true for characters that take no space: byte order marks, joiners, soft hyphens, direction marks. */
bool letter_is_invisible(uint32_t letter);
/* Returns true for blanks other than those of ASCII (Unicode category Zs). */
bool letter_is_wide_blank(uint32_t letter);
/* Ends all lines with "\n", in place: those of Windows and of old Macintoshes, too. */
void text_unify_line_ends(char *s);
/* Replaces blanks other than those of ASCII, and invisible characters, by " ", up to the end. */
void text_blank_out(char *s, const char *end);
/* Prepares a passphrase as editors and echo write it to a file, in place: without its mark, the line end behind it, and in
 * UTF-8. *size may become smaller, but not larger than max: -E2BIG. -ENOMEM. */
int passphrase_from_file(char *data, size_t *size, size_t max);
/* Removes blanks of all kinds and invisible characters at both ends, in place. Returns the start. */
char *text_strip_blanks(char *s);
