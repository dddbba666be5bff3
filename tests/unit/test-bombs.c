/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/limits.h"

/* Hostile uploads (tests/data/make-bombs), each put to a running service: a named error, little time of the processor, and
 * an event loop that goes on turning. Nothing is stored and no process is left. */

#define TICK_USEC  5000
#define LOOP_BOUND G_USEC_PER_SEC /* of the longest time between two ticks */
#define CPU_BOUND \
    (5 * G_USEC_PER_SEC / 2)           /* of the import process; the kernel ends it after LIMIT_IMPORT_CPU */
#define SLOW_USEC (G_USEC_PER_SEC / 2) /* is asked for once only */
#define ACCEPTED  "Accepted"
#define NAME      "www.example.org"

static Service service;
static char *folder;
static gint64 worst_gap, worst_cpu, worst_own_cpu;

/* A line of bombs.tsv. */
typedef struct Bomb {
    char *id, *bundle, *key, *passphrase, *remark;
    char **codes;
} Bomb;

static void bomb_free(void *data)
{
    Bomb *b = data;

    g_free(b->id);
    g_free(b->bundle);
    g_free(b->key);
    g_free(b->passphrase);
    g_free(b->remark);
    g_strfreev(b->codes);
    g_free(b);
}

static char *or_null(const char *field)
{
    return strcmp(field, "-") == 0 ? NULL : g_strdup(field);
}

static Bomb *bomb_parse(const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    Bomb *b = g_new0(Bomb, 1);

    g_assert_cmpuint(g_strv_length(fields), ==, 6);
    b->id = g_strdup(fields[0]);
    b->bundle = g_strdup(fields[1]);
    b->key = or_null(fields[2]);
    b->passphrase = or_null(fields[3]);
    b->codes = g_strsplit(fields[4], "|", -1);
    b->remark = g_strdup(fields[5]);
    return b;
}

static int bomb_open(const char *name)
{
    g_autofree char *path = name ? g_build_filename(folder, name, NULL) : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (path && fd < 0)
        g_error("%s: %s", path, g_strerror(errno));
    return fd;
}

/* How long the event loop leaves others waiting. */
typedef struct Pulse {
    sd_event_source *source;
    gint64 last, longest;
} Pulse;

static int on_tick(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    gint64 now = g_get_monotonic_time();
    Pulse *p = userdata;

    p->longest = MAX(p->longest, now - p->last);
    p->last = now;
    g_assert_cmpint(sd_event_source_set_time_relative(s, TICK_USEC), ==, 0);
    return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void pulse_begin(Pulse *p)
{
    *p = (Pulse){ .last = g_get_monotonic_time() };
    g_assert_cmpint(
        sd_event_add_time_relative(service.event, &p->source, CLOCK_MONOTONIC, TICK_USEC, 1000, on_tick, p),
        ==, 0);
}

static gint64 pulse_end(Pulse *p)
{
    sd_event_source_disable_unref(p->source);
    return MAX(p->longest, g_get_monotonic_time() - p->last);
}

static gint64 cpu_of(__rusage_who_t who)
{
    struct rusage u;

    g_assert_cmpint(getrusage(who, &u), ==, 0);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * G_USEC_PER_SEC + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static bool has_children(void)
{
    siginfo_t si = {};

    return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* What people read: short, and fit for a terminal and the bus. */
static void check_text(const Bomb *b, const char *what, const char *text)
{
    size_t size = text ? strlen(text) : 0;

    if (size == 0)
        note_failure("%s: %s has no text", b->id, what);
    else if (size > LIMIT_PROBLEM_TEXT)
        note_failure("%s: %s has a text of %zu bytes", b->id, what, size);
    else if (!g_utf8_validate(text, -1, NULL))
        note_failure("%s: the text of %s is no UTF-8", b->id, what);
    for (size_t i = 0; i < size; i++)
        if (g_ascii_iscntrl(text[i]))
            note_failure("%s: the text of %s has the control character 0x%02x", b->id, what,
                         (unsigned)text[i]);
}

/* One question, and what came of it. */
typedef struct Answer {
    const Bomb *bomb;
    unsigned n;
    ProblemCode code;
    char *text;
    gint64 gap, cpu, own_cpu; /* cpu: of the import process; own_cpu: of the service */
} Answer;

static void answer_take(Answer *a, const Problem *problem)
{
    a->n++;
    a->code = problem->code;
    g_free(a->text);
    a->text = g_strdup(problem->text);
}

static void on_uploaded(const UploadOutcome *outcome _unused_, const Problem *problem, void *userdata)
{
    answer_take(userdata, problem);
}

static void on_checked(const UploadReport *report, const Problem *problem, void *userdata)
{
    const Problem *first = problem->code == PROBLEM_NONE ? report_first_problem(report) : problem;
    static const Problem none;
    Answer *a = userdata;

    answer_take(a, first ? first : &none);
    for (Check c = 0; problem->code == PROBLEM_NONE && c < _CHECK_MAX; c++)
        if (finding_was_made(report->findings + c))
            check_text(a->bomb, check_to_string(c), finding_text(report->findings + c));
}

static bool is_answered(void *userdata)
{
    return ((const Answer *)userdata)->n > 0;
}

static int start(Answer *a, bool dry)
{
    const Bomb *b = a->bomb;
    _cleanup_close_ int bundle = bomb_open(b->bundle), key = bomb_open(b->key);
    const UploadOptions options = { .key_fd = key, .passphrase_fd = -EBADF, .passphrase = b->passphrase };
    _cleanup_problem_ Problem problem = {};
    int r;

    if (dry)
        r = manager_check_upload(service.manager, NULL, bundle, &options, on_checked, a, &problem);
    else
        r = manager_upload(service.manager, NULL, bundle, &options, on_uploaded, a, &problem);
    if (r < 0)
        answer_take(a, &problem);
    return r;
}

static double in_seconds(gint64 usec)
{
    return (double)usec / G_USEC_PER_SEC;
}

static void answer_check(const Answer *a)
{
    const char *code = a->code == PROBLEM_NONE ? ACCEPTED : problem_code_to_string(a->code);
    const Bomb *b = a->bomb;

    g_test_message(
        "%s: %s, %.3f s of the processor and %.3f s in the service, the loop waited %.3f s at most: %s",
        b->id, code, in_seconds(a->cpu), in_seconds(a->own_cpu), in_seconds(a->gap), a->text ? a->text : "");
    if (a->n != 1)
        note_failure("%s (%s): answered %u times", b->id, b->remark, a->n);
    if (!g_strv_contains((const char *const *)b->codes, code))
        note_failure("%s (%s): the answer is %s", b->id, b->remark, code);
    if (a->code != PROBLEM_NONE)
        check_text(b, "the answer", a->text);
    if (!ADDRESS_SPACE_IS_LIMITED) /* the times are the sanitizer's */
        return;
    if (a->cpu > CPU_BOUND)
        note_failure("%s (%s): the import took %.3f s of the processor", b->id, b->remark,
                     in_seconds(a->cpu));
    if (a->own_cpu > CPU_BOUND)
        note_failure("%s (%s): the service took %.3f s of the processor", b->id, b->remark,
                     in_seconds(a->own_cpu));
    if (a->gap > LOOP_BOUND)
        note_failure("%s (%s): the event loop stood still for %.3f s", b->id, b->remark, in_seconds(a->gap));
}

static Answer ask(const Bomb *b, bool dry)
{
    Answer a = { .bomb = b };
    gint64 before = cpu_of(RUSAGE_CHILDREN), own_before = cpu_of(RUSAGE_SELF);
    Pulse pulse;

    pulse_begin(&pulse);
    start(&a, dry);
    loop_until(service.event, is_answered, &a);
    service_settle(&service);
    a.gap = pulse_end(&pulse);
    a.cpu = cpu_of(RUSAGE_CHILDREN) - before;
    a.own_cpu = cpu_of(RUSAGE_SELF) - own_before;
    worst_gap = MAX(worst_gap, a.gap);
    worst_cpu = MAX(worst_cpu, a.cpu);
    worst_own_cpu = MAX(worst_own_cpu, a.own_cpu);
    answer_check(&a);
    return a;
}

static int collect_fingerprint(Certificate *upload, void *userdata)
{
    g_ptr_array_add(userdata, g_strdup(certificate_name(upload)));
    return 0;
}

static GPtrArray *uploads(void)
{
    GPtrArray *l = g_ptr_array_new_with_free_func(g_free);

    g_assert_cmpint(model_foreach_upload(manager_model(service.manager), collect_fingerprint, l), >=, 0);
    return l;
}

static void check_nothing_is_left(const char *id)
{
    g_autofree char *path = folder_path(&service.state, "uploads");
    g_autoptr(GPtrArray) stored = uploads();
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (stored->len > 0)
        note_failure("%s: an upload is there that was refused", id);
    while (dir && (name = g_dir_read_name(dir)))
        note_failure("%s: uploads/%s is there", id, name);
    if (dir)
        g_dir_close(dir);
    if (has_children())
        note_failure("%s: there is a process that has not been waited for", id);
}

static void take_out(void)
{
    g_autoptr(GPtrArray) stored = uploads();

    g_assert_cmpuint(stored->len, ==, 1);
    g_assert_cmpint(service_remove_upload(&service, g_ptr_array_index(stored, 0)), ==, PROBLEM_NONE);
    service_settle(&service);
}

static void test_bomb(const void *data)
{
    const Bomb *b = data;
    Answer real = ask(b, false);

    if (real.code == PROBLEM_NONE)
        take_out();
    check_nothing_is_left(b->id);
    if (real.cpu < SLOW_USEC) {
        Answer dry = ask(b, true);

        if (dry.code != real.code)
            note_failure("%s: it is %s, but the check says %s", b->id, problem_code_to_string(real.code),
                         problem_code_to_string(dry.code));
        check_nothing_is_left(b->id);
        g_free(dry.text);
    }
    g_free(real.text);
}

/* All is as before: what is served, and that a proper upload is taken. */
static void test_after(void)
{
    const Chain *chain = certificate_chain(service_find(&service, NAME));
    _cleanup_issued_ Issued leaf = issue(
        &(CertificateSpec){ .subject = NAME, .names = "DNS:" NAME, .usage = "serverAuth" }, NULL, NULL);
    _cleanup_free_ char *pem = pem_of(&leaf), *key = key_pem_of(&leaf);
    g_autofree char *bundle = text_join(pem, key, NULL);
    size_t served;

    g_test_message(
        "longest wait of the event loop: %.3f s; most time of the processor: %.3f s, in the service %.3f s",
        in_seconds(worst_gap), in_seconds(worst_cpu), in_seconds(worst_own_cpu));
    g_assert_nonnull(chain);
    g_assert_cmpuint(service.n_failures, ==, 0);
    g_assert_cmpint(service_upload(&service, NULL, bundle, &served), ==, PROBLEM_NONE);
    g_assert_cmpuint(served, ==, 1);
}

static void service_prepare(void)
{
    service_init(&service);
    folder_write(&service.config, "modules.d/test.conf", "[Module]\n[Certificate " NAME "]\n");
    service_start(&service);
    service_settle_to(&service, 1);
}

int main(int argc, char *argv[])
{
    g_autofree char *list = NULL, *text = NULL;
    g_auto(GStrv) lines = NULL;
    int r;

    fixture_init(&argc, &argv);
    folder = g_strdup(g_getenv("CERTWRIGHT_BOMBS"));
    if (!folder)
        g_error("CERTWRIGHT_BOMBS is not set: run this by \"meson test\"");
    list = g_build_filename(folder, "bombs.tsv", NULL);
    if (!g_file_get_contents(list, &text, NULL, NULL))
        g_error("%s cannot be read", list);
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), >=, 80);
    service_prepare();
    for (char **line = lines; *line; line++) {
        Bomb *b = bomb_parse(*line);
        g_autofree char *path = g_strdup_printf("/bombs/%s", b->id);

        g_test_add_data_func_full(path, b, test_bomb, bomb_free);
    }
    g_test_add_func("/bombs/all-is-as-before", test_after);
    r = g_test_run();
    service_done(&service);
    g_free(folder);
    return r;
}
