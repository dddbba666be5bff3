# SPDX-License-Identifier: LGPL-2.1-or-later
"""HTTP/1.1 by hand, so that every byte of a reply can be wrong, and the addresses at which the authority is found."""
import asyncio
import os
import ssl
import threading
import traceback

from pki import DAY, Issuer, key_to_pem, make, named, to_pem

REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
BODY_MAX = 1024 * 1024


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def header(self, name):
        return self.headers.get(name.lower(), "")


class Reply:
    """What is sent. stream, a coroutine function of a writer, takes the place of all the rest, and the connection is
    closed afterwards."""

    def __init__(self, status=200, body=b"", headers=()):
        self.status, self.body, self.headers = status, body, list(headers)
        self.stream = None

    def set(self, name, *values):
        """The fields of this name are these; none: it has none."""
        self.headers = [h for h in self.headers if h[0].lower() != name.lower()] + [(name, v) for v in values]

    def get(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def head(self):
        lines = [f"HTTP/1.1 {self.status:03} {REASONS.get(self.status, 'Status')}"]
        lines += [f"{n}: {v}" for n, v in self.headers]
        names = [n.lower() for n, _ in self.headers]
        if "content-length" not in names and "transfer-encoding" not in names and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"


async def read_request(reader):
    """None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    first, *lines = head[:-4].split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    size = int(headers.get("content-length", "0"))
    if size > BODY_MAX:
        return None
    return Request(method, target, headers, await reader.readexactly(size))


class Server:
    """Answers by handle(request) -> Reply at several ports, from a thread of its own:

    port        as it should be                    untrusted   by an authority that nobody knows
    misnamed    its certificate has another name   outdated    its certificate has expired
    old         TLS 1.1 alone                      plain       no TLS
    shut        connections are closed at once     mute        nothing is ever said
    abroad      who connects was led astray: .strays counts them
    """

    def __init__(self, folder, handle):
        self.folder, self.handle = folder, handle
        self.strays = []
        self.failures = []
        self.open = 0
        self.opened = 0
        self.tasks = set()
        self.loop = asyncio.new_event_loop()
        self.authority = Issuer("Authority of the servers", end=30 * DAY)
        self.ca_file = os.path.join(folder, "servers.pem")
        with open(self.ca_file, "w") as f:
            f.write(self.authority.pem())
        self.thread = threading.Thread(target=self.run, daemon=True)
        ready = threading.Event()
        self.loop.call_soon(lambda: self.start_task(self.listen(ready)))
        self.thread.start()
        if not ready.wait(20):
            raise RuntimeError("the server did not start")

    def start_task(self, coroutine):
        """Keeps a reference, without which a task may vanish."""
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def context(self, which, authority, name="localhost", **options):
        key = Issuer(name).key
        pem = to_pem(make(named(name), key.public_key(), authority, [name], **options)) + authority.pem()
        path = os.path.join(self.folder, which + ".pem")
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(pem + key_to_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    async def listen(self, ready):
        old = self.context("old", self.authority)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        self.port = await self.bind(self.serve, self.context("good", self.authority))
        self.untrusted = await self.bind(self.serve, self.context("untrusted", Issuer("Nobody knows it")))
        self.misnamed = await self.bind(self.serve, self.context("misnamed", self.authority, "else.example"))
        self.outdated = await self.bind(self.serve, self.context("outdated", self.authority, begin=-9 * DAY, end=-DAY))
        self.old = await self.bind(self.serve, old)
        self.plain = await self.bind(self.serve_plainly, None)
        self.shut = await self.bind(self.shut_door, None)
        self.mute = await self.bind(self.say_nothing, None)
        self.abroad = await self.bind(self.note_stray, None)
        ready.set()

    async def bind(self, serve, context):
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=BODY_MAX)
        return server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        self.open += 1
        self.opened += 1
        try:
            while True:
                request = await read_request(reader)
                if request is None or not await self.answer(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client went
        except Exception as e:
            self.failures += [f"the authority itself failed: {e!r}"] + traceback.format_tb(e.__traceback__)[-1:]
        finally:
            self.open -= 1
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def answer(self, request, writer):
        reply = await self.handle(request)
        if reply.stream:
            await reply.stream(writer)
            return False
        writer.write(reply.head() + (b"" if request.method == "HEAD" else reply.body))
        await writer.drain()
        return True

    async def shut_door(self, reader, writer):
        writer.transport.abort()

    async def serve_plainly(self, reader, writer):
        """As a server without TLS does when a client begins with TLS; nobody should come with HTTP."""
        begin = await reader.read(200)
        if begin[:1].isalpha():
            self.strays.append(begin)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def say_nothing(self, reader, writer):
        await reader.read()
        writer.close()

    async def note_stray(self, reader, writer):
        self.strays.append(await reader.read(200))
        writer.close()

    def close(self):
        """Stops the thread; what is under way is cut off."""
        async def end():
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(20)
