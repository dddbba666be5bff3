#!/usr/bin/python3 -I
# SPDX-License-Identifier: LGPL-2.1-or-later
"""handshakes - a constant load of TLS handshakes

    handshakes PORT NAME THREADS PAUSE RESULT

Connects to PORT of this machine in THREADS threads, each time anew and without resumption, and sends NAME, until SIGTERM.
After each handshake a thread waits for PAUSE seconds, so that others have the processor, too. Then writes to RESULT, as
JSON, how many handshakes there were, how many failed, and of these those in which the server's signature did not belong
to its certificate: it had a mixed pair.
"""

import collections
import json
import signal
import socket
import ssl
import sys
import threading


class Load:
    def __init__(self, port, name, pause):
        self.port, self.name, self.pause = port, name, pause
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.count = 0
        self.leaves = set()
        self.failures = collections.Counter()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # resumes no session by itself
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def handshake(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
            with self.context.wrap_socket(plain, server_hostname=self.name) as s:
                return s.getpeercert(binary_form=True)

    def run(self):
        while not self.stop.wait(self.pause):
            try:
                leaf, failure = self.handshake(), None
            except OSError as e:               # SSLError is one of them
                leaf, failure = None, f"{type(e).__name__}: {getattr(e, 'reason', None) or e}"
            with self.lock:
                self.count += 1
                if failure:
                    self.failures[failure] += 1
                else:
                    self.leaves.add(leaf)

    def result(self):
        mixed = sum(n for text, n in self.failures.items() if "SIGNATURE" in text.upper())
        return {
            "handshakes": self.count,
            "failed": sum(self.failures.values()),
            "mixed": mixed,
            "leaves": len(self.leaves),
            "failures": self.failures,
        }


def main():
    port, name, threads, pause, path = sys.argv[1:]
    load = Load(int(port), name, float(pause))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: load.stop.set())
    workers = [threading.Thread(target=load.run) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(0.2)                   # signals are handled in between
    with open(path, "w", encoding="utf-8") as file:
        json.dump(load.result(), file)


main()
