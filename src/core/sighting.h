/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "core/limits.h"
#include "core/server-address.h"
#include "util/text.h"

/* The report of "certwright-deploy --look" to "certwright doctor" on the chains that services present: a header, and its
 * records behind it. Texts end with a NUL and are plain (text_is_plain()). */

typedef enum SightingOutcome {
    SIGHTING_CHAIN,      /* it presents one */
    SIGHTING_REFUSED,    /* nobody accepts connections */
    SIGHTING_SILENT,     /* there was no answer in time */
    SIGHTING_FAILED,     /* there was another answer; the reason tells which */
    SIGHTING_LEFT_OUT,   /* there was no time for it */
    SIGHTING_UNREADABLE, /* no service, but a file or folder of the configuration, whose path is the reason */
    _SIGHTING_MAX,
} SightingOutcome;

#define SIGHTING_TEXT_MAX   500
#define SIGHTING_SERIAL_MAX (2 * LIMIT_SERIAL)

/* The first certificate of a chain. All texts are empty if it could not be parsed. */
typedef struct SeenLeaf {
    char serial[QUOTE_SIZE(SIGHTING_SERIAL_MAX)]; /* upper-case hexadecimal */
    char issuer[QUOTE_SIZE(SIGHTING_TEXT_MAX)];
    char names[QUOTE_SIZE(SIGHTING_TEXT_MAX)]; /* joined by blanks */
    int64_t not_before, not_after;
    uint32_t covers; /* 1: it is for the name that was sent */
} SeenLeaf;

#define SIGHTING_DIGEST 65 /* of a SHA-256, lower-case hexadecimal */

typedef struct Sighting {
    uint32_t outcome;                   /* SightingOutcome */
    char module[LIMIT_MODULE_NAME + 1]; /* who has the probe */
    char certificate[LIMIT_NAME + 1];   /* that it should present */
    char name[LIMIT_NAME + 1];          /* that it was asked for */
    uint32_t scheme;                    /* ProbeScheme */
    char host[ADDRESS_TEXT_SIZE];
    uint32_t port;
    char reason[QUOTE_SIZE(SIGHTING_TEXT_MAX)];
    SeenLeaf leaf;
    uint32_t n; /* certificates in the chain */
    char chain[LIMIT_CHAIN][SIGHTING_DIGEST];
} Sighting;

typedef struct SightingHeader {
    uint32_t size;     /* of a record, which tells other versions apart */
    uint32_t n;        /* records */
    uint32_t left_out; /* names above LIMIT_LOOKS */
    uint32_t uses_dns; /* 1: dns-01 is set up, or the settings cannot be read */
} SightingHeader;
