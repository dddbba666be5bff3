# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways to go wrong: each is a function of the right reply and the situation, which changes the reply."""
import asyncio
import gzip
import inspect
import json

from authority import ERROR, problem_reply

FAILS, SUCCEEDS, WAITS, RECOVERS = "fails", "succeeds", "waits", "recovers"
KIB, MIB = 1024, 1024 * 1024
STREAM_MAX = 64 * MIB  # then an endless reply is one that stops
HOLD = 200             # seconds that a connection is held when nothing more is said


class Fault:
    """One row of the table.

    where    which replies: one kind or several (authority.py); None: none, it is in how the authority is reached
    how      what is done to them: functions one after the other
    outcome  FAILS with this code and these texts in LastError; SUCCEEDS all the same; WAITS: the order stays under way;
             RECOVERS: the next attempt completes the order of the first
    times    only the first so many replies
    after    only those after so many
    early    instead of doing what was asked for
    port     of the server, by name
    config   further lines of the section [Authority]
    slow     it lasts until a time limit of the client
    profiles that the authority has
    """

    def __init__(self, name, where, how, outcome, code=None, texts=(), times=None, after=0, early=False,
                 port="port", config=(), slow=False, names=None, binding=None, profiles=None):
        self.name, self.outcome, self.code = name, outcome, code
        self.where = (where,) if isinstance(where, str) else where or ()
        self.how = how if isinstance(how, (list, tuple)) else [how]
        self.texts = (texts,) if isinstance(texts, str) else texts
        self.times, self.after, self.early, self.port, self.config = times, after, early, port, config
        self.slow, self.names, self.binding, self.profiles = slow, names, binding, profiles

    def concerns(self, situation):
        posts = situation.request.method == "POST" and "any request" in self.where
        n = situation.n - self.after
        return (situation.where in self.where or posts) and n >= 0 and (self.times is None or n < self.times)

    def refuse(self, situation):
        """The reply in place of the right one, without what that would have done."""
        return self.how[0](None, situation) if self.early else None

    async def spoil(self, reply, situation):
        for how in self.how[1:] if self.early else self.how:
            result = how(reply, situation)
            if inspect.isawaitable(result):
                await result


# ---- bodies

def body(data, content_type=None):
    def how(reply, situation):
        reply.body = data(situation) if callable(data) else data if isinstance(data, bytes) else data.encode()
        if content_type:
            reply.set("Content-Type", content_type)
    return how


def edit(change):
    """change(the parsed body) may return another."""
    def how(reply, situation):
        parsed = json.loads(reply.body)
        other = change(parsed)
        reply.body = json.dumps(parsed if other is None else other).encode()
    return how


def descend(parsed, path):
    """(what holds the last part of "challenges.0.token", that part)"""
    *parts, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for part in parts:
        parsed = parsed[part]
    return parsed, last


def member(path, value):
    """value may be a function of the situation."""
    def how(reply, situation):
        parsed = json.loads(reply.body)
        holder, last = descend(parsed, path)
        holder[last] = value(situation) if callable(value) else value
        reply.body = json.dumps(parsed).encode()
    return how


def without(path):
    def change(parsed):
        holder, last = descend(parsed, path)
        del holder[last]
    return edit(change)


def prefix(text):
    """Members before all others, as they are written here."""
    def how(reply, situation):
        reply.body = b"{" + text.encode() + b"," + reply.body[1:]
    return how


def suffix(data):
    def how(reply, situation):
        reply.body += data
    return how


def replaced(old, new):
    def how(reply, situation):
        assert old in reply.body
        reply.body = reply.body.replace(old, new)
    return how


def encoded(charset):
    def how(reply, situation):
        reply.body = reply.body.decode().encode(charset)
    return how


def zipped(field, value, blow_up=0):
    def how(reply, situation):
        packed = gzip.compress(b" " * blow_up + reply.body)
        if field == "Transfer-Encoding" and "chunked" in value:
            packed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
        elif field == "Transfer-Encoding":
            reply.set("Connection", "close")
        reply.body = packed
        reply.set(field, value)
        if field == "Transfer-Encoding":
            raw(lambda r, s: r.head() + r.body)(reply, situation)
    return how


def chain(kind):
    """Another certificate than the right one (pki.py)."""
    def how(reply, situation):
        order = situation.order
        reply.body = situation.authority.pki.wrong_chain(kind, order.names(), order.request.public_key()).encode()
    return how


# ---- heads

def field(name, *values):
    """Values may be functions of the situation."""
    def how(reply, situation):
        reply.set(name, *[v(situation) if callable(v) else v for v in values])
    return how


def status(number):
    def how(reply, situation):
        reply.status = number
    return how


def redirect(number, to):
    return [status(number), field("Location", to), body(b"")]


def same(what="dir"):
    return lambda s: s.authority.url(what)


def abroad(path, scheme="https"):
    """A URL at a server that nobody should be led to."""
    return lambda s: f"{scheme}://localhost:{s.authority.server.abroad}/{path}"


def at_home(path="", scheme="https", user="", port="port"):
    return lambda s: f"{scheme}://{user}localhost:{getattr(s.authority.server, port)}/{s.authority.name}/{path}"


# ---- problem documents

def problem(number, kind, detail="This is what the authority says.", headers=(), **more):
    """In place of the reply. kind with a colon is a type of its own."""
    def how(reply, situation):
        made = problem_reply(number, kind if kind is None or ":" in str(kind) else ERROR + kind, detail, **more)
        if reply is not None:
            reply.status, reply.body = made.status, made.body
            reply.set("Content-Type", "application/problem+json")
            made = reply
        for name, value in headers:
            made.set(name, value(situation) if callable(value) else value)
        return made
    return how


def failed(kind, detail="This is what the authority says.", **more):
    """The error of an object."""
    return dict({"type": ERROR + kind, "detail": detail, "status": 403}, **more)


def no_nonce(reply, situation):
    reply.set("Replay-Nonce")


# ---- what is not a reply

def stream(function):
    """function(reply, writer), a coroutine, sends what there is; then the connection is closed."""
    def how(reply, situation):
        async def send(writer):
            await function(reply, writer)
        reply.stream = send
    return how


def raw(data):
    """These bytes; data may be a function of the reply and the situation."""
    def how(reply, situation):
        sent = data(reply, situation) if callable(data) else data

        async def send(writer):
            writer.write(sent)
            await writer.drain()
        reply.stream = send
    return how


@stream
async def cut(reply, writer):
    """Closed without a word."""
    writer.transport.abort()


@stream
async def silent(reply, writer):
    await asyncio.sleep(HOLD)


def after_part(of):
    """Closed after a part of the reply: of(how many bytes there are)."""
    def how(reply, situation):
        whole = reply.head() + reply.body
        raw(whole[:of(len(whole))])(reply, situation)
    return how


def dripping(begin=lambda reply: b"", interval=1.0, data=lambda reply: reply.head() + reply.body):
    """A byte in each interval."""
    @stream
    async def how(reply, writer):
        writer.write(begin(reply))
        for i in data(reply):
            await asyncio.sleep(interval)
            writer.write(bytes([i]))
            await writer.drain()
    return how


def repeated(begin, piece, interval=0.0, maximum=STREAM_MAX):
    """One thing again and again."""
    @stream
    async def how(reply, writer):
        sent = 0
        writer.write(begin(reply) if callable(begin) else begin)
        while sent < maximum:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(interval)
        await asyncio.sleep(HOLD)
    return how


def interim(piece, n):
    """Replies of the 100s in front of the right one."""
    def how(reply, situation):
        reply.set("Connection", "close")
        raw(piece * n + reply.head() + reply.body)(reply, situation)
    return how


def head_with(line):
    """The right reply with a further line, as it is, at the end of its head."""
    def how(reply, situation):
        reply.set("Connection", "close")
        head = reply.head()[:-2]
        raw(head + line + b"\r\n" + reply.body)(reply, situation)
    return how


def status_line(line):
    def how(reply, situation):
        raw(line + b"\r\n" + reply.head().split(b"\r\n", 1)[1] + reply.body)(reply, situation)
    return how
