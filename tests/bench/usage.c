/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage FILE COMMAND...: runs a command, hands SIGTERM on to it and ends as it ends. FILE then says what it
 * and all its children needed: processor time in seconds, and the memory of the largest of these processes in
 * KiB.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static void on_signal(int signal)
{
    if (child > 0)
        kill((pid_t)child, signal);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int main(int argc, char *argv[])
{
    struct sigaction action = { .sa_handler = on_signal };
    struct rusage usage;
    sigset_t terminate, former;
    int status;
    FILE *file;

    if (argc < 3) {
        fputs("Usage: usage FILE COMMAND...\n", stderr);
        return EXIT_FAILURE;
    }
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, &former);
    sigaction(SIGTERM, &action, NULL);
    child = fork();
    if (child == 0) {
        signal(SIGTERM, SIG_DFL);
        sigprocmask(SIG_SETMASK, &former, NULL);
        execvp(argv[2], argv + 2);
        fprintf(stderr, "usage: %s: %s.\n", argv[2], strerror(errno));
        _exit(127);
    }
    sigprocmask(SIG_SETMASK, &former, NULL);
    while (wait4((pid_t)child, &status, 0, &usage) < 0)
        if (errno != EINTR) {
            perror("usage: wait4");
            return EXIT_FAILURE;
        }
    file = fopen(argv[1], "we");
    if (!file ||
        fprintf(file, "cpu_s=%.3f\nrss_kib=%ld\n", seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
                usage.ru_maxrss) < 0 ||
        fclose(file) != 0) {
        perror("usage: writing");
        return EXIT_FAILURE;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
