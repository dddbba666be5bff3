/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/section.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <uthash.h>

/* ---- complaints */

void context_complain(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    ParseContext *context = userdata;

    context->n_complaints++;
    if (context->n_complaints <= LIMIT_CONFIG_ERRORS)
        context->complain(file, line, key, text, context->userdata);
    else if (context->n_complaints == LIMIT_CONFIG_ERRORS + 1)
        context->complain(file, line, NULL, "there are more errors in this file, which are not listed",
                          context->userdata);
}

int entry_complain(ParseContext *context, const IniEntry *e, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    context_complain(e->file, e->line, e->key, text ? text : strerror(ENOMEM), context);
    return -EINVAL;
}

/* ---- keys */

bool section_is_known(const KeyRow *rows, size_t n, const char *section)
{
    for (size_t i = 0; i < n; i++)
        if (streq(rows[i].section, section))
            return true;
    return false;
}

const KeyRow *key_find(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n,
                       const char *section)
{
    for (size_t i = 0; i < n; i++)
        if (streq(rows[i].section, section) && streq(rows[i].key, e->key))
            return rows + i;
    entry_complain(context, e, "unknown key in [%s], ignoring the line", QUOTED(e->section));
    return NULL;
}

int key_apply(ParseContext *context, const IniEntry *e, const KeyRow *rows, size_t n, const char *section,
              void *object)
{
    const KeyRow *row = key_find(context, e, rows, n, section);

    return row && row->parse(context, e, (char *)object + row->offset) == -ENOMEM ? -ENOMEM : 0;
}

/* ---- sections with names */

struct SectionIndex {
    char *name;
    size_t position;
    UT_hash_handle hh;
};

bool section_index_find(SectionIndex *index, const char *name, size_t *ret)
{
    SectionIndex *item;

    HASH_FIND_STR(index, name, item);
    if (item)
        *ret = item->position;
    return item;
}

int section_index_add(SectionIndex **index, const char *name, size_t position)
{
    SectionIndex *item = calloc(1, sizeof(SectionIndex));

    if (!item || !(item->name = strdup(name))) {
        free(item);
        return -ENOMEM;
    }
    item->position = position;
    HASH_ADD_KEYPTR(hh, *index, item->name, strlen(item->name), item);
    return 0;
}

void section_index_clear(SectionIndex **index)
{
    SectionIndex *item, *next;

    HASH_ITER (hh, *index, item, next) {
        HASH_DEL(*index, item);
        free(item->name);
        free(item);
    }
}
