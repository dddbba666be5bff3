/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "cli/certificate.h"
#include "cli/label.h"
#include "cli/table.h"
#include "cli/upload-list.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"
#include "util/text.h"

#define FINGERPRINT_LENGTH 64

static const Field upload_fields[] = {
    { NULL, "fingerprint", "s", offsetof(Upload, fingerprint) },
    { NULL, "subject", "s", offsetof(Upload, subject) },
    { NULL, "issuer", "s", offsetof(Upload, issuer) },
    { NULL, "names", "s", offsetof(Upload, names), NULL, FIELD_WORDS },
    { NULL, "not_after", "x", offsetof(Upload, not_after) },
};

const Record upload_record = RECORD("ssssx", Upload, upload_fields);

/* names: words. */
static char *names_to_labels(const char *names)
{
    _cleanup_strv_ char **words = NULL;

    if (strv_split(names, &words) < 0)
        xcheck(NULL);
    for (char **word = words; word && *word; word++) {
        char *label = name_to_label(*word);

        free(*word);
        *word = label;
    }
    return xcheck(strv_join(words, " "));
}

static void uploads_print(const Session *s, const List *l)
{
    _cleanup_table_ Table t = { .n_columns = 4, .elastic = 1U << 2, .reluctant = 3U };

    table_add_row(&t, _("NAMES"), _("NOT AFTER"), _("ISSUER"), _("FINGERPRINT"));
    table_style_headings(&t);
    for (const Upload *u = l->items; u < (const Upload *)l->items + l->n; u++) {
        _cleanup_free_ char *expiry = time_format_expiry(u->not_after),
                            *issuer = distinguished_name_short(u->issuer),
                            *names = names_to_labels(u->names);

        table_add_row(&t, names, expiry, issuer, u->fingerprint);
    }
    if (l->n > 0)
        table_print(&t, s->legend, 0);
    else if (s->legend)
        print_line(stdout, _("There are no uploads."));
}

Exit verb_uploads(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List l = {};
    Exit e = session_call_manager(s, "ListUploads", NULL, 0, _("Cannot list the uploads"), &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = list_read(&l, &upload_record, "a(ssssx)", reply);
    if (r < 0)
        return session_fail_reply(r);
    if (s->json)
        return json_print(list_to_json(&l, &upload_record));
    uploads_print(s, &l);
    return EXIT_DONE;
}

/* Other programs print fingerprints with colons and in upper case. Returns false for an invalid one. */
static bool fingerprint_normalize(const char *text, char ret[static FINGERPRINT_LENGTH + 1])
{
    size_t n = 0;

    for (; *text; text++) {
        if (*text == ':')
            continue;
        if (n >= FINGERPRINT_LENGTH || !isxdigit((unsigned char)*text))
            return false;
        ret[n++] = (char)tolower((unsigned char)*text);
    }
    ret[n] = '\0';
    return n == FINGERPRINT_LENGTH;
}

Exit verb_remove_upload(Session *s, const Options *o _unused_, char **arguments)
{
    char fingerprint[FINGERPRINT_LENGTH + 1], *text = fingerprint;
    Exit e;

    if (!fingerprint_normalize(arguments[0], fingerprint)) {
        fail(EXIT_USAGE, _("\"%s\" is not a fingerprint of 64 hexadecimal digits."), arguments[0]);
        hint(_("\"certwright uploads\" shows them."));
        return EXIT_USAGE;
    }
    e = session_call_manager(s, "RemoveUpload", &text, 1, _("Cannot remove the upload"), NULL);
    if (e == EXIT_DONE && !s->json)
        print_line(stdout, _("The upload was removed."));
    return e;
}
