/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>

#include "net/http-internal.h"
#include "util/timer.h"

#define CONNECTIONS_MAX 64L /* of one pool; further requests wait */
#define IDLE_MAX        32L /* idle connections that one pool keeps */

/* The connections that use the same file of authorities. libcurl caches one such file per multi handle and
 * drops it for the next one: with a single handle, a machine that uses two files would read them again for
 * each connection, which takes longer than everything else. */
typedef struct Pool {
    SLIST_ENTRY(Pool) entry;
    Http *http;
    char *authorities; /* NULL: those of the system */
    CURLM *multi;
    /* libcurl's timer, which is set for almost every packet. To avoid a system call each time, it is kept if
     * the requested time is later, and checked when it expires; requests for immediate action do not need
     * it. */
    sd_event_source *timer, *soon;
    uint64_t due; /* CLOCK_MONOTONIC, usec; UINT64_MAX: never */
} Pool;

/* A transfer is in one of two queues: active while libcurl works on it, then finished, after libcurl, the
 * deadline or http_free() has ended it, until done() is called. That happens outside of libcurl's callbacks, so
 * that done() may call anything. */
TAILQ_HEAD(TransferQueue, Transfer);

struct Http {
    sd_event *event;
    SLIST_HEAD(, Pool) pools;
    struct TransferQueue active, finished;
    size_t n_pending;
    uint64_t n_connections;
    bool answering; /* calling done(), which may call http_free(): the Http is freed afterwards then */
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
    long status = 0, connections = 0;

    transfer_describe(t, result);
    t->problem.sent = t->problem.code == PROBLEM_NETWORK_FAILED && t->n_sent > 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connections);
    h->n_connections += (uint64_t)connections;
    t->status = (unsigned)status;
    (void)curl_multi_remove_handle(t->pool->multi, t->easy);
    t->deadline = sd_event_source_disable_unref(t->deadline);
    TAILQ_REMOVE(&h->active, t, entry);
    TAILQ_INSERT_TAIL(&h->finished, t, entry);
}

static void transfer_answer(Transfer *t)
{
    HttpReply reply = { .status = t->status,
                        .body = t->size > 0 ? t->body : (const void *)"",
                        .size = t->size,
                        .easy = t->easy,
                        .repeated = t->n_sent > 1 };
    bool failed = t->problem.code != PROBLEM_NONE;

    TAILQ_REMOVE(&t->http->finished, t, entry);
    t->http->n_pending--;
    t->done(failed ? NULL : &reply, failed ? &t->problem : NULL, t->userdata);
    transfer_free(t);
}

static Pool *pool_free(Pool *p)
{
    if (p->multi)
        (void)curl_multi_cleanup(p->multi);
    sd_event_source_disable_unref(p->timer);
    sd_event_source_disable_unref(p->soon);
    free(p->authorities);
    free(p);
    return NULL;
}
DEFINE_CLEANUP(Pool *, pool_free);

static void http_destroy(Http *h)
{
    Pool *p;

    while ((p = SLIST_FIRST(&h->pools))) {
        SLIST_REMOVE_HEAD(&h->pools, entry);
        pool_free(p);
    }
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

static void pool_drive(Pool *p, curl_socket_t fd, int events)
{
    Http *h = p->http;
    int n;
    CURLMsg *message;

    (void)curl_multi_socket_action(p->multi, fd, events, &n);
    while ((message = curl_multi_info_read(p->multi, &n))) {
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
    pool_drive(userdata, fd, events);
    return 0;
}

static int pool_arm(Pool *p)
{
    uint64_t at;

    if (p->due == UINT64_MAX)
        return 0;
    if (timer_is_armed(p->timer) && sd_event_source_get_time(p->timer, &at) >= 0 && at <= p->due)
        return 0;
    return timer_arm_at(p->timer, p->due);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    uint64_t now = UINT64_MAX;
    Pool *p = userdata;

    (void)sd_event_now(p->http->event, CLOCK_MONOTONIC, &now);
    if (now < p->due)
        return pool_arm(p);
    p->due = UINT64_MAX;
    pool_drive(p, CURL_SOCKET_TIMEOUT, 0);
    return 0;
}

static int on_soon(sd_event_source *s _unused_, void *userdata)
{
    pool_drive(userdata, CURL_SOCKET_TIMEOUT, 0);
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

/* libcurl reports the sockets it waits for, and stores the event source of each. */
static int on_interest(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
    static const uint32_t events[] = {
        [CURL_POLL_IN] = EPOLLIN,
        [CURL_POLL_OUT] = EPOLLOUT,
        [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
    };
    sd_event_source *source = socket_data;
    Pool *p = userdata;

    if (what == CURL_POLL_REMOVE) {
        sd_event_source_disable_unref(source);
        return 0;
    }
    if (source)
        return sd_event_source_set_io_events(source, events[what]) < 0 ? -1 : 0;
    if (sd_event_add_io(p->http->event, &source, fd, events[what], on_socket, p) < 0)
        return -1;
    (void)sd_event_source_set_description(source, "http-socket");
    return curl_multi_assign(p->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int on_timeout(CURLM *multi _unused_, long msec, void *userdata)
{
    Pool *p = userdata;
    uint64_t now;

    p->due = UINT64_MAX;
    if (msec < 0)
        return 0;
    if (msec == 0)
        return sd_event_source_set_enabled(p->soon, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
    if (sd_event_now(p->http->event, CLOCK_MONOTONIC, &now) < 0)
        return -1;
    p->due = now + (uint64_t)msec * USEC_PER_MSEC;
    return pool_arm(p) < 0 ? -1 : 0;
}

/* libcurl's own limit does not apply while a request waits for the connection of another. */
static int transfer_start_deadline(Transfer *t, sd_event *event)
{
    int r;

    r = deadline_add(event, &t->deadline, t->time_max * USEC_PER_SEC, on_deadline, t);
    if (r >= 0) /* what ends at the same time ends before another begins in its place */
        r = sd_event_source_set_priority(t->deadline, SD_EVENT_PRIORITY_NORMAL - 1);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(t->deadline, "http-deadline");
    return 0;
}

static int pool_set_options(Pool *p)
{
    CURLMcode c = curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_interest);

    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
    c = c ? c : curl_multi_setopt(p->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
    return c == CURLM_OK ? 0 : -EOPNOTSUPP;
}

static int pool_new(Http *h, const char *authorities, Pool **ret)
{
    _cleanup_(pool_freep) Pool *p = calloc(1, sizeof(Pool));
    int r;

    if (!p)
        return -ENOMEM;
    p->http = h;
    p->authorities = authorities ? strdup(authorities) : NULL;
    p->multi = curl_multi_init();
    if (!p->multi || (authorities && !p->authorities))
        return -ENOMEM;
    p->due = UINT64_MAX;
    r = timer_add(h->event, &p->timer, CLOCK_MONOTONIC, 1, on_timer, p);
    if (r >= 0)
        r = deferred_add(h->event, &p->soon, on_soon, p);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(p->timer, "http-timer");
    r = pool_set_options(p);
    if (r < 0)
        return r;
    SLIST_INSERT_HEAD(&h->pools, p, entry);
    *ret = TAKE_PTR(p);
    return 0;
}

/* There are as many pools as configured files. */
static int http_find_pool(Http *h, const char *authorities, Pool **ret)
{
    Pool *p;

    SLIST_FOREACH (p, &h->pools, entry)
        if (streq(strempty(p->authorities), strempty(authorities))) {
            *ret = p;
            return 0;
        }
    return pool_new(h, authorities, ret);
}

static int http_start(Http *h, Transfer *t, const char *authorities)
{
    int r = http_find_pool(h, authorities, &t->pool);

    if (r < 0)
        return r;
    r = transfer_start_deadline(t, h->event);
    if (r < 0)
        return r;
    if (curl_multi_add_handle(t->pool->multi, t->easy) != CURLM_OK)
        return -ENOMEM;
    t->http = h;
    TAILQ_INSERT_TAIL(&h->active, t, entry);
    h->n_pending++;
    return 0;
}

int http_send(Http *h, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem)
{
    _cleanup_(transfer_freep) Transfer *t = NULL;
    int r = -ECANCELED;

    if (!h->closing)
        r = transfer_new(request, &t, problem);
    if (r >= 0) {
        t->done = done;
        t->userdata = userdata;
        r = http_start(h, t, request->authorities);
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

uint64_t http_connections(const Http *h)
{
    return h->n_connections;
}

/* ---- all requests */

int http_new(sd_event *event, Http **ret)
{
    Http *h;
    int r;

    r = pthread_once(&global_once, global_init);
    if (r != 0 || global_result != CURLE_OK)
        return r != 0 ? -r : -ENOMEM;
    h = calloc(1, sizeof(Http));
    if (!h)
        return -ENOMEM;
    h->event = sd_event_ref(event);
    SLIST_INIT(&h->pools);
    TAILQ_INIT(&h->active);
    TAILQ_INIT(&h->finished);
    *ret = h;
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
