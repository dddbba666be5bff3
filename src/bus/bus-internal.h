/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <uthash.h>

#include "bus/bus.h"
#include "bus/gate.h"
#include "bus/shares.h"
#include "core/export-format.h"
#include "policy/authorize.h"
#include "util/text.h"

/* Shared by the files of this folder alone. */

#define BUS_NAME              "org.certwright1"
#define BUS_PATH              "/org/certwright1"
#define BUS_PATH_ROOT         BUS_PATH "/root"
#define BUS_PATH_CERTIFICATES BUS_PATH "/certificate"
#define BUS_PATH_JOBS         BUS_PATH "/job"
#define INTERFACE_MANAGER     "org.certwright1.Manager"
#define INTERFACE_CERTIFICATE "org.certwright1.Certificate"
#define INTERFACE_JOB         "org.certwright1.Job"
#define ERROR_PREFIX          "org.certwright1.Error."

typedef struct Change Change;
typedef struct JobChange JobChange;
typedef struct EndedJob EndedJob;

/* Of everything that a flood of calls could keep busy for ever, so that each gets its turn, and whatever is under way goes
 * first. */
#define BUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/* The room for texts in an answer to GetManagedObjects (bus-brevity.c). */
typedef struct Brevity {
    size_t n, size; /* number and bytes of what every certificate has */
    size_t share, left;
    const Certificate *current;
    bool brief;
} Brevity;

/* A connection to the bus behind its gate. */
typedef struct Link {
    Bus *owner;
    sd_bus *bus;
    Gate *gate;
    sd_event_source *readable, *more;
} Link;

/* Properties of the manager that change often. */
typedef struct Counts {
    size_t certificates, jobs;
    int64_t wake;
    char root[65];
} Counts;

struct Bus {
    sd_event *event;
    Manager *manager;

    /* The connections (connection.c): made again when one is lost. bus is that of calls; it is there throughout, if only
     * closed. */
    sd_bus *bus;
    Link calls, questions;
    Shares *shares;
    Authorizer *authorizer;
    sd_bus_slot *slots[16];
    size_t n_slots;
    unsigned connection; /* its number; calls of a former one are not answered */
    bool owns_name, was_ready;
    sd_event_source *reconnect;
    uint64_t reconnect_usec; /* until the next attempt */
    sd_event_source *stall_timer;
    uint64_t stalled_since; /* CLOCK_MONOTONIC; 0: it moves */
    uint64_t unwritten;     /* messages and bytes, at the last look */
    int unsent;

    Change *changes;        /* to be told of, by certificate */
    JobChange *job_changes; /* by job */
    bool counts_changed;
    Counts told;
    STAILQ_HEAD(, EndedJob) root_jobs; /* whose end is told when all changes are */
    sd_event_source *changes_source;
    sd_event_source *progress_timer; /* for what is not told yet since progress was told a moment ago */
    uint64_t progress_told;          /* CLOCK_MONOTONIC, usec */

    Brevity brevity;
    size_t n_calls;    /* that are not answered yet */
    size_t n_starting; /* units that systemd was asked to start */
    bool asking_clock;
    bool idle_exit, releasing;
    uint64_t last_activity; /* CLOCK_MONOTONIC */
    sd_event_source *idle_timer;
    sd_bus_slot *release;
};

extern const sd_bus_vtable manager_vtable[], certificate_vtable[], job_vtable[];
extern const ManagerObserver bus_observer;

/* Head of a property's getter: appends the property of userdata to reply. */
#define GETTER(name) \
    static int name(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, \
                    const char *property _unused_, sd_bus_message *reply, void *userdata, \
                    sd_bus_error *error _unused_)

/* Object paths, newly allocated. */
char *certificate_path(const Certificate *c);
char *job_path(uint64_t id);
/* sd_bus_object_find_t and sd_bus_node_enumerator_t; userdata is the Bus. */
int find_certificate(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
                     sd_bus_error *error);
int find_job(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
             sd_bus_error *error);
int enumerate_certificates(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                           sd_bus_error *error);
int enumerate_jobs(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
/* Whether an enumerator of what is below folder has to list anything: sd-bus calls it also to describe one of these objects,
 * which has none below itself. */
static inline bool prefix_is_above(const char *prefix, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(prefix, folder, n) != 0 || prefix[n] != '/';
}

/* Counts the certificates that are about to be told of. */
void brevity_begin(Brevity *v);
void brevity_add(Brevity *v, const Certificate *c, const char *path);
void brevity_end(Brevity *v);
/* Whether a getter leaves out, or cuts, the texts of this certificate, as it has more of them than the answer has room for. */
bool brevity_wants(Brevity *v, sd_bus *bus, const Certificate *c);

/* Why the root is what it is, as one sentence. */
const char *root_reason(const Certificate *c);
/* Tells now what is waiting to be told of one certificate. */
void bus_flush_certificate(Bus *b, Certificate *c);
bool bus_has_changes(const Bus *b);
/* Drops what waits to be told, as nobody listens. */
void bus_changes_drop(Bus *b);
void bus_changes_done(Bus *b);
int bus_changes_init(Bus *b);

/* Connects and takes the name, asynchronously; first: waits for the socket, and a name that is taken ends the service
 * (connection.c). */
int bus_connect(Bus *b, bool first);
void bus_disconnect(Bus *b);
int bus_connection_init(Bus *b);
void bus_connection_done(Bus *b);
/* Asks for the name again, after it was released. */
int bus_request_name(Bus *b);
/* Registers all objects with the connection. */
int bus_add_objects(Bus *b);
/* Estimates the size of the reply to a call, in bytes (reply-size.c). */
size_t bus_reply_size(sd_bus_message *m, void *userdata);

/* Messages that the bus has not taken yet. */
static inline uint64_t bus_unwritten(sd_bus *bus)
{
    uint64_t n = 0;

    return sd_bus_get_n_queued_write(bus, &n) < 0 ? UINT64_MAX : n;
}

/* A clock, in microseconds. */
static inline uint64_t usec_now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

/* The one place that decides to exit (idle.c). */
int bus_idle_init(Bus *b);
void bus_idle_done(Bus *b);
void bus_reset_idle(Bus *b);

/* Asks what keeps the clock in step; the manager looks at it when there is something. */
void bus_ask_clock(Bus *b);
/* Starts the unit of OnWarning= for this certificate, if there is one. */
void bus_start_warning_unit(Bus *b, const char *name);
/* Its name, with the certificate's as instance if it is a template. -ENAMETOOLONG. */
int unit_name_for(const char *unit, const char *name, char *ret, size_t size);

/* A method call that is allowed, until its answer. Freeing it answers with its problem, if nothing else was answered. */
typedef struct Call {
    Bus *bus;
    sd_bus_message *message;
    unsigned connection; /* that it came by */
    uid_t uid;           /* (uid_t)-1 of a method that is open to everybody */
    uid_t sender_uid;
    char *name, *module;
    Problem problem;
    bool answered;
} Call;

/* The Bus of the object that the current method was called on. */
Bus *bus_of_message(sd_bus_message *m);
/* The first thing a handler does after reading its arguments. 1: go on with the call; what is to be returned
 * otherwise is 0 (parked) or negative (error set). */
int call_begin(sd_bus_message *m, const char *name, const char *module, sd_bus_error *error, Call **ret);
Call *call_free(Call *c);
DEFINE_CLEANUP(Call *, call_free);
#define _cleanup_call_ _cleanup_(call_freep)
/* Answers with values in sd_bus_message_append()'s way; NULL for none. These two always return 1, as a handler does: what
 * cannot be made or sent is answered with an error. */
int call_answer(Call *c, const char *types, ...);
int call_answer_bytes(Call *c, const void *data, size_t size);
/* Sends a reply made elsewhere. Negative: it could not be sent, and nothing was answered; see call_fail(). */
int call_answer_message(Call *c, sd_bus_message *reply);
/* Logs that the reply could not be made or sent, as r says, and has an error answered in its place. */
int call_fail(Call *c, int r);

/* The error as sd-bus can send it, which drops one whose text is not valid UTF-8 without a word. Return a negative errno. */
int error_set_problem(sd_bus_error *error, const Problem *problem);
int error_set(sd_bus_error *error, ProblemCode code, const char *format, ...) _printf_(3, 4);

/* Answers a call with LimitsExceeded before any handler sees it. */
void refuse_call(sd_bus_message *m, const char *why);

/* Text of a record, which a getter can append whatever became of it. */
static inline const char *valid_text(const char *s)
{
    return text_is_utf8(strempty(s)) ? strempty(s) : "?";
}

/* Upload, UploadFd and their like (bus-upload.c), of a certificate, or of the manager when target is NULL. */
int upload_text(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                sd_bus_error *error);
int upload_descriptor(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                      sd_bus_error *error);
int upload_data(sd_bus_message *m, Bus *b, sd_bus_error *error);
/* data: the bundle is in the message, and not in a file. */
int upload_check(sd_bus_message *m, Bus *b, bool data, sd_bus_error *error);
/* OpenKey (bus-key.c). */
int open_key(sd_bus_message *m, Certificate *c, sd_bus_error *error);

#define ANY_NAME "*" /* the detail "name" of what is for no certificate in particular */

/* Export, and ExportRoot for the root that a certificate's chain ends in (bus-export.c). */
int export_chain(sd_bus_message *m, Certificate *c, bool root, sd_bus_error *error);

/* Options, a{sv}. */
typedef struct OptionRow {
    const char *key;
    char type; /* 's', 'b', 'h', 'a' for as, or 'y' for ay */
    void *
        target; /* const char **, int *, int *, char *** (owned by the caller), Bytes *; else borrowed from the message */
} OptionRow;
typedef struct Bytes {
    const void *data; /* NULL: none */
    size_t size;
} Bytes;
/* Reads the dictionary; rows end with a NULL key. -EINVAL with error set for an unknown key or a wrong type. */
int read_options(sd_bus_message *m, const OptionRow *rows, sd_bus_error *error);
