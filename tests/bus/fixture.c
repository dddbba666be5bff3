/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "client.h"
#include "files.h"
#include "process.h"

#define POLKITD    "/usr/lib/polkit-1/polkitd"
#define BUS_DAEMON "/usr/bin/dbus-daemon"
#define SYSTEM_BUS "/usr/share/dbus-1/system.conf"
#define SETPRIV    "/usr/bin/setpriv"
#define OWNER      "certwright"

static char base[] = "/tmp/certwright-bus-XXXXXX";
static unsigned n_fixtures;

static const char *environment(const char *name)
{
    const char *value = g_getenv(name);

    if (!value)
        g_error("%s is not set: run this by \"meson test\"", name);
    return value;
}

static char *source_path(const char *name)
{
    return g_build_filename(environment("CERTWRIGHT_SOURCE"), name, NULL);
}

/* What a test needs of the machine. */

static gboolean may_mount(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static gboolean make_owner(void)
{
    g_autofree char *definition = source_path("data/certwright.sysusers");
    const char *const argv[] = { "systemd-sysusers", definition, NULL };
    g_autofree char *tool = NULL, *output = NULL;

    if (getpwnam(OWNER))
        return TRUE;
    tool = g_find_program_in_path(argv[0]);
    output = tool ? process_run(argv, NULL, NULL) : NULL;
    return output && getpwnam(OWNER);
}

static const char *find_obstacle(void)
{
    static const char *const programs[] = { BUS_DAEMON, POLKITD, SETPRIV };

    if (geteuid() != 0)
        return "only root can be several users; run it as root";
    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
        if (access(programs[i], X_OK) < 0)
            return i == 0   ? "there is no dbus-daemon (package dbus-daemon)"
                   : i == 1 ? "there is no polkitd (package polkitd)"
                            : "there is no setpriv (package util-linux)";
    if (access(SYSTEM_BUS, R_OK) < 0)
        return "there is no " SYSTEM_BUS " (package dbus-system-bus-common)";
    if (!may_mount())
        return "polkitd cannot be given a mount namespace of its own here";
    return make_owner() ? NULL : "the user " OWNER " cannot be made";
}

/* The tests run in a child, so that somebody is left to clear up when one fails. */

static volatile pid_t child;

static void on_end_signal(int signal G_GNUC_UNUSED)
{
    if (child > 0)
        kill(child, SIGKILL);
}

static int supervise(void)
{
    int status = 0;

    signal(SIGTERM, on_end_signal);
    signal(SIGINT, on_end_signal);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!g_getenv("CERTWRIGHT_KEEP"))
        directory_remove(base);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int fixture_main(int argc, char *argv[], void (*add)(void))
{
    const char *obstacle = find_obstacle();

    if (obstacle) {
        printf("1..0 # SKIP %s\n", obstacle);
        return 0;
    }
    if (!g_mkdtemp(base) || chmod(base, 0755) < 0) {
        perror(base);
        return 1;
    }
    child = fork();
    if (child != 0)
        return child < 0 ? 1 : supervise();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    g_test_init(&argc, &argv, NULL);
    add();
    return g_test_run();
}

/* The bus. */

static char *replace(char *text, const char *pattern, const char *by)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOTALL, 0, &error);
    char *result = g_regex_replace(regex, text, -1, 0, by, 0, &error);

    if (!result)
        g_error("%s", error->message);
    g_free(text);
    return result;
}

/* Debian's configuration but for what ties it to the machine: its socket, user, log, services and local
 * files. */
static char *bus_configuration(const char *directory, unsigned flags)
{
    g_autofree char *listen = g_strdup_printf("<listen>unix:path=%s/bus</listen>", directory),
                    *policies =
                        g_strdup_printf("<includedir>%s/system.d</includedir>%s", directory,
                                        flags & FIXTURE_MANY_REPLIES
                                            ? "<limit name=\"max_replies_per_connection\">100000</limit>"
                                            : ""),
                    *services = g_strdup_printf("<servicedir>%s/services</servicedir>", directory);
    char *text = file_read(SYSTEM_BUS);

    text = replace(text, "<!--.*?-->", "");
    text = replace(
        text, "<user>.*?</user>|<fork/>|<pidfile>.*?</pidfile>|<syslog/>|<servicehelper>.*?</servicehelper>",
        "");
    text = replace(text, "<include [^>]*>.*?</include>|<includedir>/etc.*?</includedir>", "");
    text = replace(text, "<listen>.*?</listen>", listen);
    text = replace(text, "<standard_system_servicedirs/>", services);
    return replace(text, "<includedir>system.d</includedir>", policies);
}

static void write_bus(const Fixture *f, unsigned flags)
{
    g_autofree char *path = g_build_filename(f->directory, "bus.conf", NULL),
                    *text = bus_configuration(f->directory, flags),
                    *shipped = source_path("data/org.certwright1.conf"),
                    *policies = g_build_filename(f->directory, "system.d", NULL),
                    *ours = g_build_filename(policies, "org.certwright1.conf", NULL),
                    *polkit = g_build_filename(policies, "org.freedesktop.PolicyKit1.conf", NULL),
                    *mock = g_build_filename(policies, "mock.conf", NULL),
                    *control = g_build_filename(policies, "control.conf", NULL),
                    *systemd = g_build_filename(policies, "org.freedesktop.systemd1.conf", NULL),
                    *services = g_build_filename(f->directory, "services", NULL);

    directory_make(policies, 0755);
    directory_make(services, 0755);
    file_copy(shipped, ours, 0644);
    file_copy("/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf", polkit, 0644);
    if (flags & FIXTURE_NO_POLKIT)
        file_write(mock, "<busconfig><policy user=\"root\">"
                         "<allow own=\"org.freedesktop.PolicyKit1\"/></policy></busconfig>");
    if (flags & FIXTURE_CONTROL)
        file_write(control,
                   "<busconfig><policy user=\"root\"><allow own=\"org.example.Control\"/></policy>"
                   "<policy context=\"default\"><allow send_destination=\"org.example.Control\"/></policy>"
                   "</busconfig>");
    if (flags & FIXTURE_SYSTEMD)
        file_copy("/usr/share/dbus-1/system.d/org.freedesktop.systemd1.conf", systemd, 0644);
    file_write(path, text);
}

/* The socket is there a moment before somebody listens. */
static gboolean can_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    close(fd);
    return r == 0;
}

static pid_t start_bus_daemon(const Fixture *f)
{
    g_autofree char *option = g_strdup_printf("--config-file=%s/bus.conf", f->directory),
                    *log = g_build_filename(f->directory, "bus.log", NULL),
                    *address = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", f->address);
    const char *const argv[] = { BUS_DAEMON, option, "--nofork", "--nopidfile", NULL }, *const env[] = {
        address, NULL
    };

    return process_start(argv, env, log, NULL, NULL);
}

static void start_bus(Fixture *f, unsigned flags)
{
    g_autofree char *socket_path = g_build_filename(f->directory, "bus", NULL);

    f->bus = flags & FIXTURE_BROKER ? broker_start(f->directory, f->address) : start_bus_daemon(f);
    for (int i = 0; i < 3000 && !can_connect(socket_path); i++)
        g_usleep(10000);
    f->root = client_connect(f, 0);
}

static gboolean name_is_owned(const Fixture *f, const char *name)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        f->root, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
        g_variant_new("(s)", name), NULL, 0, -1, NULL, NULL);
    gboolean owned = FALSE;

    if (reply)
        g_variant_get(reply, "(b)", &owned);
    return owned;
}

static void wait_for_name(const Fixture *f, const char *name, gboolean owned, const char *log)
{
    g_autofree char *said = NULL;

    for (int i = 0; i < 6000; i++) {
        if (name_is_owned(f, name) == owned)
            return;
        g_usleep(10000);
    }
    said = file_read(log);
    g_error("%s did not %s on the bus: %s", name, owned ? "appear" : "vanish", said);
}

void fixture_stop_bus(Fixture *f)
{
    g_dbus_connection_set_exit_on_close(f->root, FALSE);
    if (f->polkitd > 0)
        (void)process_stop(f->polkitd);
    (void)process_stop(f->bus);
    f->polkitd = f->bus = 0;
    g_dbus_connection_close_sync(f->root, NULL, NULL);
    g_clear_object(&f->root);
}

void fixture_start_bus(Fixture *f, unsigned flags)
{
    start_bus(f, flags);
    fixture_start_polkit(f);
    wait_for_name(f, "org.certwright1", TRUE, f->daemon_log);
}

/* polkit. */

typedef struct Mounts {
    char *actions, *rules, *shipped_rules;
} Mounts;

/* Another mount namespace: what is shipped alone, and the test's rules, where polkitd looks for them. */
static void enter_mounts(const void *userdata)
{
    const Mounts *m = userdata;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(m->actions, "/usr/share/polkit-1/actions", NULL, MS_BIND, NULL) < 0 ||
        mount(m->shipped_rules, "/usr/share/polkit-1/rules.d", NULL, MS_BIND, NULL) < 0 ||
        mount(m->rules, "/etc/polkit-1/rules.d", NULL, MS_BIND, NULL) < 0)
        _exit(123);
}

void fixture_start_polkit(Fixture *f)
{
    g_autofree char *log = g_build_filename(f->directory, "polkitd.log", NULL),
                    *actions = g_build_filename(f->directory, "actions", NULL),
                    *shipped = g_build_filename(f->directory, "shipped-rules", NULL),
                    *address = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", f->address);
    const char *const argv[] = { POLKITD, "--no-debug", NULL }, *const env[] = { address, NULL };
    const Mounts mounts = { actions, f->rules, shipped };

    f->polkitd = process_start(argv, env, log, enter_mounts, &mounts);
    wait_for_name(f, "org.freedesktop.PolicyKit1", TRUE, log);
}

void fixture_stop_polkit(Fixture *f)
{
    g_autofree char *log = g_build_filename(f->directory, "polkitd.log", NULL);

    (void)process_stop(f->polkitd);
    f->polkitd = 0;
    wait_for_name(f, "org.freedesktop.PolicyKit1", FALSE, log);
}

static void write_polkit(const Fixture *f)
{
    g_autofree char *action = g_build_filename(f->directory, "actions", "org.certwright1.policy", NULL),
                    *rules = source_path("polkit/org.certwright1.rules"),
                    *shipped =
                        g_build_filename(f->directory, "shipped-rules", "org.certwright1.rules", NULL),
                    *actions = g_path_get_dirname(action), *shipped_rules = g_path_get_dirname(shipped);

    directory_make(actions, 0755);
    directory_make(shipped_rules, 0755);
    directory_make(f->rules, 0755);
    file_copy(environment("CERTWRIGHT_POLICY"), action, 0644);
    file_copy(rules, shipped, 0644);
}

static void on_polkit_changed(GDBusConnection *c G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                              const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                              const char *member G_GNUC_UNUSED, GVariant *parameters G_GNUC_UNUSED,
                              gpointer userdata)
{
    *(gboolean *)userdata = TRUE;
}

static gboolean is_set(gpointer userdata)
{
    return *(const gboolean *)userdata;
}

void fixture_set_rules(Fixture *f, const char *rules)
{
    g_autofree char *path = g_build_filename(f->rules, "10-test.rules", NULL);
    gboolean changed = FALSE;
    guint id;

    id = g_dbus_connection_signal_subscribe(f->root, "org.freedesktop.PolicyKit1",
                                            "org.freedesktop.PolicyKit1.Authority", "Changed", NULL, NULL, 0,
                                            on_polkit_changed, &changed, NULL);
    file_replace(path, rules);
    wait_until(is_set, &changed, "polkitd to read its rules again");
    g_dbus_connection_signal_unsubscribe(f->root, id);
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

/* The daemon. */

uid_t fixture_uid(const char *user)
{
    const struct passwd *p = getpwnam(user);

    if (!p)
        g_error("there is no user %s", user);
    return p->pw_uid;
}

static void become_owner(const void *userdata)
{
    const struct passwd *p = userdata;

    process_become(p->pw_uid, p->pw_gid);
}

/* The daemon is copied where its user can reach it, and a new build does not change it under the test. */
static void write_daemon(Fixture *f, unsigned flags, const char *module)
{
    g_autofree char *modules = g_build_filename(f->config, "modules.d", NULL),
                    *program = g_build_filename(f->directory, "certwrightd", NULL),
                    *importer = g_build_filename(f->directory, "certwright-import", NULL),
                    *preload = g_build_filename(f->directory, "hold-disk.so", NULL),
                    *fail = g_build_filename(f->directory, "fail-answer.so", NULL),
                    *no_wait = g_build_filename(f->directory, "no-wait.so", NULL);
    const struct passwd *p = getpwnam(OWNER);

    directory_make(modules, 0755);
    directory_make(f->state, 0700);
    g_assert_cmpint(chown(f->state, p->pw_uid, p->pw_gid), ==, 0);
    file_copy(environment("CERTWRIGHTD"), program, 0755);
    file_copy(environment("CERTWRIGHT_IMPORT"), importer, 0755);
    file_copy(environment("CERTWRIGHT_NO_WAIT"), no_wait, 0755);
    if (flags & FIXTURE_HOLD_DISK)
        file_copy(environment("CERTWRIGHT_HOLD_DISK"), preload, 0755);
    if (flags & FIXTURE_FAIL_ANSWER)
        file_copy(environment("CERTWRIGHT_FAIL_ANSWER"), fail, 0755);
    if (module)
        fixture_write_module(f, "test", module);
}

static void write_service(const Fixture *f, unsigned flags)
{
    g_autofree char *path = g_build_filename(f->directory, "services", "org.certwright1.service", NULL),
                    *text = NULL;

    text = g_strdup_printf("[D-BUS Service]\nName=org.certwright1\nExec=/bin/sh -c 'exec " SETPRIV
                           " --reuid=" OWNER " --regid=" OWNER
                           " --clear-groups %s/certwrightd --state=%s --config=%s%s "
                           ">>%s 2>&1'\n",
                           f->directory, f->state, f->config,
                           flags & FIXTURE_IDLE_EXIT ? "" : " --no-idle-exit", f->daemon_log);
    file_write(path, text);
}

/* What watches the daemon always, and what makes it fail or wait if the test wants that. */
static char *list_preloads(const Fixture *f, unsigned flags)
{
    const char *second = flags & FIXTURE_FAIL_ANSWER ? "fail-answer"
                         : flags & FIXTURE_HOLD_DISK ? "hold-disk"
                                                     : NULL;

    return second ? g_strdup_printf("LD_PRELOAD=%s/no-wait.so:%s/%s.so", f->directory, f->directory, second)
                  : g_strdup_printf("LD_PRELOAD=%s/no-wait.so", f->directory);
}

void fixture_start_daemon(Fixture *f, unsigned flags)
{
    g_autofree char *program = g_build_filename(f->directory, "certwrightd", NULL),
                    *state = g_strdup_printf("--state=%s", f->state),
                    *config = g_strdup_printf("--config=%s", f->config),
                    *reports = g_strdup_printf("--deploy-state=%s", f->reports),
                    *address = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", f->address),
                    *hold = g_strdup_printf("HOLD_DISK=%s", f->hold),
                    *fail = g_strdup_printf("FAIL_ANSWER=%s", f->fail), *preload = list_preloads(f, flags),
                    *asan = NULL;
    const char *argv[] = { program, state, config, reports, NULL, NULL, NULL };
    size_t n = 4;
    const char *options = g_getenv("ASAN_OPTIONS");
    const char *env[] = { address, preload, hold, fail, NULL, NULL };

    if (!(flags & FIXTURE_IDLE_EXIT))
        argv[n++] = "--no-idle-exit";
    if (flags & FIXTURE_ROOT)
        argv[n++] = "--allow-root";
    asan = g_strdup_printf("ASAN_OPTIONS=verify_asan_link_order=0:%s", options ? options : "");
    env[4] = asan;
    f->daemon =
        process_start(argv, env, f->daemon_log, flags & FIXTURE_ROOT ? NULL : become_owner, getpwnam(OWNER));
    wait_for_name(f, "org.certwright1", TRUE, f->daemon_log);
}

static void fail_with_log(const Fixture *f, const char *what, int status)
{
    g_autofree char *said = file_read(f->daemon_log);

    g_error("the daemon %s (status 0x%x); it said:\n%s", what, (unsigned)status, said);
}

void fixture_stop_daemon(Fixture *f)
{
    int status = process_stop(f->daemon);

    f->daemon = 0;
    if (status != 0)
        fail_with_log(f, "ended badly", status);
}

void fixture_check_daemon(const Fixture *f)
{
    if (!process_is_running(f->daemon))
        fail_with_log(f, "is gone", 0);
}

void fixture_write_module(Fixture *f, const char *module, const char *text)
{
    g_autofree char *name = g_strdup_printf("%s.conf", module),
                    *path = g_build_filename(f->config, "modules.d", name, NULL);

    if (text)
        file_replace(path, text);
    else
        g_assert_cmpint(g_unlink(path), ==, 0);
}

void fixture_write_settings(Fixture *f, const char *text)
{
    g_autofree char *path = g_build_filename(f->config, "certwright.conf", NULL);

    file_replace(path, text);
}

void fixture_fail_answer(Fixture *f, const char *function)
{
    file_write(f->fail, function);
    g_assert_cmpint(chmod(f->fail, 0666), ==, 0);
}

gboolean fixture_answer_failed(const Fixture *f)
{
    g_autofree char *left = file_read(f->fail);

    return left && !*left;
}

void fixture_hold_disk(Fixture *f)
{
    file_write(f->hold, "");
}

void fixture_release_disk(Fixture *f)
{
    g_assert_cmpint(g_unlink(f->hold), ==, 0);
}

Fixture *fixture_new(unsigned flags, const char *module)
{
    Fixture *f = g_new0(Fixture, 1);

    f->directory = g_strdup_printf("%s/%u", base, n_fixtures++);
    f->address = g_strdup_printf("unix:path=%s/bus", f->directory);
    f->state = g_build_filename(f->directory, "state", NULL);
    f->config = g_build_filename(f->directory, "config", NULL);
    f->reports = g_build_filename(f->directory, "reports", NULL);
    f->rules = g_build_filename(f->directory, "rules", NULL);
    f->hold = g_build_filename(f->directory, "hold", NULL);
    f->fail = g_build_filename(f->directory, "fail", NULL);
    f->daemon_log = g_build_filename(f->directory, "daemon.log", NULL);
    directory_make(f->directory, 0755);
    write_bus(f, flags);
    write_polkit(f);
    write_daemon(f, flags, module);
    f->is_activatable = flags & FIXTURE_ACTIVATABLE;
    if (f->is_activatable)
        write_service(f, flags);
    start_bus(f, flags);
    if (!(flags & FIXTURE_NO_POLKIT))
        fixture_start_polkit(f);
    if (!(flags & (FIXTURE_NO_DAEMON | FIXTURE_ACTIVATABLE)))
        fixture_start_daemon(f, flags);
    return f;
}

/* Without a bus the daemon would go on. */
static void stop_activated_daemon(const Fixture *f)
{
    pid_t pid = client_service_pid(f->root);

    if (pid > 0 && !process_end(pid))
        fail_with_log(f, "did not end within a minute", 0);
}

void fixture_free(Fixture *f)
{
    g_unlink(f->hold);
    if (f->daemon > 0)
        fixture_stop_daemon(f);
    if (f->is_activatable)
        stop_activated_daemon(f);
    g_dbus_connection_set_exit_on_close(f->root, FALSE);
    if (f->polkitd > 0)
        (void)process_stop(f->polkitd);
    (void)process_stop(f->bus);
    g_dbus_connection_close_sync(f->root, NULL, NULL);
    g_object_unref(f->root);
    if (!g_getenv("CERTWRIGHT_KEEP"))
        directory_remove(f->directory);
    g_free(f->directory);
    g_free(f->address);
    g_free(f->state);
    g_free(f->config);
    g_free(f->reports);
    g_free(f->rules);
    g_free(f->hold);
    g_free(f->fail);
    g_free(f->daemon_log);
    g_free(f);
}
