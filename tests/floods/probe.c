/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe.h"

#include <poll.h>
#include <string.h>

#include "control.h"
#include "raw.h"

#define PAUSE_USEC 20000
/* One in so many rounds: less than one answer in a hundred is a large one. */
#define EVERY_AUTHORIZED 8
#define EVERY_MUCH       32
/* No answer will come any more. The bus alone makes others wait for half a minute in some floods. */
#define LOST_USEC (120 * G_USEC_PER_SEC)

typedef struct Waiting {
    guint32 serial;
    gboolean answered, repeat;
    char error[128];
} Waiting;

static void on_message(const RawMessage *m, gpointer userdata)
{
    Waiting *w = userdata;

    if (m->reply_serial != w->serial)
        return;
    w->answered = TRUE;
    if (m->type != G_DBUS_MESSAGE_TYPE_ERROR)
        return;
    w->repeat = m->by_bus && strcmp(m->error, "org.freedesktop.DBus.Error.LimitsExceeded") == 0;
    g_strlcpy(w->error, m->error, sizeof(w->error));
}

/* Whether the connection lives. */
static gboolean wait_for_answer(Raw *r, Waiting *w, gint64 end)
{
    while (!w->answered && g_get_monotonic_time() < end) {
        struct pollfd p = { raw_fd(r), (short)(POLLIN | (raw_is_writing(r) ? POLLOUT : 0)), 0 };

        (void)poll(&p, 1, 100);
        if (p.revents & POLLOUT && !raw_write(r, G_MAXSIZE))
            return FALSE;
        if (p.revents & (POLLIN | POLLHUP) && !raw_read(r, on_message, w))
            return FALSE;
    }
    return TRUE;
}

static gboolean ask_once(Raw *r, GBytes *message, Waiting *w, gint64 end)
{
    *w = (Waiting){ 0 };
    raw_push(r, message, NULL, 0);
    w->serial = raw_serial(r);
    return wait_for_answer(r, w, end);
}

/* Asks and adds how long it took; whether that client may go on. */
static gboolean ask(Raw *r, const Call *c, GBytes *message, Record *record)
{
    gint64 begun = g_get_monotonic_time(), end = begun + LOST_USEC;
    g_autofree char *text = NULL;
    gboolean lives;
    Waiting w;

    for (lives = ask_once(r, message, &w, end); lives && w.repeat && g_get_monotonic_time() < end;
         lives = ask_once(r, message, &w, end)) {
        record->n_repeated++;
        g_usleep(PAUSE_USEC);
    }
    if (!lives)
        text = g_strdup_printf("%s: the bus ended the connection", c->member);
    else if (!w.answered)
        text = g_strdup_printf("%s: no answer", c->member);
    else if (w.error[0])
        text = g_strdup_printf("%s: %s", c->member, w.error);
    record_add(record, c->member, g_get_monotonic_time() - begun, text);
    return w.answered;
}

static gboolean ask_all(Raw *r, const Question *questions, guint n, GBytes *const *messages, guint round,
                        Record *record)
{
    for (guint i = 0; i < n && !record_is_stopped(record); i++) {
        if (round % questions[i].every != 0)
            continue;
        if (!ask(r, &questions[i].call, messages[i], record))
            return FALSE;
        g_usleep(PAUSE_USEC);
    }
    return TRUE;
}

void probe_run(const Question *questions, guint n, const char *socket_path, Record *record)
{
    g_autofree GBytes **messages = g_new(GBytes *, n);
    Raw *r = NULL;

    for (guint i = 0; i < n; i++)
        messages[i] = call_marshal(&questions[i].call, SERVICE);
    for (guint round = 0; !record_is_stopped(record); round++) {
        if (!r && !(r = raw_new(socket_path)))
            g_error("%s: nobody listens", socket_path);
        if (!ask_all(r, questions, n, messages, round, record))
            g_clear_pointer(&r, raw_free);
        g_atomic_int_set(&record->ready, 1);
    }
    raw_free(r);
    for (guint i = 0; i < n; i++)
        g_bytes_unref(messages[i]);
}

const Question *probe_of_service(guint *ret_n)
{
    static const Question questions[] = {
        { { .path = PATH, .interface = PEER, .member = "Ping" }, 1 },
        { { .path = OBJECT,
            .interface = PROPERTIES,
            .member = "Get",
            .body = "('" CERTIFICATE "', 'State')" },
          1 },
        { { .path = OBJECT, .interface = PROPERTIES, .member = "GetAll", .body = "('" CERTIFICATE "',)" },
          1 },
        { { .path = PATH, .interface = MANAGER, .member = "GetCertificate", .body = "('" NAME "',)" }, 1 },
        { { .path = PATH, .interface = MANAGER, .member = "ExportRoot", .body = "(@a{sv} {},)" },
          EVERY_AUTHORIZED },
        { { .path = PATH, .interface = OBJECTS, .member = "GetManagedObjects" }, EVERY_MUCH },
    };

    *ret_n = G_N_ELEMENTS(questions);
    return questions;
}

/* So many of each kind, too. */
const Question *probe_of_control(guint *ret_n)
{
    static const Question questions[] = {
        { { .destination = CONTROL, .path = CONTROL_PATH, .interface = CONTROL, .member = "Answer" }, 1 },
        { { .destination = CONTROL, .path = CONTROL_PATH, .interface = CONTROL, .member = "Answer" }, 1 },
        { { .destination = CONTROL, .path = CONTROL_PATH, .interface = CONTROL, .member = "Answer" }, 1 },
        { { .destination = CONTROL, .path = CONTROL_PATH, .interface = CONTROL, .member = "Answer" }, 1 },
        { { .destination = CONTROL,
            .path = CONTROL_PATH,
            .interface = CONTROL,
            .member = "AnswerAuthorized" },
          EVERY_AUTHORIZED },
        { { .destination = CONTROL, .path = CONTROL_PATH, .interface = CONTROL, .member = "AnswerMuch" },
          EVERY_MUCH },
    };

    *ret_n = G_N_ELEMENTS(questions);
    return questions;
}
