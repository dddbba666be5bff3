/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/fields.h"

#include "cli/xalloc.h"
#include "util/text.h"

void fields_init(const Field *fields, size_t n, void *data)
{
    for (const Field *f = fields; f < fields + n; f++) {
        void *p = (char *)data + f->offset;

        if (f->type[0] == '(')
            fields_init(f->record->fields, f->record->n_fields, p);
        else if (streq(f->type, "s") || streq(f->type, "o"))
            *(const char **)p = f->type[0] == 's' ? "" : "/";
    }
}

void fields_done(const Field *fields, size_t n, void *data)
{
    for (const Field *f = fields; f < fields + n; f++) {
        void *p = (char *)data + f->offset;

        if (streq(f->type, "as"))
            strv_free(*(char ***)p);
        else if (f->type[0] == 'a')
            list_done(p);
    }
}

void list_done(List *l)
{
    free(l->items);
}

static int record_read(const Record *record, sd_bus_message *m, void *data)
{
    int r = sd_bus_message_enter_container(m, 'r', record->contents);

    if (r > 0)
        r = fields_read(record->fields, record->n_fields, m, data);
    if (r <= 0)
        return r;
    r = sd_bus_message_exit_container(m);
    return r < 0 ? r : 1;
}

int list_read(List *l, const Record *record, const char *type, sd_bus_message *m)
{
    int r = sd_bus_message_enter_container(m, 'a', type + 1);

    while (r > 0) {
        void *item;

        l->items = xreallocarray(l->items, l->n + 1, record->size);
        item = memset((char *)l->items + l->n * record->size, 0, record->size);
        r = record_read(record, m, item);
        l->n += r > 0;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int field_read(const Field *f, sd_bus_message *m, void *p)
{
    if (streq(f->type, "as"))
        return sd_bus_message_read_strv(m, p);
    if (f->type[0] == 'a')
        return list_read(p, f->record, f->type, m);
    if (f->type[0] == '(')
        return record_read(f->record, m, p);
    return sd_bus_message_read_basic(m, f->type[0], p);
}

int fields_read(const Field *fields, size_t n, sd_bus_message *m, void *data)
{
    int r = 1;

    for (size_t i = 0; i < n && r > 0; i++)
        r = field_read(&fields[i], m, (char *)data + fields[i].offset);
    return r;
}

/* Services send their properties in the order of these fields, so each is looked for behind the one before. */
static const Field *field_find(const Field *fields, size_t n, const char *name, size_t *at)
{
    for (size_t i = 0; i < n; i++) {
        const Field *f = &fields[(*at + i) % n];

        if (!streq(f->property, name))
            continue;
        *at = (size_t)(f - fields) + 1;
        return f;
    }
    return NULL;
}

static int property_read(const Field *fields, size_t n, sd_bus_message *m, void *data, size_t *at)
{
    const char *name;
    int r = sd_bus_message_read_basic(m, 's', &name);
    const Field *f = r < 0 ? NULL : field_find(fields, n, name, at);

    if (!f)
        return r < 0 ? r : sd_bus_message_skip(m, "v");
    r = sd_bus_message_enter_container(m, 'v', f->type);
    if (r >= 0)
        r = field_read(f, m, (char *)data + f->offset);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int fields_read_properties(const Field *fields, size_t n, sd_bus_message *m, void *data)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");
    size_t at = 0;

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = property_read(fields, n, m, data, &at);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static bool field_is_empty(const Field *f, const void *p)
{
    switch (f->type[0]) {
    case 's':
        return isempty(*(const char *const *)p);
    case 'o':
        return streq(*(const char *const *)p, "/");
    case 'u':
        return *(const uint32_t *)p == 0;
    case 'x':
        return *(const int64_t *)p == 0;
    case '(':
        return field_is_empty(f->record->fields, (const char *)p + f->record->fields->offset);
    default:
        return false;
    }
}

static Json *words_to_json(const char *text)
{
    _cleanup_strv_ char **words = NULL;

    return strv_split(text, &words) < 0 ? NULL : json_texts(words);
}

static Json *record_to_json(const Record *record, const void *data)
{
    Json *object = json_object_new_object();

    fields_to_json(record->fields, record->n_fields, data, object);
    return object;
}

Json *list_to_json(const List *l, const Record *record)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < l->n; i++)
        json_object_array_add(array, record_to_json(record, (const char *)l->items + i * record->size));
    return array;
}

static Json *array_to_json(const Field *f, const void *p)
{
    return f->record ? list_to_json(p, f->record) : json_texts(*(char *const *const *)p);
}

static Json *field_to_json(const Field *f, const void *p)
{
    if (f->form == FIELD_OPTIONAL && field_is_empty(f, p))
        return NULL;
    switch (f->type[0]) {
    case 'a':
        return array_to_json(f, p);
    case '(':
        return record_to_json(f->record, p);
    case 'b':
        return json_object_new_boolean(*(const int *)p);
    case 'u':
        return json_object_new_int64(*(const uint32_t *)p);
    case 'x':
        return json_time(*(const int64_t *)p);
    default:
        return f->form == FIELD_WORDS ? words_to_json(*(const char *const *)p)
                                      : json_text(*(const char *const *)p);
    }
}

void fields_to_json(const Field *fields, size_t n, const void *data, Json *object)
{
    for (const Field *f = fields; f < fields + n; f++)
        if (f->key)
            json_set(object, f->key, field_to_json(f, (const char *)data + f->offset));
}
