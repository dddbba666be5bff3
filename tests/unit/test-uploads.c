/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/inspect.h"
#include "util/memfd.h"
#include "util/text.h"

/* Everything that an administrator may upload (tests/data/make-uploads), through the service and its import process, each
 * with the outcome that the table of cases has. A check comes first, then the upload itself. */

/* A row of the table. */
typedef struct Case {
    char *id, *passphrase, *target, *expected, *failing, *served, *anchor, *remark;
    GBytes *bundle, *key;
} Case;

static const char *directory;

/* What all cases share; a case that replaces the root ends it. */
static Service shared;
static bool shared_is_running;

/* authorities: its directory of them, below that of the cases. */
static void service_start_with_authorities(Service *s, const char *authorities)
{
    g_autofree char *conf = g_strdup_printf("[Uploads]\nAuthorityDirectory=%s%s\n", directory, authorities);

    service_init(s);
    folder_write(&s->config, "certwright.conf", conf);
    service_start(s);
    service_settle(s);
}

static Service *service_get(void)
{
    if (!shared_is_running) {
        service_start_with_authorities(&shared, "/nothing");
        shared_is_running = true;
    }
    return &shared;
}

static void service_drop(void)
{
    if (shared_is_running)
        service_done(&shared);
    shared_is_running = false;
}

static GBytes *data_read(const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL), *data = NULL;
    g_autoptr(GError) error = NULL;
    size_t size;

    g_file_get_contents(path, &data, &size, &error);
    g_assert_no_error(error);
    return g_bytes_new_take(g_steal_pointer(&data), size);
}

static int data_open(const char *name, GBytes *data)
{
    size_t size;
    const void *bytes;
    int fd;

    if (!data)
        return -EBADF;
    bytes = g_bytes_get_data(data, &size);
    fd = memfd_new(name, bytes, size);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* Calls that are waited for. */

typedef struct Answer {
    unsigned n;
    size_t n_served;
    ProblemCode code;
    char *text;
    GString *failing; /* of a check: those that fail, but for the outcome, as the table has them */
    ProblemCode outcome;
    bool all_passed;
} Answer;

static void answer_done(Answer *a)
{
    g_free(a->text);
    if (a->failing)
        g_string_free(a->failing, true);
}
#define _cleanup_answer_ _cleanup_(answer_done)

static bool is_answered(void *userdata)
{
    return ((Answer *)userdata)->n > 0;
}

static void answer_take_problem(Answer *a, const Problem *problem)
{
    a->n++;
    a->code = problem->code;
    a->text = g_strdup(strempty(problem->text));
}

/* What people read has no secrets, and fits their terminal. */
static void assert_readable(const char *text)
{
    g_assert_cmpstr(text, !=, "");
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_null(strstr(text, "-----BEGIN"));
    g_assert_null(strstr(text, "correct horse"));
    for (const char *p = text; *p; p++)
        g_assert_false(g_ascii_iscntrl(*p));
}

static void answer_take_finding(Answer *a, Check check, const Finding *f)
{
    if (finding_was_made(f)) {
        g_test_message("%s: %s", check_to_string(check), finding_text(f));
        assert_readable(finding_text(f));
    }
    if (check == CHECK_OUTCOME)
        a->outcome = f->problem.code;
    else if (f->problem.code != PROBLEM_NONE)
        g_string_append_printf(a->failing, "%s%s=%s", a->failing->len > 0 ? "," : "", check_to_string(check),
                               problem_code_to_string(f->problem.code));
    a->all_passed = a->all_passed && (finding_passed(f) || check == CHECK_NAMES);
}

static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    answer_take_problem(a, problem);
    a->failing = g_string_new(NULL);
    a->all_passed = true;
    for (Check check = 0; check < _CHECK_MAX; check++)
        answer_take_finding(a, check, report->findings + check);
}

static void on_uploaded(const UploadOutcome *outcome, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    answer_take_problem(a, problem);
    for (size_t i = 0; i < outcome->n_fits; i++)
        a->n_served += outcome->fits[i].served;
}

static void ask(Service *s, const Case *c, Certificate *target, bool check, Answer *ret)
{
    _cleanup_close_ int bundle = data_open(c->id, c->bundle), key = data_open(c->id, c->key);
    UploadOptions options = { .key_fd = key, .passphrase_fd = -EBADF, .passphrase = c->passphrase };
    _cleanup_problem_ Problem problem = {};
    int r;

    if (check)
        r = manager_check_upload(s->manager, target, bundle, &options, on_checked, ret, &problem);
    else
        r = manager_upload(s->manager, target, bundle, &options, on_uploaded, ret, &problem);
    if (r < 0)
        g_error("the question was not even taken: %s", problem.text);
    loop_until(s->event, is_answered, ret);
    g_assert_cmpuint(ret->n, ==, 1);
}

/* What there is. */

static int add_upload(Certificate *upload, void *userdata)
{
    g_ptr_array_add(userdata, upload);
    return 0;
}

static GPtrArray *list_uploads(Service *s)
{
    GPtrArray *l = g_ptr_array_new();

    g_assert_cmpint(model_foreach_upload(manager_model(s->manager), add_upload, l), ==, 0);
    return l;
}

/* The only upload that there is. */
static Certificate *find_upload(Service *s)
{
    g_autoptr(GPtrArray) l = list_uploads(s);

    g_assert_cmpuint(l->len, ==, 1);
    return g_ptr_array_index(l, 0);
}

static void assert_no_uploads(Service *s)
{
    g_autoptr(GPtrArray) l = list_uploads(s);
    g_autofree char *path = folder_path(&s->state, "uploads");
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    g_assert_cmpuint(l->len, ==, 0);
    g_assert_null(dir ? g_dir_read_name(dir) : NULL);
}

static void remove_uploads(Service *s)
{
    g_autoptr(GPtrArray) l = list_uploads(s);

    for (unsigned i = 0; i < l->len; i++)
        g_assert_cmpint(service_remove_upload(s, certificate_name(g_ptr_array_index(l, i))), ==,
                        PROBLEM_NONE);
    service_settle(s);
    assert_no_uploads(s);
}

/* Whether the self-signed certificate at its end is known. */
static bool has_anchor(Service *s, Certificate *c)
{
    _cleanup_problem_ Problem problem = {};
    g_autofree char *pem = service_export(s, c, true, &problem);
    _cleanup_chain_ Chain *chain = NULL;

    if (!pem) {
        g_assert_cmpint(problem.code, ==, PROBLEM_NO_SUCH_CERTIFICATE);
        return false;
    }
    g_assert_cmpint(chain_from_pem(pem, &chain), ==, 0);
    g_assert_cmpuint(chain->n_entries, ==, 1);
    g_assert_cmpstr(chain->entries[0].subject, ==, chain->entries[0].issuer);
    return true;
}

/* Each was signed by the one after it, and none but the first by itself. */
static bool is_in_order(const Chain *chain, unsigned n)
{
    for (unsigned i = 0; i + 1 < n; i++)
        if (!streq(chain->entries[i].issuer, chain->entries[i + 1].subject) ||
            streq(chain->entries[i + 1].subject, chain->entries[i + 1].issuer))
            return false;
    return true;
}

/* What is known of an authority has the root above it at its end, which is not served. */
static unsigned count_served(const Chain *chain)
{
    const ChainEntry *last = chain->entries + chain->n_entries - 1;

    return chain->n_entries -
           (chain->is_authority && chain->n_entries > 1 && streq(last->subject, last->issuer));
}

static void check_chain(Service *s, const Case *c, Certificate *got)
{
    const Chain *chain = certificate_chain(got);
    const char *anchor = has_anchor(s, got) ? "root" : "none";

    if (count_served(chain) != strtoul(c->served, NULL, 10))
        note_failure("%s: %u certificates are served, expected: %s", c->id, count_served(chain), c->served);
    if (!is_in_order(chain, count_served(chain)))
        note_failure("%s: the certificates that are served are not in order", c->id);
    if (!streq(anchor, c->anchor))
        note_failure("%s: its root: %s, expected: %s", c->id, anchor, c->anchor);
}

/* One case. */

static bool is_for_root(const Case *c)
{
    return streq(c->target, "root");
}

static Certificate *make_target(Service *s, const Case *c)
{
    _cleanup_problem_ Problem problem = {};
    Certificate *target = NULL;

    if (is_for_root(c))
        return manager_model(s->manager)->root;
    if (streq(c->target, "-"))
        return NULL;
    g_assert_cmpint(service_register(s, "cases", c->target, NULL, KEY_TYPE_ECDSA_P256), ==, PROBLEM_NONE);
    g_assert_cmpint(model_get(manager_model(s->manager), c->target, &target, &problem), ==, 0);
    return target;
}

static void forget_target(Service *s, const Case *c)
{
    if (is_for_root(c) || streq(c->target, "-"))
        return;
    g_assert_cmpint(service_unregister(s, "cases", c->target), ==, PROBLEM_NONE);
    service_settle(s);
}

static void check_case(Service *s, const Case *c, Certificate *target)
{
    bool ok = streq(c->expected, "ok");
    _cleanup_answer_ Answer a = {};

    ask(s, c, target, true, &a);
    if (a.code != PROBLEM_NONE) {
        note_failure("%s: the check itself failed: %s", c->id, a.text);
        return;
    }
    if (!streq(a.failing->str, ok ? "" : c->failing))
        note_failure("%s: failing checks: \"%s\", expected: \"%s\"", c->id, a.failing->str, c->failing);
    if (a.all_passed != (a.failing->len == 0))
        note_failure("%s: nothing is wrong, but not everything was looked at", c->id);
    if (!streq(a.outcome == PROBLEM_NONE ? "ok" : problem_code_to_string(a.outcome), c->expected))
        note_failure("%s: the outcome is foretold as %s, expected: %s", c->id,
                     problem_code_to_string(a.outcome), c->expected);
}

static void upload_case(Service *s, const Case *c, Certificate *target)
{
    g_autofree char *before = target ? g_strdup(chain_leaf(certificate_chain(target))->fingerprint) : NULL;
    _cleanup_answer_ Answer a = {};
    const char *got;

    ask(s, c, target, false, &a);
    got = a.code == PROBLEM_NONE ? "ok" : problem_code_to_string(a.code);
    if (!streq(got, c->expected))
        note_failure("%s (%s): it is %s, expected: %s. %s", c->id, c->remark, got, c->expected, a.text);
    else if (a.code == PROBLEM_NONE)
        check_chain(s, c, is_for_root(c) ? target : find_upload(s));
    if (a.code == PROBLEM_NONE)
        return;
    g_test_message("%s: %s", got, a.text);
    assert_readable(a.text);
    assert_no_uploads(s);
    if (target)
        g_assert_cmpstr(chain_leaf(certificate_chain(target))->fingerprint, ==, before);
}

/* Rows whose passphrase certtool, or the limit itself, has hashed 600,000 times. */
static bool hashes_long(const char *id)
{
    static const char *const patterns[] = {
        "p12-*gnutls*",    "pkcs8-gnutls-*",   "key-file-encrypted-gnutls-der",
        "root-p12-gnutls", "*-letters-gnutls", "*-iterations-limit"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++)
        if (g_pattern_match_simple(patterns[i], id))
            return true;
    return false;
}

static void test_case(const void *data)
{
    const Case *c = data;
    Service *s;
    Certificate *target;
    g_autofree char *root = NULL;

    if (!ADDRESS_SPACE_IS_LIMITED && hashes_long(c->id)) {
        g_test_skip("with the sanitizers, 600,000 iterations take longer than an import may");
        return;
    }
    s = service_get();
    target = make_target(s, c);
    root = g_strdup(chain_leaf(certificate_chain(manager_model(s->manager)->root))->fingerprint);

    g_test_message("%s", c->remark);
    check_case(s, c, target);
    assert_no_uploads(s);
    upload_case(s, c, target);
    remove_uploads(s);
    forget_target(s, c);
    if (!streq(chain_leaf(certificate_chain(manager_model(s->manager)->root))->fingerprint, root))
        service_drop();
}

/* What comes from elsewhere than the upload. */

static GPtrArray *cases;

static const Case *find_case(const char *id)
{
    for (unsigned i = 0; i < cases->len; i++) {
        const Case *c = g_ptr_array_index(cases, i);

        if (streq(c->id, id))
            return c;
    }
    g_error("there is no case %s", id);
}

static ProblemCode upload(Service *s, const char *id, Certificate *target)
{
    _cleanup_answer_ Answer a = {};

    ask(s, find_case(id), target, false, &a);
    return a.code;
}

static Certificate *find_upload_of(Service *s, const char *subject)
{
    g_autoptr(GPtrArray) l = list_uploads(s);

    for (unsigned i = 0; i < l->len; i++) {
        Certificate *c = g_ptr_array_index(l, i);

        if (streq(chain_leaf(certificate_chain(c))->subject, subject))
            return c;
    }
    g_error("there is no upload of %s", subject);
}

static void test_completed_by_upload(void)
{
    Service *s = service_get();
    Certificate *c;

    g_assert_cmpint(upload(s, "other-alone", NULL), ==, PROBLEM_CHAIN_INCOMPLETE);
    g_assert_cmpint(upload(s, "pem-root", NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(upload(s, "other-alone", NULL), ==, PROBLEM_NONE);
    c = find_upload_of(s, "CN=other.example.com");
    g_assert_cmpuint(certificate_chain(c)->n_entries, ==, 2);
    g_assert_true(has_anchor(s, c));
    remove_uploads(s);
    g_assert_cmpint(upload(s, "other-alone", NULL), ==, PROBLEM_CHAIN_INCOMPLETE);
}

/* A chain that was signed anew for the same key comes without it. */
static void test_key_is_here(void)
{
    Service *s = service_get();
    g_autoptr(GPtrArray) l = NULL;

    g_assert_cmpint(upload(s, "renewed-no-key", NULL), ==, PROBLEM_INVALID_BUNDLE);
    g_assert_cmpint(upload(s, "self-signed-gnutls", NULL), ==, PROBLEM_NONE); /* has another key */
    g_assert_cmpint(upload(s, "renewed-no-key", NULL), ==, PROBLEM_INVALID_BUNDLE);
    g_assert_cmpint(upload(s, "pem", NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(upload(s, "renewed-no-key", NULL), ==, PROBLEM_NONE);
    l = list_uploads(s);
    g_assert_cmpuint(l->len, ==, 3);
    remove_uploads(s);
}

static void test_same_twice(void)
{
    Service *s = service_get();

    g_assert_cmpint(upload(s, "pem", NULL), ==, PROBLEM_NONE);
    g_assert_cmpint(upload(s, "key-file-sec1", NULL), ==, PROBLEM_NONE);
    g_assert_cmpuint(certificate_chain(find_upload(s))->n_entries, ==, 2);
    remove_uploads(s);
}

/* What is not valid yet is held back, and what is there goes on being served. */
static void test_held_back(void)
{
    g_autofree char *before = NULL;
    Service *s = service_get();

    g_assert_cmpint(service_register(s, "cases", "www.example.com", NULL, KEY_TYPE_ECDSA_P256), ==,
                    PROBLEM_NONE);
    before = g_strdup(service_fingerprint(s, "www.example.com"));
    g_assert_cmpint(upload(s, "later-leaf", NULL), ==, PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(s, "www.example.com"), ==, before);
    g_assert_cmpint(upload(s, "pem", NULL), ==, PROBLEM_NONE);
    g_assert_cmpstr(service_fingerprint(s, "www.example.com"), !=, before);
    remove_uploads(s);
    g_assert_cmpint(service_unregister(s, "cases", "www.example.com"), ==, PROBLEM_NONE);
    service_settle(s);
}

/* The directory has the root, and the intermediate of most cases. */
static void test_completed_by_directory(void)
{
    _cleanup_service_ Service s;
    Certificate *c;

    service_start_with_authorities(&s, "/authorities");
    g_assert_cmpint(upload(&s, "leaf-alone", NULL), ==, PROBLEM_NONE);
    c = find_upload(&s);
    g_assert_cmpuint(certificate_chain(c)->n_entries, ==, 2);
    g_assert_true(has_anchor(&s, c));
    remove_uploads(&s);
    g_assert_cmpint(upload(&s, "upper-missing", NULL), ==, PROBLEM_NONE);
    c = find_upload(&s);
    g_assert_cmpuint(certificate_chain(c)->n_entries, ==, 3);
    g_assert_true(has_anchor(&s, c));
    remove_uploads(&s);
    g_assert_cmpint(upload(&s, "lower-missing", NULL), ==, PROBLEM_CHAIN_INCOMPLETE);
    g_assert_cmpint(upload(&s, "expired-leaf", NULL), ==, PROBLEM_EXPIRED);
}

static void test_root_completed_by_directory(void)
{
    _cleanup_service_ Service s;

    service_start_with_authorities(&s, "/authorities");
    g_assert_cmpint(upload(&s, "root-intermediate-alone", manager_model(s.manager)->root), ==, PROBLEM_NONE);
    g_assert_true(has_anchor(&s, manager_model(s.manager)->root));
    g_assert_cmpstr(chain_leaf(certificate_chain(manager_model(s.manager)->root))->subject, ==,
                    "CN=Example Upper,O=Example Trust");
}

/* The table. */

static void case_free(void *data)
{
    Case *c = data;

    g_free(c->id);
    g_free(c->passphrase);
    g_free(c->target);
    g_free(c->expected);
    g_free(c->failing);
    g_free(c->served);
    g_free(c->anchor);
    g_free(c->remark);
    g_bytes_unref(c->bundle);
    g_bytes_unref(c->key);
    g_free(c);
}

static Case *case_new(const char *line)
{
    g_auto(GStrv) f = g_strsplit(line, "\t", -1);
    Case *c = g_new0(Case, 1);

    if (g_strv_length(f) != 10)
        g_error("a row of the table has %u columns: %s", g_strv_length(f), line);
    c->id = g_strdup(f[0]);
    c->bundle = data_read(f[1]);
    c->key = streq(f[2], "-") ? NULL : data_read(f[2]);
    c->passphrase = streq(f[3], "-") ? NULL : g_strdup(f[3]);
    c->target = g_strdup(f[4]);
    c->expected = g_strdup(f[5]);
    c->failing = g_strdup(f[6]);
    c->served = g_strdup(f[7]);
    c->anchor = g_strdup(f[8]);
    c->remark = g_strdup(f[9]);
    if (!streq(c->expected, "ok") && problem_code_from_string(c->expected) == PROBLEM_NONE)
        g_error("%s: there is no outcome %s", c->id, c->expected);
    return c;
}

static void read_cases(void)
{
    g_autoptr(GBytes) table = data_read("cases.tsv");
    size_t size;
    const char *text = g_bytes_get_data(table, &size);
    g_autofree char *copy = g_strndup(text, size);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(copy), "\n", -1);

    cases = g_ptr_array_new_with_free_func(case_free);
    for (char **line = lines; *line; line++)
        if (**line != '#')
            g_ptr_array_add(cases, case_new(*line));
    g_assert_cmpuint(cases->len, >=, 120);
}

int main(int argc, char *argv[])
{
    int r;

    fixture_init(&argc, &argv);
    directory = g_getenv("CERTWRIGHT_UPLOADS");
    if (!directory)
        g_error("CERTWRIGHT_UPLOADS is not set: run this by \"meson test\"");
    read_cases();
    for (unsigned i = 0; i < cases->len; i++) {
        const Case *c = g_ptr_array_index(cases, i);
        g_autofree char *path = g_strconcat("/uploads/", c->id, NULL);

        g_test_add_data_func(path, c, test_case);
    }
    g_test_add_func("/uploads-and/completed-by-upload", test_completed_by_upload);
    g_test_add_func("/uploads-and/key-is-here", test_key_is_here);
    g_test_add_func("/uploads-and/same-twice", test_same_twice);
    g_test_add_func("/uploads-and/held-back", test_held_back);
    g_test_add_func("/uploads-and/completed-by-directory", test_completed_by_directory);
    g_test_add_func("/uploads-and/root-completed-by-directory", test_root_completed_by_directory);
    r = g_test_run();
    service_drop();
    g_ptr_array_unref(cases);
    return r;
}
