/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bus/files.h"
#include "../bus/process.h"
#include "invariants.h"
#include "steps.h"

/* A minute of random steps (ten with CERTWRIGHT_TESTS_FULL=1), as the seed chooses them, and after each of them all that
 * has to be true whatever happened. */

#define SETTLE_SECONDS 120
#define LOG_LINES      40       /* shown after a failure */
#define ALLOWED        "daemon" /* a user that Debian has */

static const char *const names[] = { "a.example.net", "b.example.net", "c.example.net",   "d.example.net",
                                     "e.example.net", "f.example.net", "*.w.example.net", "printer.local" };
static const char *const modules[] = { "web", "mail", "vpn" };

void driver_say(const Driver *d, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_test_message("step %u: %s", d->step, text);
}

/* The end of it, without what the driver itself asked for all the time. */
static void print_log(const char *log)
{
    g_auto(GStrv) lines = g_strsplit(log ? log : "", "\n", -1);
    g_autoptr(GPtrArray) told = g_ptr_array_new();

    for (char **line = lines; *line; line++)
        if (**line && !strstr(*line, " asked for ExportRoot of root: done"))
            g_ptr_array_add(told, *line);
    for (guint i = told->len > LOG_LINES ? told->len - LOG_LINES : 0; i < told->len; i++)
        g_test_message("log: %s", (const char *)g_ptr_array_index(told, i));
}

void driver_fail(Driver *d, const char *format, ...)
{
    g_autofree char *text = NULL, *log = file_read(d->fixture->daemon_log);
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_log(log);
    g_error("seed %u, step %u: %s", d->seed, d->step, text);
    abort();
}

guint driver_choose(const Driver *d, guint n)
{
    return (guint)g_rand_int_range(d->random, 0, (gint32)n);
}

gboolean driver_chance(const Driver *d, guint percent)
{
    return driver_choose(d, 100) < percent;
}

const char *driver_choose_name(const Driver *d)
{
    return names[driver_choose(d, G_N_ELEMENTS(names))];
}

const char *driver_choose_module(const Driver *d)
{
    return modules[driver_choose(d, G_N_ELEMENTS(modules))];
}

gint64 driver_now(const Driver *d)
{
    return time(NULL) + d->believed;
}

/* ---- calls */

gboolean driver_lists(const char *errors, const char *name)
{
    g_auto(GStrv) l = g_strsplit(errors, " ", -1);

    return *name && g_strv_contains((const char *const *)l, name);
}

static gboolean call(Driver *d, GDBusConnection *c, const char *path, const char *interface,
                     const char *member, GVariant *arguments, const char *may_fail)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;

    g_clear_pointer(&d->reply, g_variant_unref);
    d->reply = client_call(c, path, interface, member, arguments, &error);
    name = client_error_name(error);
    if (error && !driver_lists(may_fail, name))
        driver_fail(d, "%s of %s: %s", member, path, error->message);
    if (error)
        driver_say(d, "%s: %s", member, name);
    return d->reply != NULL;
}

gboolean driver_call(Driver *d, GDBusConnection *c, const char *path, const char *interface,
                     const char *member, GVariant *arguments, const char *may_fail)
{
    gboolean succeeded =
        call(d, c, path, interface, member, arguments, d->polkit_is_down ? "NotAuthorized" : may_fail);

    if (succeeded && d->polkit_is_down)
        driver_fail(d, "%s is allowed without polkit", member);
    return succeeded;
}

gboolean driver_call_public(Driver *d, GDBusConnection *c, const char *path, const char *interface,
                            const char *member, GVariant *arguments, const char *may_fail)
{
    return call(d, c, path, interface, member, arguments, may_fail);
}

static guint count_jobs(const Driver *d)
{
    g_autoptr(GVariant) value = client_get(d->stranger, PATH, MANAGER, "JobsRunning");

    return g_variant_get_uint32(value);
}

/* Twice in a row, since one thing leads to another. */
void driver_settle(Driver *d)
{
    gint64 end = g_get_monotonic_time() + SETTLE_SECONDS * G_USEC_PER_SEC;

    for (int quiet = 0; quiet < 2;) {
        guint n = count_jobs(d);

        quiet = n == 0 ? quiet + 1 : 0;
        if (n > 0 && g_get_monotonic_time() > end)
            driver_fail(d, "%u jobs did not end in %d seconds", n, SETTLE_SECONDS);
        wait_milliseconds(30);
    }
}

void driver_restarted(Driver *d)
{
    mirror_reset(d->mirror);
    service_start(d->service);
}

/* ---- a machine */

static const char rules[] =
    "polkit.addRule(function(action, subject) {\n"
    "    if (subject.user == '" ALLOWED "' && (action.id == 'org.certwright1.register' ||\n"
    "        action.id == 'org.certwright1.upload')) return polkit.Result.YES;\n"
    "});\n";

static Driver *driver_new(guint32 seed)
{
    Driver *d = g_new0(Driver, 1);

    d->seed = seed;
    d->fixture = fixture_new(FIXTURE_NO_DAEMON, NULL);
    fixture_set_rules(d->fixture, rules);
    d->service = service_new(d->fixture);
    d->pki = pki_new(d->fixture->directory);
    d->pebble = pebble_new(d->fixture->directory, d->pki);
    d->model = model_new();
    d->secrets = g_ptr_array_new_with_free_func(g_free);
    d->root = g_object_ref(d->fixture->root);
    d->allowed = client_connect(d->fixture, fixture_uid(ALLOWED));
    d->stranger = client_connect(d->fixture, fixture_uid("nobody"));
    d->random = g_rand_new_with_seed(seed);
    if (!d->pebble)
        g_test_message("there is no pebble (see tests/install-dependencies): nothing is ordered");
    steps_begin(d);
    service_start(d->service);
    d->mirror = mirror_new(d->fixture);
    return d;
}

static void driver_free(Driver *d)
{
    char *fault;

    service_end(d->service, SIGTERM);
    fault = service_find_fault(d->service);
    if (fault)
        driver_fail(d, "%s", fault);
    mirror_free(d->mirror);
    if (d->pebble)
        pebble_free(d->pebble);
    pki_free(d->pki);
    model_free(d->model);
    service_free(d->service);
    g_ptr_array_unref(d->secrets);
    g_clear_pointer(&d->reply, g_variant_unref);
    g_rand_free(d->random);
    g_object_unref(d->root);
    g_object_unref(d->allowed);
    g_object_unref(d->stranger);
    fixture_free(d->fixture);
    g_free(d);
}

static guint32 choose_seed(void)
{
    const char *text = g_getenv("CERTWRIGHT_TESTS_SEED");

    return text && *text ? (guint32)g_ascii_strtoull(text, NULL, 10) : g_random_int();
}

static void begin_step(Driver *d)
{
    const guint32 seeds[] = { d->seed, ++d->step };

    g_rand_set_seed_array(d->random, seeds, G_N_ELEMENTS(seeds));
}

static void summarize(const Driver *d)
{
    guint idle, signals = mirror_n_signals(d->mirror, &idle);

    g_test_message(
        "%u steps, %u signals (%u without a change), the service ended %u times, %u of them killed", d->step,
        signals, idle, service_n_ends(d->service), d->service->killed);
    g_test_message("chains that were looked at: %u uploaded, %u from Pebble, %u local", d->checked[0],
                   d->checked[1], d->checked[2]);
}

static void test_random(void)
{
    guint32 seed = choose_seed();
    gboolean full = g_strcmp0(g_getenv("CERTWRIGHT_TESTS_FULL"), "1") == 0;
    gint64 end;
    Driver *d;

    g_test_message("seed %u: CERTWRIGHT_TESTS_SEED=%u chooses the same steps again", seed, seed);
    if (!network_enter()) {
        g_test_skip("there can be no network of its own here");
        return;
    }
    d = driver_new(seed);
    invariants_check(d);
    end = g_get_monotonic_time() + (full ? 600 : 60) * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < end) {
        begin_step(d);
        steps_take(d);
        invariants_check(d);
    }
    summarize(d);
    driver_free(d);
}

static void add(void)
{
    g_test_add_func("/driver/random", test_random);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
