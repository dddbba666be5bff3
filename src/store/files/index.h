/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/record.h"
#include "store/files/journal.h"

/* All records in one block of bytes, in native byte order: a cache that may be deleted. A SHA-256 at its end
 * detects damage. */

int index_encode(const JournalPosition *position, const Record *const *records, size_t n, void **ret,
                 size_t *ret_size);

typedef int (*IndexVisit)(Record *rec, void *userdata); /* the callee takes ownership of rec */
/* -EBADMSG if it is damaged, or of another version. */
int index_decode(const void *data, size_t size, JournalPosition *ret_position, IndexVisit visit,
                 void *userdata);
