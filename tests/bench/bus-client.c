/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bus-client BUSNAME COMMAND...: asks a service on the system bus and measures its answers. Times are in
 * milliseconds, as the caller sees them, until the whole reply is in memory; results are key=value lines.
 *
 *   get-managed REPEAT                            GetManagedObjects; counts certificates and the valid ones
 *   get-property PATH INTERFACE PROPERTY REPEAT   Properties.Get
 *   first-answer [START]                          until Peer.Ping is answered
 *   wait-issued N SECONDS NAME                    until N certificates, the last one NAME, have a chain
 *   wait-acme N SECONDS                           until N certificates are served from an ACME authority
 *   reissue-all SECONDS                           ReissueAll; asks for a property each millisecond meanwhile
 *
 * START is when the service was started, as $EPOCHREALTIME of bash gives it; without it, now. wait-issued
 * and wait-acme print "ready" as soon as they listen and then read START from their standard input.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-bus.h>

#define MANAGER_PATH       "/org/certwright1"
#define MANAGER_INTERFACE  "org.certwright1.Manager"
#define CALL_USEC          (UINT64_C(120) * 1000 * 1000)
#define START_MS           30000.0
#define CERTIFICATE_PREFIX "/org/certwright1/certificate"
#define QUIET_USEC         (UINT64_C(50) * 1000)
#define PROBE_USEC         1000
#define SAMPLES_MAX        1000000L

#define _unused_ __attribute__((unused))

typedef struct Client {
    sd_bus *bus;
    const char *service;
    double *samples;
    size_t n_samples;
    long changed; /* ChainChanged signals seen */
    bool owned;
    bool replied;
    long jobs;
} Client;

__attribute__((noreturn, format(printf, 1, 2))) static void fatal(const char *format, ...)
{
    va_list args;

    fputs("bus-client: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static int check(int r, const char *what)
{
    if (r < 0)
        fatal("%s: %s.", what, strerror(-r));
    return r;
}

static long parse_number(const char *text, long max)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end || n < 1 || n > max)
        fatal("\"%s\" is not a number between 1 and %ld.", text, max);
    return n;
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double parse_start(const char *text)
{
    char *end;
    double start;

    start = strtod(text, &end) * 1e3;
    if (end == text || (*end && *end != '\n') || start > now_ms())
        fatal("\"%s\" is not a time in the past, in seconds since 1970.", text);
    return start;
}

static void client_add_sample(Client *c, double ms)
{
    if (c->n_samples < (size_t)SAMPLES_MAX)
        c->samples[c->n_samples++] = ms;
}

static int compare_samples(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void client_print_samples(Client *c)
{
    size_t n = c->n_samples;

    if (n == 0)
        fatal("There was nothing to measure.");
    qsort(c->samples, n, sizeof(double), compare_samples);
    printf("calls=%zu\nmin_ms=%.3f\nmedian_ms=%.3f\np99_ms=%.3f\nmax_ms=%.3f\n", n, c->samples[0],
           c->samples[n / 2], c->samples[n * 99 / 100], c->samples[n - 1]);
}

/* A method call without arguments or with up to three strings; the caller frees the reply. */
static sd_bus_message *client_call(Client *c, const char *path, const char *interface, const char *member,
                                   const char *first, const char *second)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *call = NULL, *reply = NULL;
    int r;

    check(sd_bus_message_new_method_call(c->bus, &call, c->service, path, interface, member), member);
    if (first)
        check(sd_bus_message_append(call, "ss", first, second), member);
    r = sd_bus_call(c->bus, call, CALL_USEC, &error, &reply);
    if (r < 0)
        fatal("%s on %s failed: %s.", member, path, error.message ? error.message : strerror(-r));
    sd_bus_message_unref(call);
    sd_bus_error_free(&error);
    return reply;
}

/* Whether the properties of one interface, at the current position, say that the certificate is valid. */
static bool read_properties(sd_bus_message *m)
{
    const char *property, *state;
    bool valid = false;

    check(sd_bus_message_enter_container(m, 'a', "{sv}"), "Reading properties");
    while (check(sd_bus_message_enter_container(m, 'e', "sv"), "Reading a property") > 0) {
        check(sd_bus_message_read_basic(m, 's', &property), "Reading a property");
        if (strcmp(property, "State") == 0 && sd_bus_message_read(m, "v", "s", &state) > 0)
            valid = strcmp(state, "valid") == 0;
        else
            check(sd_bus_message_skip(m, "v"), "Reading a property");
        check(sd_bus_message_exit_container(m), "Reading a property");
    }
    check(sd_bus_message_exit_container(m), "Reading properties");
    return valid;
}

/* The root is an object too, but not one of those that are counted. */
static bool is_certificate(const char *path)
{
    return strncmp(path, CERTIFICATE_PREFIX "/", sizeof(CERTIFICATE_PREFIX "/") - 1) == 0;
}

static void count_objects(sd_bus_message *m, long *ret_certificates, long *ret_valid)
{
    const char *path, *interface;
    long certificates = 0, valid = 0;

    check(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}"), "Reading objects");
    while (check(sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}"), "Reading an object") > 0) {
        check(sd_bus_message_read_basic(m, 'o', &path), "Reading an object");
        certificates += is_certificate(path);
        check(sd_bus_message_enter_container(m, 'a', "{sa{sv}}"), "Reading interfaces");
        while (check(sd_bus_message_enter_container(m, 'e', "sa{sv}"), "Reading an interface") > 0) {
            check(sd_bus_message_read_basic(m, 's', &interface), "Reading an interface");
            valid += read_properties(m) && is_certificate(path);
            check(sd_bus_message_exit_container(m), "Reading an interface");
        }
        check(sd_bus_message_exit_container(m), "Reading interfaces");
        check(sd_bus_message_exit_container(m), "Reading an object");
    }
    *ret_certificates = certificates;
    *ret_valid = valid;
}

static void client_get_managed(Client *c, long *ret_certificates, long *ret_valid)
{
    double since = now_ms();
    sd_bus_message *reply =
        client_call(c, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, NULL);

    client_add_sample(c, now_ms() - since);
    count_objects(reply, ret_certificates, ret_valid);
    sd_bus_message_unref(reply);
}

static void command_get_managed(Client *c, char **arguments)
{
    long repeat = parse_number(arguments[0], SAMPLES_MAX), certificates = 0, valid = 0;

    while (repeat-- > 0)
        client_get_managed(c, &certificates, &valid);
    printf("certificates=%ld\nvalid=%ld\n", certificates, valid);
    client_print_samples(c);
}

static void client_get_property(Client *c, const char *path, const char *interface, const char *property)
{
    double since = now_ms();
    sd_bus_message *reply =
        client_call(c, path, "org.freedesktop.DBus.Properties", "Get", interface, property);

    client_add_sample(c, now_ms() - since);
    sd_bus_message_unref(reply);
}

static void command_get_property(Client *c, char **arguments)
{
    long repeat = parse_number(arguments[3], SAMPLES_MAX);

    while (repeat-- > 0)
        client_get_property(c, arguments[0], arguments[1], arguments[2]);
    client_print_samples(c);
}

/* Processes what is there, or waits for more until the time is over; false when it is. */
static bool client_process(Client *c, uint64_t wait_usec)
{
    int r = check(sd_bus_process(c->bus, NULL), "Processing messages");

    if (r == 0)
        r = check(sd_bus_wait(c->bus, wait_usec), "Waiting for messages");
    return r > 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Client *c = (Client *)userdata;
    const char *name, *former, *owner;

    if (sd_bus_message_read(m, "sss", &name, &former, &owner) > 0 && strcmp(name, c->service) == 0)
        c->owned = *owner;
    return 0;
}

static void client_watch_owner(Client *c)
{
    char *match;

    if (asprintf(&match, "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                 c->service) < 0)
        fatal("Out of memory.");
    check(sd_bus_add_match(c->bus, NULL, match, on_owner_changed, c), "Watching the name");
    free(match);
}

/* The call itself activates the service where that is configured; where not, it waits for the name. */
static void client_ping(Client *c, double start)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    for (;;) {
        c->owned = false;
        r = sd_bus_call_method(c->bus, c->service, MANAGER_PATH, "org.freedesktop.DBus.Peer", "Ping", &error,
                               NULL, NULL);
        if (r >= 0)
            return;
        if (!sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) &&
            !sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
            fatal("%s does not answer: %s.", c->service, error.message ? error.message : strerror(-r));
        sd_bus_error_free(&error);
        while (!c->owned) {
            client_process(c, QUIET_USEC);
            if (now_ms() - start > START_MS)
                fatal("%s did not appear on the bus within %.0f s.", c->service, START_MS / 1e3);
        }
    }
}

static void command_first_answer(Client *c, char **arguments)
{
    double start = arguments[0] ? parse_start(arguments[0]) : now_ms();

    client_watch_owner(c);
    client_ping(c, start);
    printf("first_answer_ms=%.3f\n", now_ms() - start);
}

static int on_chain_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    const char *path;

    if (sd_bus_message_read(m, "o", &path) > 0)
        ((Client *)userdata)->changed += is_certificate(path);
    return 0;
}

static bool client_is_valid(Client *c, const char *name)
{
    char *path = NULL, *state = NULL;
    bool valid;

    check(sd_bus_path_encode(CERTIFICATE_PREFIX, name, &path), "Encoding a name");
    valid = sd_bus_get_property_string(c->bus, c->service, path, "org.certwright1.Certificate", "State",
                                       NULL, &state) >= 0 &&
            strcmp(state, "valid") == 0;
    free(state);
    free(path);
    return valid;
}

static double read_start(void)
{
    char line[64];

    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        fatal("The time of the start did not come on the standard input.");
    return parse_start(line);
}

/*
 * Counts signals, because asking would disturb what is measured. Chains that were made before the service
 * had its connection are not announced: when no signal comes for a while, one certificate is asked for, and
 * if that is valid, all.
 */
static void command_wait_issued(Client *c, char **arguments)
{
    long n = parse_number(arguments[0], SAMPLES_MAX), certificates, valid = 0;
    double duration = (double)parse_number(arguments[1], 36000) * 1e3, start;

    client_watch_owner(c);
    check(sd_bus_add_match(c->bus, NULL,
                           "type='signal',interface='" MANAGER_INTERFACE "',member='ChainChanged'",
                           on_chain_changed, c),
          "Watching for changed chains");
    start = read_start();
    while (c->changed < n && valid < n) {
        if (!client_process(c, QUIET_USEC) && c->owned && client_is_valid(c, arguments[2]))
            client_get_managed(c, &certificates, &valid);
        if (now_ms() > start + duration)
            fatal("%ld of %ld certificates were announced and %ld seen valid in %s s.", c->changed, n, valid,
                  arguments[1]);
    }
    printf("issued_ms=%.3f\nannounced=%ld\nmeasured_by=%s\n", now_ms() - start, c->changed,
           c->changed >= n ? "signals" : "asking");
}

static int on_acme_chain(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    const char *path, *name, *source;

    if (sd_bus_message_read(m, "oss", &path, &name, &source) > 0)
        ((Client *)userdata)->changed += is_certificate(path) && strcmp(source, "acme") == 0;
    return 0;
}

/* An order takes longer than the service needs to get its connection: no signal is missed. */
static void command_wait_acme(Client *c, char **arguments)
{
    long n = parse_number(arguments[0], SAMPLES_MAX);
    double duration = (double)parse_number(arguments[1], 36000) * 1e3, start;

    client_watch_owner(c);
    check(sd_bus_add_match(c->bus, NULL,
                           "type='signal',interface='" MANAGER_INTERFACE "',member='ChainChanged'",
                           on_acme_chain, c),
          "Watching for changed chains");
    start = read_start();
    while (c->changed < n) {
        client_process(c, QUIET_USEC);
        if (now_ms() > start + duration)
            fatal("%ld of %ld certificates came from the authority in %s s.", c->changed, n, arguments[1]);
    }
    printf("issued_ms=%.3f\n", now_ms() - start);
}

static int on_reissued(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Client *c = (Client *)userdata;
    const char *job;

    if (sd_bus_message_is_method_error(m, NULL))
        fatal("ReissueAll failed: %s.", sd_bus_message_get_error(m)->message);
    check(sd_bus_message_enter_container(m, 'a', "o"), "Reading jobs");
    while (check(sd_bus_message_read_basic(m, 'o', &job), "Reading a job") > 0)
        c->jobs++;
    c->replied = true;
    return 0;
}

static long client_count_jobs(Client *c)
{
    double since = now_ms();
    sd_bus_message *reply = client_call(c, MANAGER_PATH, "org.freedesktop.DBus.Properties", "Get",
                                        MANAGER_INTERFACE, "JobsRunning");
    uint32_t n;

    client_add_sample(c, now_ms() - since);
    check(sd_bus_message_read(reply, "v", "u", &n), "Reading JobsRunning");
    sd_bus_message_unref(reply);
    return n;
}

/* The answers are measured on a second connection: the first one is busy with the call. */
static void command_reissue_all(Client *c, char **arguments)
{
    Client asker = { .service = c->service };
    double start = now_ms(), end = start + (double)parse_number(arguments[0], 36000) * 1e3;
    long jobs = 1;

    check(sd_bus_call_method_async(c->bus, NULL, c->service, MANAGER_PATH, MANAGER_INTERFACE, "ReissueAll",
                                   on_reissued, c, "a{sv}", 0),
          "ReissueAll");
    check(sd_bus_flush(c->bus), "ReissueAll");
    check(sd_bus_open_system(&asker.bus), "Connecting to the system bus");
    asker.samples = c->samples;
    while (!c->replied || jobs > 0) {
        jobs = client_count_jobs(&asker);
        client_process(c, PROBE_USEC);
        if (now_ms() > end)
            fatal("%ld jobs were still running when the time was over.", jobs);
    }
    printf("jobs=%ld\nreissued_ms=%.3f\n", c->jobs, now_ms() - start);
    client_print_samples(&asker);
    sd_bus_flush_close_unref(asker.bus);
}

typedef struct Command {
    const char *name;
    int min, max; /* arguments */
    void (*run)(Client *c, char **arguments);
} Command;

static const Command commands[] = {
    { "get-managed", 1, 1, command_get_managed },   { "get-property", 4, 4, command_get_property },
    { "first-answer", 0, 1, command_first_answer }, { "wait-issued", 3, 3, command_wait_issued },
    { "wait-acme", 2, 2, command_wait_acme },       { "reissue-all", 1, 1, command_reissue_all },
};

int main(int argc, char *argv[])
{
    const Command *command = NULL;
    Client client = { 0 };

    for (size_t i = 0; argc >= 3 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[2], commands[i].name) == 0)
            command = &commands[i];
    if (!command || argc - 3 < command->min || argc - 3 > command->max)
        fatal(
            "Usage: bus-client BUSNAME get-managed REPEAT | get-property PATH INTERFACE PROPERTY REPEAT |\n"
            "first-answer [START] | wait-issued N SECONDS NAME | wait-acme N SECONDS | reissue-all SECONDS");

    client.service = argv[1];
    client.samples = (double *)calloc((size_t)SAMPLES_MAX, sizeof(double));
    if (!client.samples)
        fatal("Out of memory.");
    check(sd_bus_open_system(&client.bus), "Connecting to the system bus");
    command->run(&client, argv + 3);
    sd_bus_flush_close_unref(client.bus);
    free(client.samples);
    return EXIT_SUCCESS;
}
