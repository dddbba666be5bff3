/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trial.h"

#include <glib/gstdio.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "memory.h"
#include "process.h"
#include "record.h"
#include "reissues.h"

/* What is promised: to all others, whatever one user does. A sanitizer makes everything slow, and keeps what is
 * freed. */
#define SLOWNESS      (ADDRESS_SPACE_IS_LIMITED ? 1 : 4)
#define P99_USEC      (250000 * SLOWNESS)
#define LONGEST_USEC  (1000000 * SLOWNESS)
#define CONTROL_TIMES 2 /* as long as the bus itself makes others wait is not the service's doing */
#define DURING_KIB    (64 * 1024)
#define AFTER_KIB     (16 * 1024)
#define AFTER_MSEC    10000

#define QUIET_MSEC    500 /* before the flood and behind it */
#define REISSUE_MSEC  300
#define PATIENCE_MSEC 150000 /* for what has to happen at some time */
#define MOST_ACTORS   8
#define CLIENTS       3 /* honest ones: a hundred answers are there however long each takes */

typedef struct Actor {
    pid_t pid;
    int status; /* it ended with, as of waitpid(2) */
    char *path;
    Record *record;
} Actor;

/* Honest clients of the same service. */
typedef struct Clients {
    Actor actors[CLIENTS];
    Record *record; /* of all of them, when they have ended; borrowed */
} Clients;

#define TRIES_MORE 2

typedef struct Trial {
    const Arena *arena;
    const Flood *flood;
    char *owner;
    pid_t pid;
    Actor control, flooders[MOST_ACTORS];
    Clients service_probe, control_probe;
    Clients again[TRIES_MORE];
    Record *waits;      /* those that count; borrowed */
    Clients bare_probe; /* of the control service while that is flooded itself; only if it comes to that */
    Reissues *reissues;
    MemoryWatch *memory;
    long before, most, after;
} Trial;

/* Actors. */

typedef struct Part {
    const struct passwd *user;
    int nice;
} Part;

static void play(const void *userdata)
{
    const Part *p = userdata;

    (void)setpriority(PRIO_PROCESS, 0, p->nice);
    process_become(p->user->pw_uid, p->user->pw_gid);
}

static Actor actor_start(const Arena *a, const char *kind, const char *what, const char *user, int nice)
{
    static unsigned n;
    const Part part = { getpwnam(user), nice };
    g_autofree char *log = g_build_filename(a->directory, "actors.log", NULL);
    Actor actor = { .path = g_strdup_printf("%s/record-%u", a->directory, n++) };
    const char *const argv[] = {
        g_getenv("CERTWRIGHT_ACTOR"), kind, what, a->socket_path, actor.path, NULL
    };

    g_assert_nonnull(part.user);
    actor.record = record_map(actor.path, TRUE);
    actor.pid = process_start(argv, NULL, log, play, &part);
    return actor;
}

static void actor_wait_ready(const Actor *a)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_MSEC * 1000LL;

    while (!g_atomic_int_get(&a->record->ready)) {
        if (g_get_monotonic_time() > end || !process_is_running(a->pid))
            g_error("an actor did not begin");
        wait_milliseconds(10);
    }
}

/* They end by themselves, unless their turn takes too long or they never do. */
static void actors_stop(Actor *actors, guint n, unsigned milliseconds)
{
    for (guint i = 0; i < n; i++)
        g_atomic_int_set(&actors[i].record->stop, 1);
    for (guint i = 0; i < n; i++)
        if (!process_wait(actors[i].pid, milliseconds, &actors[i].status)) {
            kill(actors[i].pid, SIGKILL);
            (void)process_wait(actors[i].pid, PATIENCE_MSEC, NULL);
        }
}

static void actor_clear(Actor *a)
{
    if (!a->record)
        return;
    record_unmap(a->record);
    g_unlink(a->path);
    g_free(a->path);
}

/* Each is another user. What is measured is not how long they wait for a processor. */
static void clients_start(Clients *c, const Arena *a, const char *what)
{
    static const char *const users[CLIENTS] = { "backup", "list", "irc" };

    for (guint i = 0; i < CLIENTS; i++)
        c->actors[i] = actor_start(a, "probe", what, users[i], -10);
    for (guint i = 0; i < CLIENTS; i++)
        actor_wait_ready(&c->actors[i]);
}

static void clients_stop(Clients *c)
{
    actors_stop(c->actors, CLIENTS, PATIENCE_MSEC);
    c->record = c->actors[0].record;
    for (guint i = 1; i < CLIENTS; i++)
        record_merge(c->record, c->actors[i].record);
}

static void clients_clear(Clients *c)
{
    for (guint i = 0; i < CLIENTS; i++)
        actor_clear(&c->actors[i]);
}

/* The service. */

static GVariant *ask_bus(const Arena *a, const char *member, const char *argument)
{
    return g_dbus_connection_call_sync(a->root, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", member, g_variant_new("(s)", argument), NULL,
                                       0, PATIENCE_MSEC, NULL, NULL);
}

static char *find_owner(const Arena *a)
{
    g_autoptr(GVariant) reply = ask_bus(a, "GetNameOwner", SERVICE);
    char *owner = NULL;

    if (reply)
        g_variant_get(reply, "(s)", &owner);
    return owner;
}

static pid_t find_pid(const Arena *a)
{
    g_autoptr(GVariant) reply = ask_bus(a, "GetConnectionUnixProcessID", SERVICE);
    guint32 pid = 0;

    if (reply)
        g_variant_get(reply, "(u)", &pid);
    return (pid_t)pid;
}

/* The flood. */

static void trial_begin(Trial *t)
{
    t->owner = find_owner(t->arena);
    t->pid = find_pid(t->arena);
    t->control = actor_start(t->arena, "control", "-", "root", 0);
    actor_wait_ready(&t->control);
    clients_start(&t->service_probe, t->arena, "service");
    clients_start(&t->control_probe, t->arena, "control");
    t->reissues = reissues_new(t->arena->root);
    reissues_ask(t->reissues);
    wait_milliseconds(QUIET_MSEC);
    t->before = process_memory(t->pid);
    t->memory = memory_watch_new(t->pid);
}

/* CERTWRIGHT_FLOODS_SECONDS is for longer campaigns. */
static guint flood_msec(void)
{
    const char *seconds = g_getenv("CERTWRIGHT_FLOODS_SECONDS");

    if (seconds)
        return (guint)g_ascii_strtoull(seconds, NULL, 10) * 1000;
    if (g_strcmp0(g_getenv("CERTWRIGHT_TESTS_FULL"), "1") == 0)
        return 60000;
    return ADDRESS_SPACE_IS_LIMITED ? 5000 : 2000;
}

/* Until the users have flooded for that long; kind is that of the actors. */
static void flood(Trial *t, const char *kind, Actor *flooders, Reissues *reissues)
{
    guint n = t->flood->connections > 0 ? t->flood->users : 0;

    for (guint i = 0; i < n; i++)
        flooders[i] = actor_start(t->arena, kind, t->flood->name, flood_user(i), 0);
    for (guint i = 0; i < n; i++)
        actor_wait_ready(&flooders[i]);
    for (guint passed = 0; passed < flood_msec(); passed += REISSUE_MSEC) {
        if (reissues)
            reissues_ask(reissues);
        wait_milliseconds(REISSUE_MSEC);
    }
    actors_stop(flooders, n, 5000);
}

static void wait_for_reissues(const Trial *t)
{
    for (guint passed = 0; passed < PATIENCE_MSEC && !reissues_are_over(t->reissues); passed += 50)
        wait_milliseconds(50);
}

/* Waits no longer than it may take. */
static long memory_after(const Trial *t)
{
    long now = process_memory(t->pid);

    for (guint passed = 0; passed < AFTER_MSEC && now > t->before + AFTER_KIB; passed += 100) {
        wait_milliseconds(100);
        now = process_memory(t->pid);
    }
    return now;
}

static void trial_end(Trial *t)
{
    wait_milliseconds(QUIET_MSEC);
    clients_stop(&t->service_probe);
    clients_stop(&t->control_probe);
    t->after = memory_after(t);
    t->most = memory_watch_most(t->memory);
    wait_for_reissues(t);
}

/* Waits. */

static gint64 bound_of_wait(const Trial *t, guint of_thousand, gint64 bound)
{
    gint64 control = record_quantile(t->control_probe.record, of_thousand),
           bare = t->bare_probe.record ? record_quantile(t->bare_probe.record, of_thousand) : 0;

    return MAX(bound, CONTROL_TIMES * MAX(control, bare));
}

static gboolean is_too_long(const Trial *t, guint of_thousand, gint64 bound)
{
    return record_quantile(t->waits, of_thousand) > bound_of_wait(t, of_thousand, bound);
}

static gboolean is_any_too_long(const Trial *t)
{
    return is_too_long(t, 990, P99_USEC) || is_too_long(t, 1000, LONGEST_USEC);
}

/* A bus has one queue for each service, so whoever is flooded keeps others waiting, however fast it is. Where that can
 * be the cause, the control service is flooded in the same way. */
static void flood_control(Trial *t)
{
    Actor flooders[MOST_ACTORS] = { 0 };

    t->waits = t->service_probe.record;
    if (!is_any_too_long(t))
        return;
    clients_start(&t->bare_probe, t->arena, "control");
    flood(t, "flood-control", flooders, NULL);
    clients_stop(&t->bare_probe);
    for (guint i = 0; i < MOST_ACTORS && flooders[i].record; i++)
        actor_clear(&flooders[i]);
}

/* A machine that had something else to do is no fault of the service: waits that are too long are measured again. */
static void measure_again(Trial *t)
{
    for (guint i = 0; i < TRIES_MORE && is_any_too_long(t); i++) {
        Actor flooders[MOST_ACTORS] = { 0 };

        g_test_message("%s: p99 %.0f ms, longest %.0f ms, measured again", t->flood->name,
                       record_quantile(t->waits, 990) / 1000.0, record_quantile(t->waits, 1000) / 1000.0);
        clients_start(&t->again[i], t->arena, "service");
        flood(t, "flood", flooders, NULL);
        clients_stop(&t->again[i]);
        t->waits = t->again[i].record;
        for (guint j = 0; j < MOST_ACTORS && flooders[j].record; j++)
            actor_clear(&flooders[j]);
    }
}

/* What came of it. */

/* All that is wrong is said, not the first alone. */
G_GNUC_PRINTF(2, 3) static void fail(const Trial *t, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list l;

    va_start(l, format);
    text = g_strdup_vprintf(format, l);
    va_end(l);
    g_test_message("%s: BROKEN: %s", t->flood->name, text);
    g_test_fail();
}

static char *print_waits(const Record *r)
{
    return g_strdup_printf("%u calls %.0f/%.0f/%.0f ms (p50/p99/longest: %s)", r->n_waits,
                           record_quantile(r, 500) / 1000.0, record_quantile(r, 990) / 1000.0,
                           record_quantile(r, 1000) / 1000.0, r->slowest);
}

static char *print_flood(const Trial *t)
{
    guint sent = 0, answers = 0, granted = 0, asked = 0, refused = 0;

    for (guint i = 0; i < MOST_ACTORS && t->flooders[i].record; i++) {
        const Record *r = t->flooders[i].record;

        sent += r->sent;
        answers += r->answers;
        granted += r->granted;
        asked += r->asked;
        refused += r->refused;
    }
    return g_strdup_printf(
        "%u messages, %u answered (%u without error), %u calls to it, %u times not let in", sent, answers,
        granted, asked, refused);
}

static void report(const Trial *t)
{
    const Record *r = t->service_probe.record;
    g_autofree char *service = print_waits(r), *control = print_waits(t->control_probe.record),
                    *bare =
                        t->bare_probe.record ? print_waits(t->bare_probe.record) : g_strdup("not needed"),
                    *flood = print_flood(t);

    g_test_message(
        "%s: %s, %u repeated; control: %s; flooded itself: %s; memory %ld, at most %ld, then %ld MiB; "
        "reissues %u of %u done; flood: %s",
        t->flood->name, service, r->n_repeated, control, bare, t->before / 1024, t->most / 1024,
        t->after / 1024, reissues_done(t->reissues), reissues_asked(t->reissues), flood);
}

static void expect_wait(const Trial *t, const char *what, guint of_thousand, gint64 bound)
{
    if (is_too_long(t, of_thousand, bound))
        fail(t, "%s of the honest client is %.0f ms, not %.0f", what,
             record_quantile(t->waits, of_thousand) / 1000.0, bound_of_wait(t, of_thousand, bound) / 1000.0);
}

static void expect_answers_of(const Trial *t, const Record *s)
{
    g_autofree char *errors = record_print_errors(s);

    if (s->n_waits == 0)
        fail(t, "the honest client got nothing");
    if (s->n_errors > 0)
        fail(t, "%u of %u honest calls failed: %s", s->n_errors, s->n_waits, errors);
}

static void expect_answers(const Trial *t)
{
    expect_answers_of(t, t->service_probe.record);
    for (guint i = 0; i < TRIES_MORE && t->again[i].record; i++)
        expect_answers_of(t, t->again[i].record);
}

static void expect_same_process(const Trial *t)
{
    g_autofree char *owner = find_owner(t->arena);
    pid_t pid = find_pid(t->arena);

    if (pid != t->pid)
        fail(t, "the process is %d, it was %d", (int)pid, (int)t->pid);
    if (g_strcmp0(owner, t->owner) != 0)
        fail(t, "the service is %s on the bus, it was %s", owner, t->owner);
}

static void expect_memory(const Trial *t)
{
    if (!ADDRESS_SPACE_IS_LIMITED)
        return;
    if (t->most > t->before + DURING_KIB)
        fail(t, "memory grew by %ld MiB", (t->most - t->before) / 1024);
    if (t->after < 0 || t->after > t->before + AFTER_KIB)
        fail(t, "%ld MiB more are kept afterwards", (t->after - t->before) / 1024);
}

static void expect_reissues(const Trial *t)
{
    const char *error = reissues_error(t->reissues);

    if (reissues_done(t->reissues) != reissues_asked(t->reissues))
        fail(t, "of %u reissues %u are done: %s", reissues_asked(t->reissues), reissues_done(t->reissues),
             error ? error : "the others have not ended");
}

/* Else it was no flood. */
static void expect_flood(const Trial *t)
{
    for (guint i = 0; i < MOST_ACTORS && t->flooders[i].record; i++) {
        const Actor *a = &t->flooders[i];

        if (a->record->sent == 0)
            fail(t, "%s has sent nothing", flood_user(i));
        if (a->status != 0)
            fail(t, "%s ended badly (status 0x%x)", flood_user(i), (unsigned)a->status);
    }
}

static void trial_clear(Trial *t)
{
    for (guint i = 0; i < MOST_ACTORS && t->flooders[i].record; i++)
        actor_clear(&t->flooders[i]);
    clients_clear(&t->bare_probe);
    for (guint i = 0; i < TRIES_MORE; i++)
        if (t->again[i].record)
            clients_clear(&t->again[i]);
    clients_clear(&t->service_probe);
    clients_clear(&t->control_probe);
    actor_clear(&t->control);
    reissues_free(t->reissues);
    memory_watch_free(t->memory);
    g_free(t->owner);
}

void trial_run(const Arena *a, const Flood *f)
{
    Trial t = { .arena = a, .flood = f };

    trial_begin(&t);
    flood(&t, "flood", t.flooders, t.reissues);
    trial_end(&t);
    flood_control(&t);
    measure_again(&t);
    actors_stop(&t.control, 1, 0);
    report(&t);
    expect_flood(&t);
    expect_answers(&t);
    expect_wait(&t, "p99", 990, P99_USEC);
    expect_wait(&t, "the longest wait", 1000, LONGEST_USEC);
    expect_same_process(&t);
    expect_memory(&t);
    expect_reissues(&t);
    trial_clear(&t);
}
