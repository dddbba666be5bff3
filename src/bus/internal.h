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
#include "util/user-names.h"

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
typedef struct DeployProgram DeployProgram;
typedef struct DeployUnit DeployUnit;
typedef struct EndedJob EndedJob;
typedef struct LogLine LogLine;

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

/* Properties of the manager that are computed from the tables. */
typedef struct Counts {
    size_t certificates, jobs;
    int64_t wake;
    bool trusts_clock;
    char root[65];
    bool acme;
    uint64_t authorities; /* a hash */
} Counts;

struct Bus {
    sd_event *event;
    Manager *manager;
    Model *model;

    sd_bus *bus; /* of Link calls; always exists, but may be closed */
    Link calls, questions;
    Shares *shares;
    Authorizer *authorizer;
    sd_bus_slot *slots[16];
    size_t n_slots;
    Brevity brevity;
    size_t n_calls;           /* not answered yet */
    size_t n_starting;        /* units that systemd was asked to start */
    uint64_t beginning_since; /* when a call first waited for first chains; 0: none did (beginning.c) */
    bool asking_clock;

    /* Runs of certwright-deploy; written by deploy.c and deploy-direct.c. */
    struct {
        LIST_HEAD(, DeployUnit) units;
        LIST_HEAD(, DeployProgram) programs;
    } deploys;

    /* State of the connections; written by connection.c only. */
    struct {
        unsigned number; /* calls of previous connections are not answered */
        bool owns_name, was_ready;
        sd_event_source *reconnect;
        uint64_t reconnect_usec; /* until the next attempt */
        sd_event_source *stall_timer;
        uint64_t stalled_since; /* CLOCK_MONOTONIC; 0: not stalled */
        uint64_t unwritten;     /* messages and bytes, at the last check */
        int unsent;
    } connection;

    /* Pending signals; written by changes.c only. */
    struct {
        Change *certificates;
        bool jobs, manager;
        bool errors;                       /* of the configuration are others */
        Counts told;                       /* that clients know */
        unsigned read;                     /* those that they may have read since they changed */
        STAILQ_HEAD(, EndedJob) late_jobs; /* finished, to be signalled after all changes */
        sd_event_source *source;
        sd_event_source *progress_timer; /* for progress withheld because some was signalled a moment ago */
        uint64_t progress_told;          /* CLOCK_MONOTONIC, usec */
    } changes;

    /* Written by call-log.c only. */
    struct {
        UserNames *users;
        struct Call *current;        /* is allowed, and being dispatched */
        STAILQ_HEAD(, LogLine) held; /* until it has been */
    } log;

    /* Written by idle.c; connection.c drops the request with its connection. */
    struct {
        uint64_t last_activity; /* CLOCK_MONOTONIC */
        char *status;           /* why it does not exit, as last reported */
        sd_event_source *timer;
        sd_bus_slot *release;
    } idle;
};

extern const sd_bus_vtable manager_vtable[], certificate_vtable[], job_vtable[];
extern const ManagerObserver bus_observer;
extern const ModelWatcher bus_watcher;

/* Signature of a property getter, which appends the property of userdata to reply. */
#define GETTER(name) \
    static int name(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, \
                    const char *property _unused_, sd_bus_message *reply, void *userdata, \
                    sd_bus_error *error _unused_)
/* Defines a getter that appends a text, or a number, of the object. */
#define TEXT_GETTER(name, type, object, value) \
    GETTER(name) \
    { \
        const type *object = userdata; \
\
        return sd_bus_message_append_basic(reply, 's', (value)); \
    } \
    struct _require_semicolon_
#define NUMBER_GETTER(name, letter, number, type, object, value) \
    GETTER(name) \
    { \
        const type *object = userdata; \
\
        return sd_bus_message_append_basic(reply, letter, &(number){ (number)(value) }); \
    } \
    struct _require_semicolon_

/* Rows of a vtable. All methods are unprivileged for sd-bus, as policy/ decides who may call them. */
#define METHOD(name, args, result, handler, flags) \
    SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS args, SD_BUS_RESULT result, handler, \
                            SD_BUS_VTABLE_UNPRIVILEGED | (flags))
#define NONE      (NULL)
#define SENSITIVE SD_BUS_VTABLE_SENSITIVE
#define CHANGES   SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST     SD_BUS_VTABLE_PROPERTY_CONST

/* Object paths, newly allocated. */
char *certificate_path(const Certificate *c);
char *job_path(uint64_t id);
/* Of the certificate that the job is for; "/" if it is for a module. */
char *job_certificate_path(const Job *j);
/* The certificate, or the root, at this path; NULL: there is none. */
Certificate *certificate_at(const Bus *b, const char *path);
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

/* Counts a certificate about to be described. */
void brevity_add(Brevity *v, const Certificate *c, const char *path);
void brevity_end(Brevity *v);
/* Returns true if a getter should omit or truncate the texts of this certificate, since they exceed the
 * space in the reply. */
bool brevity_wants(Brevity *v, sd_bus *bus, const Certificate *c);

/* The properties that clients know (told.c). */
#define CERTIFICATE_PROPERTIES_MAX 24
/* Called when the object is looked up, for a client that may be about to read its properties. */
void known_values_note_read(const Bus *b, Certificate *c);
/* Lists the properties to be signalled now; clients know their values from then on. what: the set of Changed, which counts if no
 * value is known yet. */
void known_values_update(const Bus *b, Certificate *c, unsigned what,
                         const char *ret[static CERTIFICATE_PROPERTIES_MAX]);

/* Explains the served chain in one sentence. */
const char *certificate_reason(const Certificate *c);
/* The leaf of the served chain; an empty one if there is none. */
const ChainEntry *served_leaf(const Certificate *c);
/* Returns true if the authority of the served chain suggested when to renew it. */
bool served_has_window(const Certificate *c);
/* Returns the current values of properties of the manager, for a client to read. */
Counts bus_read_counts(Bus *b);
bool bus_has_changes(const Bus *b);
/* Drops pending signals while the name is not owned, so that there are no listeners. */
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
/* Returns true if a call waits for first chains that are being made (beginning.c). */
bool bus_awaits_chains(Bus *b, sd_bus_message *m);
/* Returns true if a call exports a chain or a key, and enough are being exported (export.c). */
bool bus_export_waits(const Bus *b, sd_bus_message *m);
/* Estimates the size of the reply to a call, in bytes (reply-size.c). */
size_t bus_reply_size(sd_bus_message *m, void *userdata);
/* Returns true for GetManagedObjects; userdata is not used (brevity.c). */
bool bus_lists_objects(sd_bus_message *m, void *userdata);

/* Returns the number of messages that the bus has not taken yet. */
static inline uint64_t bus_unwritten(sd_bus *bus)
{
    uint64_t n = 0;

    return sd_bus_get_n_queued_write(bus, &n) < 0 ? UINT64_MAX : n;
}

/* The one place that decides to exit (idle.c). */
int bus_idle_init(Bus *b, bool exit_on_idle);
void bus_idle_done(Bus *b);
void bus_reset_idle(Bus *b);
/* Follows a change of IdleExit=. */
void bus_rearm_idle(Bus *b);
/* Counts the idle time from now on if no client shows the objects any more. */
void bus_note_departure(Bus *b);

/* Queries whether the clock is synchronized, and passes the result to the manager. */
void bus_ask_clock(Bus *b);
/* Starts the unit of OnWarning= for this certificate, if there is one. */
void bus_start_warning_unit(Bus *b, const char *name);
/* Runs certwright-deploy for a module, and reports its end to the manager (deploy.c). */
void bus_deploy(Bus *b, const char *module);
/* Repeats pending calls on the next connection. */
void bus_deploy_disconnect(Bus *b);
void bus_deploy_done(Bus *b);
/* The same without systemd (deploy-direct.c). */
int deploy_directly(Bus *b, const char *module, Problem *problem);
void deploy_directly_done(Bus *b);
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
    size_t n_jobs; /* that it began */
    uint64_t job;  /* the last one of them */
    bool answered, logged;
} Call;

/* Returns the Bus of the object on which the current method was called. */
Bus *bus_of_message(sd_bus_message *m);
/* Called first by a handler, after reading its arguments. Sets *ret if the call is allowed. Otherwise the handler
 * returns the result: 1 if the call was denied or waits for polkit, or a negative errno. */
int call_begin(sd_bus_message *m, const char *name, const char *module, Call **ret);
/* The same for a call about a certificate, or the root, that is there. */
int call_begin_for(sd_bus_message *m, const Certificate *c, Call **ret);
Call *call_free(Call *c);
DEFINE_CLEANUP(Call *, call_free);
#define _cleanup_call_ _cleanup_(call_freep)
/* Leaves the call to the callback of a request if r, the result of making the request, is not negative.
 * Returns 1, like a handler. */
int call_park(Call **c, int r);
/* Replies with values as for sd_bus_message_append(), or with none if types is NULL. These three always
 * return 1, like a handler: if a reply cannot be created or sent, an error is sent instead. */
int call_answer(Call *c, const char *types, ...);
typedef int (*CallAppend)(sd_bus_message *reply, const void *userdata);
int call_answer_with(Call *c, CallAppend append, const void *userdata);
/* Logs why the reply could not be created or sent, and replies with an error. */
int call_fail(Call *c, int r);
/* Returns true if there is a problem, and takes a copy of it as the answer. */
bool call_failed(Call *c, const Problem *problem);
/* Replies with the object of a job that was begun for the call. */
int call_answer_job(Call *c, uint64_t id);
/* Answers with the problem or with nothing, and frees the call, which is userdata: a callback. */
void call_end(const Problem *problem, void *userdata);

/* Messages about calls and the jobs that they begin (call-log.c). */
int bus_log_init(Bus *b);
/* Logs the caller, the call and its result, once. */
void call_log_write(Call *c);
/* Jobs that are added until call_log_end() belong to the call. */
void call_log_begin(Call *c);
void call_log_end(Bus *b);
/* The same for a job that was there already. */
void call_log_note_job(Call *c, uint64_t id);
void call_log_refused(const Refusal *refusal, void *userdata);

/* Sets an error with valid UTF-8, since sd-bus silently drops others. Returns a negative errno. */
int error_set_problem(sd_bus_error *error, const Problem *problem);
int error_set(sd_bus_error *error, ProblemCode code, const char *format, ...) _printf_(3, 4);

/* Refuses a call with LimitsExceeded before any handler sees it. */
void refuse_call(sd_bus_message *m, const char *why);
/* The same with any problem. */
void refuse_call_for(sd_bus_message *m, const Problem *problem);

/* Returns a text of a record that a getter can append even if the record is damaged. */
static inline const char *valid_text(const char *s)
{
    return text_is_utf8(strempty(s)) ? strempty(s) : "?";
}

#define ANY_NAME "*" /* the detail "name" of methods that are not about one certificate */

/* Handlers of methods; userdata is the Bus for those of the manager, else the certificate. Upload and UploadFd
 * have the same handler, and so have CheckUpload and CheckUploadData (upload.c). */
int method_upload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_upload_data(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_check_upload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list_authorities(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_test_order(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list_uploads(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_remove_upload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_upload_to_certificate(sd_bus_message *m, void *userdata, sd_bus_error *error);
/* key.c */
int method_open_key(sd_bus_message *m, void *userdata, sd_bus_error *error);
/* Export, and ExportRoot for the root that a certificate's chain ends in (export.c). */
int export_chain(sd_bus_message *m, Certificate *c, bool root, sd_bus_error *error);

/* Options, a{sv}. */
typedef struct OptionRow {
    const char *key;
    const char *type; /* "s", "b", "h", "as" or "ay" */
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
