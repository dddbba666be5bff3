/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>

#include "util/http-internal.h"

#define USEC_PER_SEC    1000000ULL
#define CONNECTIONS_MAX 64L /* at once; what comes then waits */
#define IDLE_MAX        8L  /* connections that are kept */

/* A transfer is in one of two queues. It is active while libcurl works on it. When libcurl, its deadline or http_free is
 * done with it, it loses its handle and waits in finished until its owner is told, which happens outside of libcurl's
 * callbacks so that the owner may do as he likes. */
TAILQ_HEAD(TransferQueue, Transfer);

struct Http {
    sd_event *event;
    sd_event_source *timer; /* libcurl's */
    CURLM *multi;
    struct TransferQueue active, finished;
    size_t n_pending;
    bool answering; /* owners are being told, one of whom may free the Http: it goes afterwards then */
    bool closing;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void transfer_finish(Transfer *t, CURLcode result)
{
    Http *h = t->http;
    long status = 0;

    transfer_describe(t, result);
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->status = (unsigned)status;
    (void)curl_multi_remove_handle(h->multi, t->easy);
    curl_easy_cleanup(TAKE_PTR(t->easy));
    t->deadline = sd_event_source_disable_unref(t->deadline);
    TAILQ_REMOVE(&h->active, t, entry);
    TAILQ_INSERT_TAIL(&h->finished, t, entry);
}

static void transfer_answer(Transfer *t)
{
    HttpReply reply = { .status = t->status,
                        .body = t->size > 0 ? t->body : (const void *)"",
                        .size = t->size };
    bool failed = t->problem.code != PROBLEM_NONE;

    TAILQ_REMOVE(&t->http->finished, t, entry);
    t->http->n_pending--;
    t->done(failed ? NULL : &reply, failed ? &t->problem : NULL, t->userdata);
    transfer_free(t);
}

static void http_destroy(Http *h)
{
    if (h->multi)
        (void)curl_multi_cleanup(h->multi);
    sd_event_source_disable_unref(h->timer);
    sd_event_unref(h->event);
    free(h);
}

static void http_answer(Http *h)
{
    h->answering = true;
    while (!TAILQ_EMPTY(&h->finished))
        transfer_answer(TAILQ_FIRST(&h->finished));
    h->answering = false;
    if (h->closing)
        http_destroy(h);
}

/* ---- the event loop */

static void http_drive(Http *h, curl_socket_t fd, int events)
{
    int n;
    CURLMsg *message;

    (void)curl_multi_socket_action(h->multi, fd, events, &n);
    while ((message = curl_multi_info_read(h->multi, &n))) {
        Transfer *t = NULL;

        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        if (t && message->msg == CURLMSG_DONE)
            transfer_finish(t, message->data.result);
    }
    http_answer(h);
}

static int on_socket(sd_event_source *s _unused_, int fd, uint32_t revents, void *userdata)
{
    int events = 0;

    if (revents & EPOLLIN)
        events |= CURL_CSELECT_IN;
    if (revents & EPOLLOUT)
        events |= CURL_CSELECT_OUT;
    if (revents & (EPOLLERR | EPOLLHUP))
        events |= CURL_CSELECT_ERR;
    http_drive(userdata, fd, events);
    return 0;
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    http_drive(userdata, CURL_SOCKET_TIMEOUT, 0);
    return 0;
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Transfer *t = userdata;
    Http *h = t->http;

    transfer_describe_deadline(t);
    transfer_finish(t, CURLE_OK);
    http_answer(h);
    return 0;
}

/* libcurl tells which sockets it waits for; the source of each is kept by libcurl itself. */
static int on_interest(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
    static const uint32_t events[] = {
        [CURL_POLL_IN] = EPOLLIN,
        [CURL_POLL_OUT] = EPOLLOUT,
        [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
    };
    sd_event_source *source = socket_data;
    Http *h = userdata;

    if (what == CURL_POLL_REMOVE) {
        sd_event_source_disable_unref(source);
        return 0;
    }
    if (source)
        return sd_event_source_set_io_events(source, events[what]) < 0 ? -1 : 0;
    if (sd_event_add_io(h->event, &source, fd, events[what], on_socket, h) < 0)
        return -1;
    (void)sd_event_source_set_description(source, "http-socket");
    return curl_multi_assign(h->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int on_timeout(CURLM *multi _unused_, long msec, void *userdata)
{
    Http *h = userdata;
    uint64_t now;

    if (msec < 0)
        return sd_event_source_set_enabled(h->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    if (sd_event_now(h->event, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_source_set_time(h->timer, now + (uint64_t)msec * 1000) < 0)
        return -1;
    return sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

/* libcurl's own limit does not count while a request waits for the connection of another. */
static int transfer_start_deadline(Transfer *t, sd_event *event)
{
    uint64_t now;
    int r;

    r = sd_event_now(event, CLOCK_MONOTONIC, &now);
    if (r < 0)
        return r;
    r = sd_event_add_time(event, &t->deadline, CLOCK_MONOTONIC, now + t->time_max * USEC_PER_SEC, 0,
                          on_deadline, t);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(t->deadline, "http-deadline");
    return 0;
}

static int http_start(Http *h, Transfer *t)
{
    int r;

    r = transfer_start_deadline(t, h->event);
    if (r < 0)
        return r;
    if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
        return -ENOMEM;
    t->http = h;
    TAILQ_INSERT_TAIL(&h->active, t, entry);
    h->n_pending++;
    return 0;
}

int http_get(Http *h, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem)
{
    _cleanup_(transfer_freep) Transfer *t = NULL;
    int r = -ECANCELED;

    if (!h->closing)
        r = transfer_new(request, &t, problem);
    if (r >= 0) {
        t->done = done;
        t->userdata = userdata;
        r = http_start(h, t);
    }
    if (r < 0)
        return problem_set_errno(problem, r, "Asking a server");
    TAKE_PTR(t);
    return 0;
}

size_t http_pending(const Http *h)
{
    return h->n_pending;
}

/* ---- all requests */

static int http_set_options(Http *h)
{
    CURLMcode c = curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_interest);

    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
    c = c ? c : curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
    return c == CURLM_OK ? 0 : -EOPNOTSUPP;
}

int http_new(sd_event *event, Http **ret)
{
    _cleanup_(http_freep) Http *h = NULL;
    int r;

    r = pthread_once(&global_once, global_init);
    if (r != 0 || global_result != CURLE_OK)
        return r != 0 ? -r : -ENOMEM;
    h = calloc(1, sizeof(Http));
    if (!h)
        return -ENOMEM;
    h->event = sd_event_ref(event);
    TAILQ_INIT(&h->active);
    TAILQ_INIT(&h->finished);
    r = sd_event_add_time(event, &h->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timer, h);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(h->timer, "http-timer");
    h->multi = curl_multi_init();
    if (!h->multi)
        return -ENOMEM;
    r = http_set_options(h);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(h);
    return 0;
}

Http *http_free(Http *h)
{
    Transfer *t;

    if (!h || h->closing)
        return NULL;
    h->closing = true;
    while ((t = TAILQ_FIRST(&h->active)))
        transfer_finish(t, CURLE_OK);
    while ((t = TAILQ_FIRST(&h->finished))) {
        transfer_describe_cancelled(t);
        transfer_answer(t);
    }
    if (!h->answering)
        http_destroy(h);
    return NULL;
}
