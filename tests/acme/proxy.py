# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TLS proxy in front of an authority, which counts what passes."""
import asyncio
import ssl
import threading
from collections import Counter


class Proxy:
    """Passes requests on to 127.0.0.1:upstream_port with the Host that the client used, so that the authority's URLs
    lead here again."""

    def __init__(self, folder, pki, port, upstream_port):
        chain, key = pki.issue("localhost")
        folder.write("proxy/chain.pem", chain)
        folder.write("proxy/key.pem", key, 0o600)
        self.port, self.upstream_port = port, upstream_port
        self.directory = f"https://localhost:{port}/dir"
        self.requests, self.connections = [], 0
        self.server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server_context.load_cert_chain(folder.of("proxy/chain.pem"), folder.of("proxy/key.pem"))
        self.server_context.set_alpn_protocols(["http/1.1"])
        self.client_context = ssl.create_default_context(cafile=folder.of("pebble/trust.pem"))
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def _run(self, ready):
        self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.server_context))
        ready.set()
        self.loop.run_forever()

    @staticmethod
    async def _message(reader):
        """One message as it stands, and its first line; None at the end."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return None, None
        first, *fields = head.decode("latin-1").split("\r\n")
        fields = dict(f.lower().split(": ", 1) for f in fields if ": " in f)
        body = b""
        if "content-length" in fields and not first.startswith("HEAD"):
            body = await reader.readexactly(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            while True:
                size = await reader.readuntil(b"\r\n")
                body += size + await reader.readexactly(int(size, 16) + 2)
                if int(size, 16) == 0:
                    break
        return first, head + body

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            upstream = await asyncio.open_connection("localhost", self.upstream_port, ssl=self.client_context)
        except OSError:
            writer.close()
            return
        try:
            while await self._serve_one(reader, writer, upstream):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass  # one of them is gone
        for w in writer, upstream[1]:
            w.close()

    async def _serve_one(self, reader, writer, upstream):
        """Whether it was one more request that could be answered."""
        first, request = await self._message(reader)
        if not first:
            return False
        method, path, _ = first.split(" ", 2)
        self.requests.append((method, path))
        reply = await self.answer(method, path, request, lambda: self._pass_on(method, request, *upstream))
        if reply:
            writer.write(reply)
        return bool(reply)

    async def _pass_on(self, method, request, up_reader, up_writer):
        up_writer.write(request)
        if method == "HEAD":
            return await up_reader.readuntil(b"\r\n\r\n")
        return (await self._message(up_reader))[1]

    async def answer(self, _method, _path, _request, pass_on):
        """The reply to a request, as it stands; None: the connection is closed. pass_on() asks the authority."""
        return await pass_on()

    def count(self):
        """Requests by their kind: method and first part of the path."""
        return Counter(f"{method} /{path.split('/')[1]}" for method, path in list(self.requests))

    def clear(self):
        self.requests = []
        self.connections = 0

    def stop(self):
        self.loop.call_soon_threadsafe(self._end)

    def _end(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)
