/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"
#include "util/fs.h"
#include "util/text.h"

/* The ports of http-01 and tls-alpn-01, and who has them. */

#define STATE_LISTEN 0x0a
#define PROXY_SOCKET "/run/certwright-http"

typedef struct Listener {
    unsigned port;
    unsigned long inode;
    unsigned uid;
    pid_t pid; /* 0: unknown, only root sees others' */
    char name[64], unit[256];
} Listener;

/* ---- sockets */

static bool line_read(const char *line, unsigned port, Listener *ret)
{
    unsigned state, found;
    Listener l = {};

    if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*d %lu", &found, &state,
               &l.uid, &l.inode) != 4 ||
        state != STATE_LISTEN || found != port)
        return false;
    l.port = port;
    *ret = l;
    return true;
}

static bool table_find(const char *table, unsigned port, Listener *ret)
{
    FILE *file = fopen(table, "re");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        found = line_read(line, port, ret);
    if (file)
        fclose(file);
    return found;
}

/* ---- processes */

static bool process_has(pid_t pid, unsigned long inode)
{
    char path[64], wanted[64], target[64];
    _cleanup_(closedirp) DIR *directory = NULL;
    struct dirent *entry;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);

        target[MAX(n, 0)] = '\0';
        if (streq(target, wanted))
            return true;
    }
    return false;
}

/* Reads the first line of a file of the process; "" if there is none. */
static void process_read_line(pid_t pid, const char *name, char *ret, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    *ret = '\0';
    file = fopen(path, "re");
    if (file && fgets(ret, (int)size, file))
        ret[strcspn(ret, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* The last folder of its control group, if that is a unit. */
static void listener_find_unit(Listener *l)
{
    char group[1024];
    const char *slash;

    process_read_line(l->pid, "cgroup", group, sizeof group);
    slash = strrchr(group, '/');
    if (slash && text_ends_with(slash, ".service") && strlen(slash) < sizeof l->unit)
        strcpy(l->unit, slash + 1);
}

static void listener_find_process(Listener *l)
{
    _cleanup_(closedirp) DIR *directory = opendir("/proc");
    struct dirent *entry;

    while (directory && l->pid == 0 && (entry = readdir(directory))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;

        if (pid > 0 && process_has(pid, l->inode))
            l->pid = pid;
    }
    if (l->pid == 0)
        return;
    process_read_line(l->pid, "comm", l->name, sizeof l->name);
    listener_find_unit(l);
}

static bool listener_find(unsigned port, Listener *ret)
{
    if (!table_find("/proc/net/tcp", port, ret) && !table_find("/proc/net/tcp6", port, ret))
        return false;
    listener_find_process(ret);
    return true;
}

static char *listener_describe(const Listener *l)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;

    if (l->pid > 0 && *l->unit)
        return xasprintf(_("%s (process %d of %s)"), l->name, (int)l->pid, l->unit);
    if (l->pid > 0)
        return xasprintf(_("%s (process %d)"), l->name, (int)l->pid);
    if (getpwuid_r(l->uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        return xasprintf(_("a process of the user %s"), found->pw_name);
    return xasprintf(_("a process of the user %u"), l->uid);
}

/* ---- findings */

/* systemd listens there for a proxy, which passes the requests of authorities on. */
static bool proxy_is_set_up(void)
{
    return access(PROXY_SOCKET, F_OK) == 0;
}

/* Returns true if a certificate could perhaps not be proved since somebody else has this port. */
static bool port_hurts_certificate(const Certificate *c, unsigned port)
{
    static const char *const codes[] = { "connection", "unauthorized", "incorrectResponse",
                                         "ChallengeFailed" };
    char listen[48], words[16];

    snprintf(listen, sizeof listen, "Cannot listen on :%u ", port);
    snprintf(words, sizeof words, "port %u", port);
    if (strstr(c->error.text, listen))
        return true;
    for (size_t i = 0; i < ELEMENTSOF(codes); i++)
        if (streq(c->error.code, codes[i]))
            return strstr(c->error.text, words) ||
                   (port == 80 && !strstr(c->error.text, "web root") && !strstr(c->error.text, "TXT"));
    return false;
}

static bool port_hurts(const Machine *m, unsigned port)
{
    for (size_t i = 0; i < m->service->list.n; i++)
        if (machine_wants(m, &m->service->list.items[i]) &&
            port_hurts_certificate(&m->service->list.items[i], port))
            return true;
    return false;
}

static bool is_ours(const Listener *l)
{
    return streq(l->name, "certwrightd");
}

static void check_http(const Machine *m, Findings *f)
{
    _cleanup_free_ char *who = NULL;
    Listener l;

    if (proxy_is_set_up() || !listener_find(80, &l) || is_ours(&l))
        return;
    who = listener_describe(&l);
    if (l.pid == 0)
        finding_add_unseen(f, xstrdup(_("ports: only root sees which program of another user has a port.")));
    finding_add(
        f, port_hurts(m, 80) ? SEVERITY_ERROR : SEVERITY_NOTE, "port-taken", "80",
        xasprintf(_("Port 80 belongs to %s, so the service cannot prove names there (http-01)."), who),
        xasprintf(_("Let it pass the requests on, with the lines in %s and: systemctl stop certwrightd; "
                    "systemctl enable --now certwright-http.socket. Or set WebRoot=, or use the DNS; see "
                    "certwright.conf(5)."),
                  DATADIR "/certwright/snippets"));
}

static void check_tls(const Machine *m, Findings *f)
{
    _cleanup_free_ char *who = NULL;
    Listener l;

    if (!port_hurts(m, 443) || !listener_find(443, &l) || is_ours(&l))
        return;
    who = listener_describe(&l);
    finding_add(
        f, SEVERITY_ERROR, "port-taken", "443",
        xasprintf(_("Port 443 belongs to %s, so the service cannot prove names there (tls-alpn-01)."), who),
        xstrdup(_("Remove TLSListen= and use http-01 or the DNS; see certwright.conf(5).")));
}

void check_ports(const Machine *m, Findings *f)
{
    if (!m->service->acme)
        return;
    check_http(m, f);
    check_tls(m, f);
}
