/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "bus/internal.h"
#include "util/child.h"
#include "util/log.h"
#include "util/timer.h"

/* Runs certwright-deploy itself, where systemd does not run: [Deploy] Exec=direct. */

#define PROGRAM  "certwright-deploy"
#define RUN_USEC (30 * 60 * USEC_PER_SEC)

struct DeployProgram {
    Bus *bus;
    char *module;
    Child child;
    bool is_late; /* it was killed */
    sd_event_source *exit_source, *deadline;
    LIST_ENTRY(DeployProgram) entry;
};

/* The program is not ended: it either finishes, or its next run continues. */
static DeployProgram *program_free(DeployProgram *p)
{
    sd_event_source_disable_unref(p->exit_source);
    sd_event_source_disable_unref(p->deadline);
    child_close(&p->child);
    free(p->module);
    free(p);
    return NULL;
}

static void explain_end(const DeployProgram *p, const siginfo_t *si, Problem *problem)
{
    if (p->is_late)
        (void)problem_set(
            problem, PROBLEM_DEPLOYMENT_FAILED,
            PROGRAM
            " did not end within half an hour and was killed; does a unit of the module, or the file "
            "system of its files, hang?");
    else if (si->si_code != CLD_EXITED)
        (void)problem_set(
            problem, PROBLEM_DEPLOYMENT_FAILED,
            PROGRAM " was ended by signal %d before it was finished; the next try continues where it was.",
            si->si_status);
    else if (si->si_status != EXIT_SUCCESS)
        (void)problem_set(problem, PROBLEM_DEPLOYMENT_FAILED,
                          PROGRAM " exited with status %d; the log of this service shows what it wrote.",
                          si->si_status);
}

static int on_exit_of_program(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                              void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *module = NULL;
    DeployProgram *p = userdata;
    Manager *m = p->bus->manager;
    siginfo_t si = {};

    if (child_reap(&p->child, &si) == 0)
        return 0;
    explain_end(p, &si, &problem);
    module = TAKE_PTR(p->module);
    bus_reset_idle(p->bus);
    LIST_REMOVE(p, entry);
    program_free(p);
    manager_deployed(m, module, &problem);
    return 0;
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    DeployProgram *p = userdata;

    p->is_late = true;
    child_signal(&p->child, SIGKILL);
    return 0;
}

static int start_program(DeployProgram *p, const char *path)
{
    static const int fds[] = { -EBADF, -EBADF, STDERR_FILENO };
    const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    ChildCall call = { .program = path, .fds = fds, .n_fds = ELEMENTSOF(fds) };
    _cleanup_strv_ char **arguments = NULL;
    _cleanup_free_ char *variable = NULL;
    const char *environment[2] = {};
    int r = manager_deploy_arguments(p->bus->manager, p->module, &arguments);

    if (r >= 0 && address && asprintf(&variable, "DBUS_SYSTEM_BUS_ADDRESS=%s", address) < 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    environment[0] = variable;
    call.arguments = (const char *const *)arguments;
    call.environment = environment;
    return child_start(&call, &p->child);
}

static int watch_program(DeployProgram *p)
{
    sd_event *event = p->bus->event;
    int r = sd_event_add_io(event, &p->exit_source, p->child.pidfd, EPOLLIN, on_exit_of_program, p);

    return r < 0 ? r : deadline_add(event, &p->deadline, RUN_USEC, on_deadline, p);
}

int deploy_directly(Bus *b, const char *module, Problem *problem)
{
    _cleanup_free_ char *path = NULL;
    DeployProgram *p;
    int r;

    if (geteuid() != 0)
        return problem_set(
            problem, PROBLEM_DEPLOYMENT_FAILED,
            "Exec=direct in the section [Deploy] of certwright.conf needs a service that runs as root "
            "(certwrightd --allow-root); with systemd, remove it.");
    r = child_find_program(PROGRAM, &path);
    if (r < 0)
        return r;
    p = calloc(1, sizeof(DeployProgram));
    if (!p)
        return -ENOMEM;
    *p = (DeployProgram){ .bus = b, .module = strdup(module), .child.pidfd = -EBADF };
    r = p->module ? start_program(p, path) : -ENOMEM;
    if (r >= 0 && (r = watch_program(p)) < 0)
        child_end(&p->child, NULL);
    if (r < 0) {
        program_free(p);
        return problem_set(problem, PROBLEM_DEPLOYMENT_FAILED,
                           "%s cannot be started (%s); is Certwright installed completely?", path,
                           strerror(-r));
    }
    LIST_INSERT_HEAD(&b->deploys.programs, p, entry);
    return 0;
}

void deploy_directly_done(Bus *b)
{
    DeployProgram *p;

    while ((p = LIST_FIRST(&b->deploys.programs))) {
        LIST_REMOVE(p, entry);
        program_free(p);
    }
}
