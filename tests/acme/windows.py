# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pebble as an authority with windows of renewal (RFC 9773), which it does not have itself, and what is asked of it."""
import asyncio
import base64
import json
import time
from collections import Counter

from cryptography import x509

from proxy import Proxy
from world import MANAGEMENT_END, certificates_of

DAY = 86400
INFO = "/renewal-info"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def identifier_of(certificate):
    """What a certificate is called (RFC 9773 section 4.1)."""
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number
    return f"{_base64url(key)}.{_base64url(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def reply(status, body=b"", kind="application/json", **fields):
    """A whole reply; retry_after= and the like are further fields."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def suggest(start, end, page=None, **fields):
    """A window as it should be; start and end: seconds, or whatever is to be there instead."""
    window = {k: moment(v) if isinstance(v, (int, float)) else v for k, v in (("start", start), ("end", end))}
    body = {"suggestedWindow": window, **({"explanationURL": page} if page else {})}
    return reply(200, json.dumps(body).encode(), **{"retry_after": 21600, **fields})


def later(page=None, **fields):
    """In ten days, for two."""
    now = int(time.time())
    return suggest(now + 10 * DAY, now + 12 * DAY, page, **fields)


def over():
    """An hour that is just passing: the certificate may be of this second."""
    now = int(time.time())
    return suggest(now - 3600, now + 1)


def open_now():
    """An hour that goes on for a minute."""
    now = int(time.time())
    return suggest(now - 3600, now + 60)


def _split(message):
    """Head and body, the chunks of which are put together."""
    head, body = message.split(b"\r\n\r\n", 1)
    if b"transfer-encoding: chunked" not in head.lower():
        return head, body
    whole = b""
    while body:
        size, body = body.split(b"\r\n", 1)
        whole, body = whole + body[:int(size, 16)], body[int(size, 16) + 2:]
    return head, whole


def _field(head, name):
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith(name.lower() + ": "):
            return line.split(": ", 1)[1]
    return None


def _with_body(head, body):
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length:", b"transfer-enc"))]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


class Placed:
    """A new order that was asked for."""

    def __init__(self, payload):
        self.when = time.monotonic()
        self.names = [i["value"] for i in payload["identifiers"]]
        self.replaces = payload.get("replaces")


class Windows(Proxy):
    """What can be set, by the name of a certificate where it is its answer:

    answers   name -> the reply to who asks for its window, or a function that gives it; usual for all others
    on_order  Placed -> the reply instead of the authority's; None: that is asked
    holds     new orders are made, and nobody is told
    swallows  not even that
    shut      connections are closed, and no more than counted
    lists     accounts have a list of their orders
    delay     seconds that a reply to a signed request takes, a function
    """

    def __init__(self, folder, pki, port, pebble, name):
        super().__init__(folder, pki, port, pebble.port)
        self.name, self.trust = name, pebble.trust
        self.answers, self.usual = {}, later
        self.on_order = None
        self.holds = self.swallows = self.shut = False
        self.lists, self.delay = True, None
        self.placed, self.asked = [], []  # Placed; (when, identifier)
        self.finalized, self.issued = Counter(), {}  # by name: requests; serial -> certificate
        self.turn = asyncio.Lock()  # Pebble can lock itself out when it does several things at once, on a busy machine
        self.name_of = {}  # of orders by their number, of certificates by their identifier

    # ---- what was seen

    def orders(self, name):
        return [p for p in self.placed if p.names[0] == name]

    def asked_for(self, name):
        """When it was, each time."""
        return [when for when, identifier in list(self.asked) if self.name_of.get(identifier) == name]

    def most_orders(self, seconds):
        """The most new orders within so many seconds, whenever they begin."""
        times, most, first = sorted(p.when for p in self.placed), 0, 0
        for last, when in enumerate(times):
            while when - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def forget(self):
        self.placed, self.asked, self.finalized, self.issued = [], [], Counter(), {}

    # ---- what is answered

    async def _serve(self, reader, writer):
        if self.shut:
            self.connections += 1
            writer.transport.abort()
        else:
            await super()._serve(reader, writer)

    async def answer(self, method, path, request, pass_on):
        if self.shut:
            return None
        kind, number = (path.split("/") + [""])[1:3]
        if f"/{kind}" == INFO:
            return self._window(number)

        async def in_turn():
            async with self.turn:
                return await pass_on()
        if kind == "order-plz":
            result = await self._order(request, in_turn)
        else:
            self._note(kind, number)
            result = await in_turn()
        if not result or method == "HEAD":
            return result
        if self.delay and method == "POST":
            await asyncio.sleep(self.delay())
        return self._changed(kind, result)

    def _window(self, identifier):
        self.asked.append((time.monotonic(), identifier))
        answer = self.answers.get(self.name_of.get(identifier), self.usual)
        return answer() if callable(answer) else answer

    async def _order(self, request, pass_on):
        text = json.loads(_split(request)[1])["payload"]
        placed = Placed(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        refusal = self.on_order(placed) if self.on_order else None
        result = refusal or (None if self.swallows else await pass_on())
        location = _field(_split(result)[0], "Location") if result else None
        if location:
            self.name_of[location.rsplit("/", 1)[1]] = placed.names[0]
        self.placed.append(placed)
        while self.holds or self.swallows:
            await asyncio.sleep(0.05)
        return result

    def _note(self, kind, number):
        if kind == "finalize-order":
            self.finalized[self.name_of.get(number, number)] += 1

    def _changed(self, kind, result):
        """What the authority said, with what it cannot do."""
        head, body = _split(result)
        if kind == "certZ" and b" 200 " in head[:16]:
            leaf = certificates_of(body[:body.index(MANAGEMENT_END) + len(MANAGEMENT_END)])[0]
            name = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value[0].value
            self.issued.setdefault(name, {})[leaf.serial_number] = leaf
            self.name_of[identifier_of(leaf)] = name
        elif kind == "dir":
            data = {**json.loads(body), "renewalInfo": self.directory.removesuffix("/dir") + INFO}
            return _with_body(head, json.dumps(data).encode())
        elif kind in ("sign-me-up", "my-account") and not self.lists and body.startswith(b"{"):
            data = {k: v for k, v in json.loads(body).items() if k != "orders"}
            return _with_body(head, json.dumps(data).encode())
        return result
