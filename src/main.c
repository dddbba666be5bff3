/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libintl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include "bus/bus.h"
#include "manager/manager.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/time.h"

#define EXIT_REFUSED   3 /* the unit does not restart it: the next call does */
#define STATE_DEFAULT  "/var/lib/certwright"
#define CONFIG_DEFAULT "/usr/lib/certwright:/run/certwright:/etc/certwright"

typedef struct Arguments {
    const char *state;
    const char *deploy_state; /* NULL: the default */
    char **config;
    bool no_idle_exit;
    bool allow_root;
} Arguments;

static void help(void)
{
    printf("certwrightd [OPTIONS...]\n\n"
           "Keeps a certificate chain for every service, on the system bus as org.certwright1.\n\n"
           "  --state=DIR           state directory ($STATE_DIRECTORY, else " STATE_DEFAULT ")\n"
           "  --config=DIR[:DIR...] configuration directories, in ascending order of priority\n"
           "                        (" CONFIG_DEFAULT ")\n"
           "  --deploy-state=DIR    directory of the reports of certwright-deploy\n"
           "                        (/var/lib/certwright-deploy)\n"
           "  --no-idle-exit        do not exit when idle\n"
           "  --allow-root          allow running as root\n"
           "  --version             show the version\n"
           "  --help                show this help\n\n"
           "See certwrightd(8).\n");
}

static int split_config(const char *text, char ***ret)
{
    _cleanup_free_ char *copy = strdup(text);
    char *state, *word;
    int r = copy ? 0 : -ENOMEM;

    for (word = copy ? strtok_r(copy, ":", &state) : NULL; word && r >= 0;
         word = strtok_r(NULL, ":", &state))
        r = strv_extend(ret, word);
    return r;
}

/* Returns 1 to continue, 0 to exit successfully, or a negative errno. */
static int parse_arguments(int argc, char *argv[], Arguments *args)
{
    enum {
        ARG_STATE = 256,
        ARG_DEPLOY_STATE,
        ARG_CONFIG,
        ARG_NO_IDLE_EXIT,
        ARG_ALLOW_ROOT,
        ARG_VERSION,
        ARG_HELP
    };
    static const struct option options[] = {
        { "state", required_argument, NULL, ARG_STATE },
        { "deploy-state", required_argument, NULL, ARG_DEPLOY_STATE },
        { "config", required_argument, NULL, ARG_CONFIG },
        { "no-idle-exit", no_argument, NULL, ARG_NO_IDLE_EXIT },
        { "allow-root", no_argument, NULL, ARG_ALLOW_ROOT },
        { "version", no_argument, NULL, ARG_VERSION },
        { "help", no_argument, NULL, ARG_HELP },
        {},
    };
    const char *config = CONFIG_DEFAULT;
    int c;

    args->state = getenv("STATE_DIRECTORY");
    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
        switch (c) {
        case ARG_STATE:
            args->state = optarg;
            break;
        case ARG_DEPLOY_STATE:
            args->deploy_state = optarg;
            break;
        case ARG_CONFIG:
            config = optarg;
            break;
        case ARG_NO_IDLE_EXIT:
            args->no_idle_exit = true;
            break;
        case ARG_ALLOW_ROOT:
            args->allow_root = true;
            break;
        case ARG_VERSION:
            puts("certwrightd " CERTWRIGHT_VERSION);
            return 0;
        case 'h':
        case ARG_HELP:
            help();
            return 0;
        default:
            return -EINVAL;
        }
    if (optind < argc) {
        fprintf(stderr, "certwrightd takes no arguments, but got \"%s\"; see --help.\n", argv[optind]);
        return -EINVAL;
    }
    if (isempty(args->state))
        args->state = STATE_DEFAULT;
    return split_config(config, &args->config) < 0 ? -ENOMEM : 1;
}

/* Protects the private keys in memory: no core files, and no access by other processes of the user. Keeps the
 * process small: otherwise glibc raises its thresholds after one large reply and keeps that much memory, and
 * creates an arena for each thread. */
static void settle_process(void)
{
    static const struct rlimit none = { 0, 0 };

    (void)signal(SIGPIPE, SIG_IGN); /* the reader of stderr may exit */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 512 * 1024);
    (void)mallopt(M_ARENA_MAX, 2);
}

typedef struct Daemon {
    sd_event *event;
    Manager *manager;
    Bus *bus;
    MemoryKeeper *memory;
    bool refused; /* it could not start, and callers were told why */
} Daemon;

static int on_reload_signal(sd_event_source *s _unused_, const struct signalfd_siginfo *si _unused_,
                            void *userdata)
{
    Daemon *d = userdata;

    (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, usec_now(CLOCK_MONOTONIC));
    (void)manager_reload(d->manager);
    (void)sd_notify(false, "READY=1");
    return 0;
}

static int on_stop_signal(sd_event_source *s, const struct signalfd_siginfo *si _unused_,
                          void *userdata _unused_)
{
    log_info("Received a signal to stop, exiting.");
    (void)sd_notify(false, "STOPPING=1");
    return sd_event_exit(sd_event_source_get_event(s), 0);
}

static int add_signals(Daemon *d)
{
    static const struct {
        int signal;
        sd_event_signal_handler_t handler;
    } handlers[] = { { SIGHUP, on_reload_signal }, { SIGTERM, on_stop_signal }, { SIGINT, on_stop_signal } };
    sigset_t set;
    int r;

    sigemptyset(&set);
    for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
        sigaddset(&set, handlers[i].signal);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    for (size_t i = 0; i < ELEMENTSOF(handlers); i++) {
        r = sd_event_add_signal(d->event, NULL, handlers[i].signal, handlers[i].handler, d);
        if (r < 0)
            return r;
    }
    return 0;
}

static void log_started(const Daemon *d)
{
    char n[24];

    snprintf(n, sizeof(n), "%zu", manager_model(d->manager)->n_published);
    log_fields(LOG_INFO, MESSAGE_STARTED,
               (const LogField[]){ { "CERTIFICATES", n }, { "VERSION", CERTWRIGHT_VERSION }, {} },
               "certwrightd %s: %s certificates.", CERTWRIGHT_VERSION, n);
}

static int start(Daemon *d, const Arguments *args)
{
    ManagerOptions options = { .state = args->state,
                               .deploy_state = args->deploy_state,
                               .config = args->config };
    _cleanup_problem_ Problem problem = {};
    int r;

    r = sd_event_default(&d->event);
    if (r >= 0)
        r = sd_event_set_watchdog(d->event, true);
    if (r >= 0)
        r = add_signals(d);
    if (r >= 0)
        r = memory_keeper_new(d->event, &d->memory);
    if (r < 0)
        return log_error_errno(r, "Failed to set up the event loop");
    r = manager_new(d->event, &options, &d->manager, &problem);
    if (r < 0) {
        log_fields(LOG_ERR, MESSAGE_CANNOT_START, FIELDS({ "REASON", problem.text }), "%s",
                   strempty(problem.text));
        bus_refuse(&problem);
        d->refused = true;
        return r;
    }
    r = bus_new(d->event, d->manager, !args->no_idle_exit, &d->bus);
    if (r < 0)
        return r;
    log_started(d);
    return 0;
}

static void stop(Daemon *d)
{
    if (d->manager)
        manager_stop(d->manager); /* sends replies on the bus */
    if (d->bus)
        bus_free(d->bus);
    if (d->manager)
        manager_free(d->manager);
    memory_keeper_free(d->memory);
    sd_event_unref(d->event);
}

int main(int argc, char *argv[])
{
    Arguments args = {};
    Daemon d = {};
    int r;

    setlocale(LC_ALL, "C.UTF-8");
    log_open();
    r = parse_arguments(argc, argv, &args);
    if (r <= 0) {
        strv_free(args.config);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (geteuid() == 0 && !args.allow_root) {
        fprintf(stderr,
                "certwrightd does not run as root. Its unit runs it as user certwright: \"busctl status "
                "org.certwright1\" starts it; on a machine without systemd, use --allow-root.\n");
        strv_free(args.config);
        return EXIT_FAILURE;
    }
    settle_process();
    r = start(&d, &args);
    if (r >= 0) {
        r = sd_event_loop(d.event);
        if (r < 0)
            (void)log_error_errno(r, "Failed to run the event loop");
    }
    stop(&d);
    strv_free(args.config);
    return d.refused ? EXIT_REFUSED : r < 0 ? EXIT_FAILURE : r;
}
