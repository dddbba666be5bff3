/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/sightings.h"

#include <errno.h>

#include "cli/xalloc.h"
#include "util/child.h"
#include "util/memfd.h"
#include "util/wait.h"

#define PROGRAM    "certwright-deploy"
#define GRACE_MSEC 8000 /* for reading the configuration, and for children that do not end */
#define OUTPUT_MAX (sizeof(SightingHeader) + LIMIT_LOOKS * sizeof(Sighting))

void sightings_done(Sightings *s)
{
    free(s->data);
}

/* A line for each: its name and the fingerprint of its leaf. */
static int wanted_to_memfd(const Machine *m)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    xcheck(file);
    for (size_t i = 0; m && i < m->service->list.n; i++) {
        const Certificate *c = &m->service->list.items[i];

        if (machine_wants(m, c) && !isempty(c->fingerprint))
            fprintf(file, "%s %s\n", c->name, c->fingerprint);
    }
    xcheck(fclose(file) == 0 ? text : NULL);
    return memfd_new("certificates", text, size);
}

static int program_wait(Child *c)
{
    int64_t deadline = monotonic_msec() + LIMIT_LOOK_TIME * MSEC_PER_SEC + GRACE_MSEC;
    int r = wait_until_ready(c->pidfd, POLLIN, deadline);
    siginfo_t info;

    child_end(c, &info);
    if (r < 0)
        return r;
    return info.si_code == CLD_EXITED && info.si_status == EXIT_SUCCESS ? 0 : -EIO;
}

static int program_look(int input, int output)
{
    static const char *const arguments[] = { PROGRAM, "--look", NULL };
    const int fds[] = { input, output };
    _cleanup_free_ char *program = NULL;
    ChildCall call = { .arguments = arguments, .fds = fds, .n_fds = ELEMENTSOF(fds) };
    Child child;
    int r = child_find_program(PROGRAM, &program);

    call.program = program;
    if (r >= 0)
        r = child_start(&call, &child);
    return r < 0 ? r : program_wait(&child);
}

static int sightings_read(int output, Sightings *ret)
{
    _cleanup_free_ char *data = NULL;
    const SightingHeader *header;
    size_t size = 0;
    int r = memfd_read(output, OUTPUT_MAX, &data, &size);

    if (r < 0)
        return r;
    header = (const SightingHeader *)(const void *)data;
    if (size < sizeof *header || header->size != sizeof(Sighting) ||
        size != sizeof *header + header->n * sizeof(Sighting))
        return -EBADMSG;
    *ret = (Sightings){ .header = header,
                        .items = (const Sighting *)(const void *)(data + sizeof *header),
                        .n = header->n };
    ret->data = TAKE_PTR(data);
    return 0;
}

int sightings_load(const Machine *m, Sightings *ret)
{
    _cleanup_close_ int input = wanted_to_memfd(m), output = memfd_new_writable("sightings");
    int r;

    if (input < 0 || output < 0)
        return input < 0 ? input : output;
    r = program_look(input, output);
    return r < 0 ? r : sightings_read(output, ret);
}

bool dns_is_used(void)
{
    _cleanup_sightings_ Sightings s = {};

    return sightings_load(NULL, &s) < 0 || s.header->uses_dns;
}
