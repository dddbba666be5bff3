/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/authority.h"
#include "acme/problem-document.h"
#include "net/http.h"

/* Checks that all replies of an authority have to pass (RFC 8555 section 6). */

typedef struct AcmeReply {
    const void *body;
    size_t size;
    const char *location; /* an https URL of the authority; NULL */
    int64_t retry_after;  /* seconds; 0: none */
    const HttpReply *http;
} AcmeReply;

/* Requires status 2xx and the given media type (NULL: any); else fails, with the problem that the authority reports if there
 * is one. located: requires that a Location is a URL of the authority; else it is not read. */
int reply_check(const AcmeAuthority *a, const HttpReply *reply, AcmeSubject subject, const char *type,
                bool located, AcmeReply *ret, Problem *problem);
/* Describes a reply without success: by its problem document, of whatever type it claims to be, else by its status and
 * its text. */
void reply_describe_refusal(const AcmeAuthority *a, const HttpReply *reply, AcmeSubject subject,
                            Problem *problem);
/* Returns true if the reply has exactly one Content-Type field, with this media type. */
bool reply_is(const HttpReply *reply, const char *type);
/* Seconds; 0: there is no Retry-After. */
int64_t reply_retry_after(const HttpReply *reply);
/* Returns the URLs of links with this relation, only those of the authority. */
int acme_reply_links(const AcmeAuthority *a, const AcmeReply *reply, const char *relation, char ***ret);
