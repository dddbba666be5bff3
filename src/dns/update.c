/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/update.h"

#include <errno.h>
#include <stdio.h>

#include "dns/process.h"

#define TTL 60 /* seconds: caches should forget removed proofs soon */

const char *const update_programs[] = { "/usr/bin/nsupdate", "/usr/bin/knsupdate", NULL };

char *update_script(const DnsRequest *q)
{
    _cleanup_erase_ char *key = NULL;
    _cleanup_free_ char *change = NULL;
    char *script = NULL;

    if (q->key.name ? asprintf(&key, "key %s:%s. %s\n", q->key.algorithm, q->key.name, q->key.secret) < 0
                    : !(key = strdup("")))
        return key = NULL;
    if ((q->remove ? asprintf(&change, "update delete %s. TXT \"%s\"", q->fqdn, q->value)
                   : asprintf(&change, "update add %s. %d TXT \"%s\"", q->fqdn, TTL, q->value)) < 0)
        return change = NULL;
    if (asprintf(&script, "server %s %u\nzone %s.\n%s%s\nsend\n", q->address, (unsigned)q->port, q->zone,
                 key, change) < 0)
        return NULL;
    return script;
}

/* nsupdate prints a secret that it cannot parse; its messages may begin like comments. */
static void output_clean(char *output, const char *secret)
{
    size_t n = isempty(secret) ? 0 : strlen(secret), front = strspn(output, "; ");
    char *at;

    while (n > 0 && (at = strstr(output, secret)))
        memset(at, '*', n);
    memmove(output, output + front, strlen(output + front) + 1);
}

static int explain(const DnsRequest *q, const ProcessCall *call, const ProcessEnd *end, Problem *problem)
{
    _cleanup_free_ char *how = process_describe(call, end);

    return problem_set(
        problem, PROBLEM_CHALLENGE_FAILED,
        "The update of the zone %s at the name server %s, port %u, failed: %s. Does the server accept "
        "updates of this zone %s%s, from this machine? Its log says more.",
        q->zone, q->address, (unsigned)q->port, strempty(how),
        q->key.name ? "that are signed by the key " : "without a key (DNSKeyFile=)", strempty(q->key.name));
}

static int run_program(const char *program, unsigned seconds, const DnsRequest *q, Problem *problem)
{
    _cleanup_erase_ char *script = update_script(q);
    char timeout[16];
    const char *const arguments[] = { program, "-v", "-t", timeout, NULL };
    const ProcessCall call = {
        .path = program, .arguments = arguments, .input = script, .seconds = seconds
    };
    ProcessEnd end;
    int r;

    if (!script)
        return -ENOMEM;
    snprintf(timeout, sizeof(timeout), "%u", MIN(seconds, (unsigned)LIMIT_DNS_UPDATE_TIME));
    r = process_run(&call, &end);
    if (r < 0)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED, "%s cannot be run: %s.", program,
                           strerror(-r));
    output_clean(end.output, q->key.secret);
    return end.status == 0 && !end.late ? 0 : explain(q, &call, &end, problem);
}

int update_run(const char *const *programs, unsigned seconds, const DnsRequest *q, Problem *problem)
{
    for (const char *const *p = programs; *p; p++)
        if (access(*p, X_OK) == 0)
            return run_program(*p, seconds, q, problem);
    return problem_set(problem, PROBLEM_CHALLENGE_FAILED,
                       "No program for DNS updates was found: install nsupdate (apt install "
                       "bind9-dnsutils) or knsupdate (apt install knot-dnsutils).");
}
