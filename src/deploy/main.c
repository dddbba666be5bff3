/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/name.h"
#include "core/now.h"
#include "deploy/blocked.h"
#include "deploy/examine.h"
#include "deploy/look.h"
#include "deploy/probe.h"
#include "deploy/report.h"
#include "deploy/run.h"
#include "util/log.h"
#include "util/text.h"

/* certwright-deploy: delivers the chains of a module to the files of its service. */

#define STORE_DEFAULT   "/var/lib/certwright"
#define RUNTIME_DEFAULT "/run/certwright-deploy"
#define CONFIG_DEFAULT  "/usr/lib/certwright /run/certwright /etc/certwright"

static void help(void)
{
    puts(
        "certwright-deploy [OPTIONS...] MODULE\n\n"
        "Writes the pending certificates of a module to the files of its service, makes the service use them, and\n"
        "verifies that it does (certwright-deploy@MODULE.service). Only root can use it.\n\n"
        "  --config=DIR        configuration directory; repeat it in ascending order of priority\n"
        "                      (/usr/lib/certwright, /run/certwright, /etc/certwright)\n"
        "  --state=DIR         store of the service (" STORE_DEFAULT ")\n"
        "  --deploy-state=DIR  reports and saved files (" DEPLOY_STATE_DIRECTORY ")\n"
        "  --runtime=DIR       locks (" RUNTIME_DEFAULT ")\n"
        "  --look              write nothing, but look at what services present, for \"certwright doctor\", which everybody\n"
        "                      can do; instead of MODULE\n"
        "  --version           show the version\n"
        "  --help              show this help\n\n"
        "See certwrightd(8).");
}

/* Returns 1 to continue, 0 to exit successfully, or a negative errno. */
static int parse_arguments(int argc, char *argv[], RunOptions *options, char ***config, bool *ret_look)
{
    static const struct option known[] = {
        { "config", required_argument, NULL, 'c' },
        { "state", required_argument, NULL, 's' },
        { "deploy-state", required_argument, NULL, 'd' },
        { "runtime", required_argument, NULL, 'r' },
        { "look", no_argument, NULL, 'l' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        {},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
        switch (option) {
        case 'c':
            if (strv_extend(config, optarg) < 0)
                return -ENOMEM;
            break;
        case 's':
            options->store = optarg;
            break;
        case 'd':
            options->deploy_state = optarg;
            break;
        case 'r':
            options->runtime = optarg;
            break;
        case 'l':
            *ret_look = true;
            break;
        case 'v':
            puts("certwright-deploy " CERTWRIGHT_VERSION);
            return 0;
        case 'h':
            help();
            return 0;
        default:
            return -EINVAL;
        }
    return 1;
}

/* Keys are in its memory. Each folder of a target takes two descriptors. */
static void protect(void)
{
    struct rlimit files = {};

    (void)umask(0022);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){});
    if (getrlimit(RLIMIT_NOFILE, &files) >= 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int deliver(const RunOptions *options, const char *module)
{
    if (!module_name_is_valid(module)) {
        log_fields(LOG_ERR, MESSAGE_FAILURE, FIELDS({ "MODULE", module }),
                   "\"%s\" is not the name of a module.", QUOTE(module, LIMIT_MODULE_NAME));
        return -EINVAL;
    }
    if (geteuid() != 0) {
        log_error("certwright-deploy writes files of services, which only root can do.");
        return -EPERM;
    }
    protect();
    clock_begin(0);
    return run_module(options, module);
}

int main(int argc, char *argv[])
{
    RunOptions options = { .store = STORE_DEFAULT,
                           .deploy_state = DEPLOY_STATE_DIRECTORY,
                           .runtime = RUNTIME_DEFAULT };
    _cleanup_strv_ char **config = NULL;
    bool looks = false;
    int r;

    if (argc > 1 && streq(argv[1], "--examine"))
        examine_child(argc, argv);
    if (argc > 1 && streq(argv[1], "--blocked"))
        blocked_child(argc, argv);
    if (argc > 1 && streq(argv[1], "--probe"))
        probe_child(argc, argv);
    log_open();
    r = parse_arguments(argc, argv, &options, &config, &looks);
    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (argc != optind + !looks) {
        log_error("Exactly one module has to be named, or none with --look; see --help.");
        return EXIT_FAILURE;
    }
    if (!config && strv_split(CONFIG_DEFAULT, &config) < 0)
        return log_oom(), EXIT_FAILURE;
    if (looks)
        return look(config, STDIN_FILENO, STDOUT_FILENO) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    options.config = config;
    return deliver(&options, argv[optind]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
