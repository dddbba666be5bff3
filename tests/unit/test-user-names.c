/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <pwd.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "util/user-names.h"

/* Names of users, as a name service answers that this test plays: 1000 is alice, 1001 has a long entry, of 1002 to 1009 it does not
 * know anything for a long time, and there is nobody else. */

#define LONG_ENTRY 3000

static sem_t gate; /* for those who wait */
static atomic_int n_asked;

/* In place of the C library's. */
int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret)
{
    *ret = NULL;
    atomic_fetch_add(&n_asked, 1);
    if (uid >= 1002 && uid < 1010) {
        sem_wait(&gate);
        return EIO;
    }
    if (uid != 1000 && uid != 1001)
        return 0;
    if (uid == 1001 && size < LONG_ENTRY)
        return ERANGE;
    strcpy(buffer, uid == 1000 ? "alice" : "bob");
    *entry = (struct passwd){ .pw_name = buffer, .pw_uid = uid };
    *ret = entry;
    return 0;
}

typedef struct World {
    sd_event *event;
    UserNames *names;
    GString *found;
} World;

static void on_found(const char *name, void *userdata)
{
    g_string_append_printf(userdata, "%s ", name);
}

static void begin(World *w)
{
    w->names = NULL;
    w->event = NULL;
    g_assert_cmpint(sd_event_new(&w->event), >=, 0);
    g_assert_cmpint(user_names_new(w->event, &w->names), ==, 0);
    w->found = g_string_new(NULL);
    atomic_store(&n_asked, 0);
}

static void end(World *w)
{
    user_names_free(w->names);
    sd_event_unref(w->event);
    g_string_free(w->found, TRUE);
}

static void find(World *w, uid_t uid)
{
    user_names_find(w->names, uid, on_found, w->found);
}

static void expect(World *w, const char *found)
{
    while (w->found->len < strlen(found))
        g_assert_cmpint(sd_event_run(w->event, UINT64_MAX), >=, 0);
    g_assert_cmpstr(w->found->str, ==, found);
    g_string_truncate(w->found, 0);
}

static void test_names(void)
{
    World w;

    begin(&w);
    find(&w, 0);
    g_assert_cmpstr(w.found->str, ==, "root "); /* at once, and without being asked for */
    g_string_truncate(w.found, 0);
    find(&w, 1000);
    find(&w, 1000);
    expect(&w, "alice alice ");
    find(&w, 1000);
    g_assert_cmpstr(w.found->str, ==, "alice ");
    g_string_truncate(w.found, 0);
    g_assert_cmpint(atomic_load(&n_asked), ==, 1);
    find(&w, 1001);
    expect(&w, "bob ");
    find(&w, 4242);
    expect(&w, "4242 ");
    end(&w);
}

/* A service that hangs delays no more than these, for a moment, and keeps nothing from ending. */
static void test_hangs(void)
{
    World w;

    begin(&w);
    for (uid_t uid = 1002; uid < 1010; uid++)
        find(&w, uid);
    /* only so many are asked for at a time */
    g_assert_cmpstr(w.found->str, ==, "1006 1007 1008 1009 ");
    g_string_truncate(w.found, 0);
    find(&w, 1002);
    while (w.found->len < strlen("1002 1002 1003 1004 1005 "))
        g_assert_cmpint(sd_event_run(w.event, UINT64_MAX), >=, 0);
    for (uid_t uid = 1002; uid < 1006; uid++) {
        g_autofree char *number = g_strdup_printf("%u ", uid);

        g_assert_nonnull(strstr(w.found->str, number));
    }
    g_string_truncate(w.found, 0);
    find(&w, 1002);
    g_assert_cmpstr(w.found->str, ==, "1002 ");
    find(&w, 0);
    end(&w);
    for (int i = 0; i < 4; i++)
        sem_post(&gate);
}

static void test_free(void)
{
    World w;

    begin(&w);
    find(&w, 1002);
    while (w.found->len > 0) { /* the threads of the other test are ending */
        g_usleep(1000);
        g_string_truncate(w.found, 0);
        find(&w, 1002);
    }
    find(&w, 1002);
    w.names = user_names_free(w.names);
    g_assert_cmpstr(w.found->str, ==, "1002 1002 ");
    end(&w);
    sem_post(&gate);
}

/* More users than are kept. */
static void test_many(void)
{
    World w;

    begin(&w);
    for (uid_t uid = 5000; uid < 5200; uid++) {
        g_autofree char *expected = g_strdup_printf("%u ", uid);

        find(&w, uid);
        expect(&w, expected);
    }
    find(&w, 5199);
    g_assert_cmpstr(w.found->str, ==, "5199 ");
    end(&w);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    sem_init(&gate, 0, 0);
    g_test_add_func("/user-names/names", test_names);
    g_test_add_func("/user-names/many", test_many);
    g_test_add_func("/user-names/hangs", test_hangs);
    g_test_add_func("/user-names/free", test_free);
    return g_test_run();
}
