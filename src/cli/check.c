/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/fields.h"
#include "cli/submission.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"

typedef struct Check {
    const char *name, *text;
    int passed;
} Check;

static const Field check_fields[] = {
    { NULL, "check", "s", offsetof(Check, name) },
    { NULL, "passed", "b", offsetof(Check, passed) },
    { NULL, "text", "s", offsetof(Check, text) },
};

static const Record check_record = RECORD("sbs", Check, check_fields);

/* All known checks in the order of the service, which omits those that it could not run. */
static const char *const names[] = {
    "format", "key", "leaf", "key-match", "chain", "signatures", "validity", "names", "purpose", "outcome",
};

static void table_add_unchecked(Table *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        table_add_row(t, word_to_text(names[i]), "-", _("not checked"));
}

static void checks_print(const Session *s, const List *l)
{
    _cleanup_table_ Table t = { .n_columns = 3 };
    size_t next = 0;

    table_add_row(&t, _("CHECK"), _("RESULT"), _("DETAIL"));
    table_style_headings(&t);
    for (const Check *c = l->items; c < (const Check *)l->items + l->n; c++) {
        size_t at = next;

        while (at < ELEMENTSOF(names) && !streq(names[at], c->name))
            at++;
        if (at < ELEMENTSOF(names)) {
            table_add_unchecked(&t, next, at);
            next = at + 1;
        }
        table_add(&t, word_to_text(c->name));
        table_add_styled(&t, c->passed ? _("ok") : _("WRONG"), c->passed ? STYLE_GOOD : STYLE_BAD);
        table_add(&t, c->text);
    }
    table_add_unchecked(&t, next, ELEMENTSOF(names));
    table_print(&t, s->legend, 0);
}

static Exit checks_print_json(const List *l, bool passed)
{
    Json *j = json_object_new_object();

    json_set(j, "passed", json_object_new_boolean(passed));
    json_set(j, "checks", list_to_json(l, &check_record));
    return json_print(j);
}

static Exit checks_report(Session *s, sd_bus_message *reply)
{
    _cleanup_list_ List l = {};
    bool passed = true;
    Exit e = EXIT_DONE;
    int r = list_read(&l, &check_record, "a(sbs)", reply);

    if (r < 0 || l.n == 0)
        return session_fail_reply(r < 0 ? r : -EBADMSG);
    for (size_t i = 0; i < l.n; i++)
        passed = passed && ((const Check *)l.items)[i].passed;
    if (s->json)
        e = checks_print_json(&l, passed);
    else
        checks_print(s, &l);
    return e == EXIT_DONE && !passed ? EXIT_FAILED : e;
}

Exit verb_check(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_submission_ Submission u;
    Exit e = submission_init(&u, s, o, arguments);

    if (e == EXIT_DONE)
        e = submission_send(&u, s, "CheckUploadData", _("Cannot check"), &reply);
    return e == EXIT_DONE ? checks_report(s, reply) : e;
}
