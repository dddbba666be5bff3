/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record.json and a line of the journal: what is read can be written, and is the same when it is read again. */
#include "store/files/record-json.h"
#include "target.h"

static void check_record(const Record *rec)
{
    require(rec->kind >= 0 && rec->kind < _RECORD_KIND_MAX && rec->name);
    require(rec->served < _SOURCE_MAX && (rec->served < 0 || rec->slots[rec->served].chain));
    for (Source s = 0; s < _SOURCE_MAX; s++)
        require(!rec->slots[s].chain || (rec->slots[s].stored.generation > 0 &&
                                         rec->slots[s].stored.generation <= rec->stored.last_generation));
}

static void check_journal_line(const char *text, size_t size)
{
    _cleanup_free_ char *name = NULL;
    RecordKind kind;

    if (journal_line_parse(text, size, &kind, &name) >= 0)
        require(record_name_is_valid(kind, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_from_input(data, size), *written = NULL, *again = NULL;
    _cleanup_record_ Record *rec = NULL, *same = NULL;

    check_journal_line(text, size);
    if (record_from_json(text, &rec) < 0)
        return 0;
    check_record(rec);
    require(record_to_json(rec, NULL, 1, &written) >= 0);
    require(record_from_json(written, &same) >= 0);
    require(record_to_json(same, NULL, 1, &again) >= 0 && strcmp(written, again) == 0);
    return 0;
}
