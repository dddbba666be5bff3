/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>

#include "core/server-address.h"
#include "net/resolver-internal.h"
#include "util/text.h"

/* The C library (libresolv) walks the message within its bounds; the data of records is checked here. */

/* To lower case; "." is the root. */
static const char *tidy_name(char *name)
{
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return *name ? name : ".";
}

static int add_address(const ns_rr *rr, char ***values)
{
    char text[ADDRESS_TEXT_SIZE];
    bool six = ns_rr_type(*rr) == ns_t_aaaa;

    if (ns_rr_rdlen(*rr) != (six ? 16 : 4) ||
        !inet_ntop(six ? AF_INET6 : AF_INET, ns_rr_rdata(*rr), text, sizeof(text)))
        return -EBADMSG;
    return strv_extend(values, text);
}

/* A sequence of strings, each preceded by its length in one byte. */
static int add_text(const ns_rr *rr, char ***values)
{
    const uint8_t *data = ns_rr_rdata(*rr);
    size_t size = ns_rr_rdlen(*rr), n = 0;
    _cleanup_free_ char *text = malloc(size + 1);

    if (!text)
        return -ENOMEM;
    for (size_t at = 0; at < size; at += 1U + data[at]) {
        if (data[at] > size - at - 1)
            return -EBADMSG;
        for (size_t i = 0; i < data[at]; i++)
            text[n++] = data[at + 1 + i] ? (char)data[at + 1 + i] : '?';
    }
    text[n] = 0;
    return strv_extend(values, text);
}

static int add_name(const ns_msg *m, const ns_rr *rr, char ***values)
{
    char name[NS_MAXDNAME];
    int n = ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), ns_rr_rdata(*rr), name, sizeof(name));

    if (n < 0 || n > ns_rr_rdlen(*rr))
        return -EBADMSG;
    return strv_extend(values, tidy_name(name));
}

/* Returns true if zone equals name or is above it. */
static bool zone_has_name(const char *zone, const char *name)
{
    size_t z = strlen(zone), n = strlen(name);

    if (n > 0 && name[n - 1] == '.')
        n--;
    if (streq(zone, "."))
        return true;
    return z <= n && strncasecmp(name + n - z, zone, z) == 0 && (z == n || name[n - z - 1] == '.');
}

/* The record is in the answer section, or in the authority section if the name is not the apex of a zone (RFC
 * 2308 section 3). One that does not contain the name belongs to the target of an alias. */
static int add_zone(const ns_msg *m, ns_rr *rr, const char *name, char ***values)
{
    const char *zone = tidy_name(rr->name);
    int k;

    if (*values || !zone_has_name(zone, name))
        return 0;
    k = strv_extend(values, zone);
    return k < 0 ? k : add_name(m, rr, values);
}

static int add_record(const ns_msg *m, ns_rr *rr, const char *name, char ***values)
{
    switch (ns_rr_type(*rr)) {
    case ns_t_a:
    case ns_t_aaaa:
        return add_address(rr, values);
    case ns_t_txt:
        return add_text(rr, values);
    case ns_t_cname:
    case ns_t_ns:
        return add_name(m, rr, values);
    case ns_t_soa:
        return add_zone(m, rr, name, values);
    default:
        return 0;
    }
}

static int read_section(ns_msg *m, ns_sect section, const char *name, int record, char ***values)
{
    int k = 0;

    for (int i = 0; i < ns_msg_count(*m, section) && k >= 0; i++) {
        ns_rr rr;

        if (ns_parserr(m, section, i, &rr) < 0)
            return -EBADMSG;
        if (ns_rr_class(rr) == ns_c_in && (int)ns_rr_type(rr) == record)
            k = add_record(m, &rr, name, values);
    }
    return k;
}

static int read_message(const uint8_t *data, size_t size, const char *name, int record, char ***values)
{
    ns_msg m;
    int k;

    if (size > UINT16_MAX || ns_initparse(data, (int)size, &m) < 0)
        return -EBADMSG;
    k = read_section(&m, ns_s_an, name, record, values);
    return k < 0 || record != ns_t_soa ? k : read_section(&m, ns_s_ns, name, record, values);
}

int dns_answer_read(const uint8_t *data, size_t size, const char *name, int record, char ***values)
{
    _cleanup_strv_ char **found = NULL;
    int r = read_message(data, size, name, record, &found);

    for (char **value = found; r >= 0 && value && *value; value++)
        r = strv_extend(values, *value);
    return r;
}
