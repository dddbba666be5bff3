/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives a fuzz target each file of a folder, and cut and changed ones: what the fuzzer once found stays found. */
#include <dirent.h>

#include "target.h"

#define INPUT_MAX (1024 * 1024)
#define CHANGES   64

static size_t read_input(const char *folder, const char *name, uint8_t *data)
{
    char path[4096];
    size_t size;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "re");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size = fread(data, 1, INPUT_MAX, f);
    fclose(f);
    return size;
}

/* A copy of just this size, so that a sanitizer sees who reads behind it. */
static void give(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    require(copy);
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void try_input(uint8_t *data, size_t size)
{
    give(data, size);
    for (size_t i = 0; i < CHANGES && size > 0; i++) {
        size_t at = i * size / CHANGES;
        uint8_t was = data[at];

        give(data, at);
        data[at] = (uint8_t)(was ^ (1U << i % 8));
        give(data, size);
        data[at] = was;
    }
}

int main(int argc, char *argv[])
{
    uint8_t *data = malloc(INPUT_MAX);
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    unsigned n = 0;

    if (!d || !data) {
        fprintf(stderr, "%s FOLDER: the folder cannot be read.\n", argv[0]);
        return EXIT_FAILURE;
    }
    while ((entry = readdir(d)))
        if (entry->d_name[0] != '.') {
            try_input(data, read_input(argv[1], entry->d_name, data));
            printf("ok %u - %s\n", ++n, entry->d_name);
        }
    closedir(d);
    free(data);
    printf("1..%u\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
