/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * actor - what others do on the bus while the test watches, each a process of its own
 *
 *   actor flood|flood-control NAME SOCKET RECORD
 *   actor probe service|control SOCKET RECORD
 *   actor control - SOCKET RECORD
 *
 * SOCKET is that of the bus, RECORD a file (record.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control.h"
#include "crowd.h"
#include "probe.h"

static void run_probe(const char *which, const char *socket_path, Record *record)
{
    guint n;
    const Question *questions = g_str_equal(which, "control") ? probe_of_control(&n) : probe_of_service(&n);

    probe_run(questions, n, socket_path, record);
}

static void allow_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* The same for each run of the tests with that seed, but for the time that everything takes. */
static void seed(void)
{
    const char *given = g_getenv("CERTWRIGHT_TESTS_SEED");

    if (given)
        g_random_set_seed((guint32)g_ascii_strtoull(given, NULL, 10) + getuid());
}

int main(int argc, char *argv[])
{
    Record *record;

    if (argc != 5) {
        fprintf(stderr, "usage: actor flood|flood-control|probe|control WHAT SOCKET RECORD\n");
        return EXIT_FAILURE;
    }
    allow_files();
    seed();
    record = record_map(argv[4], FALSE);
    if (g_str_equal(argv[1], "flood"))
        crowd_run(flood_find(argv[2]), SERVICE, argv[3], record);
    else if (g_str_equal(argv[1], "flood-control"))
        crowd_run(flood_find(argv[2]), CONTROL, argv[3], record);
    else if (g_str_equal(argv[1], "probe"))
        run_probe(argv[2], argv[3], record);
    else
        control_run(argv[3], record);
    record_unmap(record);
    return EXIT_SUCCESS;
}
