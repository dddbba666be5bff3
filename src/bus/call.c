/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "bus/internal.h"
#include "core/limits.h"
#include "util/log.h"
#include "util/text.h"

#define OPTIONS_MAX 16
#define KEY_MAX     64 /* bytes of an option's key that are quoted */
#define TYPE_MAX    16 /* and of its type */
#define UNEXPLAINED "Certwright failed to do this; see its journal for the reason."

int error_set_problem(sd_bus_error *error, const Problem *problem)
{
    bool known = problem->code != PROBLEM_NONE;
    char name[96];

    snprintf(name, sizeof(name), ERROR_PREFIX "%s",
             problem_code_to_string(known ? problem->code : PROBLEM_INTERNAL));
    return sd_bus_error_set(error, name,
                            isempty(problem->text) ? UNEXPLAINED : QUOTE(problem->text, LIMIT_PROBLEM_TEXT));
}

int error_set(sd_bus_error *error, ProblemCode code, const char *format, ...)
{
    _cleanup_problem_ Problem problem = {};
    va_list ap;

    va_start(ap, format);
    (void)problem_setv(&problem, code, format, ap);
    va_end(ap);
    return error_set_problem(error, &problem);
}

void refuse_call_for(sd_bus_message *m, const Problem *problem)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;

    (void)error_set_problem(&error, problem);
    (void)sd_bus_reply_method_error(m, &error);
    sd_bus_error_free(&error);
}

void refuse_call(sd_bus_message *m, const char *why)
{
    _cleanup_problem_ Problem problem = {};

    (void)problem_set(&problem, PROBLEM_LIMITS_EXCEEDED, "%s", why);
    refuse_call_for(m, &problem);
}

Bus *bus_of_message(sd_bus_message *m)
{
    return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(m)));
}

static int call_new(Bus *b, sd_bus_message *m, const char *name, const char *module, Call **ret)
{
    _cleanup_call_ Call *c = calloc(1, sizeof(Call));
    int r;

    if (!c)
        return -ENOMEM;
    c->bus = b;
    c->connection = b->connection.number;
    b->n_calls++;
    c->message = sd_bus_message_ref(m);
    c->uid = (uid_t)-1;
    c->sender_uid = shares_get_user(b->shares, m);
    shares_hold(b->shares, c->sender_uid);
    c->answered = true; /* until it is complete */
    r = text_set(&c->name, name);
    if (r >= 0)
        r = text_set(&c->module, module);
    if (r < 0)
        return r;
    c->answered = false;
    *ret = TAKE_PTR(c);
    return 0;
}

static int begin(sd_bus_message *m, const AuthorizeDetails *details, Call **ret)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_call_ Call *c = NULL;
    Bus *b = bus_of_message(m);
    uid_t uid = (uid_t)-1;
    int r, checked;

    checked = authorizer_check(b->authorizer, m, shares_get_user(b->shares, m), details, &uid, &problem);
    if (checked == 0)
        return 1;
    r = call_new(b, m, details->name, details->module, &c);
    if (r < 0)
        return r;
    c->uid = uid;
    if (checked < 0)
        problem_move(&problem, &c->problem);
    else {
        call_log_begin(c);
        *ret = TAKE_PTR(c);
    }
    return 1;
}

int call_begin(sd_bus_message *m, const char *name, const char *module, Call **ret)
{
    return begin(m, &(AuthorizeDetails){ name, module, streq(name, ANY_NAME) ? NULL : "leaf" }, ret);
}

int call_begin_for(sd_bus_message *m, const Certificate *c, Call **ret)
{
    return begin(m, &(AuthorizeDetails){ certificate_name(c), NULL, certificate_role(c) }, ret);
}

int call_park(Call **c, int r)
{
    if (r >= 0)
        *c = NULL;
    return 1;
}

/* Returns true if the connection that the call came by is closed. */
static bool is_lost(const Call *c)
{
    return c->connection != c->bus->connection.number || sd_bus_is_open(c->bus->bus) <= 0;
}

static void answer_problem(Call *c)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    (void)problem_set(&c->problem, PROBLEM_INTERNAL, UNEXPLAINED);
    call_log_write(c);
    if (is_lost(c))
        return;
    (void)error_set_problem(&error, &c->problem);
    r = sd_bus_reply_method_error(c->message, &error);
    sd_bus_error_free(&error);
    if (r >= 0)
        return;
    log_fields(LOG_ERR, MESSAGE_FAILURE,
               FIELDS({ "NAME", c->name }, { "METHOD", sd_bus_message_get_member(c->message) }),
               "Failed to send the error of %s: %s", sd_bus_message_get_member(c->message), strerror(-r));
    (void)sd_bus_reply_method_errorf(c->message, ERROR_PREFIX "Internal", UNEXPLAINED);
}

Call *call_free(Call *c)
{
    if (!c)
        return NULL;
    if (!c->answered)
        answer_problem(c);
    if (c->bus->log.current == c)
        call_log_end(c->bus);
    bus_reset_idle(c->bus);
    c->bus->n_calls--;
    if (c->connection == c->bus->connection.number && c->bus->shares)
        shares_release(c->bus->shares, c->sender_uid);
    sd_bus_message_unref(c->message);
    problem_clear(&c->problem);
    free(c->name);
    free(c->module);
    free(c);
    return NULL;
}

int call_fail(Call *c, int r)
{
    log_fields(LOG_ERR, MESSAGE_FAILURE,
               FIELDS({ "NAME", c->name }, { "METHOD", sd_bus_message_get_member(c->message) }),
               "Failed to answer %s: %s", sd_bus_message_get_member(c->message), strerror(-r));
    problem_clear(&c->problem);
    (void)problem_set(
        &c->problem, PROBLEM_INTERNAL,
        "The reply could not be created or sent; see the journal of Certwright for the reason.");
    return 1;
}

/* Takes the reply; r: of making it. */
static int send_reply(Call *c, sd_bus_message *reply, int r)
{
    if (r >= 0 && !is_lost(c))
        r = sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
    if (r < 0)
        return call_fail(c, r);
    c->answered = true;
    call_log_write(c);
    return 1;
}

int call_answer_with(Call *c, CallAppend append, const void *userdata)
{
    sd_bus_message *reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(c->message, &reply);
    if (r >= 0)
        r = append(reply, userdata);
    return send_reply(c, reply, r);
}

int call_answer(Call *c, const char *types, ...)
{
    sd_bus_message *reply = NULL;
    va_list ap;
    int r;

    r = sd_bus_message_new_method_return(c->message, &reply);
    if (r >= 0 && types) {
        va_start(ap, types);
        r = sd_bus_message_appendv(reply, types, ap);
        va_end(ap);
    }
    return send_reply(c, reply, r);
}

int call_answer_job(Call *c, uint64_t id)
{
    _cleanup_free_ char *path = job_path(id);

    call_log_note_job(c, id);
    return path ? call_answer(c, "o", path) : call_fail(c, -ENOMEM);
}

bool call_failed(Call *c, const Problem *problem)
{
    if (problem->code != PROBLEM_NONE)
        (void)problem_copy(problem, &c->problem);
    return problem->code != PROBLEM_NONE;
}

void call_end(const Problem *problem, void *userdata)
{
    Call *c = userdata;

    if (!call_failed(c, problem))
        (void)call_answer(c, NULL);
    call_free(c);
}

static const OptionRow *find_row(const OptionRow *rows, const char *key)
{
    for (; rows->key; rows++)
        if (streq(rows->key, key))
            return rows;
    return NULL;
}

static int read_names(sd_bus_message *m, char ***target)
{
    const char *s;
    int r;

    r = sd_bus_message_enter_container(m, 'a', "s");
    while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0) {
        if (strv_length(*target) >= LIMIT_NAMES)
            return -E2BIG;
        r = strv_extend(target, s);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_bytes(sd_bus_message *m, Bytes *target)
{
    int r = sd_bus_message_read_array(m, 'y', &target->data, &target->size);

    if (r >= 0 && !target->data) /* empty */
        target->data = "";
    return r;
}

static int read_by_type(sd_bus_message *m, const OptionRow *row)
{
    if (streq(row->type, "as"))
        return read_names(m, row->target);
    if (streq(row->type, "ay"))
        return read_bytes(m, row->target);
    return sd_bus_message_read_basic(m, *row->type, row->target);
}

static int read_value(sd_bus_message *m, const OptionRow *row, sd_bus_error *error)
{
    const char *contents;
    int r;

    r = sd_bus_message_peek_type(m, NULL, &contents);
    if (r < 0)
        return r;
    if (!streq(contents, row->type))
        return error_set(error, PROBLEM_INVALID_ARGUMENT,
                         "The option \"%s\" is of type %s and has to be of type %s.", row->key,
                         QUOTE(contents, TYPE_MAX), row->type);
    r = sd_bus_message_enter_container(m, 'v', row->type);
    if (r >= 0)
        r = read_by_type(m, row);
    if (r == -E2BIG)
        return error_set(error, PROBLEM_LIMITS_EXCEEDED, "A certificate has at most %d names.", LIMIT_NAMES);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int read_options(sd_bus_message *m, const OptionRow *rows, sd_bus_error *error)
{
    const OptionRow *row;
    const char *key;
    int r;

    r = sd_bus_message_enter_container(m, 'a', "{sv}");
    if (r < 0)
        return r;
    for (int n = 0; (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0; n++) {
        r = sd_bus_message_read_basic(m, 's', &key);
        if (r < 0)
            return r;
        row = find_row(rows, key);
        if (!row || n >= OPTIONS_MAX)
            return error_set(error, PROBLEM_INVALID_ARGUMENT,
                             "The method does not know the option \"%s\"; see its documentation.",
                             QUOTE(key, KEY_MAX));
        r = read_value(m, row, error);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}
