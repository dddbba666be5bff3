/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/presented.h"

#include <time.h>

#include "cli/deployment.h"
#include "cli/module-targets.h"
#include "cli/xalloc.h"
#include "util/text.h"

void presented_done(Presented *p)
{
    for (size_t i = 0; p->views && i < p->seen.n; i++)
        certificate_list_done(&p->views[i].fresh);
    free(p->views);
    sightings_done(&p->seen);
}

/* ---- what is wrong */

static bool sighting_has(const Sighting *s, const char *fingerprint)
{
    for (size_t i = 0; i < s->n; i++)
        if (streq(s->chain[i], fingerprint))
            return true;
    return false;
}

/* Clients have the root, and need all below it. */
static bool is_missing(const Sighting *s, const ChainLink *link)
{
    return !streq(link->subject, link->issuer) && !sighting_has(s, link->fingerprint);
}

static bool lacks_issuers(const Sighting *s, const Certificate *c)
{
    const ChainLink *links = c->chain.items;

    for (size_t i = 1; i < c->chain.n; i++)
        if (is_missing(s, &links[i]))
            return true;
    return false;
}

/* The state of the delivery says already that the service does not have the chain yet. */
static bool is_explained(const Certificate *c, const Sighting *s, Fault fault)
{
    const Deployment *d = deployment_find(c, s->module);

    if (!d || fault == FAULT_EXPIRED)
        return false;
    return deployment_is_failure(d) ||
           (fault == FAULT_OTHER && (streq(d->state, "pending") || streq(d->state, "waiting")));
}

static Fault chain_judge(const Sighting *s, const Certificate *c)
{
    bool wanted = streq(s->chain[0], c->fingerprint), expired;
    Fault fault = FAULT_OTHER;

    expired = s->leaf.not_after > 0 && s->leaf.not_after < time(NULL);
    if (expired)
        fault = wanted && streq(c->state, "expired") ? FAULT_NONE : FAULT_EXPIRED;
    else if (wanted)
        return lacks_issuers(s, c) ? FAULT_INCOMPLETE : FAULT_NONE;
    else if (!isempty(s->leaf.serial) && !s->leaf.covers)
        fault = FAULT_OTHER_NAME;
    return is_explained(c, s, fault) ? FAULT_NONE : fault;
}

static Fault sighting_judge(const Sighting *s, const Certificate *c)
{
    switch (s->outcome) {
    case SIGHTING_CHAIN:
        return chain_judge(s, c);
    case SIGHTING_REFUSED:
        return FAULT_REFUSED;
    case SIGHTING_SILENT:
        return FAULT_SILENT;
    case SIGHTING_FAILED:
        return FAULT_FAILED;
    default:
        return FAULT_NONE;
    }
}

/* ---- looking */

/* It may have been renewed since, and a list of many certificates is without their chains. */
static void view_refresh(View *v, sd_bus *bus)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path = v->certificate->path;

    if (sd_bus_call_method(bus, SERVICE, path, PROPERTIES_INTERFACE, "GetAll", NULL, &reply, "s",
                           CERTIFICATE_INTERFACE) >= 0 &&
        certificate_read(&v->fresh, reply, path) >= 0 && streq(v->fresh.items[0].name, v->certificate->name))
        v->certificate = v->fresh.items;
}

static const Certificate *certificate_find(const CertificateList *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (streq(l->items[i].name, name))
            return &l->items[i];
    return NULL;
}

static void view_init(View *v, const Sighting *s, const Machine *m, sd_bus *bus)
{
    v->certificate = certificate_find(&m->service->list, s->certificate);
    if (!v->certificate)
        return;
    v->fault = sighting_judge(s, v->certificate);
    if (s->outcome == SIGHTING_CHAIN && (v->fault != FAULT_NONE || v->certificate->chain.n == 0)) {
        view_refresh(v, bus);
        v->fault = sighting_judge(s, v->certificate);
    }
}

static void add_unseen(const Sightings *s, Findings *f)
{
    size_t left_out = s->header->left_out;

    for (const Sighting *i = s->items; i < s->items + s->n; i++)
        if (i->outcome == SIGHTING_UNREADABLE)
            finding_add_unseen(
                f, xasprintf(_("services: this user may not read %s; root sees more."), i->reason));
        else
            left_out += i->outcome == SIGHTING_LEFT_OUT;
    if (left_out > 0)
        finding_add_unseen(
            f, xasprintf(ngettext("services: what they present for %zu name; there was no time.",
                                  "services: what they present for %zu names; there was no time.", left_out),
                         left_out));
}

void presented_look(Presented *p, const Machine *m, sd_bus *bus, Findings *f)
{
    int r = m->service->list.n > 0 ? sightings_load(m, &p->seen) : 0;

    if (r < 0)
        finding_add_unseen(
            f, xasprintf(_("services: what they present; certwright-deploy failed: %s."), strerror(-r)));
    if (!p->seen.header)
        return;
    p->views = xcheck(calloc(p->seen.n + 1, sizeof *p->views));
    for (size_t i = 0; i < p->seen.n; i++)
        view_init(&p->views[i], &p->seen.items[i], m, bus);
    add_unseen(&p->seen, f);
}

/* ---- places, and their names */

static bool is_same_place(const Sighting *a, const Sighting *b)
{
    return a->port == b->port && a->scheme == b->scheme && streq(a->host, b->host) &&
           streq(a->module, b->module);
}

/* Returns true if what is wrong is one thing, with several names. */
static bool is_same(const Presented *p, size_t i, size_t k)
{
    const Sighting *a = &p->seen.items[i], *b = &p->seen.items[k];

    return p->views[i].fault == p->views[k].fault && is_same_place(a, b) && streq(a->chain[0], b->chain[0]);
}

static char *place_to_text(const Sighting *s)
{
    bool v6 = strchr(s->host, ':') != NULL;

    return xasprintf("%s://%s%s%s:%u", strempty(probe_scheme_to_string((ProbeScheme)s->scheme)),
                     v6 ? "[" : "", s->host, v6 ? "]" : "", s->port);
}

/* The names of the same fault from the first one on; a string list. */
static char **names_of(const Presented *p, size_t first)
{
    char **names = NULL;

    for (size_t i = first; i < p->seen.n; i++)
        if (is_same(p, first, i))
            xstrv_add(&names, p->seen.items[i].name);
    return names;
}

static char *describe(const char *serial, const char *issuer, int64_t not_after, const char *fingerprint)
{
    _cleanup_free_ char *name = distinguished_name_short(issuer), *end = time_format(not_after);

    if (isempty(serial))
        return xasprintf(_("fingerprint %s"), fingerprint);
    return xasprintf(_("serial number %s, issued by %s, valid until %s"), serial, name, end);
}

static char *describe_seen(const Sighting *s)
{
    return describe(s->leaf.serial, s->leaf.issuer, s->leaf.not_after, s->chain[0]);
}

/* Describes the certificates that are expected. */
static char *describe_wanted(const Presented *p, size_t first)
{
    const Certificate *c = p->views[first].certificate;
    _cleanup_strv_ char **each = NULL;

    for (size_t i = first; i < p->seen.n; i++) {
        const Certificate *other = p->views[i].certificate;
        _cleanup_free_ char *one = NULL;

        if (!is_same(p, first, i))
            continue;
        one = xasprintf(_("for %s the serial number %s"), other->name, other->serial);
        xstrv_add(&each, one);
    }
    return strv_length(each) > 1 ? names_quote(each)
                                 : describe(c->serial, c->issuer, c->not_after, c->fingerprint);
}

/* ---- as JSON */

static Json *leaf_to_json(const Sighting *s)
{
    _cleanup_strv_ char **names = NULL;
    Json *j = json_object_new_object();

    xcheck(strv_split(s->leaf.names, &names) < 0 ? NULL : j);
    json_set(j, "serial", json_text(s->leaf.serial));
    json_set(j, "issuer", json_text(s->leaf.issuer));
    json_set(j, "names", json_texts(names));
    json_set(j, "not_before", json_time(s->leaf.not_before));
    json_set(j, "not_after", json_time(s->leaf.not_after));
    json_set(j, "fingerprint", json_text(s->chain[0]));
    json_set(j, "certificates", json_object_new_int64(s->n));
    return j;
}

static Json *wanted_to_json(const Certificate *c)
{
    Json *j = json_object_new_object();

    json_set(j, "name", json_text(c->name));
    json_set(j, "serial", json_text(c->serial));
    json_set(j, "issuer", json_text(c->issuer));
    json_set(j, "not_after", json_time(c->not_after));
    json_set(j, "fingerprint", json_text(c->fingerprint));
    return j;
}

static Json *all_wanted_to_json(const Presented *p, size_t first)
{
    _cleanup_strv_ char **done = NULL;
    Json *array = json_object_new_array();

    for (size_t i = first; i < p->seen.n; i++) {
        const Certificate *c = p->views[i].certificate;

        if (!is_same(p, first, i) || strv_contains(done, c->name))
            continue;
        xstrv_add(&done, c->name);
        json_object_array_add(array, wanted_to_json(c));
    }
    return array;
}

static Json *service_to_json(const Presented *p, size_t first, char *const *units)
{
    const Sighting *s = &p->seen.items[first];
    _cleanup_strv_ char **names = names_of(p, first);
    Json *j = json_object_new_object();

    json_set(j, "module", json_text(s->module));
    json_set(j, "units", json_texts(units));
    json_set(j, "scheme", json_text(strempty(probe_scheme_to_string((ProbeScheme)s->scheme))));
    json_set(j, "address", json_text(s->host));
    json_set(j, "port", json_object_new_int64(s->port));
    json_set(j, "names", json_texts(names));
    json_set(j, "presents", s->outcome == SIGHTING_CHAIN ? leaf_to_json(s) : NULL);
    json_set(j, "expected", all_wanted_to_json(p, first));
    return j;
}

static void add_service(Presented *p, size_t first, char *const *units, Findings *f)
{
    finding_add_service(f, service_to_json(p, first, units));
    for (size_t i = first; i < p->seen.n; i++)
        if (is_same(p, first, i))
            p->views[i].told = true;
}

/* ---- units that do not run */

char *presented_refused(const Presented *p, const char *module)
{
    _cleanup_strv_ char **places = NULL;

    for (size_t i = 0; i < p->seen.n; i++) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *place = NULL, *list = NULL, *text = NULL;

        if (p->views[i].fault != FAULT_REFUSED || !streq(p->seen.items[i].module, module))
            continue;
        names = names_of(p, i);
        list = names_quote(names);
        place = place_to_text(&p->seen.items[i]);
        text = xasprintf("%s (%s)", place, list);
        xstrv_add(&places, text);
    }
    return places ? names_quote(places) : NULL;
}

void presented_add_refused(Presented *p, const Module *module, Findings *f)
{
    for (size_t i = 0; i < p->seen.n; i++)
        if (p->views[i].fault == FAULT_REFUSED && !p->views[i].told &&
            streq(p->seen.items[i].module, module->name))
            add_service(p, i, module->units, f);
}

/* ---- findings */

typedef struct Subject {
    const Presented *p;
    size_t first;
    const Sighting *s;
    char *place, *names, *presents, *wanted, *files; /* texts */
    char *restart, *journal;                         /* commands */
} Subject;

static void subject_done(Subject *u)
{
    free(u->place);
    free(u->names);
    free(u->presents);
    free(u->wanted);
    free(u->files);
    free(u->restart);
    free(u->journal);
}

/* Without units, it is known to nobody how the service takes its files. */
static void subject_set_commands(Subject *u, const Module *module)
{
    _cleanup_free_ char *units = NULL, *journals = NULL;

    if (!module || !module->units || !*module->units) {
        u->restart = xstrdup(_("restart the service"));
        u->journal = xstrdup("journalctl");
        return;
    }
    units = xcheck(strv_join(module->units, " "));
    journals = xcheck(strv_join(module->units, " -u "));
    u->restart = xasprintf("systemctl reload-or-restart %s", units);
    u->journal = xasprintf("journalctl -u %s", journals);
}

static char *files_quote(const Sighting *s)
{
    _cleanup_strv_ char **files = NULL;

    module_read_targets(s->module, s->certificate, &files);
    return files ? names_quote(files) : xstrdup(_("those of its [Deploy] section"));
}

static void subject_init(Subject *u, const Presented *p, size_t first, const Module *module)
{
    _cleanup_strv_ char **names = names_of(p, first);

    *u = (Subject){ .p = p, .first = first, .s = &p->seen.items[first] };
    u->place = place_to_text(u->s);
    u->names = names_quote(names);
    u->presents = describe_seen(u->s);
    u->wanted = describe_wanted(p, first);
    u->files = files_quote(u->s);
    subject_set_commands(u, module);
}

static char *advise_files(const Subject *u)
{
    return xasprintf(
        _("Let it read its files again: %s. If that does not help, it uses others than %s, or older ones were put "
          "there: move these away, then: certwright deploy %s"),
        u->restart, u->files, u->s->module);
}

static char *say_expired(const Subject *u)
{
    return xasprintf(
        _("The service of the module %s at %s presents an expired certificate for %s: %s. Expected: %s."),
        u->s->module, u->place, u->names, u->presents, u->wanted);
}

static char *say_other(const Subject *u)
{
    return xasprintf(
        _("The service of the module %s at %s presents another certificate for %s than it should: "
          "%s. Expected: %s."),
        u->s->module, u->place, u->names, u->presents, u->wanted);
}

static char *say_other_name(const Subject *u)
{
    return xasprintf(
        _("The service of the module %s at %s presents a certificate of other names (%s) for %s: %s. "
          "Expected: %s."),
        u->s->module, u->place, isempty(u->s->leaf.names) ? _("none") : u->s->leaf.names, u->names,
        u->presents, u->wanted);
}

static char *advise_other_name(const Subject *u)
{
    return xasprintf(
        _("Its own configuration has no server for the name, or another file: let it use %s, then: %s"),
        u->files, u->restart);
}

static char *say_incomplete(const Subject *u)
{
    const Certificate *c = u->p->views[u->first].certificate;
    const ChainLink *links = c->chain.items;
    _cleanup_strv_ char **missing = NULL;
    _cleanup_free_ char *list = NULL;

    for (size_t i = 1; i < c->chain.n; i++) {
        _cleanup_free_ char *name = distinguished_name_short(links[i].subject);

        if (is_missing(u->s, &links[i]))
            xstrv_add(&missing, name);
    }
    list = names_quote(missing);
    return xasprintf(
        _("The service of the module %s at %s presents the certificate for %s (%s) without its issuers: "
          "%s. Clients that do not know these refuse it."),
        u->s->module, u->place, u->names, u->presents, list);
}

static char *advise_incomplete(const Subject *u)
{
    return xasprintf(_("Let its own configuration use a file with the issuers: that of FullChainFile= or "
                       "CombinedFile= in modules.d/%s.conf; now there are %s. Then: %s"),
                     u->s->module, u->files, u->restart);
}

static char *say_refused(const Subject *u)
{
    return xasprintf(
        _("The service of the module %s does not accept connections at %s, where it should present the "
          "certificate for %s: %s."),
        u->s->module, u->place, u->names, u->wanted);
}

static char *advise_refused(const Subject *u)
{
    return xasprintf(
        _("Start it; if it listens elsewhere, correct Probe= in modules.d/%s.conf; %s says more."),
        u->s->module, u->journal);
}

static char *say_silent(const Subject *u)
{
    return xasprintf(
        _("The service of the module %s at %s says nothing to clients in time; it should present the "
          "certificate for %s: %s."),
        u->s->module, u->place, u->names, u->wanted);
}

static char *advise_silent(const Subject *u)
{
    return xasprintf(_("See what it waits for (%s), or: %s"), u->journal, u->restart);
}

static char *say_failed(const Subject *u)
{
    return xasprintf(_("The service of the module %s presents no certificate for %s: %s Expected: %s."),
                     u->s->module, u->names, u->s->reason, u->wanted);
}

static char *advise_failed(const Subject *u)
{
    return xasprintf(
        _("Check its own configuration, and Probe= in modules.d/%s.conf; %s says more; then: %s"),
        u->s->module, u->journal, u->restart);
}

static const struct {
    const char *code;
    char *(*say)(const Subject *u), *(*advise)(const Subject *u);
} faults[_FAULT_MAX] = {
    [FAULT_EXPIRED] = { "presents-expired", say_expired, advise_files },
    [FAULT_OTHER_NAME] = { "presents-other-name", say_other_name, advise_other_name },
    [FAULT_OTHER] = { "presents-other", say_other, advise_files },
    [FAULT_INCOMPLETE] = { "presents-incomplete", say_incomplete, advise_incomplete },
    [FAULT_REFUSED] = { "presents-refused", say_refused, advise_refused },
    [FAULT_SILENT] = { "presents-silent", say_silent, advise_silent },
    [FAULT_FAILED] = { "presents-nothing", say_failed, advise_failed },
};

static void add_fault(Presented *p, size_t first, const Machine *m, Findings *f)
{
    const Module *module = module_find(&m->service->modules, p->seen.items[first].module);
    Fault fault = p->views[first].fault;
    _cleanup_free_ char *subject = NULL;
    _cleanup_(subject_done) Subject u;

    subject_init(&u, p, first, module);
    subject = xasprintf("%s: %s", u.s->module, u.names);
    finding_add(f, SEVERITY_ERROR, faults[fault].code, subject, faults[fault].say(&u),
                faults[fault].advise(&u));
    add_service(p, first, module ? module->units : NULL, f);
}

void presented_check(Presented *p, const Machine *m, Findings *f)
{
    for (size_t i = 0; i < p->seen.n; i++)
        if (p->views[i].fault != FAULT_NONE && !p->views[i].told)
            add_fault(p, i, m, f);
}
