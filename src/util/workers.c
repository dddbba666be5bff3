/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#define DONE_PER_TURN 256 /* so that calls are served between the results of a burst */

typedef struct Task {
    STAILQ_ENTRY(Task) entry;
    WorkerRun run;
    WorkerDone done;
    void *data;
} Task;

STAILQ_HEAD(TaskQueue, Task);

struct Workers {
    sd_event_source *source;
    void *userdata;
    int wake_fd;
    unsigned n_threads;
    size_t n_pending;
    pthread_t *threads;

    pthread_mutex_t mutex; /* protects the members below */
    pthread_cond_t added;
    struct TaskQueue waiting, finished;
    bool stopping;
};

static void *thread_main(void *userdata)
{
    Workers *w = userdata;

    pthread_mutex_lock(&w->mutex);
    while (!w->stopping) {
        Task *task = STAILQ_FIRST(&w->waiting);
        bool first;

        if (!task) {
            pthread_cond_wait(&w->added, &w->mutex);
            continue;
        }
        STAILQ_REMOVE_HEAD(&w->waiting, entry);
        pthread_mutex_unlock(&w->mutex);
        task->run(task->data);
        pthread_mutex_lock(&w->mutex);
        first = STAILQ_EMPTY(&w->finished);
        STAILQ_INSERT_TAIL(&w->finished, task, entry);
        if (first)
            (void)eventfd_write(w->wake_fd, 1);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static Task *take_finished(Workers *w)
{
    Task *task;

    pthread_mutex_lock(&w->mutex);
    task = STAILQ_FIRST(&w->finished);
    if (task)
        STAILQ_REMOVE_HEAD(&w->finished, entry);
    pthread_mutex_unlock(&w->mutex);
    return task;
}

static void task_done(Workers *w, Task *task)
{
    w->n_pending--;
    task->done(task->data, w->userdata);
    free(task);
}

static int on_finished(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Workers *w = userdata;
    eventfd_t count;
    Task *task;

    (void)eventfd_read(fd, &count);
    for (int i = 0; i < DONE_PER_TURN; i++) {
        task = take_finished(w);
        if (!task)
            return 0;
        task_done(w, task);
    }
    return eventfd_write(fd, 1) < 0 ? -errno : 0;
}

/* Signals are handled by the main thread, where sd-event reads them from a file descriptor. */
static int start_threads(Workers *w, const char *name, unsigned n_threads)
{
    sigset_t all, before;
    int r = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (w->n_threads < n_threads && r == 0) {
        r = pthread_create(w->threads + w->n_threads, NULL, thread_main, w);
        if (r == 0)
            (void)pthread_setname_np(w->threads[w->n_threads++], name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int workers_new(sd_event *event, const char *name, unsigned n_threads, void *userdata, Workers **ret)
{
    _cleanup_(workers_freep) Workers *w = calloc(1, sizeof(Workers));
    int r;

    if (!w)
        return -ENOMEM;
    w->userdata = userdata;
    STAILQ_INIT(&w->waiting);
    STAILQ_INIT(&w->finished);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->added, NULL);
    w->threads = calloc(n_threads, sizeof(pthread_t));
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!w->threads)
        return -ENOMEM;
    if (w->wake_fd < 0)
        return -errno;
    r = sd_event_add_io(event, &w->source, w->wake_fd, EPOLLIN, on_finished, w);
    if (r < 0)
        return r;
    r = start_threads(w, name, n_threads);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(w);
    return 0;
}

Workers *workers_free(Workers *w)
{
    Task *task;

    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_broadcast(&w->added);
    pthread_mutex_unlock(&w->mutex);
    for (unsigned i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    STAILQ_CONCAT(&w->finished, &w->waiting);
    while ((task = take_finished(w)))
        task_done(w, task);
    sd_event_source_disable_unref(w->source);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    pthread_cond_destroy(&w->added);
    pthread_mutex_destroy(&w->mutex);
    free(w->threads);
    free(w);
    return NULL;
}

int workers_add(Workers *w, WorkerRun run, WorkerDone done, void *data)
{
    Task *task = malloc(sizeof(Task));

    if (!task)
        return -ENOMEM;
    *task = (Task){ .run = run, .done = done, .data = data };
    w->n_pending++;
    pthread_mutex_lock(&w->mutex);
    STAILQ_INSERT_TAIL(&w->waiting, task, entry);
    pthread_cond_signal(&w->added);
    pthread_mutex_unlock(&w->mutex);
    return 0;
}

size_t workers_pending(const Workers *w)
{
    return w->n_pending;
}
