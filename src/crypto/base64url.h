/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blob.h"

/* RFC 4648 section 5, without padding. */
char *base64url_encode(const void *data, size_t size);
/* Adds a NUL. -EINVAL for anything but canonical base64url without padding. */
int base64url_decode(const char *text, void **ret, size_t *ret_size);
/* The same for base64 with padding (RFC 4648 section 4). */
int base64_decode(const char *text, Blob *ret);
