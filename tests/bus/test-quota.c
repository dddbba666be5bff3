/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pwd.h>
#include <string.h>

#include "client.h"
#include "guard.h"
#include "mock-polkit.h"
#include "pending.h"

/* How many calls may wait for polkit: of one user, and of all. */

#define MODULE        "[Module]\n[Certificate a.example.com]\n"
#define CERTIFICATE_A PATH "/certificate/a_2eexample_2ecom"
#define PER_USER      16
#define IN_ALL        256

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

static void answer_all(MockPolkit *p, GPtrArray *questions)
{
    for (guint i = 0; i < questions->len; i++)
        mock_polkit_answer_no(p, g_ptr_array_index(questions, i));
}

static void test_quota_of_user(void)
{
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GDBusConnection) one = client_connect(f, fixture_uid("nobody")),
                               two = client_connect(f, fixture_uid("nobody")),
                               other = client_connect(f, fixture_uid("daemon"));
    g_autoptr(GPtrArray) questions = g_ptr_array_new_with_free_func((GDestroyNotify)mock_question_free);
    Pending *calls[PER_USER], *more, *of_other;
    MockQuestion *q;

    for (guint i = 0; i < PER_USER; i++) {
        calls[i] = reissue(i % 2 ? one : two);
        g_ptr_array_add(questions, mock_polkit_wait(p));
    }
    pending_expect(reissue(one), "LimitsExceeded");
    pending_expect(reload(two), "LimitsExceeded");
    of_other = reissue(other);
    q = mock_polkit_wait(p);
    mock_polkit_answer_no(p, q);
    mock_question_free(q);
    pending_expect(of_other, "NotAuthorized");
    answer_all(p, questions);
    for (guint i = 0; i < PER_USER; i++)
        pending_expect(calls[i], "NotAuthorized");
    more = reissue(one);
    q = mock_polkit_wait(p);
    mock_polkit_answer_no(p, q);
    mock_question_free(q);
    pending_expect(more, "NotAuthorized");
}

/* Up to n different users of this machine. */
static GArray *list_users(guint n)
{
    GArray *l = g_array_new(FALSE, FALSE, sizeof(uid_t));
    const struct passwd *pw;

    setpwent();
    while (l->len < n && (pw = getpwent()))
        g_array_append_val(l, pw->pw_uid);
    endpwent();
    return l;
}

static void test_quota_in_all(void)
{
    g_autoptr(GArray) users = list_users(IN_ALL / PER_USER + 1);
    g_autoptr(Fixture) f = NULL;
    g_autoptr(MockPolkit) p = NULL;
    g_autoptr(GPtrArray) questions = g_ptr_array_new_with_free_func((GDestroyNotify)mock_question_free),
                         connections = g_ptr_array_new_with_free_func(g_object_unref),
                         calls = g_ptr_array_new();

    if (users->len < IN_ALL / PER_USER + 1) {
        g_test_skip("this machine has too few users");
        return;
    }
    f = start(FIXTURE_MANY_REPLIES);
    p = mock_polkit_new(f);
    for (guint i = 0; i < users->len; i++)
        g_ptr_array_add(connections, client_connect(f, g_array_index(users, uid_t, i)));
    for (guint i = 0; i < IN_ALL; i++) {
        g_ptr_array_add(calls, reissue(g_ptr_array_index(connections, i / PER_USER)));
        g_ptr_array_add(questions, mock_polkit_wait(p));
    }
    pending_expect(reissue(g_ptr_array_index(connections, IN_ALL / PER_USER)), "LimitsExceeded");
    answer_all(p, questions);
    for (guint i = 0; i < IN_ALL; i++)
        pending_expect(g_ptr_array_index(calls, i), "NotAuthorized");
    check_works(f, p);
}

/* With Debian's limits of the bus itself, which may be reached first: denied, and nothing worse. */
static void test_quota_of_bus(void)
{
    g_autoptr(GArray) users = list_users(IN_ALL / PER_USER);
    g_autoptr(Fixture) f = start(0);
    g_autoptr(MockPolkit) p = mock_polkit_new(f);
    g_autoptr(GPtrArray) connections = g_ptr_array_new_with_free_func(g_object_unref),
                         calls = g_ptr_array_new();
    Guard guard = guard_begin(f);
    MockQuestion *q;

    for (guint i = 0; i < users->len; i++)
        g_ptr_array_add(connections, client_connect(f, g_array_index(users, uid_t, i)));
    for (guint i = 0; i < users->len * PER_USER; i++)
        g_ptr_array_add(calls, reissue(g_ptr_array_index(connections, i / PER_USER)));
    wait_milliseconds(500);
    while ((q = mock_polkit_take(p))) {
        mock_polkit_answer_no(p, q);
        mock_question_free(q);
        wait_milliseconds(1);
    }
    for (guint i = 0; i < calls->len; i++) {
        g_autofree char *error = pending_finish(g_ptr_array_index(calls, i));

        g_assert_true(strcmp(error, "NotAuthorized") == 0 || strcmp(error, "LimitsExceeded") == 0);
    }
    guard_end(&guard);
    check_works(f, p);
}

static void add(void)
{
    g_test_add_func("/bus/quota/of-user", test_quota_of_user);
    g_test_add_func("/bus/quota/in-all", test_quota_in_all);
    g_test_add_func("/bus/quota/of-bus", test_quota_of_bus);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
