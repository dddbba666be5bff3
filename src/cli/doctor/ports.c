/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/machine.h"
#include "cli/port-owner.h"
#include "cli/xalloc.h"

/* The ports of http-01 and tls-alpn-01, and the programs that have them. */

#define PROXY_SOCKET "/run/certwright-http"

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

/* Returns true if a program other than the service listens there. */
static bool port_is_taken(uint16_t port, PortOwner *ret, char **ret_who)
{
    port_owner_find(ret, port);
    if (!ret->addresses || streq(ret->program, "certwrightd"))
        return false;
    if (isempty(ret->program))
        *ret_who = xstrdup(_("a program of another user"));
    else if (isempty(ret->unit))
        *ret_who = xstrdup(ret->program);
    else
        *ret_who = xasprintf("%s (%s)", ret->program, ret->unit);
    return true;
}

static void check_http(const Machine *m, Findings *f)
{
    _cleanup_port_owner_ PortOwner owner = {};
    _cleanup_free_ char *who = NULL;

    if (proxy_is_set_up() || !port_is_taken(80, &owner, &who))
        return;
    if (isempty(owner.program))
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
    _cleanup_port_owner_ PortOwner owner = {};
    _cleanup_free_ char *who = NULL;

    if (!port_hurts(m, 443) || !port_is_taken(443, &owner, &who))
        return;
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
