/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/look.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/files.h"
#include "core/sighting.h"
#include "deploy/probe.h"
#include "util/fs.h"
#include "util/memfd.h"
#include "util/text.h"
#include "util/time.h"

/* Places are looked at side by side, by threads; the names at one of them one after the other, as they share a child. The
 * first that is refused or gets no answer in time stands for those behind it. */

#define THREADS_MAX   32
#define SETTINGS_FILE "/certwright.conf" /* also of its drop-ins */

typedef struct Wanted {
    const char *name; /* of the certificate; within the input */
    uint8_t leaf[DIGEST_SIZE];
} Wanted;

typedef struct Target {
    Probe probe; /* its host is in the record */
    uint8_t leaf[DIGEST_SIZE];
    size_t place; /* number of the first target at the same one */
    Sighting record;
} Target;

typedef struct Look {
    Wanted *wanted; /* sorted by name */
    size_t n_wanted;
    SightingHeader header;
    Target *targets;
    size_t n;
    int64_t deadline;
    pthread_mutex_t lock;
    size_t next; /* target whose place nobody has begun yet */
} Look;

static void look_done(Look *l)
{
    free(l->wanted);
    free(l->targets);
}

/* ---- input */

static int compare_wanted(const void *a, const void *b)
{
    return strcmp(((const Wanted *)a)->name, ((const Wanted *)b)->name);
}

static bool hex_decode(const char *hex, uint8_t ret[static DIGEST_SIZE])
{
    if (!text_is_hex(hex, SIGHTING_DIGEST - 1))
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        ret[i] = (uint8_t)strtoul((const char[]){ hex[2 * i], hex[2 * i + 1], 0 }, NULL, 16);
    return true;
}

static int read_wanted(Look *l, char *text)
{
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        const char *name = strsep(&line, " ");
        Wanted w = { .name = name };
        Wanted *grown;

        if (!line || strlen(name) > LIMIT_NAME || !hex_decode(line, w.leaf))
            continue;
        if ((l->n_wanted & (l->n_wanted - 1)) == 0) { /* doubles */
            grown = reallocarray(l->wanted, MAX(2 * l->n_wanted, (size_t)1), sizeof(Wanted));
            if (!grown)
                return -ENOMEM;
            l->wanted = grown;
        }
        l->wanted[l->n_wanted++] = w;
    }
    if (l->n_wanted > 0)
        qsort(l->wanted, l->n_wanted, sizeof(Wanted), compare_wanted);
    return 0;
}

static const Wanted *find_wanted(const Look *l, const char *name)
{
    const Wanted key = { .name = name };

    return l->n_wanted > 0 ? bsearch(&key, l->wanted, l->n_wanted, sizeof(Wanted), compare_wanted) : NULL;
}

/* ---- what to look at */

/* Returns NULL above the limit, and on OOM, which is the same to the caller. */
static Target *add_target(Look *l)
{
    if (!l->targets)
        l->targets = calloc(LIMIT_LOOKS, sizeof(Target));
    if (!l->targets || l->n >= LIMIT_LOOKS) {
        l->header.left_out++;
        return NULL;
    }
    return l->targets + l->n++;
}

static bool is_same_place(const Target *a, const Target *b)
{
    return a->probe.port == b->probe.port && a->probe.scheme == b->probe.scheme &&
           a->probe.proxy_v1 == b->probe.proxy_v1 && streq(a->record.host, b->record.host);
}

static size_t find_place(const Look *l, const Target *t)
{
    for (const Target *other = l->targets; other < t; other++)
        if (other->place == (size_t)(other - l->targets) && is_same_place(other, t))
            return other->place;
    return (size_t)(t - l->targets);
}

static void add_probe(Look *l, const char *module, const Wanted *w, const char *name, const Probe *p)
{
    Target *t = add_target(l);

    if (!t)
        return;
    t->record = (Sighting){ .outcome = SIGHTING_LEFT_OUT, .scheme = (uint32_t)p->scheme, .port = p->port };
    text_quote(module, LIMIT_MODULE_NAME, t->record.module);
    text_quote(w->name, LIMIT_NAME, t->record.certificate);
    text_quote(name, LIMIT_NAME, t->record.name);
    text_quote(p->host, ADDRESS_TEXT_SIZE - 1, t->record.host);
    t->probe = *p;
    t->probe.host = t->record.host;
    memcpy(t->leaf, w->leaf, DIGEST_SIZE);
    t->place = find_place(l, t);
}

/* All names at one place first, as a certificate is found out by any of them. */
static void add_claim(Look *l, const Module *m, const Claim *claim, const Wanted *w,
                      const DeploySettings *settings)
{
    for (size_t i = 0; i < settings->n_probes; i++) {
        add_probe(l, m->name, w, claim->name, settings->probes + i);
        for (char *const *name = claim->names; name && *name; name++)
            add_probe(l, m->name, w, *name, settings->probes + i);
    }
}

static int add_module(Look *l, const Module *m)
{
    for (size_t i = 0; i < m->n_claims; i++) {
        _cleanup_deploy_settings_ DeploySettings settings = {};
        const Claim *claim = m->claims + i;
        const Wanted *w = find_wanted(l, claim->name);
        int r = w ? module_deploy_settings(m, claim->name, &settings) : 0;

        if (r < 0)
            return r;
        if (r > 0)
            add_claim(l, m, claim, w, &settings);
    }
    return 0;
}

static bool is_readable(const char *path)
{
    struct stat st;

    return stat(path, &st) >= 0 && access(path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) >= 0;
}

/* Other errors are the same for the service, which reports them. Without all of the settings, dns-01 may be set up. */
static void on_complaint(const char *file, unsigned line, const char *key, const char *text _unused_,
                         void *userdata)
{
    Look *l = userdata;
    Target *t;

    if (line > 0 || key || is_readable(file))
        return;
    if (!strstr(file, "/" MODULES_FOLDER))
        l->header.uses_dns = 1;
    t = strstr(file, SETTINGS_FILE) ? NULL : add_target(l);
    if (!t)
        return;
    t->record.outcome = SIGHTING_UNREADABLE;
    t->place = SIZE_MAX;
    text_quote(file, SIGHTING_TEXT_MAX, t->record.reason);
}

static bool uses_dns(const AcmeSettings *acme)
{
    for (size_t i = 0; i < acme->n_challenges; i++)
        if (acme->challenges[i] == CHALLENGE_DNS_01)
            return acme->enabled && (acme->dns_server || acme->dns_hook);
    return false;
}

static int find_targets(Look *l, char *const *config)
{
    _cleanup_config_ Config *c = NULL;
    int r = config_load(config, NULL, on_complaint, l, &c);

    for (size_t i = 0; r >= 0 && i < c->n_modules; i++)
        r = add_module(l, c->modules + i);
    if (r >= 0 && uses_dns(&c->settings->acme))
        l->header.uses_dns = 1;
    return r;
}

/* ---- looking */

static SightingOutcome outcome_of(int r)
{
    return r >= 0               ? SIGHTING_CHAIN
           : r == -ECONNREFUSED ? SIGHTING_REFUSED
           : r == -ETIMEDOUT    ? SIGHTING_SILENT
                                : SIGHTING_FAILED;
}

static void take_seen(const Seen *seen, Sighting *ret)
{
    ret->leaf = seen->leaf;
    ret->n = seen->presented.n;
    for (size_t i = 0; i < seen->presented.n; i++)
        hex_encode(seen->presented.digests[i], DIGEST_SIZE, false, ret->chain[i]);
}

static void look_at(const Look *l, Prober *prober, Target *t)
{
    int64_t left = MIN(l->deadline - monotonic_msec(), (int64_t)(LIMIT_LOOK_WAIT * MSEC_PER_SEC));
    _cleanup_problem_ Problem problem = {};
    Seen seen;
    int r;

    if (left <= 0)
        return;
    r = prober_see(prober, &t->probe, t->record.name, t->leaf, left, &seen, &problem);
    t->record.outcome = outcome_of(r);
    text_quote(problem.text, SIGHTING_TEXT_MAX, t->record.reason);
    if (r >= 0)
        take_seen(&seen, &t->record);
}

static bool is_hopeless(const Sighting *s)
{
    return s->outcome == SIGHTING_REFUSED || s->outcome == SIGHTING_SILENT;
}

static void look_at_place(Look *l, size_t place)
{
    _cleanup_(prober_freep) Prober *prober = NULL;
    const Target *last = NULL;

    if (prober_new(&prober) < 0)
        return;
    for (size_t i = place; i < l->n; i++) {
        Target *t = l->targets + i;

        if (t->place != place)
            continue;
        if (last && is_hopeless(&last->record)) {
            t->record.outcome = last->record.outcome;
            memcpy(t->record.reason, last->record.reason, sizeof(t->record.reason));
        } else
            look_at(l, prober, t);
        last = t;
    }
}

/* Returns SIZE_MAX if there are no more. */
static size_t next_place(Look *l)
{
    size_t found = SIZE_MAX;

    pthread_mutex_lock(&l->lock);
    for (; l->next < l->n && found == SIZE_MAX; l->next++)
        if (l->targets[l->next].place == l->next)
            found = l->next;
    pthread_mutex_unlock(&l->lock);
    return found;
}

static void *work(void *userdata)
{
    Look *l = userdata;

    for (size_t place; (place = next_place(l)) != SIZE_MAX;)
        look_at_place(l, place);
    return NULL;
}

static size_t count_places(const Look *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += l->targets[i].place == i;
    return n;
}

/* Children end with the thread that started them, which therefore outlives them. */
static void look_at_all(Look *l)
{
    pthread_t threads[THREADS_MAX];
    size_t n = MIN(count_places(l), (size_t)THREADS_MAX), started = 0;

    l->deadline = monotonic_msec() + LIMIT_LOOK_TIME * MSEC_PER_SEC;
    while (started < n && pthread_create(threads + started, NULL, work, l) == 0)
        started++;
    if (started == 0)
        (void)work(l);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
}

static int write_all(Look *l, int output)
{
    int r;

    l->header.size = sizeof(Sighting);
    l->header.n = (uint32_t)l->n;
    r = fs_write_all(output, &l->header, sizeof(l->header));
    for (size_t i = 0; r >= 0 && i < l->n; i++)
        r = fs_write_all(output, &l->targets[i].record, sizeof(Sighting));
    return r;
}

int look(char *const *config, int input, int output)
{
    _cleanup_(look_done) Look l = { .lock = PTHREAD_MUTEX_INITIALIZER };
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = memfd_read(input, LIMIT_LOOK_INPUT, &text, &size);

    if (r >= 0)
        r = read_wanted(&l, text);
    if (r >= 0)
        r = find_targets(&l, config);
    if (r < 0)
        return r;
    look_at_all(&l);
    return write_all(&l, output);
}
