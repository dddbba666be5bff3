/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <uthash.h>

#include "bus/bus.h"
#include "bus/gate.h"
#include "bus/shares.h"
#include "core/export-format.h"
#include "policy/authorize.h"
#include "util/text.h"

/* Shared by the files of this folder only. */

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

/* The priority of everything that a flood of calls could keep busy, so that each gets its turn, and work in
 * progress goes first. */
#define BUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/* The space for texts in a reply to GetManagedObjects (brevity.c). */
typedef struct Brevity {
    size_t n, size; /* number and total minimum size of the certificates */
    size_t share, left;
    const Certificate *current;
    bool brief;
} Brevity;

/* A connection to the bus with its gate. */
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
    Model *model;

    /* The connections (connection.c), reconnected when lost. bus is the one for calls; it always exists, but
     * may be closed. */
    sd_bus *bus;
    Link calls, questions;
    Shares *shares;
    Authorizer *authorizer;
    sd_bus_slot *slots[16];
    size_t n_slots;
    unsigned connection; /* its number; calls of previous ones are not answered */
    bool owns_name, was_ready;
    sd_event_source *reconnect;
    uint64_t reconnect_usec; /* until the next attempt */
    sd_event_source *stall_timer;
    uint64_t stalled_since; /* CLOCK_MONOTONIC; 0: not stalled */
    uint64_t unwritten;     /* messages and bytes, at the last check */
    int unsent;

    Change *changes;        /* to be signalled, by certificate */
    JobChange *job_changes; /* by job */
    bool counts_changed;
    Counts told;
    STAILQ_HEAD(, EndedJob) root_jobs; /* finished, to be signalled after all changes */
    sd_event_source *changes_source;
    sd_event_source *progress_timer; /* for progress withheld because some was signalled a moment ago */
    uint64_t progress_told;          /* CLOCK_MONOTONIC, usec */

    Brevity brevity;
    size_t n_calls;    /* not answered yet */
    size_t n_starting; /* units that systemd was asked to start */
    bool asking_clock;
    bool idle_exit, releasing;
    uint64_t last_activity; /* CLOCK_MONOTONIC */
    sd_event_source *idle_timer;
    sd_bus_slot *release;
};

extern const sd_bus_vtable manager_vtable[], certificate_vtable[], job_vtable[];
extern const ManagerObserver bus_observer;
extern const ModelWatcher bus_watcher;

/* Signature of a property getter, which appends the property of userdata to reply. */
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
/* Returns true if an enumerator of the objects in folder has to list them: sd-bus also calls it to describe
 * one of these objects, which has no children. */
static inline bool prefix_is_above(const char *prefix, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(prefix, folder, n) != 0 || prefix[n] != '/';
}

/* Counts the certificates about to be described. */
void brevity_begin(Brevity *v);
void brevity_add(Brevity *v, const Certificate *c, const char *path);
void brevity_end(Brevity *v);
/* Returns true if a getter should omit or truncate the texts of this certificate, since they exceed the
 * space in the reply. */
bool brevity_wants(Brevity *v, sd_bus *bus, const Certificate *c);

/* Explains the source of the root in one sentence. */
const char *root_reason(const Certificate *c);
/* Emits pending signals for one certificate now. */
void bus_flush_certificate(Bus *b, Certificate *c);
bool bus_has_changes(const Bus *b);
/* Drops pending signals, as nobody listens. */
void bus_changes_drop(Bus *b);
void bus_changes_done(Bus *b);
int bus_changes_init(Bus *b);

/* Connects and requests the name, asynchronously. first: wait for the socket, and exit if the name is taken
 * (connection.c). */
int bus_connect(Bus *b, bool first);
void bus_disconnect(Bus *b);
int bus_connection_init(Bus *b);
void bus_connection_done(Bus *b);
/* Requests the name again after it was released. */
int bus_request_name(Bus *b);
/* Registers all objects on the connection. */
int bus_add_objects(Bus *b);
/* Estimates the size of the reply to a call, in bytes (reply-size.c). */
size_t bus_reply_size(sd_bus_message *m, void *userdata);

/* Returns the number of messages that the bus has not taken yet. */
static inline uint64_t bus_unwritten(sd_bus *bus)
{
    uint64_t n = 0;

    return sd_bus_get_n_queued_write(bus, &n) < 0 ? UINT64_MAX : n;
}

/* The one place that decides to exit (idle.c). */
int bus_idle_init(Bus *b);
void bus_idle_done(Bus *b);
void bus_reset_idle(Bus *b);

/* Queries whether the clock is synchronized, and passes the result to the manager. */
void bus_ask_clock(Bus *b);
/* Starts the unit of OnWarning= for this certificate, if there is one. */
void bus_start_warning_unit(Bus *b, const char *name);
/* Returns the unit name, with the certificate's name as instance if it is a template. -ENAMETOOLONG. */
int unit_name_for(const char *unit, const char *name, char *ret, size_t size);

/* An authorized method call, until its reply. Freeing it replies with its problem, unless it was
 * answered. */
typedef struct Call {
    Bus *bus;
    sd_bus_message *message;
    unsigned connection; /* connection that it came from */
    uid_t uid;           /* (uid_t)-1 for a public method */
    uid_t sender_uid;
    char *name, *module;
    Problem problem;
    bool answered;
} Call;

/* Returns the Bus of the object on which the current method was called. */
Bus *bus_of_message(sd_bus_message *m);
/* Called first by a handler, after reading its arguments. Returns 1 to continue; otherwise the handler
 * returns the result: 0 (pending) or negative (error set). */
int call_begin(sd_bus_message *m, const char *name, const char *module, sd_bus_error *error, Call **ret);
Call *call_free(Call *c);
DEFINE_CLEANUP(Call *, call_free);
#define _cleanup_call_ _cleanup_(call_freep)
/* Replies with values as for sd_bus_message_append(), or with none if types is NULL. These two always return
 * 1, like a handler: if a reply cannot be created or sent, an error is sent instead. */
int call_answer(Call *c, const char *types, ...);
int call_answer_bytes(Call *c, const void *data, size_t size);
/* Returns true if there is a problem, and takes a copy of it as the answer. */
bool call_failed(Call *c, const Problem *problem);
/* Answers with the problem or with nothing, and frees the call. */
void call_end(Call *c, const Problem *problem);
/* Sends a reply made elsewhere. Negative: it could not be sent, and nothing was answered; see call_fail(). */
int call_answer_message(Call *c, sd_bus_message *reply);
/* Logs why the reply could not be created or sent, and replies with an error instead. */
int call_fail(Call *c, int r);

/* Sets an error with valid UTF-8, since sd-bus silently drops others. Returns a negative errno. */
int error_set_problem(sd_bus_error *error, const Problem *problem);
int error_set(sd_bus_error *error, ProblemCode code, const char *format, ...) _printf_(3, 4);

/* Refuses a call with LimitsExceeded before any handler sees it. */
void refuse_call(sd_bus_message *m, const char *why);

/* Returns a text of a record that a getter can append even if the record is damaged. */
static inline const char *valid_text(const char *s)
{
    return text_is_utf8(strempty(s)) ? strempty(s) : "?";
}

/* Upload, UploadFd and the like (upload.c), for a certificate, or for the manager if target is NULL. */
int upload_text(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                sd_bus_error *error);
int upload_descriptor(sd_bus_message *m, Certificate *target, const char *name, UploadDone done,
                      sd_bus_error *error);
int upload_data(sd_bus_message *m, Bus *b, sd_bus_error *error);
/* data: the bundle is in the message, not in a file. */
int upload_check(sd_bus_message *m, Bus *b, bool data, sd_bus_error *error);
/* OpenKey (key.c). */
int open_key(sd_bus_message *m, Certificate *c, sd_bus_error *error);

#define ANY_NAME "*" /* the detail "name" of methods that are not about one certificate */

/* Export, and ExportRoot for the root that a certificate's chain ends in (export.c). */
int export_chain(sd_bus_message *m, Certificate *c, bool root, sd_bus_error *error);

/* Options, a{sv}. */
typedef struct OptionRow {
    const char *key;
    char type; /* 's', 'b', 'h', 'a' for as, or 'y' for ay */
    /* const char **, int *, int *, char *** (owned by the caller), Bytes *; else borrowed from the
     * message */
    void *target;
} OptionRow;
typedef struct Bytes {
    const void *data; /* NULL: none */
    size_t size;
} Bytes;
/* Reads the dictionary; rows end with a NULL key. -EINVAL with error set for an unknown key or a wrong
 * type. */
int read_options(sd_bus_message *m, const OptionRow *rows, sd_bus_error *error);
