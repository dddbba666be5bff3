# SPDX-License-Identifier: LGPL-2.1-or-later
"""A resolver in front of one authoritative server: it follows CNAMEs from zone to zone, which that does not, and
asks it for the rest. UDP alone (RFC 1035)."""
import socket
import struct
import threading

CNAME = 5


def _name(message, at):
    """The name at this place as labels, and where it ends."""
    labels, end = [], None
    while message[at]:
        if message[at] & 0xC0:
            end = end or at + 2
            at = struct.unpack_from("!H", message, at)[0] & 0x3FFF
        else:
            labels.append(message[at + 1:at + 1 + message[at]])
            at += 1 + message[at]
    return labels, end or at + 1


def _wire(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _answers(message):
    """Of the answer section: (owner, kind, record as it stands from the kind on, labels of a CNAME's target)."""
    count, at = struct.unpack_from("!H", message, 6)[0], _name(message, 12)[1] + 4
    for _ in range(count):
        owner, at = _name(message, at)
        kind, _, _, size = struct.unpack_from("!HHIH", message, at)
        target = _name(message, at + 10)[0] if kind == CNAME else None
        yield owner, kind, message[at:at + 10 + size], target
        at += 10 + size


class Resolver:
    ADDRESS = "127.0.0.3:53"

    def __init__(self, upstream):
        self.upstream = upstream
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.3", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            try:
                self.socket.sendto(self._resolve(query), client)
            except OSError:
                pass  # the client asks again

    def _ask(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((self.upstream, 53))
            s.send(query)
            return s.recv(65535)

    def _resolve(self, query):
        """The question is answered as it stands; behind its CNAMEs come what their targets have."""
        labels, end = _name(query, 12)
        question, records = query[12:end + 4], []
        kind = struct.unpack_from("!H", query, end)[0]
        for _ in range(8):
            reply = self._ask(query[:2] + b"\1\0\0\1\0\0\0\0\0\0" + _wire(labels) + query[end:end + 4])
            found = list(_answers(reply))
            if kind == CNAME or len(found) != 1 or found[0][1] != CNAME:
                break
            owner, _, record, labels = found[0]
            target = _wire(labels)
            records.append(_wire(owner) + record[:8] + struct.pack("!H", len(target)) + target)
        if not records:
            return reply[:2] + bytes([reply[2] | 1, reply[3] | 0x80]) + reply[4:]
        records += [_wire(owner) + record for owner, _, record, _ in found]
        head = query[:2] + b"\x81" + bytes([0x80 | reply[3] & 15]) + struct.pack("!4H", 1, len(records), 0, 0)
        return head + question + b"".join(records)
