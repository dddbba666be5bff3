/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"

#include "cli/xalloc.h"

typedef struct ConfigurationError {
    const char *file, *key, *text;
    uint32_t line; /* 0: the file as a whole */
} ConfigurationError;

static const Field fields[] = {
    { NULL, "file", "s", offsetof(ConfigurationError, file), NULL, FIELD_OPTIONAL },
    { NULL, "line", "u", offsetof(ConfigurationError, line), NULL, FIELD_OPTIONAL },
    { NULL, "key", "s", offsetof(ConfigurationError, key), NULL, FIELD_OPTIONAL },
    { NULL, "text", "s", offsetof(ConfigurationError, text) },
};

const Record configuration_error_record = RECORD("suss", ConfigurationError, fields);

static const Field property = {
    "ConfigurationErrors", NULL, "a(suss)", 0, &configuration_error_record,
};

char *configuration_error_format(const List *l, size_t i, char **ret_place)
{
    const ConfigurationError *e = (const ConfigurationError *)l->items + i;
    const char *file = isempty(e->file) ? _("the configuration") : e->file;

    *ret_place = e->line > 0 ? xasprintf("%s:%u", file, e->line) : xstrdup(file);
    return xasprintf("%s: %s%s%s", *ret_place, e->key, isempty(e->key) ? "" : "=: ", e->text);
}

void configuration_errors_print(FILE *file, const List *l, const char *indent)
{
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_free_ char *place = NULL, *text = configuration_error_format(l, i, &place);

        print_line(file, "%s%s", indent, text);
    }
}

void configuration_errors_print_section(const List *l)
{
    if (l->n == 0)
        return;
    print_line(stdout, _("Errors in the configuration:"));
    configuration_errors_print(stdout, l, "  ");
}

Exit configuration_errors_load(Session *s, List *l, sd_bus_message **ret_reply)
{
    Exit e = session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, ret_reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = fields_read_properties(&property, 1, *ret_reply, l);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}
