/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/port-owner.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <systemd/sd-login.h>

#include "cli/xalloc.h"
#include "core/limits.h"
#include "util/fs.h"
#include "util/text.h"

#define STATE_LISTEN 0x0a /* proc(5), /proc/net/tcp; TCP_LISTEN of the kernel */

/* Inodes of its sockets. */
typedef struct Inodes {
    unsigned long list[LIMIT_LISTEN_ADDRESSES];
    size_t n;
} Inodes;

void port_owner_done(PortOwner *o)
{
    strv_free(o->addresses);
    free(o->program);
    free(o->unit);
    *o = (PortOwner){ 0 };
}

/* ---- sockets */

/* The kernel prints addresses as words in the byte order of the machine. */
static bool address_parse(const char *hex, int family, char ret[static INET6_ADDRSTRLEN])
{
    uint32_t words[4];
    size_t n = family == AF_INET ? 1 : 4;

    for (size_t i = 0; i < n; i++)
        if (sscanf(hex + 8 * i, "%8" SCNx32, &words[i]) != 1)
            return false;
    return inet_ntop(family, words, ret, INET6_ADDRSTRLEN);
}

static void socket_read(const char *line, int family, uint16_t port, PortOwner *o, Inodes *inodes)
{
    char hex[33], address[INET6_ADDRSTRLEN];
    unsigned at, state;
    unsigned long inode;
    _cleanup_free_ char *text = NULL;

    if (sscanf(line, " %*u: %32[0-9A-F]:%4X %*[0-9A-F]:%*X %2X %*X:%*X %*X:%*X %*X %*u %*u %lu", hex, &at,
               &state, &inode) != 4 ||
        at != port || state != STATE_LISTEN || inodes->n == ELEMENTSOF(inodes->list) ||
        !address_parse(hex, family, address))
        return;
    text = family == AF_INET ? xasprintf("%s:%u", address, at) : xasprintf("[%s]:%u", address, at);
    inodes->list[inodes->n++] = inode;
    xstrv_add(&o->addresses, text);
}

static void sockets_read(const char *path, int family, uint16_t port, PortOwner *o, Inodes *inodes)
{
    FILE *file = fopen(path, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;

    if (!file)
        return;
    while (getline(&line, &size, file) >= 0)
        socket_read(line, family, port, o, inodes);
    fclose(file);
}

/* ---- process */

static bool link_is_socket(const char *target, const Inodes *inodes)
{
    unsigned long inode;

    if (sscanf(target, "socket:[%lu]", &inode) != 1)
        return false;
    for (size_t i = 0; i < inodes->n; i++)
        if (inodes->list[i] == inode)
            return true;
    return false;
}

static bool process_has_socket(const char *pid, const Inodes *inodes)
{
    _cleanup_free_ char *path = xasprintf("/proc/%s/fd", pid);
    _cleanup_(closedirp) DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        _cleanup_free_ char *target = NULL;

        if (fs_read_link_at(dirfd(directory), entry->d_name, &target) >= 0 && link_is_socket(target, inodes))
            return true;
    }
    return false;
}

static void owner_describe(PortOwner *o, const char *pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%s/comm", pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size;

    if (fd >= 0 && fs_pread(fd, 0, LIMIT_NAME, &o->program, &size) >= 0)
        o->program[strcspn(o->program, "\n")] = '\0';
    (void)sd_pid_get_unit(atoi(pid), &o->unit);
}

/* systemd has what it passed to others, too: their processes follow it. */
static void owner_find_process(PortOwner *o, const Inodes *inodes)
{
    _cleanup_(closedirp) DIR *directory = opendir("/proc");
    const struct dirent *entry;

    while (directory && !o->program && (entry = readdir(directory)))
        if (isdigit((unsigned char)*entry->d_name) && !streq(entry->d_name, "1") &&
            process_has_socket(entry->d_name, inodes))
            owner_describe(o, entry->d_name);
}

void port_owner_find(PortOwner *o, uint16_t port)
{
    Inodes inodes = {};

    sockets_read("/proc/net/tcp", AF_INET, port, o, &inodes);
    sockets_read("/proc/net/tcp6", AF_INET6, port, o, &inodes);
    if (o->addresses)
        owner_find_process(o, &inodes);
    if (!o->program)
        o->program = xstrdup("");
    if (!o->unit)
        o->unit = xstrdup("");
}
