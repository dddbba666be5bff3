/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "core/name.h"
#include "util/fs.h"
#include "util/strict-json.h"
#include "util/text.h"

#define NEW_FILE REPORT_FILE ".new"
#define FORMAT   1
#define DEPTH    4

static void deployment_done(Deployment *d)
{
    free(d->name);
    free(d->detail);
}

void report_clear(Report *r)
{
    for (size_t i = 0; i < r->n; i++)
        deployment_done(r->deployments + i);
    free(r->deployments);
    *r = (Report){ 0 };
}

/* Returns the index of the first one that is not before the name. */
static size_t find_place(const Report *r, const char *name)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(r->deployments[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Deployment *report_find(const Report *r, const char *name)
{
    size_t i = find_place(r, name);

    return i < r->n && streq(r->deployments[i].name, name) ? r->deployments + i : NULL;
}

Deployment *report_get(Report *r, const char *name)
{
    Deployment *found = report_find(r, name), *grown;
    size_t i = find_place(r, name);
    char *copy;

    if (found)
        return found;
    copy = strdup(name);
    grown = copy ? reallocarray(r->deployments, r->n + 1, sizeof(Deployment)) : NULL;
    if (!grown) {
        free(copy);
        return NULL;
    }
    r->deployments = grown;
    memmove(grown + i + 1, grown + i, (r->n - i) * sizeof(Deployment));
    grown[i] = (Deployment){ .name = copy, .state = DEPLOYMENT_PENDING };
    r->n++;
    return grown + i;
}

void report_remove(Report *r, const char *name)
{
    Deployment *d = report_find(r, name);
    size_t i = d ? (size_t)(d - r->deployments) : 0;

    if (!d)
        return;
    deployment_done(d);
    memmove(d, d + 1, (r->n - i - 1) * sizeof(Deployment));
    r->n--;
}

/* ---- reading */

static int get_digest(json_object *o, const char *key, char ret[static DIGEST_TEXT])
{
    const char *text;
    int r = json_get_text(o, key, &text);

    if (r < 0)
        return r;
    if (*text && !text_is_hex(text, DIGEST_TEXT - 1))
        return -EBADMSG;
    strcpy(ret, text);
    return 0;
}

static int get_detail(json_object *o, Deployment *d)
{
    const char *text;

    if (!json_object_object_get_ex(o, "detail", NULL))
        return 0;
    if (json_get_text(o, "detail", &text) < 0 || !*text || strlen(text) > LIMIT_PROBLEM_TEXT ||
        !text_is_plain(text))
        return -EBADMSG;
    return text_set(&d->detail, text);
}

static bool is_canonical(const char *name)
{
    _cleanup_free_ char *canonical = NULL;

    return name_canonicalize(name, &canonical, NULL) >= 0 && streq(name, canonical);
}

static int read_deployment(json_object *o, Deployment *d)
{
    const char *name, *state;
    int64_t failures;
    int r;

    if (!json_object_is_type(o, json_type_object))
        return -EBADMSG;
    if ((r = json_get_text(o, "name", &name)) < 0 || (r = json_get_text(o, "state", &state)) < 0 ||
        (r = json_get_int(o, "when", &d->when)) < 0 || (r = json_get_int(o, "failures", &failures)) < 0)
        return r;
    d->state = deployment_state_from_string(state);
    if (d->state < 0 || d->when < 0 || d->when > INT64_MAX / 2 || failures < 0 || failures > UINT32_MAX ||
        !is_canonical(name))
        return -EBADMSG;
    d->failures = (unsigned)failures;
    if ((r = get_digest(o, "leaf", d->leaf)) < 0 || (r = get_digest(o, "settings", d->settings)) < 0 ||
        (json_object_object_get_ex(o, "content", NULL) && (r = get_digest(o, "content", d->content)) < 0) ||
        (r = get_detail(o, d)) < 0)
        return r;
    return text_set(&d->name, name);
}

static int read_deployments(json_object *list, Report *report)
{
    size_t n = json_object_array_length(list);
    int r = 0;

    if (n > LIMIT_CERTIFICATES)
        return -EBADMSG;
    report->deployments = calloc(n + 1, sizeof(Deployment));
    if (!report->deployments)
        return -ENOMEM;
    for (size_t i = 0; r >= 0 && i < n; i++) {
        Deployment *d = report->deployments + report->n++;

        r = read_deployment(json_object_array_get_idx(list, i), d);
        if (r >= 0 && i > 0 && strcmp(d[-1].name, d->name) >= 0)
            r = -EBADMSG;
    }
    return r;
}

static int parse(const char *text, size_t size, Report *ret)
{
    _cleanup_json_ json_object *o = json_parse(text, size, DEPTH);
    json_object *list;

    if (!o || !json_has_format(o, FORMAT) || json_get(o, "deployments", json_type_array, &list) < 0)
        return -EBADMSG;
    return read_deployments(list, ret);
}

int report_read_at(int dir_fd, Report *ret, Problem *problem)
{
    _cleanup_deploy_report_ Report report = { 0 };
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = fs_read_at(dir_fd, REPORT_FILE, LIMIT_REPORT, &text, &size);

    if (r == -ENOENT)
        return r;
    if (r >= 0)
        r = parse(text, size, &report);
    if (r == -EBADMSG) {
        (void)problem_set(problem, PROBLEM_STORAGE_FAILED,
                          "The report of a delivery, %s, is damaged after %zu of its "
                          "entries; the next delivery writes a new one.",
                          REPORT_FILE, report.n);
        return r;
    }
    if (r < 0)
        return problem_set_errno(problem, r, "reading the report of a delivery");
    *ret = report;
    report = (Report){ 0 };
    return 0;
}

bool report_is_open_at(int dir_fd)
{
    return faccessat(dir_fd, SAVED_SET, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- writing */

static int describe(const Deployment *d, json_object *o)
{
    int r;

    if ((r = json_put_text(o, "name", d->name)) < 0 ||
        (r = json_put_text(o, "state", deployment_state_to_string(d->state))) < 0 ||
        (r = json_put_int(o, "when", d->when)) < 0 || (r = json_put_int(o, "failures", d->failures)) < 0 ||
        (r = json_put_text(o, "leaf", d->leaf)) < 0 || (r = json_put_text(o, "content", d->content)) < 0 ||
        (r = json_put_text(o, "settings", d->settings)) < 0)
        return r;
    return isempty(d->detail) ? 0 : json_put_text(o, "detail", d->detail);
}

static int make_json(const Report *report, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    json_object *list = json_object_new_array();
    int r = json_put(o, "deployments", list);

    if (r >= 0)
        r = json_put_int(o, "format", FORMAT);
    for (size_t i = 0; r >= 0 && i < report->n; i++) {
        json_object *entry = json_object_new_object();

        r = entry && json_object_array_add(list, entry) == 0 ? describe(report->deployments + i, entry)
                                                             : -ENOMEM;
    }
    if (r >= 0)
        *ret = TAKE_PTR(o);
    return r;
}

static int write_new(int dir_fd, const char *text, gid_t group)
{
    _cleanup_close_ int fd = -EBADF;
    bool shared = group != (gid_t)-1;
    int r = fs_remove_file_at(dir_fd, NEW_FILE);

    if (r < 0)
        return r;
    fd = openat(dir_fd, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || (shared && fchown(fd, (uid_t)-1, group) < 0) || fchmod(fd, shared ? 0640 : 0600) < 0)
        return -errno;
    r = fs_write_all(fd, text, strlen(text));
    if (r >= 0)
        r = fs_sync(fd);
    if (r >= 0 && renameat(dir_fd, NEW_FILE, dir_fd, REPORT_FILE) < 0)
        r = -errno;
    return r < 0 ? r : fs_sync(dir_fd);
}

int report_write_at(int dir_fd, const Report *report, gid_t group, Problem *problem)
{
    _cleanup_json_ json_object *o = NULL;
    const char *text;
    int r = make_json(report, &o);

    if (r >= 0) {
        text = json_to_text(o);
        r = text ? write_new(dir_fd, text, group) : -ENOMEM;
    }
    return problem_set_errno(problem, r, "writing the report of a delivery");
}
