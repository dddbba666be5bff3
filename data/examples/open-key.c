/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loads the chain of a name and its key over the bus, as a TLS server does, without a file of its own:
 *
 *     open-key NAME
 *
 * It prints the subject of the leaf. The caller has to be allowed to read the key (polkit.rules).
 *
 * Build it with: cc -o open-key open-key.c $(pkg-config --cflags --libs libsystemd libssl libcrypto) */

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SERVICE "org.certwright1"

/* A descriptor of a sealed memfd: key and chain, as PEM. */
static int open_pair(sd_bus *bus, const char *name, sd_bus_error *error)
{
    sd_bus_message *found = NULL, *opened = NULL;
    const char *path;
    int r, fd;

    r = sd_bus_call_method(bus, SERVICE, "/org/certwright1", SERVICE ".Manager", "GetCertificate", error,
                           &found, "s", name);
    if (r >= 0)
        r = sd_bus_message_read(found, "o", &path);
    if (r >= 0)
        r = sd_bus_call_method(bus, SERVICE, path, SERVICE ".Certificate", "OpenKey", error, &opened,
                               "a{sv}", 0);
    if (r >= 0)
        r = sd_bus_message_read(opened, "h", &fd);
    if (r >= 0) {
        r = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message closes its own */
        r = r < 0 ? -errno : r;
    }
    sd_bus_message_unref(found);
    sd_bus_message_unref(opened);
    return r;
}

static int load(int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char path[64];
    int loaded;

    snprintf(path, sizeof path, "/proc/self/fd/%i", fd);
    /* the second also refuses a key of another certificate */
    loaded = context && SSL_CTX_use_certificate_chain_file(context, path) == 1 &&
             SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
    if (loaded) {
        X509_NAME_print_ex_fp(stdout, X509_get_subject_name(SSL_CTX_get0_certificate(context)), 0,
                              XN_FLAG_RFC2253);
        putchar('\n');
    }
    SSL_CTX_free(context);
    return loaded ? 0 : -EINVAL;
}

int main(int argc, char *argv[])
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus *bus = NULL;
    int r, fd = -1;

    if (argc != 2) {
        fprintf(stderr, "Usage: %s NAME\n", argv[0]);
        return EXIT_FAILURE;
    }
    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = fd = open_pair(bus, argv[1], &error);
    if (r >= 0)
        r = load(fd);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", argv[1], error.message ? error.message : strerror(-r));
    if (fd >= 0)
        close(fd);
    sd_bus_error_free(&error);
    sd_bus_flush_close_unref(bus);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
