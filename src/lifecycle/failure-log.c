/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle/failure-log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

#define COLLECT_USEC (10 * USEC_PER_SEC)
#define CAUSES_MAX   64
#define NAMES_MAX    10 /* in one line */

typedef struct Cause {
    char *text, *code;
    char **names; /* not logged yet */
    UT_hash_handle hh;
} Cause;

struct FailureLog {
    sd_event_source *timer;
    Cause *causes; /* by text */
};

static void cause_free(Cause *cause)
{
    free(cause->text);
    free(cause->code);
    strv_free(cause->names);
    free(cause);
}

/* Logs the names that a cause has collected. */
static void log_names(Cause *cause)
{
    LogField fields[NAMES_MAX + 3] = { { "CODE", cause->code }, { "REASON", cause->text } };
    _cleanup_free_ char *list = NULL;
    size_t n = 0;

    if (!cause->names)
        return;
    for (char *const *name = cause->names; *name; name++)
        fields[2 + n++] = (LogField){ "NAME", *name };
    list = strv_join(cause->names, ", ");
    log_fields(LOG_WARNING, MESSAGE_ORDER_FAILED, fields,
               "%s: the %s and %s retried; the cause is the same: %s", strempty(list),
               n > 1 ? "orders failed" : "order failed", n > 1 ? "are" : "is", cause->text);
    cause->names = strv_free(cause->names);
}

static void log_causes(FailureLog *f)
{
    Cause *cause, *next;

    HASH_ITER (hh, f->causes, cause, next) {
        log_names(cause);
        HASH_DEL(f->causes, cause);
        cause_free(cause);
    }
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    log_causes(userdata);
    return 0;
}

int failure_log_new(sd_event *event, FailureLog **ret)
{
    FailureLog *f = calloc(1, sizeof(FailureLog));
    int r;

    if (!f)
        return -ENOMEM;
    r = timer_add(event, &f->timer, CLOCK_MONOTONIC, 0, on_timer, f);
    if (r < 0) {
        failure_log_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

FailureLog *failure_log_free(FailureLog *f)
{
    if (!f)
        return NULL;
    log_causes(f);
    sd_event_source_disable_unref(f->timer);
    free(f);
    return NULL;
}

static void log_first(const char *name, const Problem *problem, const char *text, int64_t retry)
{
    log_fields(LOG_WARNING, MESSAGE_ORDER_FAILED,
               FIELDS({ "NAME", name }, { "CODE", problem_name(problem) }, { "REASON", text }),
               "%s: %s%s The order is retried in %lld seconds.", name, text, text_full_stop(text),
               (long long)retry);
}

/* Failures with the same text may follow. */
static void expect_others(FailureLog *f, const Problem *problem, const char *text)
{
    Cause *cause;

    if (HASH_COUNT(f->causes) >= CAUSES_MAX)
        return;
    cause = calloc(1, sizeof(Cause));
    if (!cause)
        return;
    cause->code = strdup(problem_name(problem));
    cause->text = strdup(text);
    if (!cause->code || !cause->text || (!f->causes && timer_arm(f->timer, COLLECT_USEC) < 0)) {
        cause_free(cause);
        return;
    }
    HASH_ADD_KEYPTR(hh, f->causes, cause->text, strlen(cause->text), cause);
}

void failure_log_add(FailureLog *f, const char *name, const Problem *problem, int64_t retry)
{
    const char *text = strempty(problem->text);
    Cause *cause;

    HASH_FIND_STR(f->causes, text, cause);
    if (!cause) {
        log_first(name, problem, text, retry);
        expect_others(f, problem, text);
        return;
    }
    if (strv_extend(&cause->names, name) < 0)
        log_first(name, problem, text, retry);
    else if (strv_length(cause->names) >= NAMES_MAX)
        log_names(cause);
}
