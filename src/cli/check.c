/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/json.h"
#include "cli/submission.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"

/* The reply of CheckUploadData. */
typedef struct Checks {
    Table table;
    Json *array;
    size_t next; /* in the order of checks[] */
    bool made, wrong;
} Checks;

/* All known checks. The service omits those that it could not run. */
static const char *const checks[] = {
    "format", "key", "leaf", "key-match", "chain", "signatures", "validity", "names", "purpose", "outcome",
};

static void checks_done(Checks *c)
{
    table_done(&c->table);
    json_putp(&c->array);
}

static void checks_add_row(Checks *c, const char *check, const char *mark, const char *text)
{
    table_add(&c->table, check_to_text(check));
    table_add(&c->table, mark);
    table_add(&c->table, text);
}

static void checks_skip_to(Checks *c, size_t end)
{
    for (; c->next < end; c->next++)
        checks_add_row(c, checks[c->next], "-", _("not checked"));
}

static void checks_add(Checks *c, const char *check, bool passed, const char *text)
{
    Json *j = json_object_new_object();

    for (size_t i = c->next; i < ELEMENTSOF(checks); i++)
        if (streq(checks[i], check)) {
            checks_skip_to(c, i);
            c->next++;
        }
    checks_add_row(c, check, passed ? _("ok") : _("WRONG"), text);
    json_set(j, "check", json_text(check));
    json_set(j, "passed", json_object_new_boolean(passed));
    json_set(j, "text", json_text(text));
    json_object_array_add(c->array, j);
    c->made = true;
    c->wrong = c->wrong || !passed;
}

static Exit checks_read(Checks *c, sd_bus_message *reply)
{
    const char *check, *text;
    int passed, r = sd_bus_message_enter_container(reply, 'a', "(sbs)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(sbs)", &check, &passed, &text)) > 0)
        checks_add(c, check, passed, text);
    checks_skip_to(c, ELEMENTSOF(checks));
    return r < 0 ? session_fail_reply(r) : c->made ? EXIT_DONE : session_fail_reply(-EBADMSG);
}

static Exit checks_print_json(Checks *c)
{
    _cleanup_json_ Json *j = json_object_new_object();

    json_set(j, "passed", json_object_new_boolean(!c->wrong));
    json_set(j, "checks", TAKE_PTR(c->array));
    return json_print(j);
}

static Exit checks_report(Session *s, sd_bus_message *reply)
{
    _cleanup_(checks_done) Checks c = { .table = { .n_columns = 3 }, .array = json_object_new_array() };
    Exit e;

    table_add(&c.table, _("CHECK"));
    table_add(&c.table, _("RESULT"));
    table_add(&c.table, _("DETAIL"));
    e = checks_read(&c, reply);
    if (e != EXIT_DONE)
        return e;
    e = s->json ? checks_print_json(&c) : table_print(&c.table, s->legend, 0);
    return e == EXIT_DONE && c.wrong ? EXIT_FAILED : e;
}

Exit verb_check(Session *s, const Options *o, char **arguments, int n)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_submission_ Submission u;
    Exit e = submission_init(&u, s, o, arguments, n);

    if (e == EXIT_DONE)
        e = submission_send(&u, s, "CheckUploadData", _("Cannot check"), &reply);
    return e == EXIT_DONE ? checks_report(s, reply) : e;
}
