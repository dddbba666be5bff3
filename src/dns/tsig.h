/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* A key that signs DNS updates (RFC 8945), read from a file as tsig-keygen(8) writes it:
 *     key "certwright." { algorithm hmac-sha256; secret "BASE64"; };
 * White space and the comments of named.conf(5) may be anywhere between; one key in a file. */
typedef struct Tsig {
    char *name;      /* canonical domain name, without the trailing dot */
    char *algorithm; /* hmac-sha1, -sha224, -sha256, -sha384, -sha512; hmac-md5 is refused */
    char *secret;    /* base64; wiped when freed */
} Tsig;

/* -EINVAL with a problem that names the line. */
int tsig_parse(const char *text, size_t size, Tsig *ret, Problem *problem);
/* Reads a regular file of up to LIMIT_TSIG_FILE bytes that is neither readable nor writable by others. */
int tsig_read(const char *path, Tsig *ret, Problem *problem);
void tsig_clear(Tsig *t);
#define _cleanup_tsig_ _cleanup_(tsig_clear)
