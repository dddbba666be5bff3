/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verbs.h"

typedef struct Upload {
    const char *fingerprint, *subject, *issuer, *names;
    int64_t not_after;
} Upload;

static void uploads_add_row(Table *t, const Upload *u)
{
    _cleanup_free_ char *issuer = distinguished_name_short(u->issuer);

    table_add(t, u->names);
    table_add_date(t, u->not_after);
    table_add(t, issuer);
    table_add(t, u->fingerprint);
}

static Json *upload_json(const Upload *u)
{
    Json *j = json_object_new_object(), *names = json_object_new_array();
    _cleanup_free_ char *copy = strdup(u->names);
    char *state = NULL;

    for (char *name = strtok_r(copy, " ", &state); copy && name; name = strtok_r(NULL, " ", &state))
        json_object_array_add(names, json_text(name));
    json_set(j, "fingerprint", json_text(u->fingerprint));
    json_set(j, "subject", json_text(u->subject));
    json_set(j, "issuer", json_text(u->issuer));
    json_set(j, "names", names);
    json_set(j, "not_after", json_time(u->not_after));
    return j;
}

/* Adds all uploads to the table and to the array. */
static int uploads_read(sd_bus_message *reply, Table *t, Json *array)
{
    Upload u;
    int r = sd_bus_message_enter_container(reply, 'a', "(ssssx)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssx)", &u.fingerprint, &u.subject, &u.issuer,
                                              &u.names, &u.not_after)) > 0) {
        uploads_add_row(t, &u);
        json_object_array_add(array, upload_json(&u));
    }
    return r;
}

Exit verb_uploads(Session *s, const Options *o _unused_, char **arguments _unused_, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_table_ Table t = { .n_columns = 4 };
    _cleanup_json_ Json *array = json_object_new_array();
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "ListUploads", &call);
    int r;

    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot list the uploads"), &reply);
    if (e != EXIT_DONE)
        return e;
    table_add(&t, _("NAMES"));
    table_add(&t, _("NOT AFTER"));
    table_add(&t, _("ISSUER"));
    table_add(&t, _("FINGERPRINT"));
    r = uploads_read(reply, &t, array);
    if (r < 0)
        return session_fail_reply(r);
    if (s->json)
        return json_print(array);
    if (t.n_cells > t.n_columns)
        return table_print(&t, s->legend, 0);
    if (s->legend)
        print_line(stdout, _("Nothing is uploaded."));
    return EXIT_DONE;
}

/* Other programs print fingerprints with colons and in upper case. Returns NULL for an invalid one. */
static char *fingerprint_normalize(const char *text)
{
    char *fingerprint = calloc(1, 65);
    size_t n = 0;

    for (; fingerprint && *text; text++) {
        if (*text == ':')
            continue;
        if (n >= 64 || !isxdigit((unsigned char)*text))
            break;
        fingerprint[n++] = (char)tolower((unsigned char)*text);
    }
    if (n == 64 && *text == '\0')
        return fingerprint;
    free(fingerprint);
    return NULL;
}

Exit verb_remove_upload(Session *s, const Options *o _unused_, char **arguments, int n _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_free_ char *fingerprint = fingerprint_normalize(arguments[0]);
    Exit e;

    if (!fingerprint) {
        fail(EXIT_USAGE, _("\"%s\" is no fingerprint: that is 64 hexadecimal digits."), arguments[0]);
        hint(_("\"certwright uploads\" shows them."));
        return EXIT_USAGE;
    }
    e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "RemoveUpload", &call);
    if (e == EXIT_DONE)
        e = message_append_text(call, fingerprint);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot remove the upload"), &reply);
    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("The upload is removed."));
    return e;
}
