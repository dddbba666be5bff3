/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/watch.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "util/timer.h"

#define SETTLE_USEC (300 * USEC_PER_MSEC)
#define WATCH_MASK \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | \
     IN_MOVE_SELF)

struct ConfigWatch {
    sd_event *event;
    char *const *directories;
    sd_event_source **sources;
    size_t n_sources;
    sd_event_source *timer;
    ConfigWatchChanged changed;
    void *userdata;
};

static int on_settled(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    ConfigWatch *w = userdata;

    w->changed(w->userdata);
    return 0;
}

static int on_inotify(sd_event_source *s _unused_, const struct inotify_event *e _unused_, void *userdata)
{
    ConfigWatch *w = userdata;

    return timer_arm(w->timer, SETTLE_USEC);
}

bool config_watch_is_settling(const ConfigWatch *w)
{
    return timer_is_armed(w->timer);
}

static void drop_sources(ConfigWatch *w)
{
    while (w->n_sources > 0)
        sd_event_source_disable_unref(w->sources[--w->n_sources]);
    free(w->sources);
    w->sources = NULL;
}

/* Returns 1 if it is watched, 0 if it cannot be. */
static int add_source(ConfigWatch *w, const char *path, uint32_t mask, sd_event_inotify_handler_t handler)
{
    sd_event_source **grown = reallocarray(w->sources, w->n_sources + 1, sizeof(sd_event_source *));
    int r;

    if (!grown)
        return -ENOMEM;
    w->sources = grown;
    r = sd_event_add_inotify(w->event, w->sources + w->n_sources, path, mask, handler, w);
    if (r < 0)
        return r == -ENOENT || r == -ENOTDIR || r == -EACCES ? 0 : r;
    w->n_sources++;
    return 1;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* In the folder above a directory that is missing. */
static int on_inotify_above(sd_event_source *s, const struct inotify_event *e, void *userdata)
{
    ConfigWatch *w = userdata;

    for (size_t i = 0; e->len > 0 && w->directories[i]; i++)
        if (streq(e->name, last_component(w->directories[i])))
            return on_inotify(s, e, w);
    return 0;
}

static int add_above(ConfigWatch *w, const char *directory)
{
    const char *last = last_component(directory);
    _cleanup_free_ char *above =
        last > directory ? strndup(directory, (size_t)(last - directory)) : strdup(".");

    return above ? add_source(w, above, IN_CREATE | IN_MOVED_TO | IN_ATTRIB, on_inotify_above) : -ENOMEM;
}

static int add_matching(ConfigWatch *w, const char *directory, const char *pattern)
{
    char *path;
    glob_t found;
    int r = 0;

    if (asprintf(&path, "%s%s", directory, pattern) < 0)
        return -ENOMEM;
    if (glob(path, GLOB_ONLYDIR, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && r >= 0; i++)
            r = add_source(w, found.gl_pathv[i], WATCH_MASK, on_inotify);
        globfree(&found);
    }
    free(path);
    return r;
}

int config_watch_refresh(ConfigWatch *w)
{
    static const char *const patterns[] = { "/certwright.conf.d", "/modules.d", "/modules.d/*.conf.d" };
    int r = 0;

    drop_sources(w);
    for (size_t i = 0; w->directories[i] && r >= 0; i++) {
        r = add_source(w, w->directories[i], WATCH_MASK, on_inotify);
        if (r == 0)
            r = add_above(w, w->directories[i]);
        for (size_t k = 0; k < ELEMENTSOF(patterns) && r >= 0; k++)
            r = add_matching(w, w->directories[i], patterns[k]);
    }
    return r;
}

int config_watch_new(sd_event *event, char *const *directories, ConfigWatchChanged changed, void *userdata,
                     ConfigWatch **ret)
{
    _cleanup_(config_watch_freep) ConfigWatch *w = calloc(1, sizeof(ConfigWatch));
    int r;

    if (!w)
        return -ENOMEM;
    *w = (ConfigWatch){
        .event = sd_event_ref(event), .directories = directories, .changed = changed, .userdata = userdata
    };
    r = timer_add(event, &w->timer, CLOCK_MONOTONIC, 0, on_settled, w);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(w);
    return 0;
}

ConfigWatch *config_watch_free(ConfigWatch *w)
{
    drop_sources(w);
    sd_event_source_disable_unref(w->timer);
    sd_event_unref(w->event);
    free(w);
    return NULL;
}
