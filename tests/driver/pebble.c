/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pebble.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bus/client.h"
#include "../bus/files.h"
#include "../bus/process.h"

#define PORT       14000
#define MANAGEMENT 15000
#define RESOLVER   8055 /* of its management */

gboolean network_enter(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd;
    gboolean up;

    if (unshare(CLONE_NEWNET) < 0)
        return FALSE;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
    request.ifr_flags |= IFF_UP;
    up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0)
        close(fd);
    return up;
}

static gboolean can_connect(gpointer userdata)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((guint16)GPOINTER_TO_UINT(userdata)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return connected;
}

static size_t on_data(char *data, size_t size, size_t n, void *userdata)
{
    g_string_append_len(userdata, data, (gssize)(size * n));
    return size * n;
}

static void fetch_root(Pebble *p)
{
    CURL *curl = curl_easy_init();
    CURLcode result;

    g_assert_nonnull(curl);
    curl_easy_setopt(curl, CURLOPT_URL, "https://localhost:15000/roots/0");
    curl_easy_setopt(curl, CURLOPT_CAINFO, p->trust);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, p->roots);
    result = curl_easy_perform(curl);
    if (result != CURLE_OK)
        g_error("Pebble's root: %s", curl_easy_strerror(result));
    curl_easy_cleanup(curl);
}

void pebble_start(Pebble *p)
{
    g_autofree char *program = g_find_program_in_path("pebble"),
                    *log = g_build_filename(p->directory, "log", NULL);
    const char *const argv[] = {
        program, "-config", p->config, "-strict", "-dnsserver", "127.0.0.1:53", NULL
    };
    /* One thread: two that make orders of one account at the same time lock each other out (Pebble 2.4). */
    const char *const env[] = { "PEBBLE_WFE_NONCEREJECT=5", "PEBBLE_AUTHZREUSE=0", "PEBBLE_VA_NOSLEEP=1",
                                "GOMAXPROCS=1", NULL };

    p->process = process_start(argv, env, log, NULL, NULL);
    wait_until(can_connect, GUINT_TO_POINTER(MANAGEMENT), "Pebble's management");
    wait_until(can_connect, GUINT_TO_POINTER(PORT), "Pebble");
    fetch_root(p);
}

void pebble_stop(Pebble *p)
{
    (void)process_stop(p->process);
    p->process = 0;
}

static void start_resolver(Pebble *p)
{
    g_autofree char *program = g_find_program_in_path("pebble-challtestsrv"),
                    *log = g_build_filename(p->directory, "resolver.log", NULL);
    const char *const argv[] = { program,
                                 "-defaultIPv4",
                                 "127.0.0.1",
                                 "-defaultIPv6",
                                 "",
                                 "-dns01",
                                 "127.0.0.1:53",
                                 "-management",
                                 "127.0.0.1:8055",
                                 "-http01",
                                 "",
                                 "-https01",
                                 "",
                                 "-tlsalpn01",
                                 "",
                                 NULL };

    p->resolver = process_start(argv, NULL, log, NULL, NULL);
    wait_until(can_connect, GUINT_TO_POINTER(RESOLVER), "the name server");
}

static char *write_part(const Pebble *p, const char *name, const char *text)
{
    char *path = g_build_filename(p->directory, name, NULL);

    file_write(path, text);
    return path;
}

static void write_config(Pebble *p, Pki *pki)
{
    g_autoptr(PkiLeaf) leaf = pki_issue(pki, "pebble", "DNS:localhost,IP:127.0.0.1", "EC", 3650);
    g_autofree char *chain = g_strconcat(leaf->certificate, leaf->intermediate, NULL),
                    *certificate = write_part(p, "chain.pem", chain),
                    *key = write_part(p, "key.pem", leaf->key), *text = NULL;

    p->trust = write_part(p, "trust.pem", leaf->root);
    text = g_strdup_printf(
        "{ \"pebble\": { \"listenAddress\": \"127.0.0.1:%d\", \"managementListenAddress\": \"127.0.0.1:%d\", "
        "\"certificate\": \"%s\", \"privateKey\": \"%s\", \"httpPort\": " PEBBLE_HTTP_PORT
        ", \"tlsPort\": 5001, \"externalAccountBindingRequired\": false } }\n",
        PORT, MANAGEMENT, certificate, key);
    p->config = write_part(p, "config.json", text);
}

static gboolean is_installed(const char *name)
{
    g_autofree char *program = g_find_program_in_path(name);

    return program != NULL;
}

Pebble *pebble_new(const char *parent, Pki *pki)
{
    Pebble *p;

    if (!is_installed("pebble") || !is_installed("pebble-challtestsrv"))
        return NULL;
    p = g_new0(Pebble, 1);
    p->directory = g_build_filename(parent, "pebble", NULL);
    p->roots = g_string_new(NULL);
    directory_make(p->directory, 0755);
    write_config(p, pki);
    start_resolver(p);
    pebble_start(p);
    return p;
}

void pebble_free(Pebble *p)
{
    if (p->process > 0)
        (void)process_stop(p->process);
    (void)process_stop(p->resolver);
    g_string_free(p->roots, TRUE);
    g_free(p->directory);
    g_free(p->config);
    g_free(p->trust);
    g_free(p);
}
