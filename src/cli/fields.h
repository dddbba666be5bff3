/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/json.h"

/* Data of the service, described once by a table: how it is read from a message into a struct, and how that
 * is printed as JSON. Text is borrowed from the message; times are seconds since 1970-01-01 UTC, 0 for none. */

typedef struct List {
    void *items;
    size_t n;
} List;

void list_done(List *l);
#define _cleanup_list_ _cleanup_(list_done)

typedef struct Field Field;

/* A struct on the bus. */
typedef struct Record {
    const char *contents; /* its type without parentheses */
    size_t size;
    const Field *fields; /* in the order of the bus */
    size_t n_fields;
} Record;

#define RECORD(contents, type, fields) \
    { \
        contents, sizeof(type), fields, ELEMENTSOF(fields) \
    }

struct Field {
    const char *property; /* name on the bus; NULL for members of a struct */
    const char *key;      /* in JSON; NULL: not printed */
    const char *type;     /* on the bus: s, o, b, u, x, as, a record or an array of records */
    size_t offset;        /* of a const char *, int, uint32_t, int64_t, char **, struct or List */
    const Record *record;
    enum {
        FIELD_OPTIONAL = 1, /* null for "", "/", 0, or a record whose first member is empty */
        FIELD_WORDS,        /* text that is printed as an array of its words */
    } form;
};

/* Sets all texts to "" and object paths to "/", for properties that a service of another version lacks. */
void fields_init(const Field *fields, size_t n, void *data);
void fields_done(const Field *fields, size_t n, void *data);

/* Reads all fields in their order. Returns 0 at the end of an array. */
int fields_read(const Field *fields, size_t n, sd_bus_message *m, void *data);

/* Reads the properties among the a{sv} of a message, and skips others. */
int fields_read_properties(const Field *fields, size_t n, sd_bus_message *m, void *data);

/* Reads an array of records of this type. */
int list_read(List *l, const Record *record, const char *type, sd_bus_message *m);
Json *list_to_json(const List *l, const Record *record);

/* Adds all fields that have a key to the object. */
void fields_to_json(const Field *fields, size_t n, const void *data, Json *object);
