/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "config/config.h"
#include "core/limits.h"
#include "deploy/due.h"
#include "util/fs.h"
#include "util/text.h"

/* In place of certwright-deploy, and with its arguments: reports what the file "how" in the directory of the reports says, a
 * state, for each certificate of the module, without delivering anything. "crash": it is killed; "nothing": it writes no
 * report; "hang": it waits until the file says something else. */

typedef struct Arguments {
    char *config[2];
    const char *state, *reports, *module;
} Arguments;

static const char *value_of(const char *argument, const char *option)
{
    size_t n = strlen(option);

    return strncmp(argument, option, n) == 0 ? argument + n : NULL;
}

static Arguments parse(int argc, char *argv[])
{
    Arguments a = {};

    for (int i = 1; i < argc; i++) {
        const char *value;

        if ((value = value_of(argv[i], "--config=")))
            a.config[0] = argv[i] + (value - argv[i]);
        else if ((value = value_of(argv[i], "--state=")))
            a.state = value;
        else if ((value = value_of(argv[i], "--deploy-state=")))
            a.reports = value;
        else
            a.module = argv[i];
    }
    if (!a.config[0] || !a.state || !a.reports || !a.module)
        exit(2);
    return a;
}

static char *read_how(int reports)
{
    static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
    char *how = NULL;
    size_t size;

    while (fs_read_at(reports, "how", 64, &how, &size) >= 0 && streq(how, "hang")) {
        free(how);
        (void)nanosleep(&pause, NULL);
    }
    return how;
}

/* Fingerprints of a chain in PEM. Returns their number. */
static size_t read_chain(const char *state, const char *name, char ret[static LIMIT_CHAIN][DIGEST_TEXT])
{
    _cleanup_free_ char *path = NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    size_t n = 0;
    X509 *x;
    FILE *f;

    if (asprintf(&path, "%s/%s", state, name) < 0 || !(f = fopen(path, "re")))
        return 0;
    while (n < LIMIT_CHAIN && (x = PEM_read_X509(f, NULL, NULL, NULL))) {
        if (X509_digest(x, EVP_sha256(), digest, &size))
            hex_encode(digest, size, false, ret[n++]);
        X509_free(x);
    }
    fclose(f);
    return n;
}

static int read_content(const char *state, const char *name, const DeploySettings *s, Deployment *ret)
{
    char chain[LIMIT_CHAIN][DIGEST_TEXT] = {}, root[LIMIT_CHAIN][DIGEST_TEXT] = {};
    _cleanup_free_ char *path = NULL;
    size_t n;

    if (asprintf(&path, "certificates/%s/current/fullchain.pem", name) < 0)
        return -ENOMEM;
    n = read_chain(state, path, chain);
    if (n == 0 || read_chain(state, "root/current/certificate.pem", root) == 0)
        return -ENOENT;
    memcpy(ret->leaf, chain[0], DIGEST_TEXT);
    return deploy_content_digest(deploy_scope(s), chain, n, root[0], ret->content);
}

static int report_claim(const Arguments *a, const Module *m, const Claim *claim, const char *how,
                        Report *report)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    Deployment *d;
    int r = module_deploy_settings(m, claim->name, &s);

    if (r <= 0)
        return r;
    d = report_get(report, claim->name);
    if (!d || read_content(a->state, claim->name, &s, d) < 0)
        return -ENOENT;
    d->state = deployment_state_from_string(how);
    d->when = time(NULL);
    d->failures = d->state == DEPLOYMENT_ROLLED_BACK || d->state == DEPLOYMENT_FAILED ? d->failures + 1 : 0;
    r = text_set(&d->detail,
                 d->failures > 0 ? "The probe of https://127.0.0.1 showed the former chain." : NULL);
    return r < 0 ? r : deploy_settings_digest(&s, d->settings);
}

static int report_module(const Arguments *a, int reports, const Module *m, const char *how)
{
    const struct group *group = getgrnam("certwright");
    _cleanup_deploy_report_ Report report = {};
    _cleanup_close_ int fd = -EBADF;
    int r;

    (void)mkdirat(reports, m->name, 0755);
    fd = openat(reports, m->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = report_read_at(fd, &report, NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    for (size_t i = 0; i < m->n_claims; i++) {
        r = report_claim(a, m, m->claims + i, how, &report);
        if (r < 0)
            return r;
    }
    return report_write_at(fd, &report, group ? group->gr_gid : (gid_t)-1, NULL);
}

int main(int argc, char *argv[])
{
    Arguments a = parse(argc, argv);
    _cleanup_config_ Config *config = NULL;
    _cleanup_close_ int reports = open(a.reports, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *how = reports < 0 ? NULL : read_how(reports);

    if (!how || config_load(a.config, NULL, NULL, NULL, &config) < 0)
        return 1;
    if (streq(how, "crash"))
        raise(SIGKILL);
    for (size_t i = 0; i < config->n_modules; i++)
        if (streq(config->modules[i].name, a.module) && !streq(how, "nothing") &&
            report_module(&a, reports, config->modules + i, how) < 0)
            return 1;
    return 0;
}
