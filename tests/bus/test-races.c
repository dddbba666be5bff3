/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "guard.h"
#include "mock-polkit.h"
#include "pending.h"
#include "signals.h"

/* A polkit that is late, silent, wrong or gone, and callers who are gone, get nothing done. */

#define MODULE        "[Module]\n[Certificate a.example.com]\n"
#define CERTIFICATE_A PATH "/certificate/a_2eexample_2ecom"
#define SEED          20240229
#define INTERLEAVINGS 1000

static Pending *reissue(GDBusConnection *c)
{
    return pending_new(c, CERTIFICATE_A, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
}

static Pending *reload(GDBusConnection *c)
{
    return pending_new(c, PATH, MANAGER, "Reload", NULL);
}

static Fixture *start(unsigned flags)
{
    Fixture *f = fixture_new(FIXTURE_NO_POLKIT | flags, MODULE);

    client_wait_state(f->root, CERTIFICATE_A, "valid");
    wait_milliseconds(100);
    return f;
}

static void check_works(Fixture *f, MockPolkit *p)
{
    g_autoptr(SignalLog) log = signals_new(f->root);
    Pending *call = reissue(f->root);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);

    mock_polkit_answer_yes(p, q);
    pending_expect(call, "");
    signals_wait(log, PATH, "JobRemoved", "'done'", 1);
    g_assert_cmpuint(signals_count(log, CERTIFICATE_A, "ChainChanged", NULL), ==, 1);
}

/* What polkit is asked: about the sender's name on the bus, with the action and the flag of the message. */
static void test_question(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GDBusConnection) c = client_connect(f, fixture_uid("nobody"));
    Pending *call = reissue(c);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);
    g_autofree char *details = g_variant_print(q->details, FALSE);

    g_assert_cmpstr(q->kind, ==, "system-bus-name");
    g_assert_cmpstr(q->caller, ==, g_dbus_connection_get_unique_name(c));
    g_assert_cmpstr(q->action, ==, "org.certwright1.reissue");
    g_assert_cmpstr(details, ==, "{'name': 'a.example.com', 'role': 'leaf'}");
    g_assert_cmpuint(q->flags, ==, 0);
    g_assert_cmpint(strlen(q->cancellation), >, 0);
    mock_polkit_answer_no(p, q);
    pending_expect(call, "NotAuthorized");
    g_dbus_connection_call(c, SERVICE, PATH, MANAGER, "Reload", NULL, NULL,
                           G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, -1, NULL, NULL, NULL);
    mock_question_free(q);
    q = mock_polkit_wait(p);
    g_assert_cmpuint(q->flags, ==, 1);
    mock_polkit_answer_no(p, q);
}

static GVariant *strange_body(guint n)
{
    switch (n) {
    case 0:
        return NULL;
    case 1:
        return g_variant_new("(s)", "yes");
    case 2:
        return g_variant_new("(bb)", TRUE, FALSE);
    case 3:
        return g_variant_new("(bb@a{ss})", TRUE, FALSE,
                             g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
    case 4:
        return g_variant_new("((uu@a{ss}))", 1U, 0U, g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
    case 5:
        return g_variant_new("((bb@a{sv}))", TRUE, FALSE,
                             g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    case 6:
        return g_variant_new("((bb))", TRUE, FALSE);
    case 7:
        return g_variant_new("(v)", g_variant_new_boolean(TRUE));
    case 8:
        return g_variant_new("((bbs))", TRUE, TRUE, "yes");
    case 9:
        return g_variant_new("(ab)", NULL);
    default:
        return g_variant_new("((bbb@a{ss}))", TRUE, TRUE, TRUE,
                             g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
    }
}

#define STRANGE_BODIES 11

static void test_strange_answers(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Guard guard = guard_begin(f);

    for (guint i = 0; i < STRANGE_BODIES; i++) {
        Pending *call = reissue(f->root);
        g_autoptr(MockQuestion) q = mock_polkit_wait(p);

        mock_polkit_answer(p, q, strange_body(i));
        pending_expect(call, "NotAuthorized");
    }
    guard_end(&guard);
    check_works(f, p);
}

static void test_error(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Guard guard = guard_begin(f);
    Pending *call = reissue(f->root);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);

    mock_polkit_answer_error(p, q);
    pending_expect(call, "NotAuthorized");
    guard_end(&guard);
    check_works(f, p);
}

/* The first answer counts, and the bus takes no second one. */
static void test_twice(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Guard guard = guard_begin(f);

    for (int i = 0; i < 20; i++) {
        Pending *call = reissue(f->root);
        g_autoptr(MockQuestion) q = mock_polkit_wait(p);

        mock_polkit_answer_no(p, q);
        mock_polkit_answer_yes(p, q);
        pending_expect(call, "NotAuthorized");
    }
    guard_end(&guard);
    check_works(f, p);
}

/* Silence is a no in the end, and a yes after that comes too late. */
static void test_never_and_late(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Guard guard = guard_begin(f);
    Pending *call = reissue(f->root);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);

    pending_expect(call, "NotAuthorized");
    mock_polkit_answer_yes(p, q);
    guard_end(&guard);
    g_assert_cmpuint(mock_polkit_cancelled(p), >=, 1);
    check_works(f, p);
}

static void test_late_but_in_time(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Pending *slow = reissue(f->root), *quick = NULL;
    g_autoptr(MockQuestion) q = mock_polkit_wait(p), other = NULL;

    quick = reload(f->root);
    other = mock_polkit_wait(p);
    mock_polkit_answer_yes(p, other);
    pending_expect(quick, "");
    g_assert_false(slow->answered);
    mock_polkit_answer_yes(p, q);
    pending_expect(slow, "");
}

static void test_vanishes(void)
{
    g_autoptr(Fixture) f = start(0);
    MockPolkit *p = mock_polkit_new(f);
    Guard guard = guard_begin(f);
    Pending *calls[8];

    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        calls[i] = reissue(f->root);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        mock_question_free(mock_polkit_wait(p));
    mock_polkit_free(p);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        pending_expect(calls[i], "NotAuthorized");
    guard_end(&guard);
    p = mock_polkit_new(f);
    check_works(f, p);
    mock_polkit_free(p);
}

static void test_caller_gone(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    Guard guard = guard_begin(f);

    for (guint i = 0; i < 50; i++) {
        g_autoptr(GDBusConnection) c = client_connect(f, i % 2 ? 0 : fixture_uid("nobody"));
        Pending *call = reissue(c);
        g_autoptr(MockQuestion) q = mock_polkit_wait(p);

        g_dbus_connection_close_sync(c, NULL, NULL);
        g_free(pending_finish(call));
        mock_polkit_wait_gone(p, q->caller);
        mock_polkit_answer_yes(p, q);
    }
    guard_end(&guard);
    g_assert_cmpuint(mock_polkit_cancelled(p), ==, 50);
    check_works(f, p);
}

/* Root's own calls in between need polkit's yes too. */
static void call_as_root(Fixture *f, MockPolkit *p, const char *member, GVariant *arguments)
{
    Pending *call = pending_new(f->root, PATH, MANAGER, member, arguments);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);

    g_assert_cmpstr(q->caller, ==, g_dbus_connection_get_unique_name(f->root));
    mock_polkit_answer_yes(p, q);
    pending_expect(call, "");
}

static void test_object_gone(void)
{
    static const char *const members[] = { "Reissue", "Upload", "Export", "ExportRoot" };
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GDBusConnection) c = client_connect(f, fixture_uid("nobody"));
    g_autoptr(SignalLog) log = signals_new(f->root);

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        GVariant *arguments = strcmp(members[i], "Upload") == 0 ? g_variant_new("(s@a{sv})", "x", NO_OPTIONS)
                                                                : g_variant_new("(@a{sv})", NO_OPTIONS);
        g_autoptr(MockQuestion) q = NULL;
        Pending *call;

        call_as_root(f, p, "Register", g_variant_new("(ss@a{sv})", "m", "gone.example.com", NO_OPTIONS));
        call = pending_new(c, PATH "/certificate/gone_2eexample_2ecom", CERTIFICATE, members[i], arguments);
        q = mock_polkit_wait(p);
        call_as_root(f, p, "Unregister", g_variant_new("(ss)", "m", "gone.example.com"));
        mock_polkit_answer_yes(p, q);
        pending_expect(call, "NoSuchCertificate");
    }
    signals_settle(log);
    g_assert_cmpuint(signals_count(log, PATH, "JobNew", NULL), ==, 0);
    fixture_check_daemon(f);
    check_works(f, p);
}

/* Nobody but polkit answers for polkit. */
static void test_forged(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GDBusConnection) forger = client_connect(f, fixture_uid("nobody"));
    Guard guard = guard_begin(f);
    Pending *call = reissue(f->root);
    g_autoptr(MockQuestion) q = mock_polkit_wait(p);
    g_autoptr(GDBusMessage) forged = g_dbus_message_new_method_reply(q->message);

    g_dbus_message_set_body(forged, g_variant_new("((bb@a{ss}))", TRUE, FALSE,
                                                  g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0)));
    g_dbus_connection_send_message(forger, forged, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    g_dbus_connection_flush_sync(forger, NULL, NULL);
    wait_milliseconds(200);
    g_assert_false(call->answered);
    mock_polkit_answer_no(p, q);
    pending_expect(call, "NotAuthorized");
    guard_end(&guard);
}

/* Random order, the same at every run. */

#define SLOTS 6

typedef struct Slot {
    GDBusConnection *connection;
    char *name;
    Pending *call;
    MockQuestion *question;
    gboolean gone;
} Slot;

typedef struct Play {
    Fixture *fixture;
    MockPolkit *polkit;
    GRand *random;
    Slot slots[SLOTS];
    guint started, denied, gone;
} Play;

static const struct {
    const char *path, *interface, *member, *arguments;
} plays[] = {
    { CERTIFICATE_A, CERTIFICATE, "Reissue", "(@a{sv} {},)" },
    { PATH_ROOT, CERTIFICATE, "Reissue", "(@a{sv} {},)" },
    { CERTIFICATE_A, CERTIFICATE, "Upload", "('x', @a{sv} {})" },
    { PATH, MANAGER, "Register", "('m', 'new.example.com', @a{sv} {})" },
    { PATH, MANAGER, "Unregister", "('test', 'a.example.com')" },
    { PATH, MANAGER, "ReissueAll", "(@a{sv} {},)" },
    { PATH, MANAGER, "Deploy", "('test', @a{sv} {})" },
    { PATH, MANAGER, "RenewDue", "()" },
    { PATH, MANAGER, "Reload", "()" },
    { PATH, MANAGER, "Upload", "('x', @a{sv} {})" },
    { PATH, MANAGER, "UploadData", "(@ay [0x78], @a{sv} {})" },
};

static void slot_clear(Slot *s)
{
    g_free(pending_finish(s->call));
    if (s->question)
        mock_question_free(s->question);
    g_clear_object(&s->connection);
    g_free(s->name);
    *s = (Slot){ 0 };
}

static void slot_start(Play *play, Slot *s)
{
    static const char *const users[] = { "root", "nobody", "daemon", "certwright" };
    guint n = (guint)g_rand_int_range(play->random, 0, G_N_ELEMENTS(plays));

    s->connection = client_connect(play->fixture, fixture_uid(users[g_rand_int_range(play->random, 0, 4)]));
    s->name = g_strdup(g_dbus_connection_get_unique_name(s->connection));
    s->call = pending_new(s->connection, plays[n].path, plays[n].interface, plays[n].member,
                          g_variant_new_parsed(plays[n].arguments));
    play->started++;
}

static void slot_leave(Play *play, Slot *s)
{
    if (s->gone)
        return;
    g_dbus_connection_close_sync(s->connection, NULL, NULL);
    mock_polkit_wait_gone(play->polkit, s->name);
    s->gone = TRUE;
    play->gone++;
}

/* Questions that have come go to their slots; about one who has left long ago polkit may say what it
 * wants. */
static void distribute(Play *play)
{
    MockQuestion *q;

    while ((q = mock_polkit_take(play->polkit))) {
        Slot *of = NULL;

        for (size_t i = 0; i < SLOTS; i++)
            if (g_strcmp0(play->slots[i].name, q->caller) == 0)
                of = play->slots + i;
        if (of && !of->question) {
            of->question = q;
            continue;
        }
        mock_polkit_answer_yes(play->polkit, q);
        mock_question_free(q);
    }
}

static void slot_expect_denied(Play *play, Slot *s)
{
    wait_until(pending_is_answered, s->call, "the answer of a call");
    if (!s->gone)
        g_assert_cmpstr(s->call->error, ==, "NotAuthorized");
    play->denied++;
    slot_clear(s);
}

static void slot_answer(Play *play, Slot *s)
{
    switch (g_rand_int_range(play->random, 0, 6)) {
    case 0:
        mock_polkit_answer_no(play->polkit, s->question);
        break;
    case 1:
        mock_polkit_answer_error(play->polkit, s->question);
        break;
    case 2:
        mock_polkit_answer_no(play->polkit, s->question);
        mock_polkit_answer_yes(play->polkit, s->question);
        break;
    case 3:
        slot_leave(play, s);
        mock_polkit_answer_yes(play->polkit, s->question);
        break;
    case 4:
        slot_leave(play, s); /* and never an answer */
        break;
    default:
        mock_polkit_answer(play->polkit, s->question,
                           strange_body((guint)g_rand_int_range(play->random, 0, STRANGE_BODIES)));
    }
    slot_expect_denied(play, s);
}

/* Everybody who was asked about, or will be before it is back, is denied. */
static void polkit_restarts(Play *play)
{
    mock_polkit_free(play->polkit);
    wait_milliseconds((unsigned)g_rand_int_range(play->random, 0, 5));
    play->polkit = mock_polkit_new(play->fixture);
    for (size_t i = 0; i < SLOTS; i++)
        if (play->slots[i].question)
            slot_expect_denied(play, play->slots + i);
}

static void play_step(Play *play)
{
    Slot *s = play->slots + g_rand_int_range(play->random, 0, SLOTS);
    int dice = g_rand_int_range(play->random, 0, 100);

    distribute(play);
    if (!s->connection)
        slot_start(play, s);
    else if (s->call->answered)
        slot_expect_denied(play, s);
    else if (dice == 0)
        polkit_restarts(play);
    else if (s->question)
        slot_answer(play, s);
    else if (dice < 30) {
        slot_leave(play, s);
        slot_clear(s);
    } else
        wait_milliseconds(1);
}

static void test_interleavings(void)
{
    g_autoptr(Fixture) f = start(0);
    Play play = { f, mock_polkit_new(f), g_rand_new_with_seed(SEED), { { 0 } }, 0, 0, 0 };
    Guard guard = guard_begin(f);

    while (play.started < INTERLEAVINGS)
        play_step(&play);
    for (size_t i = 0; i < SLOTS; i++)
        if (play.slots[i].connection) {
            slot_leave(&play, play.slots + i);
            slot_clear(play.slots + i);
        }
    wait_milliseconds(100);
    distribute(&play);
    g_test_message("%u calls, %u denied, %u callers left", play.started, play.denied, play.gone);
    g_assert_cmpuint(play.denied, >, INTERLEAVINGS / 3);
    g_assert_cmpuint(play.gone, >, INTERLEAVINGS / 10);
    guard_end(&guard);
    check_works(f, play.polkit);
    mock_polkit_free(play.polkit);
    g_rand_free(play.random);
}

static void add(void)
{
    g_test_add_func("/bus/races/question", test_question);
    g_test_add_func("/bus/races/strange-answers", test_strange_answers);
    g_test_add_func("/bus/races/error", test_error);
    g_test_add_func("/bus/races/twice", test_twice);
    g_test_add_func("/bus/races/late-but-in-time", test_late_but_in_time);
    g_test_add_func("/bus/races/vanishes", test_vanishes);
    g_test_add_func("/bus/races/caller-gone", test_caller_gone);
    g_test_add_func("/bus/races/object-gone", test_object_gone);
    g_test_add_func("/bus/races/forged", test_forged);
    g_test_add_func("/bus/races/interleavings", test_interleavings);
    g_test_add_func("/bus/races/never-and-late", test_never_and_late);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
