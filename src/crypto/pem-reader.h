/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* PEM text, as strict as RFC 8555 section 9.1 has it: stricttextualmsg of RFC 7468 section 3, one after the other. Only the
 * ends of lines may be of any kind, and empty lines may stand between. */

typedef struct PemReader {
    const char *at;
    unsigned n_line; /* of the line that was read last, from 1 */
    const char *line;
    size_t length;
} PemReader;

typedef struct PemBlock {
    uint8_t *data;
    size_t size;
} PemBlock;

/* Erases it. */
void pem_block_done(PemBlock *b);
#define _cleanup_pem_block_ _cleanup_(pem_block_done)

/* The next block, which must have this label. 1; 0: there is no more; -EBADMSG: the line that was read last does not belong
 * there. */
int pem_read_block(PemReader *r, const char *label, PemBlock *ret);
