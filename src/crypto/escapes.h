/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* PEM in text that other programs have escaped: quoted-printable (RFC 2045 section 6.7), JSON and string literals
 * (RFC 8259 section 7), HTML, and URLs (RFC 3986 section 2.1); also typographic dashes, blanks and bullets, and
 * the bytes of Windows-1252 for them. None of these characters can be part of a PEM block, so undoing them changes
 * no block that is in order. */

/* A line end that the text has only in an escaped form. "\n" ends the lines that people count. */
#define ESCAPED_LINE_END '\f'

/* Undoes them in place, also repeated ones, and ends all lines with "\n". The result contains no zero bytes. Returns
 * its size, at most that of the text. */
size_t escapes_undo(char *text, size_t size);
