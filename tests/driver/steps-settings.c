/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include "invariants.h"

/* certwright.conf, right and wrong. */

static char *make_settings(Driver *d)
{
    static const char *const lifetimes[] = { "2d", "30d", "90d" }, *const idle[] = { "1s", "60s", "1d" };
    const char *exit = idle[driver_choose(d, G_N_ELEMENTS(idle))];
    GString *text = g_string_new("[Renewal]\nOrdersPerMinute=0\n");

    g_string_append_printf(text, "IdleExit=%s\n[Local]\nKeyType=%s\nLeafLifetime=%s\nRootKeyType=%s\n", exit,
                           choose_key_type(d), lifetimes[driver_choose(d, G_N_ELEMENTS(lifetimes))],
                           driver_chance(d, 50) ? "ecdsa-p256" : "ecdsa-p384");
    g_string_append_printf(text,
                           "[ACME]\nEnabled=%s\nTermsOfServiceAgreed=yes\nChallenges=http-01\n"
                           "HTTPListen=127.0.0.1:" PEBBLE_HTTP_PORT "\nHTTPCheckPort=" PEBBLE_HTTP_PORT
                           "\nDNSResolvers=127.0.0.1\nSelfCheck=%s\nReuseKey=%s\n",
                           driver_chance(d, 80) ? "yes" : "no", driver_chance(d, 50) ? "yes" : "no",
                           driver_chance(d, 50) ? "yes" : "no");
    if (d->pebble)
        g_string_append_printf(text,
                               "[Authority pebble]\nDirectory=" PEBBLE_DIRECTORY "\nCAFile=%s\n"
                               "Contact=mailto:admin@example.net\nPublic=no\n",
                               d->pebble->trust);
    return g_string_free(text, FALSE);
}

void write_settings(Driver *d)
{
    g_autofree char *text = make_settings(d);

    fixture_write_settings(d->fixture, text);
}

void step_settings(Driver *d)
{
    g_autofree char *text = make_settings(d), *line = g_strdelimit(g_strdup(text), "\n", ' ');

    driver_say(d, "settings: %s", line);
    fixture_write_settings(d->fixture, text);
    reload(d);
}

/* What is wrong is left out, and the rest holds. */
void step_broken_settings(Driver *d)
{
    static const char *const broken[] = { "[Local]\nKeyType=dsa\n", "[Nonsense\nKeyType",
                                          "[Renewal]\nIdleExit=soon\n", "LeafLifetime=1d\n",
                                          "[ACME]\nChallenges=none\nFoo=bar\n" };
    const char *text = broken[driver_choose(d, G_N_ELEMENTS(broken))];

    driver_say(d, "broken settings");
    fixture_write_settings(d->fixture, text);
    reload(d);
    if (driver_chance(d, 50))
        invariants_check(d);
    driver_say(d, "mended settings");
    write_settings(d);
    reload(d);
}

/* Whatever is made of it, afterwards it is gone. */
void step_broken_module(Driver *d)
{
    static const char *const broken[] = {
        "[Certificate a.example.net", "[Certificate ..]\nACME=maybe\n",
        "[Certificate b.example.net]\nKeyType=rsa-1\nAlternativeNames=-- %x\n",
        "\xff\xfe[Certificate c.example.net]\n"
    };

    driver_say(d, "broken module");
    fixture_write_module(d->fixture, "broken", broken[driver_choose(d, G_N_ELEMENTS(broken))]);
    reload(d);
    if (driver_chance(d, 50))
        driver_settle(d);
    fixture_write_module(d->fixture, "broken", NULL);
    reload(d);
}
