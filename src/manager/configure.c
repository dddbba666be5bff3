/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/settings.h"
#include "config/watch.h"
#include "core/limits.h"
#include "core/name.h"
#include "core/now.h"
#include "manager/config-errors.h"
#include "manager/manager-internal.h"
#include "util/log.h"
#include "util/text.h"

/* Reads the configuration, and applies it and registrations to the certificates. */

struct Configuration {
    Manager *manager;
    char *const *directories; /* the most important last */
    Config *config;           /* NULL: not read yet */
    ConfigErrors errors;
    ConfigWatch *watch;
};

static void on_complaint(const char *file, unsigned line, const char *key, const char *text, void *userdata)
{
    config_errors_add(userdata, file, line, key, text);
}

static void complain(ConfigErrors *errors, const Module *module, const char *format, ...) _printf_(3, 4);

/* About the requests of a module, or of several: NULL. */
static void complain(ConfigErrors *errors, const Module *module, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    config_errors_add(errors, module ? strempty(module->file) : "", 0, NULL, text ? text : strerror(ENOMEM));
}

/* The first module that requests the certificate. */
static const Module *find_claimant(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->n_modules; i++)
        if (module_find_claim(config->modules + i, name))
            return config->modules + i;
    return NULL;
}

/* ---- room for certificates: those that nobody requests any more give way, the oldest first */

typedef struct Room {
    Manager *manager;
    const Config *config;
    Certificate **kept; /* that can give way, the oldest first; NULL: not listed yet */
    size_t n, next;
} Room;

static void room_done(Room *room)
{
    free(room->kept);
}

static bool can_give_way(const Room *room, const Certificate *c)
{
    return c->record->abandoned > 0 && c->stored && !c->leaving && !c->work.busy &&
           STAILQ_EMPTY(&c->work.requests) && !certificate_is_wanted(c) &&
           !find_claimant(room->config, certificate_name(c));
}

static int compare_abandoned(const void *a, const void *b)
{
    int64_t x = (*(Certificate *const *)a)->record->abandoned,
            y = (*(Certificate *const *)b)->record->abandoned;

    return x < y ? -1 : x > y;
}

static void list_kept(Room *room)
{
    Model *model = room->manager->model;
    Certificate *c, *next;

    room->kept = calloc(HASH_COUNT(model->certificates) + 1, sizeof(Certificate *));
    if (!room->kept)
        return;
    FOREACH_CERTIFICATE (model, c, next)
        if (can_give_way(room, c))
            room->kept[room->n++] = c;
    qsort(room->kept, room->n, sizeof(Certificate *), compare_abandoned);
}

/* Returns true if a certificate of this name can be added. */
static bool make_room(Room *room, const char *name)
{
    Manager *m = room->manager;

    while (model_is_full(m->model, name)) {
        Certificate *c;

        if (!room->kept)
            list_kept(room);
        if (room->next >= room->n)
            return false;
        c = room->kept[room->next++];
        model_set_leaving(m->model, c, true);
        if (lifecycle_request(m->lifecycle, c, REQUEST_REMOVE, NULL, NULL, NULL) < 0)
            model_set_leaving(m->model, c, false);
    }
    return true;
}

/* ---- applying */

static int note_claim(Room *room, const Module *module, const Claim *claim, ConfigErrors *errors)
{
    Manager *m = room->manager;
    Certificate *c = model_find_any(m->model, claim->name);
    int r;

    if (!c) {
        if (!make_room(room, claim->name)) {
            complain(errors, module, "there are already %u certificates, ignoring %s", model_count(m->model),
                     claim->name);
            return 0;
        }
        r = model_add(m->model, RECORD_CERTIFICATE, claim->name, &c);
        if (r < 0)
            return r;
    }
    return wish_add(&c->next_wish, module->name, claim);
}

static void adopt_wish(Manager *m, Certificate *c, const Config *config, ConfigErrors *errors)
{
    bool same = wish_equal(&c->wish, &c->next_wish), changed = false;
    unsigned what = 0;

    if (!same) {
        what = CHANGED_MODULES;
        wish_clear(&c->wish);
        c->wish = c->next_wish;
        c->next_wish = (Wish){ .key_type = _KEY_TYPE_INVALID };
    } else
        wish_clear(&c->next_wish);
    if (certificate_update_names(c, c->record, &changed) == -E2BIG)
        complain(errors, find_claimant(config, certificate_name(c)),
                 "modules request more than %d names together for %s, ignoring the rest", LIMIT_NAMES,
                 certificate_name(c));
    if (changed)
        what |= CHANGED_NAMES | CHANGED_CHAIN;
    if (what && c->published)
        MODEL_NOTIFY(m->model, certificate_changed, c, what);
}

static void apply(Manager *m, const Config *config, ConfigErrors *errors)
{
    _cleanup_(room_done) Room room = { .manager = m, .config = config };
    Certificate *c, *next;
    int r = 0;

    for (size_t i = 0; i < config->n_modules && r >= 0; i++)
        for (size_t k = 0; k < config->modules[i].n_claims && r >= 0; k++)
            r = note_claim(&room, config->modules + i, config->modules[i].claims + k, errors);
    if (r < 0)
        (void)log_oom();
    FOREACH_CERTIFICATE (m->model, c, next) {
        adopt_wish(m, c, config, errors);
        lifecycle_settle(m->lifecycle, c);
        model_review(m->model, c);
    }
}

/* Keeps the list of errors, and logs new ones. */
static void adopt_errors(Configuration *k, ConfigErrors *fresh)
{
    bool changed = !config_errors_equal(fresh, &k->errors);
    ConfigErrors former = k->errors;
    Manager *m = k->manager;

    config_errors_log(fresh, &former);
    k->errors = *fresh;
    *fresh = former;
    if (m->observer && m->observer->configured)
        m->observer->configured(changed, m->observer_userdata);
}

int manager_reload(Manager *m)
{
    _cleanup_config_errors_ ConfigErrors errors = {};
    Configuration *k = m->configuration;
    _cleanup_config_ Config *former = NULL;
    Config *fresh;
    bool alike;
    int r;

    r = config_watch_refresh(k->watch);
    if (r < 0)
        (void)log_warning_errno(r, "Failed to watch the configuration, changes take effect after a reload");
    host_name_watch_note(m->host_name);
    r = config_load(k->directories, k->config, on_complaint, &errors, &fresh);
    if (r < 0)
        return log_error_errno(r, "Failed to read the configuration, keeping the former one");
    former = k->config;
    k->config = fresh;
    alike = former && settings_order_alike(former->settings, fresh->settings);
    lifecycle_configure(m->lifecycle, fresh->settings);
    if (!alike)
        lifecycle_retry_orders(m->lifecycle, former ? INT64_MAX
                                             : fresh->changed > clock_now()
                                                 ? 0 /* saved with a wrong clock */
                                                 : fresh->changed);
    if (!alike)
        TELL(m, authorities_changed);
    apply(m, fresh, &errors);
    adopt_errors(k, &errors);
    deployments_configure(m->deployments, fresh);
    agenda_note_outlook(m->agenda);
    return 0;
}

size_t manager_config_errors(const Manager *m, const ConfigError **ret)
{
    *ret = m->configuration->errors.items;
    return m->configuration->errors.n;
}

static void on_file_changed(void *userdata)
{
    Configuration *k = userdata;

    log_info("Configuration changed on disk, reloading.");
    (void)manager_reload(k->manager);
}

int configuration_new(Manager *m, char *const *directories, Configuration **ret)
{
    _cleanup_(configuration_freep) Configuration *k = calloc(1, sizeof(Configuration));
    int r;

    if (!k)
        return -ENOMEM;
    *k = (Configuration){ .manager = m, .directories = directories };
    r = config_watch_new(m->event, directories, on_file_changed, k, &k->watch);
    if (r >= 0)
        *ret = TAKE_PTR(k);
    return r;
}

void configuration_stop(Configuration *k)
{
    if (k->watch)
        config_watch_free(TAKE_PTR(k->watch));
}

bool configuration_is_changing(const Configuration *k)
{
    return k->watch && config_watch_is_settling(k->watch);
}

char *const *configuration_directories(const Configuration *k)
{
    return k->directories;
}

Configuration *configuration_free(Configuration *k)
{
    if (!k)
        return NULL;
    configuration_stop(k);
    config_free(k->config);
    config_errors_done(&k->errors);
    free(k);
    return NULL;
}

const Settings *manager_settings(const Manager *m)
{
    return m->configuration->config->settings;
}

static int canonical_names(char *const *names, char ***ret, Problem *problem)
{
    _cleanup_strv_ char **l = NULL;
    int r;

    for (size_t i = 0; names && names[i]; i++) {
        _cleanup_free_ char *name = NULL;

        r = name_canonicalize(names[i], &name, problem);
        if (r >= 0 && !strv_contains(l, name))
            r = strv_extend(&l, name);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(l);
    return 0;
}

int manager_check_module(const char *module, Problem *problem)
{
    if (module_name_is_valid(module))
        return 0;
    return problem_set(
        problem, PROBLEM_INVALID_ARGUMENT,
        "The module's name is not valid; it consists of letters, digits, \"-\", \"_\" and \".\", begins "
        "with a letter or digit, and has at most %d bytes.",
        LIMIT_MODULE_NAME);
}

int manager_foreach_module(const Manager *m, int (*visit)(const Module *module, void *userdata),
                           void *userdata)
{
    const Config *config = m->configuration->config;
    int r = 0;

    for (size_t i = 0; i < config->n_modules && r >= 0; i++)
        if (config->modules[i].file)
            r = visit(config->modules + i, userdata);
    return r;
}

static int check_authority(const Settings *s, const RegistrationRequest *wish, Problem *problem)
{
    if (!wish->authority)
        return 0;
    if (wish->acme == 0)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The options \"acme\" (no) and \"authority\" contradict each other; leave one out.");
    for (size_t i = 0; i < s->n_authorities; i++)
        if (streq(s->authorities[i].name, wish->authority))
            return 0;
    return problem_set(
        problem, PROBLEM_INVALID_ARGUMENT,
        "There is no authority called \"%s\"; the property Authorities lists the configured ones, and "
        "certwright.conf(5) describes how to add one.",
        QUOTE(wish->authority, LIMIT_ACME_LABEL));
}

/* fresh: the name, when there is no certificate of it; NULL. */
static int check_register(Manager *m, const RegistrationRequest *wish, size_t n_names, const char *fresh,
                          Problem *problem)
{
    _cleanup_(room_done) Room room = { .manager = m, .config = m->configuration->config };
    int r = manager_check_module(wish->module, problem);

    if (r < 0)
        return r;
    r = check_authority(manager_settings(m), wish, problem);
    if (r < 0)
        return r;
    if (wish->key_type != _KEY_TYPE_INVALID && !key_type_suits_leaf(wish->key_type))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "A leaf cannot have a key of this type.");
    if (n_names >= LIMIT_NAMES)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "A certificate has at most %d names.",
                           LIMIT_NAMES);
    if (fresh && !make_room(&room, fresh))
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are already %u certificates, which is the limit.", model_count(m->model));
    return 0;
}

/* Together with the names that others request. */
static int check_union(const Certificate *c, char *const *names, Problem *problem)
{
    size_t n = strv_length(c->names);

    for (size_t i = 0; names && names[i]; i++)
        n += !strv_contains(c->names, names[i]);
    if (n > LIMIT_NAMES)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "With the names that other modules request, %s would have more than %d names.",
                           certificate_name(c), LIMIT_NAMES);
    return 0;
}

int manager_register(Manager *m, const char *name, const RegistrationRequest *wish, RequestDone done,
                     void *userdata, Problem *problem)
{
    _cleanup_free_ char *canonical = NULL;
    _cleanup_strv_ char **l = NULL;
    RegistrationRequest checked = *wish;
    Certificate *c;
    int r;

    r = name_canonicalize(name, &canonical, problem);
    if (r >= 0)
        r = canonical_names(wish->names, &l, problem);
    if (r < 0)
        return r;
    c = model_find_any(m->model, canonical);
    r = check_register(m, wish, strv_length(l), c ? NULL : canonical, problem);
    if (r >= 0 && c && !record_find_registration(c->record, wish->module) &&
        c->record->n_registrations >= LIMIT_REGISTRATIONS)
        r = problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "%d modules have already registered %s.",
                        LIMIT_REGISTRATIONS, canonical);
    if (r >= 0 && c)
        r = check_union(c, l, problem);
    if (r >= 0 && !c)
        r = model_add(m->model, RECORD_CERTIFICATE, canonical, &c);
    checked.names = l;
    return r < 0 ? r : lifecycle_request(m->lifecycle, c, REQUEST_REGISTER, &checked, done, userdata);
}

int manager_unregister(Manager *m, const char *module, const char *name, RequestDone done, void *userdata,
                       Problem *problem)
{
    const RegistrationRequest wish = { .module = module, .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    _cleanup_free_ char *canonical = NULL;
    Certificate *c;
    int r;

    r = name_canonicalize(name, &canonical, problem);
    if (r < 0)
        return r;
    c = model_find_any(m->model, canonical);
    if (!c || !record_find_registration(c->record, module))
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE, "The module has not registered %s; %s",
                           canonical,
                           c && strv_contains(c->wish.modules, module)
                               ? "its module file requests it: remove it there."
                               : "the property Modules of a certificate lists those that use it.");
    return lifecycle_request(m->lifecycle, c, REQUEST_UNREGISTER, &wish, done, userdata);
}
