# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table: every way in which the authority goes wrong, and what must come of it."""
import json
import time

from authority import Reply
from faults import (FAILS, HOLD, KIB, MIB, RECOVERS, SUCCEEDS, WAITS, Fault, abroad, after_part, at_home, body, chain, cut, dripping,
                    edit, encoded, failed, field, head_with, interim, member, no_nonce, prefix, problem, raw,
                    redirect, repeated, replaced, same, silent, status, status_line, suffix, without, zipped)
from pki import WRONG

PROTOCOL, NETWORK, LIMIT = "AuthorityFailed", "NetworkFailed", "LimitsExceeded"
JSON, CHAIN = "application/json", "application/pem-certificate-chain"
PLACES = ["directory", "nonce", "account", "new-order", "authorization", "challenge", "order", "finalize", "certificate"]


def fails(name, where, how, code=PROTOCOL, *texts, **options):
    return Fault(name, where, how, FAILS, code, texts, **options)


def succeeds(name, where, how, **options):
    return Fault(name, where, how, SUCCEEDS, **options)


def waits(name, where, how, **options):
    return Fault(name, where, how, WAITS, **options)


def nested(depth):
    return b'{"x":' * depth + b"1" + b"}" * depth


def within(path, depth):
    """The right body with a further member that is nested."""
    return prefix(f'"{path}":' + "[" * depth + "]" * depth)


def longest(n):
    return lambda s: s.authority.url("a" * n)


# ---- JSON, shown at the directory

DIRECTORY = "directory"
BODIES = [
    fails("not-json", DIRECTORY, body("hello"), PROTOCOL, "JSON"),
    fails("html", DIRECTORY, body("<html><body>It works!</body></html>", "text/html"), PROTOCOL, JSON),
    fails("empty", DIRECTORY, body(""), PROTOCOL, "directory"),
    fails("array", DIRECTORY, body("[]"), PROTOCOL, "object"),
    fails("null", DIRECTORY, body("null"), PROTOCOL, "directory"),
    fails("number", DIRECTORY, body("1e400"), PROTOCOL),
    fails("trailing-garbage", DIRECTORY, suffix(b"garbage"), PROTOCOL, "JSON"),
    fails("trailing-object", DIRECTORY, suffix(b"{}"), PROTOCOL, "JSON"),
    fails("trailing-nul", DIRECTORY, suffix(b"\0"), PROTOCOL, "NUL"),
    fails("half-an-object", DIRECTORY, lambda r, s: setattr(r, "body", r.body[:-3]), PROTOCOL, "is truncated"),
    fails("duplicate-key", DIRECTORY, prefix('"newNonce":"https://localhost/x"'), PROTOCOL, "duplicate"),
    fails("escaped-nul", DIRECTORY, member("newOrder", lambda s: s.authority.url("new-order\0x")), PROTOCOL),
    fails("raw-nul", DIRECTORY, replaced(b"new-order", b"new\0order"), PROTOCOL),
    fails("control-in-text", DIRECTORY, replaced(b"new-order", b"new\x01order"), PROTOCOL),
    fails("lone-surrogate", DIRECTORY, replaced(b"new-order", b"new\\ud800order"), PROTOCOL, "newOrder"),
    fails("no-utf8", DIRECTORY, replaced(b'"meta"', b'"\xff\xfe"'), PROTOCOL),
    fails("utf16", DIRECTORY, encoded("utf-16"), PROTOCOL, "cannot be read"),
    fails("byte-order-mark", DIRECTORY, encoded("utf-8-sig"), PROTOCOL, "JSON"),
    fails("single-quotes", DIRECTORY, lambda r, s: setattr(r, "body", r.body.replace(b'"', b"'")), PROTOCOL, "JSON"),
    fails("comment", DIRECTORY, lambda r, s: setattr(r, "body", b"/* */" + r.body), PROTOCOL, "JSON"),
    fails("not-a-number", DIRECTORY, prefix('"x":NaN'), PROTOCOL, "JSON"),
    fails("trailing-comma", DIRECTORY, lambda r, s: setattr(r, "body", r.body[:-1] + b",}"), PROTOCOL, "JSON"),
    fails("nested-100000", DIRECTORY, body(nested(30000)), PROTOCOL),
    fails("nested-1000", DIRECTORY, within("x", 1000), PROTOCOL),
    fails("nested-17", DIRECTORY, within("x", 17), PROTOCOL),
    succeeds("unknown-members", DIRECTORY, prefix('"x":[[{"y":[null,1.5,true]}]],"https://example/":{}')),
    fails("array-of-100000", DIRECTORY, member("newNonce", [0] * 60000), PROTOCOL, "newNonce"),
    fails("one-mib", DIRECTORY, prefix('"x":"' + "a" * MIB + '"'), LIMIT, str(256 * KIB)),
    fails("url-of-one-mib", DIRECTORY, member("newOrder", longest(MIB)), LIMIT, str(256 * KIB)),
    fails("url-of-3000", DIRECTORY, member("newOrder", longest(3000)), PROTOCOL, "newOrder"),
    fails("url-of-3000-nonce", DIRECTORY, member("newNonce", longest(3000)), PROTOCOL, "newNonce"),
    fails("without-new-nonce", DIRECTORY, without("newNonce"), PROTOCOL, "newNonce"),
    fails("without-new-account", DIRECTORY, without("newAccount"), PROTOCOL, "newAccount"),
    fails("without-new-order", DIRECTORY, without("newOrder"), PROTOCOL, "newOrder"),
    fails("new-nonce-number", DIRECTORY, member("newNonce", 5), PROTOCOL, "newNonce"),
    fails("new-order-null", DIRECTORY, member("newOrder", None), PROTOCOL, "newOrder"),
    fails("new-account-object", DIRECTORY, member("newAccount", {}), PROTOCOL, "newAccount"),
    fails("new-account-empty", DIRECTORY, member("newAccount", ""), PROTOCOL, "newAccount"),
    succeeds("meta-text", DIRECTORY, member("meta", "x")),
    fails("binding-text", DIRECTORY, member("meta.externalAccountRequired", "yes"), PROTOCOL, "externalAccountRequired"),
    succeeds("profiles-list", DIRECTORY, member("meta.profiles", ["a"])),
    succeeds("optional-garbage", DIRECTORY, edit(lambda d: d.update(revokeCert="", keyChange="/key-change", renewalInfo=[]))),
    succeeds("foreign-key-change", DIRECTORY, member("keyChange", abroad("key-change"))),
    succeeds("terms-list", DIRECTORY, member("meta.termsOfService", [])),
    fails("foreign-new-order", DIRECTORY, member("newOrder", abroad("order")), PROTOCOL, "another server"),
    fails("foreign-new-nonce", DIRECTORY, member("newNonce", abroad("nonce")), PROTOCOL, "another server"),
    fails("foreign-host", DIRECTORY, member("newNonce", "https://127.0.0.1/"), PROTOCOL, "another server"),
    fails("http-new-nonce", DIRECTORY, member("newNonce", at_home("nonce", "http", port="plain")), PROTOCOL, "newNonce"),
    fails("file-new-nonce", DIRECTORY, member("newNonce", "file:///etc/passwd"), PROTOCOL, "newNonce"),
    fails("ldap-new-nonce", DIRECTORY, member("newNonce", "ldap://localhost/x"), PROTOCOL, "newNonce"),
    fails("relative-new-nonce", DIRECTORY, member("newNonce", "/nonce"), PROTOCOL, "newNonce"),
    fails("credentials", DIRECTORY, member("newOrder", at_home("new-order", user="root:secret@")), PROTOCOL),
    fails("credentials-of-host", DIRECTORY, member("newNonce", lambda s:
        f"https://localhost:{s.authority.server.port}@localhost:{s.authority.server.abroad}/x"), PROTOCOL),
    fails("url-with-blank", DIRECTORY, member("newOrder", lambda s: s.authority.url("new order")), PROTOCOL, "newOrder"),
    fails("url-with-line-end", DIRECTORY, member("newOrder", lambda s: s.authority.url("x\r\nX-Evil: 1")),
          PROTOCOL, "newOrder"),
    fails("url-with-letters", DIRECTORY, member("newOrder", lambda s: s.authority.url("n\u00e4w")), PROTOCOL, "newOrder"),
    fails("url-with-dots", DIRECTORY, member("newNonce", "https://localhost.evil.example/../nonce"), PROTOCOL, "another server"),
]

# ---- HTTP and TLS

TRANSPORT = [
    fails("type-text", "new-order", field("Content-Type", "text/plain"), PROTOCOL, JSON),
    fails("type-missing", "new-order", field("Content-Type"), PROTOCOL, JSON),
    fails("two-types", DIRECTORY, field("Content-Type", "text/html", JSON), PROTOCOL, JSON),
    succeeds("type-in-capitals", PLACES, lambda r, s: r.get("Content-Type") and
             r.set("Content-Type", r.get("Content-Type").upper() + ' ;  charset="utf-8"')),
    fails("chain-as-json", "certificate", field("Content-Type", JSON), PROTOCOL, CHAIN),
    fails("chain-as-pkcs7", "certificate", field("Content-Type", "application/pkcs7-mime"), PROTOCOL, CHAIN),
    fails("gzip", DIRECTORY, zipped("Content-Encoding", "gzip"), PROTOCOL),
    fails("gzip-bomb", DIRECTORY, zipped("Content-Encoding", "gzip", 32 * MIB), PROTOCOL),
    fails("brotli", DIRECTORY, [body(b"\x8b\x00\x80{}\x03"), field("Content-Encoding", "br")], PROTOCOL),
    fails("gzip-of-chain", "certificate", zipped("Content-Encoding", "gzip"), "InvalidBundle"),
    fails("transfer-gzip", DIRECTORY, zipped("Transfer-Encoding", "gzip"), NETWORK, "transfer coding"),
    fails("transfer-gzip-bomb", DIRECTORY, zipped("Transfer-Encoding", "gzip, chunked", 32 * MIB), NETWORK,
          "transfer coding"),
    fails("redirect-301", DIRECTORY, redirect(301, same()), PROTOCOL, "301"),
    fails("redirect-302-abroad", DIRECTORY, redirect(302, abroad("dir")), PROTOCOL, "302"),
    fails("redirect-303", "certificate", redirect(303, same("certificate/0")), PROTOCOL, "303"),
    fails("redirect-307", "new-order", redirect(307, abroad("order")), PROTOCOL, "307"),
    fails("redirect-308-http", "account", redirect(308, abroad("account", "http")), PROTOCOL, "308"),
    succeeds("redirect-of-nonce", "nonce", redirect(302, abroad("nonce"))),  # it has a nonce all the same
    fails("status-204", DIRECTORY, [status(204), body(b"")], PROTOCOL),
    fails("status-204-of-chain", "certificate", [status(204), body(b"")], "InvalidBundle"),
    fails("status-204-with-body", DIRECTORY, status(204), PROTOCOL),
    fails("status-206", DIRECTORY, status(206), PROTOCOL, "206"),
    fails("status-304", DIRECTORY, [status(304), body(b"")], PROTOCOL, "304"),
    fails("status-404", DIRECTORY, [status(404), body("gone", "text/plain")], PROTOCOL, "404", "gone"),
    fails("status-500", "new-order", [status(500), body("<h1>oops</h1>", "text/html")], PROTOCOL, "the order", "500", '"oops"'),
    fails("status-403-as-json", "new-order", [problem(403, "rejectedIdentifier", "Not here"), field("Content-Type", JSON)],
          "rejectedIdentifier", "refused the order: Not here"),
    fails("status-403-as-text", "new-order", [problem(403, None, "Not here"), field("Content-Type", "text/plain")],
          "AuthorityRefused", "refused the order: Not here"),
    fails("status-503-as-text", "new-order", [status(503), body("Down\u202e for\x1b maintenance\n", "text/plain")],
          PROTOCOL, "maintenance"),
    fails("status-502", DIRECTORY, [status(502), body("", "text/html")], PROTOCOL, "502"),
    fails("status-99", DIRECTORY, status(99), None),
    fails("status-999", DIRECTORY, status(999), None),
    fails("status-in-letters", DIRECTORY, status_line(b"HTTP/1.1 OK"), None),
    fails("status-line-of-another-protocol", DIRECTORY, status_line(b"SSH-2.0-OpenSSH_9.2"), NETWORK),
    fails("http-0.9", DIRECTORY, raw(lambda r, s: r.body), NETWORK, "HTTP"),
    fails("http-3.7", DIRECTORY, status_line(b"HTTP/3.7 200 OK"), NETWORK),
    fails("endless-body", DIRECTORY, repeated(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65536),
          LIMIT, str(256 * KIB)),
    fails("endless-chunks", DIRECTORY, repeated(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                                b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n"),
          LIMIT, str(256 * KIB)),
    fails("endless-chain", "certificate",
          repeated(lambda r: b"HTTP/1.1 200 OK\r\nContent-Type: application/pem-certificate-chain\r\n\r\n" + r.body,
                   b"-----BEGIN CERTIFICATE-----\n" * 1000), LIMIT, str(256 * KIB)),
    fails("a-trillion-bytes", DIRECTORY, field("Content-Length", str(10 ** 12)), LIMIT, str(256 * KIB)),
    fails("length-negative", DIRECTORY, field("Content-Length", "-1"), None),
    fails("length-in-letters", DIRECTORY, field("Content-Length", "many"), None),
    fails("length-of-2-to-64", DIRECTORY, field("Content-Length", "18446744073709551616"), None),
    fails("two-lengths", DIRECTORY, field("Content-Length", "10", "20"), None),
    fails("length-too-small", DIRECTORY, field("Content-Length", "10"), PROTOCOL, "is truncated"),
    fails("chunk-of-2-to-63", DIRECTORY, raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                         b"Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\n{}"), NETWORK),
    fails("chunk-in-letters", DIRECTORY, raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), NETWORK),
    fails("endless-headers", DIRECTORY, repeated(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"a" * 1000 + b"\r\n"), LIMIT,
          "headers"),
    fails("header-of-1-mib", DIRECTORY, head_with(b"X-Filler: " + b"a" * MIB + b"\r\n"), LIMIT, "headers"),
    fails("headers-of-100-kib", DIRECTORY, head_with(b"X-Filler: 1\r\n" * 8000), LIMIT, "headers"),
    fails("header-with-nul", DIRECTORY, head_with(b"X-Filler: a\0b\r\n"), None),
    succeeds("header-folded", DIRECTORY, head_with(b"X-Filler: a\r\n b\r\n")),
    fails("flood-of-100", DIRECTORY, interim(b"HTTP/1.1 100 Continue\r\n\r\n", 100000), LIMIT, "headers"),
    fails("flood-of-103", DIRECTORY, interim(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 20000), LIMIT, "headers"),
    succeeds("some-interim-replies", DIRECTORY, interim(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 5)),
    fails("switching-protocols", DIRECTORY, interim(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", 1), None),
    fails("half-a-head", DIRECTORY, after_part(lambda n: 25), None),
    fails("half-a-body", DIRECTORY, after_part(lambda n: n - 20), NETWORK),
    fails("half-a-chain", "certificate", after_part(lambda n: n - 500), NETWORK),
    fails("tls-untrusted", None, [], NETWORK, "not trusted", port="untrusted"),
    fails("tls-misnamed", None, [], NETWORK, "not trusted", port="misnamed"),
    fails("tls-outdated", None, [], NETWORK, "not trusted", port="outdated"),
    fails("tls-1.1", None, [], NETWORK, "TLS", port="old"),
    fails("no-tls", None, [], NETWORK, "TLS", port="plain"),
    fails("door-shut", None, [], NETWORK, port="shut"),
] + [fails(f"closed-at-{place}", place, cut, NETWORK) for place in PLACES]

SLOW = [
    fails("slow-body", DIRECTORY, dripping(), NETWORK, "60 seconds", slow=True),
    fails("slow-body-of-chain", "certificate", dripping(lambda r: r.head(), data=lambda r: r.body), NETWORK, "60 seconds",
          slow=True),
    fails("slow-headers", "new-order", dripping(lambda r: b"HTTP/1.1 201 Created\r\n", data=lambda r: b"X: y\r\n" * HOLD),
          NETWORK, "60 seconds", slow=True),
    fails("slow-interim-replies", DIRECTORY, repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.9), NETWORK, "60 seconds",
          slow=True),
    fails("slow-blanks", "account", repeated(lambda r: r.head().replace(b"Content-Length", b"X-Length"), b" ", 0.9), NETWORK,
          "60 seconds", slow=True),
    fails("slow-chunks", "authorization", repeated(
        lambda r: r.head().replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n").replace(
            b"Content-Length", b"X-Length"), b"1\r\n \r\n", 0.9), NETWORK, "60 seconds", slow=True),
    fails("silent-after-directory", "nonce", silent, NETWORK, "60 seconds", slow=True),
    fails("silent-at-finalize", "finalize", silent, NETWORK, "60 seconds", slow=True),
    fails("no-handshake", None, [], NETWORK, "timed out", slow=True, port="mute"),
    succeeds("retry-after-of-a-day", ["order", "finalize"], [field("Retry-After", "86400"), lambda r, s: process_for(5, r, s)],
             slow=True),
    Fault("order-reply-lost-and-found", "new-order", cut, RECOVERS, times=1, slow=True),
]


def process_for(seconds, reply, situation):
    """The order is processed for so long, from finalize on."""
    order = situation.order
    if situation.where == "finalize":
        order.done_at = time.monotonic() + seconds
    parsed = json.loads(reply.body)
    if order.status() == "processing":
        parsed.pop("certificate", None)
    reply.body = json.dumps(dict(parsed, status=order.status())).encode()

# ---- nonces and accounts

ACCOUNT = "account"
ALL = "any request"
NONCES = [
    fails("nonce-missing", "nonce", no_nonce, PROTOCOL, "nonce"),
    fails("nonce-empty", "nonce", field("Replay-Nonce", ""), PROTOCOL, "nonce"),
    fails("nonce-of-600", "nonce", field("Replay-Nonce", "a" * 600), PROTOCOL, "nonce"),
    fails("nonce-of-60000", "nonce", field("Replay-Nonce", "a" * 60000), PROTOCOL, "nonce"),
    fails("nonce-with-blank", "nonce", field("Replay-Nonce", "abc def"), PROTOCOL, "nonce"),
    fails("nonce-of-plain-base64", "nonce", field("Replay-Nonce", "ab+/cd=="), PROTOCOL, "nonce"),
    fails("nonce-with-quotes", "nonce", field("Replay-Nonce", '","alg":"none","x":"'), PROTOCOL, "nonce"),
    fails("nonce-with-letters", "nonce", field("Replay-Nonce", "n\u00f6nce"), PROTOCOL, "nonce"),
    fails("two-nonces", "nonce", field("Replay-Nonce", "first", "second"), PROTOCOL, "nonce"),
    succeeds("nonce-status-500", "nonce", status(500)),
    succeeds("nonces-in-replies-missing", ALL, no_nonce),
    succeeds("nonces-in-replies-wrong", ALL, field("Replay-Nonce", "not a nonce")),
    succeeds("bad-nonce-once-each", ["account", "new-order", "finalize"], problem(400, "badNonce"), early=True, times=1),
    succeeds("bad-nonce-4-times", "new-order", problem(400, "badNonce"), early=True, times=4),
    succeeds("bad-nonce-without-nonce", "new-order", [problem(400, "badNonce"), no_nonce], early=True, times=1),
    fails("bad-nonce-for-ever", ALL, problem(400, "badNonce"), "badNonce", early=True),
    fails("bad-nonce-at-finalize-for-ever", "finalize", problem(400, "badNonce"), "badNonce", early=True),
    fails("the-same-nonce-for-ever", ["nonce", ALL], field("Replay-Nonce", "AAAAAAAAAAAAAAAAAAAAAA"), "badNonce"),
    succeeds("nonce-by-status-204", "nonce", status(204)),
]

ACCOUNTS = [
    fails("account-without-location", ACCOUNT, field("Location"), PROTOCOL, "URL of the account"),
    fails("account-two-locations", ACCOUNT, field("Location", same("account/0"), same("account/1")), PROTOCOL,
          "more than one Location"),
    fails("account-foreign-location", ACCOUNT, field("Location", abroad("account")), PROTOCOL),
    fails("account-http-location", ACCOUNT, field("Location", at_home("account/0", "http")), PROTOCOL,
          "not an https URL"),
    fails("account-location-of-3000", ACCOUNT, field("Location", longest(3000)), PROTOCOL),
    fails("account-location-with-quotes", ACCOUNT, field("Location", same('account/","x":"')), "accountDoesNotExist"),
    fails("account-deactivated", ACCOUNT, member("status", "deactivated"), None, "deactivated"),
    fails("account-revoked", ACCOUNT, member("status", "revoked"), None, "revoked"),
    fails("account-status-unknown", ACCOUNT, member("status", "splendid"), PROTOCOL, "status"),
    fails("account-status-missing", ACCOUNT, without("status"), PROTOCOL, "status"),
    fails("account-status-number", ACCOUNT, member("status", 1), PROTOCOL, "status"),
    succeeds("account-contact-text", ACCOUNT, member("contact", "mailto:x@example.test")),
    succeeds("account-contact-without-scheme", ACCOUNT, member("contact", ["admin@case.example"])),
    succeeds("account-contacts-1000", ACCOUNT, member("contact", ["mailto:x@example.test"] * 1000)),
    succeeds("account-orders-number", ACCOUNT, member("orders", 1)),
    succeeds("account-orders-http", ACCOUNT, member("orders", "http://ca.test/orders")),
    fails("account-does-not-exist", "new-order", problem(400, "accountDoesNotExist"), "accountDoesNotExist", early=True),
    succeeds("account-forgotten-once", "new-order", problem(400, "accountDoesNotExist"), early=True, times=1),
    fails("account-unauthorized", "new-order", problem(403, "unauthorized", "The account is deactivated."), "unauthorized",
          "deactivated"),
    fails("account-user-action", ACCOUNT, problem(
        403, "userActionRequired", "The terms have changed.", instance="https://authority.example/agree?token=1",
        headers=[("Link", '<https://authority.example/terms/2>;rel="terms-of-service"')]), "userActionRequired",
        "The terms have changed", "https://authority.example/agree?token=1"),
    fails("account-binding-required", ACCOUNT, problem(403, "externalAccountRequired"), "externalAccountRequired"),
    fails("account-binding-missing", None, [], None, "EABKeyId", binding=("kid", b"secret", "HS256")),
    fails("account-unsupported-contact", ACCOUNT, problem(400, "unsupportedContact", "No such scheme"),
          "unsupportedContact", "No such scheme"),
    fails("account-bad-algorithm", ACCOUNT, problem(400, "badSignatureAlgorithm", algorithms=["ES512"]),
          "badSignatureAlgorithm", "it takes ES512"),
    fails("account-bad-key", ACCOUNT, problem(400, "badPublicKey"), "badPublicKey"),
    fails("account-html", ACCOUNT, body("<html></html>", "text/html")),
    succeeds("account-orders-abroad", ACCOUNT, member("orders", abroad("orders"))),
]

# ---- orders

NEW = "new-order"
BOTH = [NEW, "order"]
IDENTIFIER = {"type": "dns", "value": "else.example.test"}
ORDERS = [
    fails("order-without-location", NEW, field("Location"), PROTOCOL, "URL of the order"),
    fails("order-two-locations", NEW, field("Location", same("order/0"), same("order/1")), PROTOCOL),
    fails("order-foreign-location", NEW, field("Location", abroad("order/0")), PROTOCOL),
    fails("order-http-location", NEW, field("Location", at_home("order/0", "http")), PROTOCOL),
    fails("order-without-status", NEW, without("status"), PROTOCOL, "status"),
    fails("order-without-identifiers", NEW, without("identifiers"), PROTOCOL, "identifiers"),
    fails("order-without-authorizations", NEW, without("authorizations"), PROTOCOL, "authorizations"),
    fails("order-without-finalize", NEW, without("finalize"), PROTOCOL, "finalize"),
    fails("order-status-number", NEW, member("status", 7), PROTOCOL, "status"),
    fails("order-status-unknown", "order", member("status", "splendid"), PROTOCOL, "status"),
    fails("order-status-with-escape", NEW, member("status", "\x1b[2Jready"), PROTOCOL, "status"),
    fails("order-identifiers-object", NEW, member("identifiers", {}), PROTOCOL, "identifiers"),
    fails("order-identifiers-numbers", NEW, member("identifiers", [1]), PROTOCOL, "identifiers"),
    fails("order-identifier-without-value", NEW, without("identifiers.0.value"), PROTOCOL, "value"),
    fails("order-identifier-type-number", NEW, member("identifiers.0.type", 1), PROTOCOL, "identifier"),
    fails("order-identifier-with-nul", NEW, member("identifiers.0.value", "a\0.example.test"), PROTOCOL),
    fails("order-identifier-of-dots", NEW, member("identifiers.0.value", "../../etc/passwd"), PROTOCOL, "value"),
    fails("order-other-name", NEW, member("identifiers", [IDENTIFIER]), PROTOCOL, "other names"),
    fails("order-more-names", NEW, edit(lambda o: o["identifiers"].append(IDENTIFIER)), PROTOCOL),
    fails("order-fewer-names", NEW, edit(lambda o: o["identifiers"].pop()), PROTOCOL,
          names=["order-fewer-names.example.test", "www.order-fewer-names.example.test"]),
    fails("order-no-names", NEW, member("identifiers", []), PROTOCOL, "identifiers"),
    fails("order-wildcard-instead", NEW, edit(lambda o: o["identifiers"][0].update(value="*." + o["identifiers"][0]["value"])),
          PROTOCOL),
    fails("order-1000-names", NEW, edit(lambda o: o["identifiers"].extend(
        {"type": "dns", "value": f"n{i}.example.test"} for i in range(1000))), PROTOCOL, "identifiers"),
    succeeds("order-name-in-capitals", BOTH, edit(lambda o: o["identifiers"][0].update(
        value=o["identifiers"][0]["value"].upper()))),
    fails("order-changes-names", "order", member("identifiers", [IDENTIFIER]), PROTOCOL),
    fails("order-authorizations-text", NEW, member("authorizations", "x"), PROTOCOL, "authorizations"),
    fails("order-authorizations-numbers", NEW, member("authorizations", [1]), PROTOCOL, "authorizations"),
    fails("order-authorizations-none", NEW, member("authorizations", []), PROTOCOL, "authorizations"),
    fails("order-authorizations-1000", NEW, edit(lambda o: o["authorizations"].extend(o["authorizations"] * 1000)),
          PROTOCOL, "authorizations"),
    fails("order-foreign-authorization", NEW, member("authorizations.0", abroad("authorization")), PROTOCOL,
          "another server"),
    fails("order-http-authorization", NEW, member("authorizations.0", at_home("authorization/0", "http")), PROTOCOL,
          "authorizations"),
    fails("order-finalize-null", NEW, member("finalize", None), PROTOCOL, "finalize"),
    succeeds("order-foreign-finalize-first", NEW, member("finalize", abroad("finalize"))),  # it is not needed yet
    fails("order-foreign-finalize", BOTH, member("finalize", abroad("finalize")), PROTOCOL, "another server"),
    fails("order-foreign-certificate", ["order", "finalize"], member("certificate", abroad("certificate")), PROTOCOL,
          "another server"),
    fails("order-certificate-number", ["order", "finalize"], member("certificate", 5), PROTOCOL, "certificate"),
    succeeds("order-certificate-empty", NEW, member("certificate", "")),
    succeeds("order-location-nobody-reads", ["authorization", "challenge", "order", "finalize", "certificate"],
             field("Location", "/here", abroad("there"))),
    succeeds("order-steps-behind-it", ["order", "finalize"], edit(lambda o: o.update(
        {"finalize": 7, "authorizations": "done"} if o["status"] in ("processing", "valid") else {}))),
    succeeds("order-expires-garbage", NEW, member("expires", "tomorrow")),
    succeeds("order-expires-number", BOTH, member("expires", 5)),
    succeeds("order-error-text", BOTH, member("error", "x")),
    succeeds("order-profile-number", BOTH, member("profile", 7)),
    succeeds("order-replaces-list", BOTH, member("replaces", [])),
    fails("order-valid-without-certificate", NEW, member("status", "valid"), PROTOCOL, "certificate"),
    fails("order-valid-later-without-certificate", "order", [member("status", "valid"), edit(
        lambda o: o.pop("certificate", None) and None)], PROTOCOL, "certificate"),
    fails("order-invalid", NEW, member("status", "invalid"), None),
    fails("order-invalid-with-error", "order", [member("status", "invalid"), member("error", failed(
        "caa", "CAA forbids it"))], "caa", "CAA forbids it"),
    fails("order-deactivated", NEW, member("status", "deactivated"), PROTOCOL, "status"),
    fails("order-revoked", "order", member("status", "revoked"), PROTOCOL, "status"),
    fails("order-ready-too-early", NEW, member("status", "ready"), "orderNotReady"),
    fails("order-not-ready", "finalize", problem(403, "orderNotReady", "Not yet"), "orderNotReady", "Not yet", early=True),
    waits("order-ready-for-ever", ["order", "finalize"], [
        member("status", lambda s: "pending" if s.order.status() == "pending" else "ready"),
        edit(lambda o: o.pop("certificate", None) and None)]),
    waits("order-pending-for-ever", "order", member("status", "pending")),
    waits("order-processing-for-ever", ["order", "finalize"], member("status", "processing")),
    fails("order-bad-csr", "finalize", problem(400, "badCSR", "The request is wrong"), "badCSR", "The request is wrong",
          early=True),
    fails("order-rejected", NEW, problem(
        400, "rejectedIdentifier", "Policy forbids it",
        subproblems=[{"type": "urn:ietf:params:acme:error:malformed", "detail": "This one is wrong",
                      "identifier": {"type": "dns", "value": "order-rejected.example.test"}}]),
        "rejectedIdentifier", "Policy forbids it", "This one is wrong", "order-rejected.example.test"),
    fails("order-rate-limited", NEW, problem(429, "rateLimited", "Too many", headers=[
        ("Retry-After", "3600"), ("Link", '<https://authority.example/limits>;rel="help"')]), "rateLimited", "Too many"),
    fails("order-gone", "order", problem(404, "malformed", "No such order"), "malformed", "No such order"),
    fails("order-reply-lost", NEW, cut, NETWORK, "looked for", times=1),  # another order would succeed
    fails("order-html", NEW, body("<html></html>", "text/html")),
]

# ---- authorizations and challenges

AUTHORIZATION = "authorization"


def token(value):
    return member("challenges.0.token", value)


def bad_token(name, value, code=PROTOCOL, text="token"):
    return fails("token-" + name, AUTHORIZATION, token(value), code, *[text] if text else [])


NAMES = [
    bad_token("of-dots", "../../../../etc/passwd/aaaaaaaaaa"),
    bad_token("of-shell", "$(touch /tmp/certwright-was-here)aaaaaaaaaa"),
    bad_token("of-backquotes", "`id`aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    bad_token("of-1-mib", "a" * MIB, LIMIT, str(256 * KIB)),
    bad_token("of-100-kib", "a" * 100 * KIB),
    bad_token("of-129", "a" * 129),
    bad_token("of-21", "a" * 21),
    bad_token("empty", ""),
    bad_token("with-nul", "aaaaaaaaaaaaaaaaaaaaaa\0a", text=None),
    bad_token("with-line-end", "aaaaaaaaaaaaaaaaaaaaaa\r\nSet-Cookie: a=b"),
    bad_token("with-blank", "aaaaaaaaaaa aaaaaaaaaaa"),
    bad_token("with-percent", "%2e%2e%2faaaaaaaaaaaaaaaaaaaa"),
    bad_token("of-base64", "aaaaaaaaaaaaaaaaaaaaaa=="),
    bad_token("with-letters", "\u00e4" * 22),
    bad_token("number", 1),
    bad_token("list", ["aaaaaaaaaaaaaaaaaaaaaa"]),
    fails("token-missing", AUTHORIZATION, without("challenges.0.token"), PROTOCOL, "token"),
    fails("authorization-other-name", AUTHORIZATION, member("identifier.value", "else.example.test"), PROTOCOL,
          "else.example.test"),
    fails("authorization-of-type-email", AUTHORIZATION, member("identifier.type", "email"), PROTOCOL, "identifier"),
    fails("authorization-wildcard", AUTHORIZATION, member("wildcard", True), PROTOCOL),
    fails("authorization-wildcard-text", AUTHORIZATION, member("wildcard", "no"), PROTOCOL, "wildcard"),
    fails("authorization-starred", AUTHORIZATION, edit(lambda a: a["identifier"].update(
        value="*." + a["identifier"]["value"])), PROTOCOL),
    fails("authorization-without-identifier", AUTHORIZATION, without("identifier"), PROTOCOL, "identifier"),
    fails("authorization-without-challenges", AUTHORIZATION, without("challenges"), "ChallengeFailed"),
    fails("authorization-no-challenges", AUTHORIZATION, member("challenges", []), None),
    fails("authorization-challenges-object", AUTHORIZATION, member("challenges", {}), PROTOCOL, "challenges"),
    fails("authorization-1000-challenges", AUTHORIZATION, edit(lambda a: a["challenges"].extend(a["challenges"] * 1000)),
          PROTOCOL, "challenges"),
    fails("authorization-unknown-challenges", AUTHORIZATION, member("challenges.0.type", "quantum-01"), "ChallengeFailed"),
    succeeds("authorization-further-challenges", AUTHORIZATION, edit(lambda a: a["challenges"].insert(
        0, dict(a["challenges"][0], type="quantum-01", token="../x", x=[1, {}])))),
    fails("authorization-invalid", AUTHORIZATION, member("status", "invalid"), None),
    fails("authorization-invalid-with-error", AUTHORIZATION, [member("status", "invalid"), member(
        "challenges.0.status", "invalid"), member("challenges.0.error", failed("dns", "NXDOMAIN"))], None),
    fails("authorization-expired", AUTHORIZATION, member("status", "expired"), None),
    fails("authorization-deactivated", AUTHORIZATION, member("status", "deactivated"), None),
    fails("authorization-revoked", AUTHORIZATION, member("status", "revoked"), None),
    fails("authorization-processing", AUTHORIZATION, member("status", "processing"), PROTOCOL, "status"),
    waits("authorization-valid-unproved", AUTHORIZATION, member("status", "valid")),
    fails("authorization-html", AUTHORIZATION, body("<html></html>", "text/html")),
    fails("challenge-without-url", AUTHORIZATION, without("challenges.0.url"), PROTOCOL, "url"),
    fails("challenge-foreign-url", AUTHORIZATION, member("challenges.0.url", abroad("challenge")), PROTOCOL, "url"),
    fails("challenge-http-url", AUTHORIZATION, member("challenges.0.url", at_home("challenge/0", "http")), PROTOCOL, "url"),
    fails("challenge-url-number", AUTHORIZATION, member("challenges.0.url", 1), PROTOCOL, "url"),
    fails("challenge-status-unknown", AUTHORIZATION, member("challenges.0.status", "splendid"), PROTOCOL, "status"),
    fails("challenge-type-number", AUTHORIZATION, member("challenges.0.type", 1), "ChallengeFailed", "does not offer http-01"),
    succeeds("challenges-of-other-types", AUTHORIZATION, edit(lambda a: a["challenges"].extend(
        [{"type": "x-01"}, {"type": 1, "status": "odd"}, {}, dict(a["challenges"][0], type="y", url="x", error="no")]))),
    succeeds("challenge-error-text", ["authorization", "challenge"], lambda r, s: setattr(
        r, "body", r.body.replace(b'"type": "http-01"', b'"type": "http-01", "error": "none"'))),
    succeeds("authorization-expires-number", AUTHORIZATION, member("expires", 0)),
    fails("challenge-refused", "challenge", problem(403, "unauthorized", "Not this one"), "unauthorized", "Not this one",
          early=True),
    fails("challenge-html", "challenge", lambda r, s: Reply(500, b"<html></html>", [("Content-Type", "text/html")]),
          PROTOCOL, "500", early=True),
    fails("challenge-fails", "challenge", lambda reply, s: fail_challenge(reply, s), "connection", "refused", early=True),
    fails("challenge-invalid-at-once", ["challenge", "order"], lambda r, s: leave_pending(r, s, "challenge", status="invalid",
          error=failed("connection", "Connection refused")), "connection", "refused"),
    fails("challenge-invalid-without-reason", ["challenge", "order"], lambda r, s: leave_pending(
        r, s, "challenge", status="invalid"), "AuthorityRefused", "gave no reason"),
    fails("authorization-invalid-later", ["authorization", "order"], lambda r, s: leave_pending(
        r, s, "authorization" if s.n else None, status="invalid"), "AuthorityRefused", "gave no reason"),
    fails("challenge-invalid-later", ["authorization", "order"], lambda r, s: leave_pending(
        r, s, "authorization" if s.n else None, status="pending", challenges=[dict(
            json.loads(r.body)["challenges"][0], status="invalid", error=failed("dns", "NXDOMAIN"))]
        if s.where == "authorization" else None), "dns", "NXDOMAIN"),
]


def leave_pending(reply, situation, where, **members):
    """The order never says that a proof was refused; only this kind of object does."""
    if situation.where == "order":
        members = {"status": "pending"}
    elif situation.where != where:
        return
    reply.body = json.dumps(dict(json.loads(reply.body), **members)).encode()


def fail_challenge(reply, situation):
    """The authority did not find the proof."""
    authorization = situation.authority.authorizations[0]
    authorization.status = authorization.challenge_status = "invalid"
    authorization.error = failed("connection", "Connection refused")
    return problem(400, "malformed", "It is over.")(None, situation) if situation.n else None


# ---- certificates

CHAINS = {  # kind of pki.WRONG -> code; True: that is accepted
    "other key": "KeyMismatch", "other names": "NameMismatch", "only a wildcard": "NameMismatch",
    "a part of the name": "NameMismatch", "no name": "NameMismatch", "a common name alone": "NameMismatch",
    "a NUL in the name": None, "expired": "Expired", "not yet valid": None, "a client's": None, "an authority": None,
    "unknown and critical": None, "self-signed": None, "101 certificates": None, "17 certificates": None,
    "15 certificates": True, "reversed": True, "root in the middle": True, "unrelated issuer": None, "forged": None,
    "below a leaf": None, "below an expired issuer": None, "below RSA of 1024 bits": None, "below DSA": None,
    "for a key of DSA": None, "for a key of 1024 bits": None, "for a small curve": None, "signed with SHA-1": None,
    "signed with MD5": None, "garbage behind the DER": None, "leaf twice": True, "a key inside": True,
    "a key in front": True, "text around": True, "a request inside": True, "an unclosed block": None, "no base64": None,
    "no DER": None, "5000 names": LIMIT, "10 MiB": LIMIT, "empty": None, "with lines that end in CR LF": True,
    "leaf alone": True, "with its root": True, "a name more": True,
}
assert set(CHAINS) == set(WRONG)


def slug(text):
    return text.lower().replace("'", "").replace(" ", "-")


CERTIFICATES = [
    (succeeds if code is True else lambda *a: fails(*a, code))("chain-" + slug(kind), "certificate", chain(kind))
    for kind, code in CHAINS.items()
] + [
    succeeds("alternate-abroad", "certificate", field("Link", lambda s: f'<{abroad("other")(s)}>;rel="alternate"'),
             config=["PreferredChain=Somebody else"]),
    succeeds("alternate-not-there", "certificate", field("Link", lambda s: f'<{s.authority.url("missing")}>;rel="alternate"'),
             config=["PreferredChain=Somebody else"]),
    succeeds("500-alternates", "certificate", field("Link", *[
        lambda s: f'<{s.authority.url("certificate", 0)}>;rel="alternate"'] * 500),
        config=["PreferredChain=Somebody else"]),
    succeeds("alternate-malformed", "certificate", field("Link", '<unclosed;rel="alternate"', "<>;rel", ',,,"'),
             config=["PreferredChain=Somebody else"]),
    succeeds("links-everywhere", PLACES, lambda r, s: r.set(
        "Link", f'<{abroad("up")(s)}>;rel="up"', f'<{abroad("index")(s)}>;rel="index"')),
]

# ---- problem documents

PROBLEMS = [
    fails("detail-with-escapes", NEW, problem(403, "caa", "\x1b[31mred\x1b[0m\x07\x9b2J\r\nLastError=none"), "caa", "red"),
    fails("detail-with-nul", NEW, problem(403, "caa", "a\0b"), PROTOCOL, "403"),
    fails("detail-turned-around", NEW, problem(403, "caa", "abc\u202egnp.exe\u2066\u2069\u200f"), "caa", "abc"),
    fails("detail-of-100-kib", NEW, problem(403, "caa", "long " * 20000), "caa", "long long"),
    fails("detail-of-1-mib", NEW, problem(403, "caa", "a" * MIB), None),
    fails("detail-number", NEW, problem(403, "caa", 5), None),
    fails("detail-missing", NEW, problem(403, "caa", None), "caa"),
    fails("detail-formats", NEW, problem(403, "caa", "%s%n%d%x <b>&amp;</b> ${HOME}"), "caa", "%s%n%d%x"),
    fails("type-of-problem-missing", NEW, problem(403, None, "Just no"), None, "Just no"),
    fails("type-of-problem-foreign", NEW, problem(403, "https://example.test/problem", "Foreign"),
          "https://example.test/problem", "Foreign"),
    fails("type-of-problem-unknown", NEW, problem(403, "splendid", "New"), "splendid", "New"),
    fails("type-of-problem-number", NEW, [problem(403, "caa"), member("type", 5)], None),
    fails("type-of-problem-with-escapes", NEW, problem(403, "c\x1b[2Ja\u202ea"), None),
    fails("type-of-problem-of-10000", NEW, problem(403, "a" * 10000), None),
    fails("type-of-problem-empty", NEW, [problem(403, "caa", "Nothing"), member("type", "")], None, "Nothing"),
    fails("instance-of-script", NEW, problem(403, "caa", "Read on", instance="javascript:alert(1)"), "caa", "Read on"),
    fails("instance-number", NEW, problem(403, "caa", "Read on", instance=5), None),
    fails("10000-subproblems", NEW, problem(403, "caa", "Many", subproblems=[{"type": "x"}] * 10000), None),
    fails("subproblems-nested", NEW, problem(403, "caa", "Nested", subproblems=[{"subproblems": [{"subproblems": []}]}]), None),
    fails("subproblems-text", NEW, problem(403, "caa", "Text", subproblems="x"), None),
    fails("subproblem-identifier-with-escapes", NEW, problem(403, "caa", "Sub", subproblems=[
        {"type": "urn:ietf:params:acme:error:dns", "detail": "\x1b[2J", "identifier": {"type": "dns", "value": "\x1b[2J"}}]),
        None),
    fails("problem-of-another-type", NEW, [problem(403, "caa", "It is so"), field("Content-Type", JSON)], None),
    fails("problem-not-json", NEW, [problem(403, "caa"), body("oops")], None, "403"),
    fails("problem-list", NEW, [problem(403, "caa"), body("[]")], None, "403"),
    fails("problem-with-status-200", NEW, problem(200, "caa", "Not so good."), None),
    fails("order-with-status-400", NEW, status(400), PROTOCOL, "400"),
    fails("problem-in-problem", NEW, problem(403, "compound", "Several"), "compound", "Several"),
    fails("server-internal", "finalize", problem(500, "serverInternal", "Out of order"), "serverInternal", "Out of order",
          early=True),
    fails("problem-of-order-with-escapes", "order", [member("status", "invalid"), member("error", failed(
        "caa", "\x1b]0;title\x07\u202ex"))], "caa"),
]

# ---- profiles: those of the authority are not that of Profile=, or it does not keep to what it says

PREFERRED, REQUIRED = ["Profile=short"], ["Profile=short", "RequireProfile=yes"]
REFUSED = "AuthorityRefused"
PROFILES = [
    succeeds("profile", None, [], config=REQUIRED, profiles=["classic", "short"]),
    succeeds("profile-preferred-and-unknown", None, [], config=PREFERRED, profiles=["classic"]),
    succeeds("profile-preferred-and-no-profiles", None, [], config=PREFERRED),
    succeeds("profile-preferred-and-refused", NEW, problem(400, "invalidProfile", "Not today."), times=1, early=True,
             config=PREFERRED, profiles=["short"]),
    succeeds("profile-preferred-and-not-told", NEW, without("profile"), config=PREFERRED, profiles=["short"]),
    fails("profile-required-and-unknown", None, [], REFUSED, 'no profile "short"', "classic, long", "RequireProfile=no",
          config=REQUIRED, profiles=["classic", "long"]),
    fails("profile-required-and-no-profiles", None, [], REFUSED, "none", config=REQUIRED),
    fails("profile-required-and-refused", NEW, problem(400, "invalidProfile", "Not today."), "invalidProfile", "Not today",
          early=True, config=REQUIRED, profiles=["short"]),
    fails("profile-required-and-not-told", NEW, without("profile"), REFUSED, "no profile", config=REQUIRED,
          profiles=["short"]),
    fails("profile-required-and-another", NEW, member("profile", "classic"), REFUSED, '"classic"', config=REQUIRED,
          profiles=["short"]),
]

ROWS = PROFILES + BODIES + TRANSPORT + NONCES + ACCOUNTS + ORDERS + NAMES + CERTIFICATES + PROBLEMS + SLOW
