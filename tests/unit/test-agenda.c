/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"

/* What the passing of time brings: what is due now, and when to look again. */

/* As if it were so much older. */
static void age(Certificate *c, int64_t seconds)
{
    Chain *chain = c->record->slots[c->record->served].chain;

    chain->entries[0].not_before -= seconds;
    chain->entries[0].not_after -= seconds;
}

/* A renewal that is due, and one that is not. */
static void test_renewal(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    Certificate *c;
    Chain *aged;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    g_assert_cmpuint(manager_renew_due(s.manager), ==, 0);
    before = service_copy_fingerprint(&s, "mail.example.com");
    /* as if it were 61 of its 90 days old */
    c = service_find(&s, "www.example.com");
    aged = c->record->slots[SOURCE_LOCAL].chain;
    aged->entries[0].not_before -= 61 * DAY;
    aged->entries[0].not_after -= 61 * DAY;
    g_assert_cmpint(certificate_state(c, now_seconds()), ==, CERTIFICATE_EXPIRING);
    g_assert_cmpuint(manager_renew_due(s.manager), ==, 1);
    service_settle(&s);
    service_assert_served(&s, "www.example.com", SOURCE_LOCAL);
    g_assert_cmpuint(s.n_job_removed, ==, 1);
    g_assert_cmpint(s.last_job_state, ==, JOB_DONE);
    g_assert_cmpstr(service_fingerprint(&s, "mail.example.com"), ==, before);
}

/* Nobody wants it: the object goes, the files stay for 30 days, and serve again when it is wanted before
 * that. */
static void test_abandoned(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    Certificate *c;

    service_init(&s);
    service_start(&s);
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    before = service_copy_fingerprint(&s, "a.example");
    g_assert_cmpint(service_unregister(&s, "m", "a.example"), ==, PROBLEM_NONE);
    service_settle_to(&s, 0);
    service_restart(&s);
    g_assert_cmpuint(manager_model(s.manager)->n_published, ==, 0);
    manager_renew_due(s.manager);
    service_settle(&s);
    g_assert_true(folder_has(&s.state, "certificates/a.example/current"));
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(&s, "a.example"), ==, before);
    g_assert_cmpint(service_unregister(&s, "m", "a.example"), ==, PROBLEM_NONE);
    service_settle(&s);
    HASH_FIND_STR(manager_model(s.manager)->certificates, "a.example", c);
    g_assert_nonnull(c);
    g_assert_cmpint(c->record->abandoned, >, 0);
    c->record->abandoned -= 30 * DAY - 60; /* not yet */
    manager_renew_due(s.manager);
    service_settle(&s);
    g_assert_true(folder_has(&s.state, "certificates/a.example"));
    c->record->abandoned -= 120;
    manager_renew_due(s.manager);
    service_settle(&s);
    g_assert_false(folder_has(&s.state, "certificates/a.example"));
    HASH_FIND_STR(manager_model(s.manager)->certificates, "a.example", c);
    g_assert_null(c);
    service_restart(&s);
    g_assert_cmpint(service_register(&s, "m", "a.example", NULL, _KEY_TYPE_INVALID), ==, PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(&s, "a.example"), !=, before);
}

/* The earliest of all renewals is when the service has to be there again. */
static void test_next_wake(void)
{
    _cleanup_service_ Service s = {};
    Certificate *www, *mail, *root;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    www = service_find(&s, "www.example.com");
    mail = service_find(&s, "mail.example.com");
    root = manager_model(s.manager)->root;
    g_assert_cmpint(manager_next_renewal(s.manager, root), ==, certificate_next_renewal(root));
    age(mail, 10 * DAY);
    agenda_note_change(s.manager->agenda, mail);
    g_assert_cmpint(manager_next_wake(s.manager), ==, certificate_next_renewal(mail));
    age(www, 20 * DAY);
    agenda_note_change(s.manager->agenda, www);
    g_assert_cmpint(manager_next_wake(s.manager), ==, certificate_next_renewal(www));
    g_assert_cmpint(manager_next_renewal(s.manager, www), ==, certificate_next_renewal(www));
}

/* Not worth an exit when something is due within minutes. */
static void test_due_soon(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    g_assert_true(manager_is_idle(s.manager));
    c = service_find(&s, "www.example.com");
    age(c, certificate_next_renewal(c) - now_seconds() - 10 * 60);
    agenda_note_change(s.manager->agenda, c);
    g_assert_false(manager_is_idle(s.manager));
    age(c, -HOUR);
    agenda_note_change(s.manager->agenda, c);
    g_assert_true(manager_is_idle(s.manager));
}

static bool is_renewed(void *userdata)
{
    return ((Service *)userdata)->n_job_removed > 0;
}

/* Nobody has to ask for it: what is due in a moment is done then. */
static void test_wakes(void)
{
    _cleanup_service_ Service s = {};
    g_autofree char *before = NULL;
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    before = service_copy_fingerprint(&s, "www.example.com");
    c = service_find(&s, "www.example.com");
    age(c, certificate_next_renewal(c) - now_seconds() - 2);
    agenda_arm(s.manager->agenda);
    loop_until(s.event, is_renewed, &s);
    service_settle(&s);
    g_assert_cmpint(s.last_job_state, ==, JOB_DONE);
    g_assert_cmpstr(service_fingerprint(&s, "www.example.com"), !=, before);
}

/* The outlook: clients that know a certificate hear of what time changes of it, and no others. */

static void on_changed(Certificate *c, unsigned what, void *userdata)
{
    if (what & CHANGED_OUTLOOK)
        g_string_append_printf(userdata, "%s ", certificate_name(c));
}

static bool is_said(void *userdata)
{
    return ((GString *)userdata)->len > 0;
}

static void test_outlook(void)
{
    static const ModelWatcher watcher = { .certificate_changed = on_changed };
    g_autoptr(GString) said = g_string_new(NULL);
    _cleanup_service_ Service s = {};
    Certificate *www, *mail;
    Outlook now;

    service_start_with(&s, MODULE_WWW "[Certificate mail.example.com]\n");
    model_unwatch(manager_model(s.manager), &s); /* there may be two of them */
    g_assert_cmpint(model_watch(manager_model(s.manager), &watcher, said), ==, 0);
    www = service_find(&s, "www.example.com");
    mail = service_find(&s, "mail.example.com");
    www->client.known = g_malloc0(sizeof(KnownValues));
    www->client.known->outlook = manager_outlook(s.manager, www);
    now = manager_outlook(s.manager, www);
    g_assert_true(outlook_equal(&now, &www->client.known->outlook));
    age(www, 45 * DAY);
    age(mail, 45 * DAY);
    now = manager_outlook(s.manager, www);
    g_assert_false(outlook_equal(&now, &www->client.known->outlook));
    agenda_note_outlook(s.manager->agenda);
    loop_until(s.event, is_said, said);
    g_assert_cmpstr(said->str, ==, "www.example.com ");
}

/* An upload that begins within hours is worth to stay for. */
static void test_awaits_change(void)
{
    _cleanup_issued_ Issued soon = issue(&(CertificateSpec){ .subject = "x",
                                                             .names = "DNS:www.example.com,DNS:example.com",
                                                             .usage = "serverAuth",
                                                             .not_before = HOUR },
                                         NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&soon), *key = key_pem_of(&soon);
    g_autofree char *all = text_join(pem, key, NULL);
    _cleanup_service_ Service s = {};

    service_start_with(&s, MODULE_WWW);
    g_assert_false(manager_awaits_change(s.manager));
    g_assert_cmpint(service_upload(&s, NULL, all, NULL), ==, PROBLEM_NONE);
    g_assert_true(manager_awaits_change(s.manager));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/agenda/renewal", test_renewal);
    g_test_add_func("/agenda/abandoned", test_abandoned);
    g_test_add_func("/agenda/next-wake", test_next_wake);
    g_test_add_func("/agenda/due-soon", test_due_soon);
    g_test_add_func("/agenda/wakes", test_wakes);
    g_test_add_func("/agenda/outlook", test_outlook);
    g_test_add_func("/agenda/awaits-change", test_awaits_change);
    return g_test_run();
}
