/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/user-names.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <uthash.h>

#include "util/timer.h"

#define USERS_MAX      64  /* that are known */
#define THREADS_MAX    4   /* at a time, those that nobody waits for included */
#define WAITING_MAX    256 /* who wait for one name; others get the number */
#define KEEP_USEC      (10 * 60 * USEC_PER_SEC)
#define LOOK_UP_USEC   (2 * USEC_PER_SEC)
#define USER_NAME_SIZE 256
#define BUFFER_MIN     1024
#define BUFFER_MAX     (1024 * 1024)

static atomic_int n_threads;

/* Shared by the thread and the event loop: the last one frees it. */
typedef struct Lookup {
    atomic_int refs;
    atomic_bool ready;
    int fd;
    uid_t uid;
    char name[USER_NAME_SIZE]; /* "": there is none; written by the thread before ready */
} Lookup;

typedef struct Wait {
    STAILQ_ENTRY(Wait) entry;
    UserNameFound found;
    void *userdata;
} Wait;

typedef struct User {
    UserNames *names;
    uid_t uid;
    char name[USER_NAME_SIZE]; /* or the number */
    uint64_t until;            /* CLOCK_MONOTONIC, usec */
    Lookup *lookup;            /* NULL: the name is known */
    sd_event_source *ready, *late;
    STAILQ_HEAD(, Wait) waits;
    size_t n_waits;
    UT_hash_handle hh;
} User;

struct UserNames {
    sd_event *event;
    User *users;
};

/* ---- the thread */

static Lookup *lookup_unref(Lookup *l)
{
    if (l && atomic_fetch_sub(&l->refs, 1) == 1) {
        close(l->fd);
        free(l);
    }
    return NULL;
}

static void look_up(Lookup *l)
{
    struct passwd entry, *found = NULL;
    size_t size = BUFFER_MIN;
    int r = ERANGE;

    for (; r == ERANGE && size <= BUFFER_MAX; size *= 4) {
        char *buffer = malloc(size);

        if (!buffer)
            return;
        r = getpwuid_r(l->uid, &entry, buffer, size, &found);
        if (r == 0 && found && strlen(found->pw_name) < sizeof(l->name))
            strcpy(l->name, found->pw_name);
        free(buffer);
    }
}

static void *thread_main(void *userdata)
{
    Lookup *l = userdata;

    look_up(l);
    atomic_fetch_sub(&n_threads, 1); /* before anybody knows that there is room for another */
    atomic_store(&l->ready, true);
    (void)eventfd_write(l->fd, 1);
    lookup_unref(l);
    return NULL;
}

/* Signals are handled by the main thread. */
static int start_thread(Lookup *l)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int r;

    if (atomic_fetch_add(&n_threads, 1) >= THREADS_MAX) {
        atomic_fetch_sub(&n_threads, 1);
        return -EBUSY;
    }
    pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&l->refs, 1);
    r = pthread_create(&thread, &attributes, thread_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (r != 0) {
        atomic_fetch_sub(&l->refs, 1);
        atomic_fetch_sub(&n_threads, 1);
    }
    return -r;
}

static int lookup_new(uid_t uid, Lookup **ret)
{
    Lookup *l = calloc(1, sizeof(Lookup));
    int r;

    if (!l)
        return -ENOMEM;
    l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->fd < 0) {
        free(l);
        return -errno;
    }
    l->uid = uid;
    atomic_init(&l->refs, 1);
    r = start_thread(l);
    if (r < 0)
        lookup_unref(l);
    else
        *ret = l;
    return r;
}

/* ---- users */

static void end_lookup(User *u)
{
    u->ready = sd_event_source_disable_unref(u->ready);
    u->late = sd_event_source_disable_unref(u->late);
    u->lookup = lookup_unref(u->lookup);
}

/* A call of found() may look for another name, and so replace the user. */
static void answer(User *u)
{
    char name[USER_NAME_SIZE];
    STAILQ_HEAD(, Wait) waits = STAILQ_HEAD_INITIALIZER(waits);
    Wait *w;

    strcpy(name, u->name);
    STAILQ_CONCAT(&waits, &u->waits);
    u->n_waits = 0;
    while ((w = STAILQ_FIRST(&waits))) {
        STAILQ_REMOVE_HEAD(&waits, entry);
        w->found(name, w->userdata);
        free(w);
    }
}

static int on_ready(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    User *u = userdata;

    if (atomic_load(&u->lookup->ready) && *u->lookup->name)
        strcpy(u->name, u->lookup->name);
    end_lookup(u);
    answer(u);
    return 0;
}

static int on_late(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    User *u = userdata;

    end_lookup(u);
    answer(u);
    return 0;
}

static void begin_lookup(User *u)
{
    sd_event *event = u->names->event;

    u->until = loop_now(event, CLOCK_MONOTONIC) + KEEP_USEC;
    if (u->uid == 0) {
        strcpy(u->name, "root");
        return;
    }
    snprintf(u->name, sizeof(u->name), "%u", (unsigned)u->uid);
    if (lookup_new(u->uid, &u->lookup) < 0 ||
        sd_event_add_io(event, &u->ready, u->lookup->fd, EPOLLIN, on_ready, u) < 0 ||
        deadline_add(event, &u->late, LOOK_UP_USEC, on_late, u) < 0) {
        end_lookup(u);
        u->until = 0;
    }
}

static void user_free(User *u)
{
    end_lookup(u);
    HASH_DEL(u->names->users, u);
    answer(u);
    free(u);
}

/* Makes room for another one; those that are being looked up are few. */
static void forget_one(UserNames *n)
{
    User *u, *next;

    if (HASH_COUNT(n->users) < USERS_MAX)
        return;
    HASH_ITER (hh, n->users, u, next)
        if (!u->lookup) {
            user_free(u);
            return;
        }
}

static User *get_user(UserNames *n, uid_t uid)
{
    User *u;

    HASH_FIND(hh, n->users, &uid, sizeof(uid), u);
    if (u && !u->lookup && u->until <= loop_now(n->event, CLOCK_MONOTONIC)) {
        user_free(u);
        u = NULL;
    }
    if (u)
        return u;
    forget_one(n);
    u = calloc(1, sizeof(User));
    if (!u)
        return NULL;
    u->names = n;
    u->uid = uid;
    STAILQ_INIT(&u->waits);
    HASH_ADD(hh, n->users, uid, sizeof(u->uid), u);
    begin_lookup(u);
    return u;
}

void user_names_find(UserNames *n, uid_t uid, UserNameFound found, void *userdata)
{
    User *u = get_user(n, uid);
    Wait *w = u && u->lookup && u->n_waits < WAITING_MAX ? malloc(sizeof(Wait)) : NULL;
    char name[USER_NAME_SIZE];

    if (w) {
        *w = (Wait){ .found = found, .userdata = userdata };
        STAILQ_INSERT_TAIL(&u->waits, w, entry);
        u->n_waits++;
        return;
    }
    if (u)
        strcpy(name, u->name);
    else
        snprintf(name, sizeof(name), "%u", (unsigned)uid);
    found(name, userdata);
}

int user_names_new(sd_event *event, UserNames **ret)
{
    UserNames *n = calloc(1, sizeof(UserNames));

    if (!n)
        return -ENOMEM;
    n->event = sd_event_ref(event);
    *ret = n;
    return 0;
}

UserNames *user_names_free(UserNames *n)
{
    if (!n)
        return NULL;
    while (n->users)
        user_free(n->users);
    sd_event_unref(n->event);
    free(n);
    return NULL;
}
