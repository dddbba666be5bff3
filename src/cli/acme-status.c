/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/acme-status.h"

#include "cli/agreement.h"
#include "cli/fields.h"
#include "cli/table.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/time.h"

/* ---- status */

typedef struct Authority {
    const char *name, *directory, *account;
    int is_public;
    int64_t avoided_until;
    uint32_t orders, limit;
    int64_t span;
} Authority;

static const Field authority_fields[] = {
    { NULL, "name", "s", offsetof(Authority, name) },
    { NULL, "directory", "s", offsetof(Authority, directory) },
    { NULL, "account", "s", offsetof(Authority, account), NULL, FIELD_OPTIONAL },
    { NULL, "public", "b", offsetof(Authority, is_public) },
    { NULL, "avoided_until", "x", offsetof(Authority, avoided_until), NULL, FIELD_OPTIONAL },
    { NULL, "orders", "u", offsetof(Authority, orders) },
    { NULL, "limit", "u", offsetof(Authority, limit) },
    { NULL, "span", "x", offsetof(Authority, span) },
};
static const Record authority_record = RECORD("sssbxuux", Authority, authority_fields);

static void authority_print(const Authority *a)
{
    _cleanup_table_ Table table = { .n_columns = 2 };
    _cleanup_free_ char *left = NULL, *until = time_format(a->avoided_until), *state = NULL;

    if (a->limit > 0)
        left = xasprintf(_("%u of %u within %lu hours"), a->limit - MIN(a->orders, a->limit), a->limit,
                         (unsigned long)(a->span / (int64_t)SEC_PER_HOUR));
    state = a->avoided_until > 0 ? xasprintf(_("it had an outage, and is not used before %s"), until)
                                 : xstrdup(_("no outage is known"));
    print_line(stdout, "%s:", a->name);
    table_add_labelled(&table, _("Directory:"), a->directory);
    table_add_labelled(&table, _("Account:"), isempty(a->account) ? _("none yet") : a->account);
    table_add_labelled(&table, _("Orders left:"), left ? left : _("no limit is known"));
    table_add_labelled(&table, _("State:"), state);
    table_print(&table, true, 2);
}

static Exit status_advise(Session *s)
{
    _cleanup_agreement_ Agreement agreement = {};
    Exit e = agreement_init(&agreement, s, &(const Options){});

    if (e == EXIT_DONE && !agreement.enabled)
        hint(_(
            "Nothing is ordered now: \"certwright acme setup --agree-tos\" agrees to the terms of service, and Enabled=no "
            "must not be set below [ACME]."));
    return e;
}

static Exit status_print(Session *s, const List *l)
{
    if (s->json)
        return json_print(list_to_json(l, &authority_record));
    for (size_t i = 0; i < l->n; i++)
        authority_print((const Authority *)l->items + i);
    if (l->n == 0)
        print_line(stdout, _("No authority is configured."));
    return s->legend && l->n > 0 ? status_advise(s) : EXIT_DONE;
}

/* The reply owns the text. */
static Exit authorities_load(Session *s, List *l, sd_bus_message **ret_reply)
{
    Exit e =
        session_call_manager(s, "ListAuthorities", NULL, 0, _("Cannot list the authorities"), ret_reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = list_read(l, &authority_record, "a(sssbxuux)", *ret_reply);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

Exit acme_status(Session *s)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List list = {};
    Exit e = authorities_load(s, &list, &reply);

    return e == EXIT_DONE ? status_print(s, &list) : e;
}

Exit acme_find_internal(Session *s, bool *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List list = {};
    Exit e = authorities_load(s, &list, &reply);

    *ret = false;
    for (size_t i = 0; i < list.n; i++)
        *ret = *ret || !((const Authority *)list.items)[i].is_public;
    return e;
}

/* ---- test */

typedef struct Finding {
    const char *check, *text;
    int passed;
} Finding;

static const Field finding_fields[] = {
    { NULL, "check", "s", offsetof(Finding, check) },
    { NULL, "passed", "b", offsetof(Finding, passed) },
    { NULL, "detail", "s", offsetof(Finding, text) },
};
static const Record finding_record = RECORD("sbs", Finding, finding_fields);

/* Of several ways to prove a name, one is enough: it is the last that was tried. */
static bool findings_pass(const List *l)
{
    const Finding *f = l->items;

    for (size_t i = 0; i < l->n; i++)
        if (!f[i].passed && !(i + 1 < l->n && streq(f[i].check, "proof") && f[i + 1].passed))
            return false;
    return true;
}

static Exit test_print(Session *s, const char *name, const List *l)
{
    _cleanup_table_ Table table = { .n_columns = 3 };
    const Finding *f = l->items;
    bool passes = findings_pass(l);
    Json *j;

    if (s->json) {
        j = json_object_new_object();
        json_set(j, "name", json_text(name));
        json_set(j, "passed", json_object_new_boolean(passes));
        json_set(j, "checks", list_to_json(l, &finding_record));
        (void)json_print(j);
        return passes ? EXIT_DONE : EXIT_FAILED;
    }
    table_add_row(&table, _("CHECK"), _("RESULT"), _("DETAIL"));
    for (size_t i = 0; i < l->n; i++)
        table_add_row(&table, word_to_text(f[i].check), f[i].passed ? _("ok") : _("WRONG"), f[i].text);
    table_print(&table, s->legend, 0);
    return passes ? EXIT_DONE : EXIT_FAILED;
}

Exit acme_test(Session *s, const char *name, const char *authority)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_list_ List list = {};
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "TestOrder", &call);
    int r;

    if (e == EXIT_DONE)
        e = message_append_text(call, name);
    if (e == EXIT_DONE)
        e = message_check(authority ? sd_bus_message_append(call, "a{sv}", 1, "authority", "s", authority)
                                    : sd_bus_message_append(call, "a{sv}", 0));
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot test an order"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = list_read(&list, &finding_record, "a(sbs)", reply);
    return r < 0 ? session_fail_reply(r) : test_print(s, name, &list);
}
