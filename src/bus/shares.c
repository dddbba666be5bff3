/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/shares.h"

#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "bus/shares-internal.h"
#include "core/limits.h"
#include "util/log.h"
#include "util/timer.h"

#define TURN_USEC       (2 * USEC_PER_MSEC) /* for dispatching calls in one turn of the event loop */
#define RETRY_USEC      (2 * USEC_PER_MSEC) /* until calls that could not be dispatched are checked again */
#define HOLD_USEC       (20 * USEC_PER_SEC) /* that a call waits for replies to be read */
#define REPORT_USEC     (60 * USEC_PER_SEC)
#define READ_USEC       20           /* charged for a call that is read */
#define CALL_OVERHEAD   1024         /* bytes charged for a waiting call besides its own */
#define WRITE_QUEUE_MAX 128          /* messages; above that, no call is dispatched */
#define LARGE_REPLY     (256 * 1024) /* not created while anything is in the write queue */
#define ERROR_REPLY     512

/* After a large reply, the bus gets time to send what it has queued: dbus-broker does not write to a service
 * whose data it can read. While many calls keep coming in, the next large reply is delayed by a multiple of the
 * time that the last one took: the calls of others may still be behind those of a user who requests many of
 * these. */
#define PAUSE_USEC  (2 * USEC_PER_MSEC)
#define FEW_CALLS   32 /* since the last large reply */
#define QUIET_USEC  (20 * USEC_PER_MSEC)
#define DELAY_RATIO 10
#define DELAY_MAX   (300 * USEC_PER_MSEC)

static uint64_t shares_now(const Shares *s)
{
    return loop_now(sd_bus_get_event(s->bus), CLOCK_MONOTONIC);
}

void waiting_free(Waiting *w)
{
    sd_bus_message_unref(w->call);
    free(w);
}

void shares_wake(Shares *s)
{
    if (s->load.n > 0)
        (void)sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
}

/* ---- queues */

static void load_add(Load *l, size_t size)
{
    l->n++;
    l->bytes += size + CALL_OVERHEAD;
}

static void load_remove(Load *l, size_t size)
{
    l->n--;
    l->bytes -= size + CALL_OVERHEAD;
}

void shares_activate(Sender *sender)
{
    User *u = sender->user;
    Shares *s = sender->shares;

    if (!u || TAILQ_EMPTY(&sender->waiting))
        return;
    if (TAILQ_EMPTY(&u->turns)) {
        u->used = MAX(u->used, s->used);
        TAILQ_INSERT_TAIL(&s->active, u, entry);
    }
    TAILQ_INSERT_TAIL(&u->turns, sender, turn);
    shares_wake(s);
}

static void deactivate(Sender *sender)
{
    User *u = sender->user;

    if (!u)
        return;
    TAILQ_REMOVE(&u->turns, sender, turn);
    if (TAILQ_EMPTY(&u->turns))
        TAILQ_REMOVE(&sender->shares->active, u, entry);
}

void shares_unlink(Sender *sender, Waiting *w)
{
    TAILQ_REMOVE(&sender->waiting, w, entry);
    load_remove(&sender->load, w->size);
    load_remove(&sender->shares->load, w->size);
    if (sender->user)
        load_remove(&sender->user->load, w->size);
    if (TAILQ_EMPTY(&sender->waiting))
        deactivate(sender);
}

static void link_waiting(Sender *sender, Waiting *w)
{
    bool first = TAILQ_EMPTY(&sender->waiting);

    if (w->resumed)
        TAILQ_INSERT_HEAD(&sender->waiting, w, entry);
    else
        TAILQ_INSERT_TAIL(&sender->waiting, w, entry);
    load_add(&sender->load, w->size);
    load_add(&sender->shares->load, w->size);
    if (sender->user)
        load_add(&sender->user->load, w->size);
    if (first)
        shares_activate(sender);
}

static int enqueue(Sender *sender, sd_bus_message *call, size_t size, bool resumed)
{
    Waiting *w = calloc(1, sizeof(Waiting));

    if (!w)
        return -ENOMEM;
    *w = (Waiting){ .call = sd_bus_message_ref(call),
                    .size = size,
                    .since = shares_now(sender->shares),
                    .resumed = resumed };
    link_waiting(sender, w);
    return 0;
}

/* ---- refusing */

static void report(Sender *sender, const char *why)
{
    uint64_t now = shares_now(sender->shares);
    User *u = sender->user;

    if (u->reported > 0 && now < u->reported + REPORT_USEC)
        return;
    u->reported = now;
    sender->shares->observer->refused(&(Refusal){ u->uid, u->load.n + u->held, u->unread, why },
                                      sender->shares->userdata);
}

/* Drops it without a reply if too many are unread already; the bus replies for the service when the
 * connection is closed. */
static void refuse(Sender *sender, sd_bus_message *call, const char *why)
{
    if (sender && sender->user) {
        report(sender, why);
        unread_ask(sender, shares_now(sender->shares));
        if (!unread_allows_error(sender))
            return;
        if (sd_bus_message_get_expect_reply(call) > 0)
            unread_note(sender, ERROR_REPLY);
    }
    refuse_call(call, why);
}

static void refuse_waiting(Sender *sender, Waiting *w, const char *why)
{
    Shares *s = sender->shares;

    shares_unlink(sender, w);
    refuse(sender, w->call, why);
    if (w->resumed)
        s->observer->dispatched(w->call, s->userdata);
    waiting_free(w);
}

static const char too_many[] =
    "You have too many pending calls; wait for their replies before you send more.";

/* Returns the load that a call of the sender counts for: the user's, or its own while the user is unknown. */
static const Load *load_of(const Sender *sender)
{
    return sender->user ? &sender->user->load : &sender->load;
}

static Sender *find_heaviest(Shares *s)
{
    Sender *sender, *next, *heaviest = NULL;

    HASH_ITER (hh, s->senders, sender, next)
        if (sender->load.n > 0 && (!heaviest || load_of(sender)->bytes > load_of(heaviest)->bytes))
            heaviest = sender;
    return heaviest;
}

/* Refuses the newest call of the user with the most waiting calls, unless that is this sender. */
static bool make_room(Shares *s, const Sender *sender)
{
    Sender *heaviest = find_heaviest(s);

    if (!heaviest || load_of(heaviest)->bytes <= load_of(sender)->bytes)
        return false;
    refuse_waiting(heaviest, TAILQ_LAST(&heaviest->waiting, WaitingQueue), too_many);
    return true;
}

static bool has_room(Shares *s, const Sender *sender, size_t size)
{
    size_t held = sender->user ? sender->user->held : 0;

    if (load_of(sender)->n + held >= LIMIT_CALLS_OF_USER ||
        load_of(sender)->bytes + size > LIMIT_CALL_BYTES_OF_USER)
        return false;
    while (s->load.bytes + size > LIMIT_CALL_BYTES)
        if (!make_room(s, sender))
            return false;
    return true;
}

/* ---- incoming calls */

static void refuse_size(sd_bus_message *call, Sender *sender, size_t size)
{
    char text[160];

    snprintf(text, sizeof(text),
             "The call has %zu bytes, but no method takes more than %d; pass a bundle as a file descriptor.",
             size, LIMIT_CALL);
    refuse(sender, call, text);
}

void shares_take(Shares *s, sd_bus_message *call, size_t size)
{
    Sender *sender = sender_get(s, strempty(sd_bus_message_get_sender(call)));

    if (!sender) {
        (void)log_oom();
        refuse(NULL, call, "Out of memory.");
        return;
    }
    s->large.call_at = shares_now(s);
    s->large.n_calls++;
    (void)sd_bus_message_sensitive(call); /* in any case */
    if (sender->user)
        sender->user->used += READ_USEC;
    if (size > LIMIT_CALL)
        refuse_size(call, sender, size);
    else if (!has_room(s, sender, size))
        refuse(sender, call, too_many);
    else if (enqueue(sender, call, size, false) < 0)
        refuse(sender, call, "Out of memory.");
}

int shares_resume(Shares *s, sd_bus_message *call)
{
    Sender *sender = sender_find(s, strempty(sd_bus_message_get_sender(call)));
    int r;

    if (!sender)
        return -ESRCH;
    r = sd_bus_message_rewind(call, true);
    return r < 0 ? r : enqueue(sender, call, 0, true);
}

bool shares_is_dispatching(Shares *s, sd_bus_message *call)
{
    if (call != s->current)
        return false;
    s->current = NULL;
    return true;
}

uid_t shares_get_user(Shares *s, sd_bus_message *call)
{
    const Sender *sender = sender_find(s, strempty(sd_bus_message_get_sender(call)));

    return sender && sender->user ? sender->user->uid : UNKNOWN_USER;
}

void shares_hold(Shares *s, uid_t uid)
{
    User *u = user_find(s, uid);

    if (u)
        u->held++;
}

void shares_release(Shares *s, uid_t uid)
{
    User *u = user_find(s, uid);

    if (!u || u->held == 0)
        return;
    u->held--;
    user_release(s, u);
}

size_t shares_waiting(const Shares *s)
{
    return s->load.n;
}

/* ---- turns */

typedef enum Readiness {
    NOT_READY,
    WAITS_FOR_BUS, /* to take the data written */
    READY,
} Readiness;

static bool is_delayed(const Shares *s)
{
    uint64_t now = shares_now(s);

    if (now < s->large.written_at + PAUSE_USEC)
        return true;
    return s->large.n_calls > FEW_CALLS && now < s->large.after && now < s->large.call_at + QUIET_USEC;
}

static Readiness readiness(const Sender *sender, const Waiting *w, uint64_t unwritten)
{
    const Shares *s = sender->shares;
    size_t size = w->resumed ? 0 : s->observer->reply_size(w->call, s->userdata);

    if (!w->resumed && s->observer->waits(w->call, s->userdata))
        return NOT_READY;
    if (!unread_allows(sender, size) || (size >= LARGE_REPLY && is_delayed(s)))
        return NOT_READY;
    return size >= LARGE_REPLY && unwritten > 0 ? WAITS_FOR_BUS : READY;
}

/* The first ready sender, else one that only waits for the bus. */
static Sender *find_ready_of(const User *u, uint64_t unwritten, Readiness *ret)
{
    Sender *sender, *found = NULL;

    *ret = NOT_READY;
    for (sender = TAILQ_FIRST(&u->turns); sender && *ret != READY; sender = TAILQ_NEXT(sender, turn)) {
        Readiness r = readiness(sender, TAILQ_FIRST(&sender->waiting), unwritten);

        if (r > *ret) {
            *ret = r;
            found = sender;
        }
    }
    return found;
}

/* Picks the user whose calls have used the least time. If its large reply waits for the bus, others do not
 * overtake it, or it would wait forever. */
static Sender *find_next(Shares *s)
{
    uint64_t unwritten = bus_unwritten(s->bus);
    Readiness ready, best_ready = NOT_READY;
    Sender *best = NULL, *sender;
    User *u;

    if (unwritten > WRITE_QUEUE_MAX)
        return NULL;
    for (u = TAILQ_FIRST(&s->active); u; u = TAILQ_NEXT(u, entry)) {
        if (best && u->used >= best->user->used)
            continue;
        sender = find_ready_of(u, unwritten, &ready);
        if (sender) {
            best = sender;
            best_ready = ready;
        }
    }
    return best_ready == READY ? best : NULL;
}

/* Other connections of the user are served first then. */
static void pass_turn(Sender *sender)
{
    if (TAILQ_EMPTY(&sender->waiting))
        return;
    TAILQ_REMOVE(&sender->user->turns, sender, turn);
    TAILQ_INSERT_TAIL(&sender->user->turns, sender, turn);
}

/* The queue of sd-bus is empty, as there are no synchronous calls: an added call is dispatched after
 * timers. */
static void dispatch(Shares *s, sd_bus_message *call)
{
    int r = sd_bus_enqueue_for_read(s->bus, call);

    s->current = r < 0 ? NULL : call;
    while (r >= 0 && s->current) {
        r = sd_bus_process(s->bus, NULL);
        if (r == 0)
            break;
    }
    s->current = NULL;
    if (r < 0)
        log_debug("Failed to dispatch a call: %s", strerror(-r));
    s->observer->dispatched(call, s->userdata);
}

/* Accounts the processor time since begin to the user of the call; returns the time afterwards. */
static uint64_t serve(Shares *s, Sender *sender, uint64_t begin)
{
    Waiting *w = TAILQ_FIRST(&sender->waiting);
    uid_t uid = sender->user->uid;
    size_t size = 0;
    uint64_t end;
    User *u;

    s->used = MAX(s->used, sender->user->used);
    if (!w->resumed) {
        size = s->observer->reply_size(w->call, s->userdata);
        unread_note(sender, size);
    }
    shares_unlink(sender, w);
    pass_turn(sender);
    dispatch(s, w->call);
    sender = sender_find(s, strempty(sd_bus_message_get_sender(w->call))); /* it may have left meanwhile */
    if (sender) {
        unread_follow(sender, shares_now(s));
        if (s->observer->lists_objects(w->call, s->userdata))
            sender_note_viewer(sender);
    }
    waiting_free(w);
    u = user_find(s, uid);
    end = usec_now(CLOCK_THREAD_CPUTIME_ID); /* a system call */
    if (u)
        u->used += end - begin;
    if (size >= LARGE_REPLY) {
        s->large.written_at = usec_now(CLOCK_MONOTONIC);
        s->large.after = s->large.written_at + MIN(DELAY_RATIO * (end - begin), DELAY_MAX);
        s->large.n_calls = 0;
    }
    return end;
}

static void wait_for_readers(Shares *s)
{
    uint64_t now = shares_now(s);
    User *u, *next_user;
    Sender *sender, *next;

    unread_ask_all(s, now);
    for (u = TAILQ_FIRST(&s->active); u; u = next_user) {
        next_user = TAILQ_NEXT(u, entry);
        for (sender = TAILQ_FIRST(&u->turns); sender; sender = next) {
            Waiting *w = TAILQ_FIRST(&sender->waiting);

            next = TAILQ_NEXT(sender, turn);
            if (now > MAX(w->since, sender->read_at) + HOLD_USEC && !w->resumed)
                refuse_waiting(sender, w,
                               "You have too many unread replies; read them before you send more.");
        }
    }
}

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    shares_wake(userdata);
    return 0;
}

static int on_turn(sd_event_source *source _unused_, void *userdata)
{
    Shares *s = userdata;
    uint64_t begin = usec_now(CLOCK_THREAD_CPUTIME_ID), now = begin;
    Sender *sender = NULL;

    while (now - begin < TURN_USEC && (sender = find_next(s)))
        now = serve(s, sender, now);
    if (sender)
        shares_wake(s);
    else if (s->load.n > 0) {
        wait_for_readers(s);
        (void)timer_arm(s->retry, RETRY_USEC);
    }
    return 0;
}

/* ---- */

static int add_sources(Shares *s)
{
    sd_event *event = sd_bus_get_event(s->bus);
    int r;

    r = deferred_add(event, &s->turn, on_turn, s);
    if (r >= 0)
        r = sd_event_source_set_priority(s->turn, BUS_PRIORITY);
    return r < 0 ? r : timer_add(event, &s->retry, CLOCK_MONOTONIC, 1, on_retry, s);
}

int shares_new(sd_bus *bus, sd_bus *questions, const SharesObserver *observer, void *userdata, Shares **ret)
{
    _cleanup_(shares_freep) Shares *s = calloc(1, sizeof(Shares));
    int r;

    if (!s)
        return -ENOMEM;
    s->bus = sd_bus_ref(bus);
    s->questions = sd_bus_ref(questions);
    s->observer = observer;
    s->userdata = userdata;
    TAILQ_INIT(&s->active);
    r = add_sources(s);
    if (r >= 0)
        r = senders_watch(s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

Shares *shares_free(Shares *s)
{
    User *u, *next;

    if (!s)
        return NULL;
    while (s->senders)
        sender_free(s->senders);
    HASH_ITER (hh, s->users, u, next) {
        HASH_DEL(s->users, u);
        free(u);
    }
    sd_bus_slot_unref(s->match);
    sd_event_source_disable_unref(s->turn);
    sd_event_source_disable_unref(s->retry);
    sd_bus_unref(s->questions);
    sd_bus_unref(s->bus);
    free(s);
    return NULL;
}
