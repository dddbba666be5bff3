/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "crypto/container.h"
#include "import/import-internal.h"
#include "import/message.h"
#include "util/encoding.h"
#include "util/fs.h"
#include "util/memfd.h"
#include "util/sandbox.h"

/* certwright-import: one upload in, DER out. Everything it needs is read, or loaded, before the sandbox is
 * entered; the upload is parsed inside. */

typedef struct Input {
    char *data;
    size_t size;
} Input;

static void help(void)
{
    puts(
        "certwright-import\n\n"
        "Reads one uploaded file for certwrightd, which starts it and passes its input as file descriptors.\n"
        "It is not useful by itself: \"certwright check FILE\" shows what an upload would do.\n\n"
        "  --version  show the version\n"
        "  --help     show this\n\n"
        "See certwrightd(8).");
}

/* Describes the file type of the descriptor. */
static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
        return "a character device";
    case S_IFBLK:
        return "a block device";
    default:
        return "of another kind";
    }
}

static int input_read(int fd, size_t max, const char *what, Input *ret, Problem *problem)
{
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "The descriptor of the %s cannot be used: %s.",
                           what, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "The descriptor of the %s is %s; it has to be a regular file or a memfd.", what,
                           kind_of(st.st_mode));
    r = memfd_read(fd, max, &ret->data, &ret->size);
    if (r == -EFBIG)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %zu bytes.", what, max);
    if (r == -EBADF)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "The descriptor of the %s was not opened for reading.", what);
    return r == -ENOMEM || r >= 0 ? r
                                  : problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                                                "The %s cannot be read: %s.", what, strerror(-r));
}

typedef struct Inputs {
    bool has_key, has_passphrase, passphrase_is_file;
    Input bundle, key, passphrase;
} Inputs;

/* As written by an editor, or by echo. */
static int passphrase_read(Inputs *in, Problem *problem)
{
    Input *p = &in->passphrase;
    int r = input_read(IMPORT_FD_PASSPHRASE, LIMIT_PASSPHRASE + (in->passphrase_is_file ? 5U : 0),
                       "passphrase", p, problem);

    if (r < 0)
        return r;
    if (in->passphrase_is_file)
        r = passphrase_from_file(p->data, &p->size, LIMIT_PASSPHRASE);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The passphrase has more than %d bytes.",
                           LIMIT_PASSPHRASE);
    if (strlen(p->data) != p->size)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "The passphrase contains a zero byte, which is not allowed.");
    return 0;
}

static int inputs_read(Inputs *in, Problem *problem)
{
    int r;

    r = input_read(IMPORT_FD_BUNDLE, LIMIT_BUNDLE, "upload", &in->bundle, problem);
    if (r >= 0 && in->has_key)
        r = input_read(IMPORT_FD_KEY, LIMIT_BUNDLE, "key file", &in->key, problem);
    if (r >= 0 && in->has_passphrase)
        r = passphrase_read(in, problem);
    return r;
}

static int answer(const Imported *imported, Problem *problem, int r)
{
    Blob message;

    if (!imported && problem->code == PROBLEM_NONE)
        (void)(r == -ENOMEM ? problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                                          "Reading the upload takes more than %d MiB of memory.",
                                          LIMIT_IMPORT_MEMORY >> 20)
                            : problem_set(problem, PROBLEM_INVALID_BUNDLE, "The upload cannot be read: %s.",
                                          r == -EBADMSG ? "it is damaged" : strerror(-r)));
    r = message_encode(imported, problem, &message);
    return r < 0 ? r : fs_write_all(STDOUT_FILENO, message.data, message.size);
}

static int run(Inputs *in)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_imported_ Imported *imported = NULL;
    int r, sandboxed;

    container_init();
    r = inputs_read(in, &problem);
    sandboxed = sandbox_enter(SANDBOX_COMPUTE);
    if (sandboxed < 0)
        return sandboxed;
    if (r >= 0) {
        const ContainerInput bundle = { in->bundle.data, in->bundle.size },
                             key = { in->key.data, in->key.size };

        r = container_read(&bundle, in->has_key ? &key : NULL, in->passphrase.data, &imported, &problem);
    }
    return answer(imported, &problem, r);
}

int main(int argc, char *argv[])
{
    const SandboxLimits limits = { .cpu = LIMIT_IMPORT_CPU,
                                   .output = LIMIT_IMPORT_REPLY,
                                   .memory = LIMIT_IMPORT_MEMORY };
    Inputs in = {};
    int r;

    for (int i = 1; i < argc; i++)
        if (streq(argv[i], "--help")) {
            help();
            return EXIT_SUCCESS;
        } else if (streq(argv[i], "--version")) {
            puts("certwright-import " CERTWRIGHT_VERSION);
            return EXIT_SUCCESS;
        } else if (streq(argv[i], IMPORT_OPTION_KEY))
            in.has_key = true;
        else if (streq(argv[i], IMPORT_OPTION_PASSPHRASE))
            in.has_passphrase = true;
        else if (streq(argv[i], IMPORT_OPTION_PASSPHRASE_FILE))
            in.has_passphrase = in.passphrase_is_file = true;
        else {
            fprintf(stderr, "certwright-import is only started by certwrightd; see --help.\n");
            return EXIT_FAILURE;
        }
    r = sandbox_set_limits(&limits);
    if (r >= 0)
        r = run(&in);
    _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS); /* nothing is freed: the process exits */
}
