/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "crypto/inspect.h"
#include "manager/manager-internal.h"
#include "mutation.h"
#include "util/memfd.h"
#include "util/text.h"

/* The local root of a running service is replaced in every way there is. Whatever happens, at no moment is a chain missing or
 * half of a pair, and whoever trusted a root that was served before goes on accepting everything. */

#define NAMES       50
#define ANCHORS_MAX 6

typedef struct Machine {
    Service service;
    unsigned n_names;
    char *current[NAMES];       /* where the link of each leads that was looked at last */
    char *anchors[ANCHORS_MAX]; /* what clients were given so far, PEM; the newest last */
    unsigned n_anchors;
    unsigned n_turns, n_pairs;
} Machine;

static void machine_done(Machine *m)
{
    for (unsigned i = 0; i < m->n_names; i++)
        g_free(m->current[i]);
    for (unsigned i = 0; i < m->n_anchors; i++)
        free(m->anchors[i]);
    service_done(&m->service);
}
#define _cleanup_machine_ _cleanup_(machine_done)

static char *name_of(unsigned i)
{
    return g_strdup_printf("n%u.example.com", i);
}

/* What is on disk, at each turn of the loop: a pair that fits, as soon as there has been one. */
static void look(Machine *m)
{
    m->n_turns++;
    for (unsigned i = 0; i < m->n_names; i++) {
        g_autofree char *name = name_of(i), *path = g_strdup_printf("certificates/%s/current", name);
        g_autofree char *link = folder_link(&m->service.state, path);

        /* the first one is on disk a moment before it is known */
        if (!m->current[i] && (!link || !certificate_chain(service_find(&m->service, name))))
            continue;
        if (!link)
            g_error("%s: the chain is gone", name);
        if (!certificate_chain(service_find(&m->service, name)))
            g_error("%s: nothing is served", name);
        if (m->current[i] && streq(link, m->current[i]))
            continue;
        if (!pair_is_whole(&m->service.state, path, RECORD_CERTIFICATE))
            g_error("%s: key and certificate on disk do not belong together", name);
        g_free(m->current[i]);
        m->current[i] = g_steal_pointer(&link);
        m->n_pairs++;
    }
}

static void turn_until(Machine *m, bool (*condition)(void *userdata), void *userdata)
{
    gint64 give_up = g_get_monotonic_time() + 120 * G_USEC_PER_SEC;

    while (!condition(userdata)) {
        g_assert_cmpint(g_get_monotonic_time(), <, give_up);
        g_assert_cmpint(sd_event_run(m->service.event, 100000), >=, 0);
        look(m);
    }
}

static bool is_idle(void *userdata)
{
    return manager_is_idle(((Machine *)userdata)->service.manager);
}

static void settle(Machine *m)
{
    turn_until(m, is_idle, m);
}

static void restart(Machine *m)
{
    service_stop(&m->service);
    service_start(&m->service);
    settle(m);
}

static Certificate *root_of(Machine *m)
{
    return manager_model(m->service.manager)->root;
}

static char *export_root(Machine *m)
{
    _cleanup_problem_ Problem problem = {};
    char *pem = service_export(&m->service, root_of(m), true, &problem);

    if (!pem)
        g_error("no root: %s", problem.text);
    return pem;
}

/* From now on there are clients of the root that is exported. */
static void give_to_clients(Machine *m)
{
    g_assert_cmpuint(m->n_anchors, <, ANCHORS_MAX);
    m->anchors[m->n_anchors++] = export_root(m);
}

static void machine_start(Machine *m, unsigned n_names)
{
    g_autoptr(GString) module = g_string_new("[Module]\n");

    service_init(&m->service);
    m->n_names = n_names;
    for (unsigned i = 0; i < n_names; i++)
        g_string_append_printf(module, "[Certificate n%u.example.com]\n", i);
    folder_write(&m->service.config, "modules.d/web.conf", module->str);
    service_start(&m->service);
    settle(m);
    give_to_clients(m);
}

/* Clients. */

static char *state_path(Machine *m, unsigned i, const char *file)
{
    g_autofree char *name = name_of(i);

    return g_build_filename(m->service.state.path, "certificates", name, "current", file, NULL);
}

/* All leaves in one go: what is above them is the same for all. */
static void check_client(Machine *m, const char *anchor, const char *what)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *issuers_path = state_path(m, 0, "chain.pem"), *issuers = NULL, *said = NULL;
    static const char *const all[] = { "openssl",    "verify",      "-purpose", "sslserver",
                                       "-no-CApath", "-no-CAstore", "-CAfile" };

    folder_write(&m->service.config, "anchor.pem", anchor);
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        g_ptr_array_add(argv, g_strdup(all[i]));
    g_ptr_array_add(argv, folder_path(&m->service.config, "anchor.pem"));
    g_assert_true(g_file_get_contents(issuers_path, &issuers, NULL, NULL));
    if (*issuers) {
        g_ptr_array_add(argv, g_strdup("-untrusted"));
        g_ptr_array_add(argv, g_strdup(issuers_path));
    }
    for (unsigned i = 0; i < m->n_names; i++) {
        g_autofree char *path = state_path(m, i, "chain.pem"), *same = NULL;

        g_assert_true(g_file_get_contents(path, &same, NULL, NULL));
        g_assert_cmpstr(same, ==, issuers);
        g_ptr_array_add(argv, state_path(m, i, "certificate.pem"));
    }
    g_ptr_array_add(argv, NULL);
    if (run_program((char **)argv->pdata, &said) != 0)
        note_failure("%s: clients of a root reject what is served: %s", what, said);
}

/* All are signed by the root that is served, and clients of all that were ever given accept them. */
static void check_clients(Machine *m, const char *what)
{
    uint64_t generation = record_current(root_of(m)->record);

    for (unsigned i = 0; i < m->n_names; i++) {
        g_autofree char *name = name_of(i);
        Certificate *c = service_find(&m->service, name);

        g_assert_cmpint(c->record->served, ==, SOURCE_LOCAL);
        g_assert_cmpuint(c->record->slots[SOURCE_LOCAL].root, ==, generation);
        g_assert_cmpstr(certificate_chain(c)->entries[0].issuer, ==,
                        chain_leaf(certificate_chain(root_of(m)))->subject);
    }
    g_assert_true(pair_is_whole(&m->service.state, "root/current", RECORD_ROOT));
    for (unsigned i = 0; i < m->n_anchors; i++) {
        g_autofree char *which = g_strdup_printf("%s, root %u of %u", what, i + 1, m->n_anchors);

        check_client(m, m->anchors[i], which);
    }
}

/* The same after a restart, and nothing was signed again for it. */
static void check_all(Machine *m, Source source, const char *what)
{
    g_autofree char *before = NULL;
    _cleanup_free_ char *root = NULL;

    g_assert_cmpint(root_of(m)->record->served, ==, source);
    check_clients(m, what);
    before = g_strdup(service_fingerprint(&m->service, "n0.example.com"));
    restart(m);
    g_assert_cmpint(root_of(m)->record->served, ==, source);
    g_assert_cmpstr(service_fingerprint(&m->service, "n0.example.com"), ==, before);
    root = export_root(m);
    g_assert_cmpstr(root, ==, m->anchors[m->n_anchors - 1]);
    check_clients(m, what);
}

/* Uploads of roots. */

typedef struct Waited {
    bool done;
    size_t n_served;
    ProblemCode code;
} Waited;

static void on_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    Waited *w = userdata;

    *w = (Waited){ true, outcome->n_fits, problem->code };
    if (problem->code != PROBLEM_NONE)
        g_test_message("%s", problem->text);
    else
        g_assert_true(certificate_is_root(outcome->fits[0].certificate));
}

static bool is_done(void *userdata)
{
    return ((Waited *)userdata)->done;
}

static void ask_for_root(Machine *m, const char *pem, Waited *w)
{
    const UploadOptions options = { .key_fd = -EBADF, .passphrase_fd = -EBADF };
    int fd = memfd_new("upload", pem, strlen(pem));

    g_assert_cmpint(manager_upload(m->service.manager, root_of(m), fd, &options, on_uploaded, w, NULL), >=,
                    0);
    close(fd);
}

static ProblemCode upload_root(Machine *m, const char *pem)
{
    Waited w = {};

    ask_for_root(m, pem, &w);
    turn_until(m, is_done, &w);
    settle(m);
    g_assert_cmpuint(w.n_served, ==, w.code == PROBLEM_NONE);
    return w.code;
}

static JobState reissue_root(Machine *m)
{
    uint64_t id;

    g_assert_cmpint(
        manager_reissue(m->service.manager, root_of(m), &(RequestOptions){ .hurry = true }, &id, NULL), ==,
        0);
    settle(m);
    return m->service.last_job_state;
}

static PartSpec authority_spec(const char *subject, unsigned key, unsigned signer, int64_t not_before,
                               int64_t not_after)
{
    return (PartSpec){ .subject = subject,
                       .key = key,
                       .signer = signer,
                       .not_before = not_before,
                       .not_after = not_after,
                       .constraints = "critical,CA:TRUE",
                       .usage = "critical,keyCertSign,cRLSign",
                       .subject_id = KEY_ID_RIGHT,
                       .authority_id = KEY_ID_RIGHT,
                       .digest = EVP_sha256(),
                       .serial = 1 + (long)key };
}

/* The first of the specs is the authority, the others lead up to its root, which is the last of the PEM blocks but for the
 * key; ret_top (may be NULL) gets it. */
static char *make_upload(unsigned n, const PartSpec specs[static LINE_MAX_PARTS], char **ret_top)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    _cleanup_line_ Line l = line_make(random, n, specs);
    g_autoptr(GString) all = g_string_new(NULL);
    Issued first = { l.parts[0].certificate, l.parts[0].key };
    _cleanup_free_ char *key = key_pem_of(&first);

    for (unsigned i = 0; i < n; i++) {
        Issued one = { l.parts[i].certificate, l.parts[i].key };
        _cleanup_free_ char *pem = pem_of(&one);

        g_string_append(all, pem);
        if (ret_top && i + 1 == n)
            *ret_top = g_strdup(pem);
    }
    return g_strconcat(all->str, key, NULL);
}

static char *self_signed(const char *subject, unsigned key, int64_t not_before, int64_t not_after,
                         char **ret_top)
{
    const PartSpec specs[LINE_MAX_PARTS] = { authority_spec(subject, key, key, not_before, not_after) };

    return make_upload(1, specs, ret_top);
}

static char *intermediate(int64_t end_of_top, char **ret_top)
{
    const PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Division", 3, 4, -DAY, YEAR),
                                             authority_spec("Country", 4, 5, -DAY, 2 * YEAR),
                                             authority_spec("Company", 5, 5, -DAY, end_of_top) };

    return make_upload(3, specs, ret_top);
}

static void assert_exported(Machine *m, const char *expected)
{
    _cleanup_free_ char *pem = export_root(m);

    g_assert_cmpstr(pem, ==, expected);
}

/* Own, uploaded, uploaded intermediate, own: with a restart after each. */
static void test_replacements(void)
{
    g_autofree char *top = NULL, *company = NULL,
                    *corporate = self_signed("Corporate", 0, -DAY, 3 * YEAR, &top),
                    *division = intermediate(3 * YEAR, &company);
    _cleanup_machine_ Machine m = {};

    machine_start(&m, NAMES);
    check_all(&m, SOURCE_LOCAL, "first");
    g_assert_cmpint(upload_root(&m, corporate), ==, PROBLEM_NONE);
    assert_exported(&m, top);
    give_to_clients(&m);
    check_all(&m, SOURCE_UPLOADED, "uploaded");
    g_assert_cmpint(upload_root(&m, division), ==, PROBLEM_NONE);
    assert_exported(&m, company);
    give_to_clients(&m);
    check_all(&m, SOURCE_UPLOADED, "intermediate");
    g_assert_cmpint(reissue_root(&m), ==, JOB_DONE);
    give_to_clients(&m);
    g_assert_cmpuint(certificate_chain(root_of(&m))->n_entries, ==, 1);
    check_all(&m, SOURCE_LOCAL, "reissued");
    g_test_message("%u turns of the loop, %u pairs looked at", m.n_turns, m.n_pairs);
    g_assert_cmpuint(m.n_pairs, ==, 4 * NAMES);
}

/* The same authority once more breaks nothing either. */
static void test_twice(void)
{
    g_autofree char *corporate = self_signed("Corporate", 0, -DAY, 3 * YEAR, NULL);
    _cleanup_machine_ Machine m = {};

    machine_start(&m, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(upload_root(&m, corporate), ==, PROBLEM_NONE);
        if (i == 0)
            give_to_clients(&m);
        check_all(&m, SOURCE_UPLOADED, "again");
    }
}

static void test_refused(void)
{
    static const struct {
        const char *what, *constraints, *usage;
        ProblemCode code;
    } cases[] = {
        { "no authority", "critical,CA:FALSE", "critical,keyCertSign", PROBLEM_NOT_A_CERTIFICATE_AUTHORITY },
        { "may not sign", "critical,CA:TRUE", "critical,cRLSign", PROBLEM_NOT_A_CERTIFICATE_AUTHORITY },
    };
    _cleanup_machine_ Machine m = {};
    g_autofree char *before = NULL;

    machine_start(&m, 3);
    before = g_strdup(service_fingerprint(&m.service, "n0.example.com"));
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, -DAY, YEAR) };
        g_autofree char *pem = NULL;

        specs[0].constraints = cases[i].constraints;
        specs[0].usage = cases[i].usage;
        pem = make_upload(1, specs, NULL);
        g_assert_cmpint(upload_root(&m, pem), ==, cases[i].code);
        g_assert_cmpstr(service_fingerprint(&m.service, "n0.example.com"), ==, before);
        check_all(&m, SOURCE_LOCAL, cases[i].what);
    }
}

static bool has_own_root(void *userdata)
{
    return root_of(userdata)->record->served == SOURCE_LOCAL && is_idle(userdata);
}

static bool has_uploaded_root(void *userdata)
{
    return root_of(userdata)->record->served == SOURCE_UPLOADED && is_idle(userdata);
}

/* By itself the machine's own root comes back when the uploaded one ends; until that has ended, its clients are served. */
static void test_uploaded_expires(void)
{
    g_autofree char *top = NULL, *corporate = self_signed("Corporate", 0, -10, 8, &top);
    int64_t end = now_seconds() + 8;
    _cleanup_machine_ Machine m = {};

    machine_start(&m, 5);
    g_assert_cmpint(upload_root(&m, corporate), ==, PROBLEM_NONE);
    turn_until(&m, has_own_root, &m);
    assert_exported(&m, m.anchors[0]);
    check_clients(&m, "fallen back");
    if (now_seconds() < end - 2)
        check_client(&m, top, "fallen back before its end, uploaded root");
    while (now_seconds() <= end)
        loop_for(m.service.event, 200000);
    settle(&m);
    check_all(&m, SOURCE_LOCAL, "expired");
    g_assert_cmpint(reissue_root(&m), ==, JOB_DONE);
    give_to_clients(&m);
    check_all(&m, SOURCE_LOCAL, "reissued");
}

/* What the intermediate authority is worth ends with the root above it. */
static void test_top_expires(void)
{
    g_autofree char *division = intermediate(6, NULL);
    int64_t end = now_seconds() + 6;
    _cleanup_machine_ Machine m = {};

    machine_start(&m, 5);
    g_assert_cmpint(upload_root(&m, division), ==, PROBLEM_NONE);
    while (now_seconds() <= end)
        loop_for(m.service.event, 200000);
    turn_until(&m, has_own_root, &m);
    check_all(&m, SOURCE_LOCAL, "the top has expired");
}

/* Held back until its first moment, and taken by itself then, also by a service that was started again meanwhile. */
static void test_not_yet_valid(void)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        g_autofree char *top = NULL, *corporate = self_signed("Corporate", 0, 6, YEAR, &top), *before = NULL;
        _cleanup_machine_ Machine m = {};

        machine_start(&m, 5);
        before = g_strdup(service_fingerprint(&m.service, "n0.example.com"));
        g_assert_cmpint(upload_root(&m, corporate), ==, PROBLEM_NONE);
        g_assert_cmpint(root_of(&m)->record->served, ==, SOURCE_LOCAL);
        g_assert_cmpstr(service_fingerprint(&m.service, "n0.example.com"), ==, before);
        assert_exported(&m, m.anchors[0]);
        if (restarts)
            restart(&m);
        turn_until(&m, has_uploaded_root, &m);
        assert_exported(&m, top);
        give_to_clients(&m);
        check_all(&m, SOURCE_UPLOADED, "it has begun");
    }
}

/* As if it were more than eight of its ten years old. */
static void test_renewal(void)
{
    g_autofree char *before = NULL;
    _cleanup_machine_ Machine m = {};
    Chain *aged;

    machine_start(&m, NAMES);
    before = g_strdup(chain_leaf(certificate_chain(root_of(&m)))->fingerprint);
    g_assert_cmpuint(manager_renew_due(m.service.manager), ==, 0);
    aged = root_of(&m)->record->slots[SOURCE_LOCAL].chain;
    aged->entries[0].not_before -= 8 * YEAR + 30 * DAY;
    aged->entries[0].not_after -= 8 * YEAR + 30 * DAY;
    g_assert_cmpuint(manager_renew_due(m.service.manager), >=, 1);
    settle(&m);
    g_assert_cmpint(m.service.last_job_state, ==, JOB_DONE);
    g_assert_cmpstr(chain_leaf(certificate_chain(root_of(&m)))->fingerprint, !=, before);
    give_to_clients(&m);
    check_all(&m, SOURCE_LOCAL, "renewed");
    g_assert_cmpuint(m.n_pairs, ==, 2 * NAMES);
}

/* What the new one may not sign keeps the chain that it has. */
static void test_name_constraints(void)
{
    PartSpec specs[LINE_MAX_PARTS] = { authority_spec("Corporate", 0, 0, -DAY, YEAR) };
    g_autofree char *pem = NULL;
    _cleanup_machine_ Machine m = {};

    specs[0].name_constraints = "critical,permitted;DNS:n0.example.com";
    pem = make_upload(1, specs, NULL);
    machine_start(&m, 3);
    g_assert_cmpint(upload_root(&m, pem), ==, PROBLEM_NONE);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *name = name_of(i), *directory = g_strdup_printf("certificates/%s/current", name);
        Certificate *c = service_find(&m.service, name);

        g_assert_true(pair_is_whole(&m.service.state, directory, RECORD_CERTIFICATE));
        g_assert_cmpint(c->record->failure.problem.code, ==, i == 0 ? PROBLEM_NONE : PROBLEM_NAME_MISMATCH);
        g_assert_cmpint(certificate_chain(c)->n_entries, ==, i == 0 ? 2 : 1);
    }
    restart(&m);
    g_assert_nonnull(service_fingerprint(&m.service, "n2.example.com"));
    g_assert_cmpint(reissue_root(&m), ==, JOB_DONE);
    {
        _cleanup_free_ char *newest = export_root(&m);

        check_client(&m, newest, "own again");
    }
    m.n_names = 1; /* for the others no way leads to the first root but through the one that forbids them */
    check_clients(&m, "own again, what was never forbidden");
    g_clear_pointer(&m.current[1], g_free);
    g_clear_pointer(&m.current[2], g_free);
}

/* The service ends somewhere between the old root and the new one. */
static void test_stop_at_any_moment(void)
{
    g_autofree char *corporate = self_signed("Corporate", 0, -DAY, 3 * YEAR, NULL);

    for (unsigned turns = 0; turns < 24; turns += turns < 12 ? 1 : 3) {
        _cleanup_machine_ Machine m = {};
        Waited w = {};

        machine_start(&m, 8);
        ask_for_root(&m, corporate, &w);
        for (unsigned t = 0; t < turns; t++) {
            g_assert_cmpint(sd_event_run(m.service.event, 20000), >=, 0);
            look(&m);
        }
        service_stop(&m.service);
        g_assert_true(w.done);
        service_start(&m.service);
        settle(&m);
        if (w.code == PROBLEM_NONE)
            g_assert_cmpint(root_of(&m)->record->served, ==, SOURCE_UPLOADED);
        check_clients(&m, "ended between");
    }
}

int main(int argc, char *argv[])
{
    int r;

    fixture_init(&argc, &argv);
    key_ring_make();
    g_test_add_func("/manager-root/replacements", test_replacements);
    g_test_add_func("/manager-root/twice", test_twice);
    g_test_add_func("/manager-root/refused", test_refused);
    g_test_add_func("/manager-root/uploaded-expires", test_uploaded_expires);
    g_test_add_func("/manager-root/top-expires", test_top_expires);
    g_test_add_func("/manager-root/not-yet-valid", test_not_yet_valid);
    g_test_add_func("/manager-root/renewal", test_renewal);
    g_test_add_func("/manager-root/name-constraints", test_name_constraints);
    g_test_add_func("/manager-root/stop-at-any-moment", test_stop_at_any_moment);
    r = g_test_run();
    key_ring_done();
    return r;
}
