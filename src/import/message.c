/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import/message.h"

#include <errno.h>

#include "util/text.h"

/* A message consists of a magic number and fields: one byte of type, four of length (in native byte order:
 * both ends are on the same machine), and the contents. The last field is FIELD_END, so that a truncated
 * message is detected. */

static const char magic[8] = "cwimport";

typedef enum Field {
    FIELD_END,
    /* name of the code of a problem: with the key if there is a format, with everything otherwise */
    FIELD_CODE,
    FIELD_TEXT, /* of the problem */
    FIELD_FORMAT,
    FIELD_CERTIFICATE,
    FIELD_KEY,
    _FIELD_MAX,
} Field;

#define HEAD_SIZE  (1 + sizeof(uint32_t))
#define FORMAT_MAX 64

/* Only adds up the size while m->data is NULL. */
static void put(Blob *m, Field field, const void *data, size_t size)
{
    uint32_t length = (uint32_t)size;

    if (m->data) {
        uint8_t *at = m->data + m->size;

        *at = (uint8_t)field;
        memcpy(at + 1, &length, sizeof(length));
        if (size > 0)
            memcpy(at + HEAD_SIZE, data, size);
    }
    m->size += HEAD_SIZE + size;
}

static void put_text(Blob *m, Field field, const char *s)
{
    put(m, field, strempty(s), strlen(strempty(s)));
}

static void put_message(Blob *m, const Imported *imported, const Problem *problem)
{
    if (m->data)
        memcpy(m->data, magic, sizeof(magic));
    m->size = sizeof(magic);
    if (imported) {
        put_text(m, FIELD_FORMAT, imported->format);
        for (size_t n = 0; n < imported->n_certificates; n++)
            put(m, FIELD_CERTIFICATE, imported->certificates[n].data, imported->certificates[n].size);
        put(m, FIELD_KEY, imported->key.data, imported->key.size);
    }
    if (problem->code != PROBLEM_NONE) {
        put_text(m, FIELD_CODE, problem_code_to_string(problem->code));
        put_text(m, FIELD_TEXT, problem->text);
    }
    put(m, FIELD_END, NULL, 0);
}

int message_encode(const Imported *imported, const Problem *problem, Blob *ret)
{
    Blob message = {};

    if (imported)
        problem = &imported->key_problem;
    put_message(&message, imported, problem);
    message.data = malloc(message.size);
    if (!message.data)
        return -ENOMEM;
    put_message(&message, imported, problem);
    *ret = message;
    return 0;
}

static int take_blob(const uint8_t *data, size_t size, size_t max, Blob *ret)
{
    return size == 0 || size > max || ret->data ? -EBADMSG : blob_new(data, size, ret);
}

/* Texts for people and for the bus: UTF-8 without control characters. */
static int take_text(const uint8_t *data, size_t size, size_t max, char **ret)
{
    char *text;

    if (size > max || *ret)
        return -EBADMSG;
    for (size_t i = 0; i < size; i++)
        if (data[i] < ' ' || data[i] == 0x7f)
            return -EBADMSG;
    text = strndup((const char *)data, size);
    if (!text)
        return -ENOMEM;
    if (!text_is_utf8(text)) {
        free(text);
        return -EBADMSG;
    }
    *ret = text;
    return 0;
}

static int take_code(const uint8_t *data, size_t size, ProblemCode *ret)
{
    _cleanup_free_ char *name = NULL;
    int r = take_text(data, size, FORMAT_MAX, &name);

    if (r < 0)
        return r;
    *ret = problem_code_from_string(name);
    return *ret > PROBLEM_NONE ? 0 : -EBADMSG;
}

static int take_field(Field field, const uint8_t *data, size_t size, Imported *i)
{
    Problem *problem = &i->key_problem;
    int r;

    switch (field) {
    case FIELD_CODE:
        return take_code(data, size, &problem->code);
    case FIELD_TEXT:
        return take_text(data, size, LIMIT_PROBLEM_TEXT, &problem->text);
    case FIELD_FORMAT:
        return take_text(data, size, FORMAT_MAX, &i->format);
    case FIELD_KEY:
        return size == 0 ? 0 : take_blob(data, size, LIMIT_KEY, &i->key);
    case FIELD_CERTIFICATE:
        if (i->n_certificates >= LIMIT_CHAIN)
            return -EBADMSG;
        r = take_blob(data, size, LIMIT_BUNDLE, i->certificates + i->n_certificates);
        i->n_certificates += r >= 0;
        return r;
    default:
        return -EBADMSG;
    }
}

static int take_fields(const uint8_t *at, const uint8_t *end, Imported *i)
{
    uint32_t size;
    uint8_t field;
    int r;

    while ((size_t)(end - at) >= HEAD_SIZE) {
        field = *at;
        memcpy(&size, at + 1, sizeof(size));
        at += HEAD_SIZE;
        if (field == FIELD_END)
            return size == 0 && at == end ? 0 : -EBADMSG;
        if ((size_t)(end - at) < size)
            return -EBADMSG;
        r = take_field((Field)field, at, size, i);
        if (r < 0)
            return r;
        at += size;
    }
    return -EBADMSG;
}

int message_decode(const uint8_t *data, size_t size, Imported **ret, Problem *ret_problem)
{
    _cleanup_imported_ Imported *i = calloc(1, sizeof(Imported));
    int r;

    if (!i)
        return -ENOMEM;
    if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    r = take_fields(data + sizeof(magic), data + size, i);
    if (r < 0)
        return r;
    if ((i->key_problem.code == PROBLEM_NONE && (i->key_problem.text || !i->format)) ||
        (i->key_problem.code != PROBLEM_NONE && i->key.data))
        return -EBADMSG;
    if (i->format)
        *ret = TAKE_PTR(i);
    else
        problem_move(&i->key_problem, ret_problem);
    return 0;
}
