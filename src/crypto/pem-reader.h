/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blob.h"

/* Parses PEM as strictly as required by RFC 8555 section 9.1: a sequence of stricttextualmsg of RFC 7468
 * section 3. Only line endings of any kind, and empty lines in between, are accepted. */

typedef struct PemReader {
    const char *at;
    unsigned n_line; /* of the last line read, from 1 */
    const char *line;
    size_t length;
} PemReader;

/* Reads the next block, which must have this label. 1; 0: no more blocks; -EBADMSG: the last line read is
 * unexpected. */
int pem_read_block(PemReader *r, const char *label, Blob *ret);
