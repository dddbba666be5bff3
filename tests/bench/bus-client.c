/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bus-client BUSNAME COMMAND...: asks a service on the system bus and measures its answers. Times are in
 * milliseconds, as the caller sees them, until the whole reply is in memory; results are key=value lines.
 *
 *   get-managed REPEAT                            GetManagedObjects; counts certificates and the valid ones
 *   get-property PATH INTERFACE PROPERTY REPEAT   Properties.Get
 *   list drop|print                               GetManagedObjects once, and drops the reply or prints a line for
 *                                                 each certificate instead of a result
 *   first-answer [START]                          until Peer.Ping is answered
 *   first-chain NAME                              until GetCertificate is answered for a name, and its certificate is
 *                                                 valid; the service is started by the call
 *   wait-issued N SECONDS NAME                    until N certificates, the last one NAME, have a chain
 *   wait-acme N SECONDS                           until N certificates are served from an ACME authority
 *   reissue-all SECONDS                           ReissueAll until the last of its jobs is removed; asks for a
 *                                                 property each millisecond meanwhile
 *   upload PARALLEL FILE...                       UploadFd of each file, PARALLEL at a time; every one has to be
 *                                                 served by a certificate
 *
 * START is when the service was started, as $EPOCHREALTIME of bash gives it; without it, now. wait-issued
 * and wait-acme print "ready" as soon as they listen and then read START from their standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "program.h"

#define MANAGER_PATH       "/org/certwright1"
#define MANAGER_INTERFACE  "org.certwright1.Manager"
#define CALL_USEC          (UINT64_C(120) * 1000 * 1000)
#define START_MS           30000.0
#define CERTIFICATE_PREFIX "/org/certwright1/certificate"
#define QUIET_USEC         (UINT64_C(50) * 1000)
#define PROBE_USEC         1000
#define SAMPLES_MAX        1000000L
#define PARALLEL_MAX       64

#define _unused_ __attribute__((unused))

/* Object paths, each once: a signal that comes twice is not counted twice. */
typedef struct PathSet {
    void *tree;
    size_t n;
} PathSet;

typedef struct Client {
    sd_bus *bus;
    const char *service;
    double *samples;
    size_t n_samples;
    PathSet changed; /* certificates whose ChainChanged was seen */
    bool owned;
} Client;

static int check(int r, const char *what)
{
    if (r < 0)
        fatal("%s: %s.", what, strerror(-r));
    return r;
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

static int compare_paths(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

static bool path_set_has(const PathSet *s, const char *path)
{
    return tfind(path, (void *const *)&s->tree, compare_paths) != NULL;
}

/* False if it is there already. */
static bool path_set_add(PathSet *s, const char *path)
{
    char *copy;

    if (path_set_has(s, path))
        return false;
    copy = strdup(path);
    if (!copy || !tsearch(copy, &s->tree, compare_paths))
        fatal("Out of memory.");
    s->n++;
    return true;
}

static void path_set_done(PathSet *s)
{
    tdestroy(s->tree, free);
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

/* The value of a variant, at the current position, if it is text or a time. */
static void print_value(sd_bus_message *m)
{
    const char *contents, *text;
    int64_t t;

    check(sd_bus_message_peek_type(m, NULL, &contents), "Reading a property");
    if (strcmp(contents, "s") == 0 && check(sd_bus_message_read(m, "v", "s", &text), "Reading a property"))
        printf("%s ", text);
    else if (strcmp(contents, "x") == 0 && check(sd_bus_message_read(m, "v", "x", &t), "Reading a property"))
        printf("%lld ", (long long)t);
    else
        check(sd_bus_message_skip(m, "v"), "Reading a property");
}

/* Whether the properties of one interface, at the current position, say that the certificate is valid. */
static bool read_properties(sd_bus_message *m, bool print)
{
    const char *property, *state;
    bool valid = false, any = false;

    check(sd_bus_message_enter_container(m, 'a', "{sv}"), "Reading properties");
    while (check(sd_bus_message_enter_container(m, 'e', "sv"), "Reading a property") > 0) {
        check(sd_bus_message_read_basic(m, 's', &property), "Reading a property");
        if (print) {
            print_value(m);
            any = true;
        } else if (strcmp(property, "State") == 0 && sd_bus_message_read(m, "v", "s", &state) > 0)
            valid = strcmp(state, "valid") == 0;
        else
            check(sd_bus_message_skip(m, "v"), "Reading a property");
        check(sd_bus_message_exit_container(m), "Reading a property");
    }
    check(sd_bus_message_exit_container(m), "Reading properties");
    if (any)
        putchar('\n');
    return valid;
}

/* The root is an object too, but not one of those that are counted. */
static bool is_certificate(const char *path)
{
    return strncmp(path, CERTIFICATE_PREFIX "/", sizeof(CERTIFICATE_PREFIX "/") - 1) == 0;
}

static void read_objects(sd_bus_message *m, bool print, long *ret_certificates, long *ret_valid)
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
            valid += read_properties(m, print) && is_certificate(path);
            check(sd_bus_message_exit_container(m), "Reading an interface");
        }
        check(sd_bus_message_exit_container(m), "Reading interfaces");
        check(sd_bus_message_exit_container(m), "Reading an object");
    }
    *ret_certificates = certificates;
    *ret_valid = valid;
}

static sd_bus_message *client_get_objects(Client *c)
{
    return client_call(c, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                       NULL);
}

static void client_get_managed(Client *c, long *ret_certificates, long *ret_valid)
{
    double since = now_ms();
    sd_bus_message *reply = client_get_objects(c);

    client_add_sample(c, now_ms() - since);
    read_objects(reply, false, ret_certificates, ret_valid);
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

static void command_list(Client *c, char **arguments)
{
    bool print = strcmp(arguments[0], "print") == 0;
    sd_bus_message *reply = client_get_objects(c);
    long certificates, valid;

    if (print)
        read_objects(reply, true, &certificates, &valid);
    else if (strcmp(arguments[0], "drop") != 0)
        fatal("\"%s\" is neither drop nor print.", arguments[0]);
    sd_bus_message_unref(reply);
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

    if (sd_bus_message_read(m, "o", &path) > 0 && is_certificate(path))
        path_set_add(&((Client *)userdata)->changed, path);
    return 0;
}

static void client_watch_chains(Client *c, sd_bus_message_handler_t handler)
{
    check(sd_bus_add_match(c->bus, NULL,
                           "type='signal',interface='" MANAGER_INTERFACE "',member='ChainChanged'", handler,
                           c),
          "Watching for changed chains");
}

static bool client_is_valid(Client *c, const char *path)
{
    char *state = NULL;
    bool valid;

    valid = sd_bus_get_property_string(c->bus, c->service, path, "org.certwright1.Certificate", "State",
                                       NULL, &state) >= 0 &&
            strcmp(state, "valid") == 0;
    free(state);
    return valid;
}

static pid_t client_get_pid(Client *c)
{
    sd_bus_creds *creds = NULL;
    pid_t pid;

    check(sd_bus_get_name_creds(c->bus, c->service, SD_BUS_CREDS_PID, &creds),
          "Finding the service's process");
    check(sd_bus_creds_get_pid(creds, &pid), "Finding the service's process");
    sd_bus_creds_unref(creds);
    return pid;
}

/* Signals are subscribed to before the service is started, so the last one cannot be missed. */
static void command_first_chain(Client *c, char **arguments)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *path;
    double start;

    client_watch_chains(c, on_chain_changed);
    start = now_ms();
    if (sd_bus_call_method(c->bus, c->service, MANAGER_PATH, MANAGER_INTERFACE, "GetCertificate", &error,
                           &reply, "s", arguments[0]) < 0)
        fatal("GetCertificate failed: %s.", error.message);
    check(sd_bus_message_read(reply, "o", &path), "Reading the reply");
    while (!client_is_valid(c, path)) {
        client_process(c, QUIET_USEC);
        if (now_ms() - start > START_MS)
            fatal("%s is not valid after %.0f s.", arguments[0], START_MS / 1e3);
    }
    printf("first_chain_ms=%.3f\npid=%d\n", now_ms() - start, (int)client_get_pid(c));
    sd_bus_message_unref(reply);
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
    char *last = NULL;

    check(sd_bus_path_encode(CERTIFICATE_PREFIX, arguments[2], &last), "Encoding a name");
    client_watch_owner(c);
    client_watch_chains(c, on_chain_changed);
    start = read_start();
    while ((long)c->changed.n < n && valid < n) {
        if (!client_process(c, QUIET_USEC) && c->owned && client_is_valid(c, last))
            client_get_managed(c, &certificates, &valid);
        if (now_ms() > start + duration)
            fatal("%zu of %ld certificates were announced and %ld seen valid in %s s.", c->changed.n, n,
                  valid, arguments[1]);
    }
    printf("issued_ms=%.3f\nannounced=%zu\nmeasured_by=%s\n", now_ms() - start, c->changed.n,
           (long)c->changed.n >= n ? "signals" : "asking");
    free(last);
}

static int on_acme_chain(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    const char *path, *name, *source;

    if (sd_bus_message_read(m, "oss", &path, &name, &source) > 0 && is_certificate(path) &&
        strcmp(source, "acme") == 0)
        path_set_add(&((Client *)userdata)->changed, path);
    return 0;
}

/* An order takes longer than the service needs to get its connection: no signal is missed. */
static void command_wait_acme(Client *c, char **arguments)
{
    long n = parse_number(arguments[0], SAMPLES_MAX);
    double duration = (double)parse_number(arguments[1], 36000) * 1e3, start;

    client_watch_owner(c);
    client_watch_chains(c, on_acme_chain);
    start = read_start();
    while ((long)c->changed.n < n) {
        client_process(c, QUIET_USEC);
        if (now_ms() > start + duration)
            fatal("%zu of %ld certificates came from the authority in %s s.", c->changed.n, n, arguments[1]);
    }
    printf("issued_ms=%.3f\n", now_ms() - start);
}

/*
 * ReissueAll replies with the paths of its jobs, which may have ended before: their ends are collected from before
 * the call on. It is over when each of these jobs, and no other, has been removed. The answers are measured on
 * a second connection, because the first one is busy with signals.
 */
typedef struct Reissue {
    sd_event *event;
    sd_event_source *next_probe;
    Client *asker;
    PathSet jobs, removed;
    bool replied;
    size_t left;
    double asked, ended; /* when the last question was put; when the last job was removed, or 0 */
} Reissue;

static void reissue_check_end(Reissue *r)
{
    if (!r->replied || r->left > 0)
        return;
    if (r->ended <= 0)
        r->ended = now_ms();
    if (r->asker->n_samples > 0)
        check(sd_event_exit(r->event, 0), "Ending");
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Reissue *r = (Reissue *)userdata;
    const char *job, *result;

    check(sd_bus_message_read(m, "os", &job, &result), "Reading JobRemoved");
    if (strcmp(result, "done") != 0)
        fatal("The job %s ended with \"%s\".", job, result);
    if (path_set_add(&r->removed, job) && r->replied && path_set_has(&r->jobs, job))
        r->left--;
    reissue_check_end(r);
    return 0;
}

static int on_reissued(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Reissue *r = (Reissue *)userdata;
    const char *job;

    if (sd_bus_message_is_method_error(m, NULL))
        fatal("ReissueAll failed: %s.", sd_bus_message_get_error(m)->message);
    check(sd_bus_message_enter_container(m, 'a', "o"), "Reading jobs");
    while (check(sd_bus_message_read_basic(m, 'o', &job), "Reading a job") > 0)
        if (path_set_add(&r->jobs, job) && !path_set_has(&r->removed, job))
            r->left++;
    r->replied = true;
    reissue_check_end(r);
    return 0;
}

static int on_probed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Reissue *r = (Reissue *)userdata;

    if (sd_bus_message_is_method_error(m, NULL))
        fatal("Get failed: %s.", sd_bus_message_get_error(m)->message);
    client_add_sample(r->asker, now_ms() - r->asked);
    check(sd_event_source_set_time_relative(r->next_probe, PROBE_USEC), "Setting a timer");
    check(sd_event_source_set_enabled(r->next_probe, SD_EVENT_ONESHOT), "Setting a timer");
    reissue_check_end(r);
    return 0;
}

static int on_probe(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Reissue *r = (Reissue *)userdata;

    r->asked = now_ms();
    return check(sd_bus_call_method_async(r->asker->bus, NULL, r->asker->service, MANAGER_PATH,
                                          "org.freedesktop.DBus.Properties", "Get", on_probed, r, "ss",
                                          MANAGER_INTERFACE, "JobsRunning"),
                 "Get");
}

static int on_time_over(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Reissue *r = (Reissue *)userdata;

    fatal("%zu of %zu jobs were not removed when the time was over.", r->left, r->jobs.n);
}

static void reissue_prepare(Reissue *r, Client *c, uint64_t seconds)
{
    check(sd_event_default(&r->event), "Making an event loop");
    check(sd_bus_open_system(&r->asker->bus), "Connecting to the system bus");
    check(sd_bus_set_method_call_timeout(c->bus, CALL_USEC), "Setting a timeout");
    check(sd_bus_add_match(c->bus, NULL,
                           "type='signal',interface='" MANAGER_INTERFACE "',member='JobRemoved'",
                           on_job_removed, r),
          "Watching for removed jobs");
    check(sd_bus_attach_event(c->bus, r->event, SD_EVENT_PRIORITY_NORMAL), "Attaching");
    check(sd_bus_attach_event(r->asker->bus, r->event, SD_EVENT_PRIORITY_IMPORTANT), "Attaching");
    check(sd_event_add_time_relative(r->event, &r->next_probe, CLOCK_MONOTONIC, 0, 1, on_probe, r),
          "Adding a timer");
    check(sd_event_add_time_relative(r->event, NULL, CLOCK_MONOTONIC, seconds * 1000 * 1000, 0, on_time_over,
                                     r),
          "Adding a timer");
}

static void command_reissue_all(Client *c, char **arguments)
{
    Client asker = { .service = c->service, .samples = c->samples };
    Reissue reissue = { .asker = &asker };
    double start;

    reissue_prepare(&reissue, c, (uint64_t)parse_number(arguments[0], 36000));
    start = now_ms();
    check(sd_bus_call_method_async(c->bus, NULL, c->service, MANAGER_PATH, MANAGER_INTERFACE, "ReissueAll",
                                   on_reissued, &reissue, "a{sv}", 0),
          "ReissueAll");
    check(sd_event_loop(reissue.event), "Waiting for jobs");
    printf("jobs=%zu\nreissued_ms=%.3f\n", reissue.jobs.n, reissue.ended - start);
    client_print_samples(&asker);
    path_set_done(&reissue.jobs);
    path_set_done(&reissue.removed);
    sd_bus_flush_close_unref(asker.bus);
    sd_bus_detach_event(c->bus);
    sd_event_source_unref(reissue.next_probe);
    sd_event_unref(reissue.event);
}

typedef struct Uploads {
    Client *client;
    char **next; /* files that are still to be sent; ends with NULL */
    size_t done, sent;
} Uploads;

/* One upload at a time. */
typedef struct Slot {
    Uploads *uploads;
    const char *file;
    double since;
} Slot;

static void slot_send(Slot *s);

static int on_uploaded(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Slot *s = (Slot *)userdata;
    const char *path;

    if (sd_bus_message_is_method_error(m, NULL))
        fatal("Uploading %s failed: %s", s->file, sd_bus_message_get_error(m)->message);
    client_add_sample(s->uploads->client, now_ms() - s->since);
    check(sd_bus_message_enter_container(m, 'a', "o"), "Reading certificates");
    if (check(sd_bus_message_read_basic(m, 'o', &path), "Reading a certificate") == 0)
        fatal("No certificate serves %s.", s->file);
    s->uploads->done++;
    slot_send(s);
    return 0;
}

static void slot_send(Slot *s)
{
    Client *c = s->uploads->client;
    sd_bus_message *call = NULL;
    int fd;

    if (!*s->uploads->next)
        return;
    s->file = *s->uploads->next++;
    s->since = now_ms();
    fd = open(s->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fatal("Cannot open %s: %s.", s->file, strerror(errno));
    check(sd_bus_message_new_method_call(c->bus, &call, c->service, MANAGER_PATH, MANAGER_INTERFACE,
                                         "UploadFd"),
          "UploadFd");
    check(sd_bus_message_append(call, "ha{sv}", fd, 0), "UploadFd");
    check(sd_bus_call_async(c->bus, NULL, call, on_uploaded, s, CALL_USEC), "UploadFd");
    sd_bus_message_unref(call);
    close(fd);
    s->uploads->sent++;
}

static void command_upload(Client *c, char **arguments)
{
    Uploads uploads = { .client = c, .next = arguments + 1 };
    Slot slots[PARALLEL_MAX];
    long parallel = parse_number(arguments[0], PARALLEL_MAX);
    double start = now_ms();

    for (long i = 0; i < parallel; i++) {
        slots[i] = (Slot){ .uploads = &uploads };
        slot_send(&slots[i]);
    }
    while (uploads.done < uploads.sent)
        client_process(c, UINT64_MAX);
    printf("uploads=%zu\nuploaded_ms=%.3f\n", uploads.done, now_ms() - start);
    client_print_samples(c);
}

typedef struct Command {
    const char *name;
    int min, max; /* arguments */
    void (*run)(Client *c, char **arguments);
} Command;

static const Command commands[] = {
    { "get-managed", 1, 1, command_get_managed },
    { "get-property", 4, 4, command_get_property },
    { "list", 1, 1, command_list },
    { "first-answer", 0, 1, command_first_answer },
    { "first-chain", 1, 1, command_first_chain },
    { "wait-issued", 3, 3, command_wait_issued },
    { "wait-acme", 2, 2, command_wait_acme },
    { "reissue-all", 1, 1, command_reissue_all },
    { "upload", 2, INT_MAX, command_upload },
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
            "list drop|print | first-answer [START] | first-chain NAME | wait-issued N SECONDS NAME |\n"
            "wait-acme N SECONDS | reissue-all SECONDS | upload PARALLEL FILE...");

    client.service = argv[1];
    client.samples = (double *)calloc((size_t)SAMPLES_MAX, sizeof(double));
    if (!client.samples)
        fatal("Out of memory.");
    check(sd_bus_open_system(&client.bus), "Connecting to the system bus");
    command->run(&client, argv + 3);
    sd_bus_flush_close_unref(client.bus);
    path_set_done(&client.changed);
    free(client.samples);
    return EXIT_SUCCESS;
}
