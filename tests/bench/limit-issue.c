/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-issue N DIR [--no-files]: what the machine can do at most, as a measure for the service.
 *
 * Makes N certificates from nothing until all are durable, in the files of the service's own store, and does
 * nothing else: no bus, no configuration, no journal, one flush. The result is printed as key=value lines;
 * the times of single steps (us_*) are means over all certificates in one thread's wall-clock time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issue.h"
#include "program.h"

static const char *const step_names[STEP_MAX] = {
    [STEP_KEY] = "key",         [STEP_BUILD] = "build",       [STEP_SIGN] = "sign",
    [STEP_KEY_PEM] = "key_pem", [STEP_CERT_PEM] = "cert_pem", [STEP_FILES] = "files",
};

static void print(const Issuance *i)
{
    double all = 0, files, total = i->work_us + i->flush_us;

    for (Step s = 0; s < STEP_MAX; s++)
        all += i->us[s];
    files = all > 0 ? i->work_us * i->us[STEP_FILES] / all : 0;
    printf("certificates=%ld\nthreads=%d\n", i->n, i->threads);
    printf("total_s=%.3f\nsigning_s=%.3f\nfiles_s=%.3f\nflush_s=%.3f\n", total / 1e6,
           (i->work_us - files) / 1e6, files / 1e6, i->flush_us / 1e6);
    printf("per_second=%.0f\n", (double)i->n / total * 1e6);
    for (Step s = 0; s < STEP_MAX; s++)
        printf("us_%s=%.2f\n", step_names[s], i->us[s] / (double)i->n);
}

int main(int argc, char *argv[])
{
    Issuance issuance = { .threads = count_processors(ISSUE_THREADS_MAX), .flush = FLUSH_TOGETHER };

    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--no-files") != 0))
        fatal("Usage: limit-issue N DIR [--no-files]; DIR is an empty directory.");
    issuance.n = parse_number(argv[1], ISSUE_MAX);
    issuance.path = argc == 3 ? argv[2] : NULL;
    issue_all(&issuance);
    print(&issuance);
    return EXIT_SUCCESS;
}
