/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include "manager/manager-internal.h"

/* A module that asks for the host name gets a certificate for the new one when it changes. */

static bool has_new_name(void *userdata)
{
    Service *s = userdata;

    return model_find(manager_model(s->manager), "new.example.com") &&
           !model_find(manager_model(s->manager), "old.example.com");
}

static void set_name(const char *name)
{
    g_assert_cmpint(sethostname(name, strlen(name)), ==, 0);
}

static void change_name(void)
{
    _cleanup_service_ Service s = {};

    set_name("old.example.com");
    service_start_with(&s, "[Certificate %H]\n");
    g_assert_nonnull(service_find(&s, "old.example.com"));
    set_name("new.example.com");
    loop_until(s.event, has_new_name, &s);
    set_name("other.example.com");
    service_reload(&s); /* before the change is noticed */
    g_assert_nonnull(service_find(&s, "other.example.com"));
    set_name("new.example.com");
    loop_until(s.event, has_new_name, &s);
}

static void test_signalled(void)
{
    change_name();
}

/* As in the sandbox of the unit, which hides the file. */
static void test_compared(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/proc/sys/kernel", "tmpfs", 0, NULL) < 0) {
        g_test_skip("nothing can be mounted here");
        return;
    }
    change_name();
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    if (geteuid() != 0 || unshare(CLONE_NEWUTS) < 0) {
        puts("1..0 # SKIP only root can have a host name of its own");
        return 0;
    }
    g_test_add_func("/host-name-watch/signalled", test_signalled);
    g_test_add_func("/host-name-watch/compared", test_compared);
    return g_test_run();
}
