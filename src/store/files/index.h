/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"
#include "store/files/journal.h"

/* All records in one block of bytes of this machine's own order: a copy that can be thrown away. A SHA-256 at
 * its end makes sure that what is read is what was written. */

int index_encode(const JournalPosition *position, const Record *const *records, size_t n, void **ret,
                 size_t *ret_size);

typedef int (*IndexVisit)(Record *rec, void *userdata); /* rec belongs to the callee */
/* -EBADMSG: it is damaged, or another version's. */
int index_decode(const void *data, size_t size, JournalPosition *ret_position, IndexVisit visit,
                 void *userdata);
