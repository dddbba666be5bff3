/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index, with the digest at its end made right, which nobody finds by trying: what is read can be written, and
 * then has the same bytes. */
#include "crypto/digest.h"
#include "store/files/index.h"
#include "target.h"

#define RECORDS_MAX 1000

typedef struct Records {
    Record *records[RECORDS_MAX];
    size_t n;
} Records;

static int on_record(Record *rec, void *userdata)
{
    Records *l = userdata;

    require(rec->kind >= 0 && rec->kind < _RECORD_KIND_MAX && rec->name);
    require(rec->served < _SOURCE_MAX && (rec->served < 0 || rec->slots[rec->served].chain));
    if (l->n >= RECORDS_MAX) {
        record_free(rec);
        return -1;
    }
    l->records[l->n++] = rec;
    return 0;
}

static int decode(const void *data, size_t size, JournalPosition *ret, Records *l)
{
    return index_decode(data, size, ret, on_record, l);
}

static void check_again(const JournalPosition *position, const Records *l)
{
    JournalPosition same = {};
    Records again = {};
    void *data, *data_again;
    size_t size, size_again;

    require(index_encode(position, (const Record *const *)l->records, l->n, &data, &size) >= 0);
    require(decode(data, size, &same, &again) >= 0 && again.n == l->n && same.offset == position->offset);
    require(index_encode(&same, (const Record *const *)again.records, again.n, &data_again, &size_again) >=
            0);
    require(size == size_again && memcmp(data, data_again, size) == 0);
    for (size_t i = 0; i < again.n; i++)
        record_free(again.records[i]);
    free(data);
    free(data_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    JournalPosition position = {};
    Records l = {};

    require(copy);
    memcpy(copy, data, size);
    (void)decode(copy, size, &position, &l);
    for (; l.n > 0; l.n--)
        record_free(l.records[l.n - 1]);
    if (size > 32)
        require(digest_sha256(copy, size - 32, copy + size - 32) >= 0);
    if (decode(copy, size, &position, &l) >= 0)
        check_again(&position, &l);
    for (; l.n > 0; l.n--)
        record_free(l.records[l.n - 1]);
    free(copy);
    return 0;
}
