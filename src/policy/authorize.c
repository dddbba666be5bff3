/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/authorize.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "core/limits.h"
#include "policy/policy.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define FLAG_INTERACTION 1U /* AllowUserInteraction */
#define ANSWER_USEC      (20 * USEC_PER_SEC)
#define INTERACTION_USEC (180 * USEC_PER_SEC) /* for a person to enter a password */
#define DETAIL_MAX       LIMIT_NAME           /* bytes of a detail, which may be what the caller wrote */

/* A call that waits for polkit, or for its handler to run again. */
typedef struct Check {
    LIST_ENTRY(Check) entry;
    Authorizer *authorizer;
    sd_bus_message *message;
    const PolicyRow *row;
    char *name, *module, *role;
    uint64_t id;
    uid_t uid;
    Problem problem;   /* of a decided check; none: allowed */
    sd_bus_slot *call; /* to polkit; NULL: decided */
} Check;

struct Authorizer {
    sd_bus *bus;
    AuthorizerDecided decided;
    void *userdata;
    LIST_HEAD(, Check) checks;
    uint64_t last_id;
};

static Check *check_free(Check *c)
{
    if (!c)
        return NULL;
    LIST_REMOVE(c, entry);
    sd_bus_slot_unref(c->call);
    sd_bus_message_unref(c->message);
    problem_clear(&c->problem);
    free(c->name);
    free(c->role);
    free(c->module);
    free(c);
    return NULL;
}

/* Calls the handler again, which then finds the decision. */
static void check_decide(Check *c)
{
    int r;

    c->call = sd_bus_slot_unref(c->call);
    r = c->authorizer->decided(c->message, c->authorizer->userdata);
    if (r < 0) {
        (void)log_error_errno(r, "Failed to resume a call");
        sd_bus_reply_method_errno(c->message, r, NULL);
        check_free(c);
    }
}

static void check_deny(Check *c, const char *why)
{
    problem_set(&c->problem, PROBLEM_NOT_AUTHORIZED, "%s is not allowed: %s.", c->row->member, why);
    check_decide(c);
}

static void cancel_id(const Check *c, char ret[static 48])
{
    snprintf(ret, 48, "certwright-%llu", (unsigned long long)c->id);
}

/* Closes the dialog. */
static void cancel_polkit(Check *c)
{
    char id[48];

    if (!c->call)
        return;
    cancel_id(c, id);
    (void)sd_bus_call_method_async(c->authorizer->bus, NULL, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                   "CancelCheckAuthorization", NULL, NULL, "s", id);
}

static Check *find_check(Authorizer *a, sd_bus_message *m)
{
    Check *c;

    LIST_FOREACH (c, &a->checks, entry)
        if (c->message == m && !c->call)
            return c;
    return NULL;
}

void authorizer_forget_sender(Authorizer *a, const char *sender)
{
    Check *c, *next;

    for (c = LIST_FIRST(&a->checks); c; c = next) {
        next = LIST_NEXT(c, entry);
        if (!streq(sd_bus_message_get_sender(c->message), sender))
            continue;
        cancel_polkit(c);
        check_free(c);
    }
}

void authorizer_forget_decision(Authorizer *a, sd_bus_message *m)
{
    Check *c = find_check(a, m);

    if (c)
        check_free(c);
}

static int on_polkit_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    Check *c = userdata;
    int authorized, challenge, r;
    char why[256];

    if (sd_bus_message_is_method_error(reply,
                                       SD_BUS_ERROR_LIMITS_EXCEEDED)) { /* the bus limits pending replies */
        problem_set(&c->problem, PROBLEM_LIMITS_EXCEEDED,
                    "Too many calls are waiting for authorization; try again in a moment.");
        check_decide(c);
        return 0;
    }
    if (sd_bus_message_is_method_error(reply, NULL)) {
        snprintf(why, sizeof(why), "polkit cannot be reached (%s)",
                 QUOTE(sd_bus_message_get_error(reply)->name, 200));
        cancel_polkit(c);
        check_deny(c, why);
        return 0;
    }
    r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (r > 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    if (r <= 0)
        check_deny(c, "polkit sent an invalid reply");
    else if (authorized)
        check_decide(c);
    else if (challenge)
        check_deny(
            c,
            sd_bus_message_get_allow_interactive_authorization(c->message) > 0
                ? "it requires the password of an administrator, and no agent can ask for it; "
                  "use the certwright command on a terminal, or call as root"
                : "it requires the password of an administrator; allow interactive authorization (busctl and gdbus "
                  "have an option for that), use the certwright command on a terminal, or call as root");
    else
        check_deny(c, "polkit says no");
    return 0;
}

static int append_details(sd_bus_message *ask, const Check *c)
{
    int r = sd_bus_message_open_container(ask, 'a', "{ss}");

    if (r >= 0 && c->name)
        r = sd_bus_message_append(ask, "{ss}", "name", QUOTE(c->name, DETAIL_MAX));
    if (r >= 0 && c->role)
        r = sd_bus_message_append(ask, "{ss}", "role", c->role);
    if (r >= 0 && c->module)
        r = sd_bus_message_append(ask, "{ss}", "module", QUOTE(c->module, DETAIL_MAX));
    return r < 0 ? r : sd_bus_message_close_container(ask);
}

static int ask_polkit(Check *c)
{
    bool interactive = sd_bus_message_get_allow_interactive_authorization(c->message) > 0;
    sd_bus_message *ask = NULL;
    char action[64], id[48];
    int r;

    snprintf(action, sizeof(action), POLICY_PREFIX "%s", c->row->action);
    cancel_id(c, id);
    r = sd_bus_message_new_method_call(c->authorizer->bus, &ask, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                       "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(ask, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(c->message), action);
    if (r >= 0)
        r = append_details(ask, c);
    if (r >= 0)
        r = sd_bus_message_append(ask, "us", interactive ? FLAG_INTERACTION : 0, id);
    if (r >= 0)
        r = sd_bus_call_async(c->authorizer->bus, &c->call, ask, on_polkit_answer, c,
                              interactive ? INTERACTION_USEC : ANSWER_USEC);
    sd_bus_message_unref(ask);
    return r;
}

/* Counts the pending checks of a user, or of all for (uid_t)-1. */
static size_t asking_polkit(const Authorizer *a, uid_t uid)
{
    size_t n = 0;
    Check *c;

    LIST_FOREACH (c, &a->checks, entry)
        n += c->call && (uid == (uid_t)-1 || c->uid == uid);
    return n;
}

static int check_limits(const Authorizer *a, uid_t uid, Problem *problem)
{
    if (asking_polkit(a, uid) >= LIMIT_CHECKS_PER_USER)
        return problem_set(
            problem, PROBLEM_LIMITS_EXCEEDED,
            "You already have %d calls that wait for authorization; wait for replies to some of them.",
            LIMIT_CHECKS_PER_USER);
    if (asking_polkit(a, (uid_t)-1) >= LIMIT_CHECKS)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "%d calls are already waiting for authorization; try again in a moment.",
                           LIMIT_CHECKS);
    return 0;
}

static int check_start(Authorizer *a, sd_bus_message *m, const PolicyRow *row, uid_t uid,
                       const AuthorizeDetails *details, Problem *problem)
{
    Check *c;
    int r;

    if (uid == (uid_t)-1)
        return problem_set(problem, PROBLEM_NOT_AUTHORIZED,
                           "%s is not allowed: the bus does not report the user of the caller.",
                           row->member);
    r = check_limits(a, uid, problem);
    if (r < 0)
        return r;
    c = calloc(1, sizeof(Check));
    if (!c)
        return -ENOMEM;
    *c = (Check){
        .authorizer = a, .message = sd_bus_message_ref(m), .row = row, .uid = uid, .id = ++a->last_id
    };
    LIST_INSERT_HEAD(&a->checks, c, entry);
    r = text_set(&c->name, details->name);
    if (r >= 0)
        r = text_set(&c->module, details->module);
    if (r >= 0)
        r = text_set(&c->role, details->role);
    if (r >= 0)
        r = ask_polkit(c);
    if (r < 0)
        check_free(c);
    return r;
}

int authorizer_check(Authorizer *a, sd_bus_message *m, uid_t uid, const AuthorizeDetails *details,
                     uid_t *ret_uid, Problem *problem)
{
    const PolicyRow *row = policy_find(sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
    Check *c = find_check(a, m);
    int r = 1;

    if (!row)
        return problem_set(problem, PROBLEM_NOT_AUTHORIZED, "No rule allows %s.",
                           sd_bus_message_get_member(m));
    if (!row->action) {
        *ret_uid = (uid_t)-1;
        return 1;
    }
    if (!c) {
        r = check_start(a, m, row, uid, details, problem);
        return r < 0 ? problem_set_errno(problem, r, "Asking for authorization") : 0;
    }
    *ret_uid = c->uid;
    if (!streq(strempty(c->name), strempty(details->name)) ||
        !streq(strempty(c->role), strempty(details->role)))
        (void)problem_set(&c->problem, PROBLEM_NOT_AUTHORIZED,
                          "%s was authorized for %s, but would now be for %s; try again.", row->member,
                          strempty(c->name), strempty(details->name));
    if (c->problem.code != PROBLEM_NONE) {
        problem_move(&c->problem, problem);
        r = -EACCES;
    }
    check_free(c);
    return r;
}

bool authorizer_is_busy(const Authorizer *a)
{
    return !LIST_EMPTY(&a->checks);
}

int authorizer_new(sd_bus *bus, AuthorizerDecided decided, void *userdata, Authorizer **ret)
{
    Authorizer *a = calloc(1, sizeof(Authorizer));

    if (!a)
        return -ENOMEM;
    *a = (Authorizer){ .bus = sd_bus_ref(bus), .decided = decided, .userdata = userdata };
    LIST_INIT(&a->checks);
    *ret = a;
    return 0;
}

Authorizer *authorizer_free(Authorizer *a)
{
    Check *c;

    if (!a)
        return NULL;
    while ((c = LIST_FIRST(&a->checks)))
        check_free(c);
    sd_bus_unref(a->bus);
    free(a);
    return NULL;
}
