/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blob.h"

/* The key of an external account (RFC 8555 section 7.3.4), as authorities and their consoles hand it out. */

/* Accepts base64url and base64 (RFC 4648), padded or not, in one line or several of one length, with or without
 * quotation marks. -EINVAL with the end of the sentence "The file ..." if it is none; -ENOMEM. */
int binding_key_parse(const char *text, Blob *ret, const char **ret_why);
