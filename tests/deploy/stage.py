# SPDX-License-Identifier: LGPL-2.1-or-later
"""A delivery that is interrupted (tests/crash/gate.c), and what has to be found then."""
import os
import subprocess

from world import NAME, write

OTHER = "mail.example.com"
FILES = "chain.pem", "key.pem", "other.pem"


class Stage:
    """A service with two files, and a certificate with one that nothing reads; both are due."""

    def __init__(self, world, gate, front):
        self.world, self.gate, self.front = world, gate, front
        self.first, self.second = world.pair(), world.pair()
        self.other = world.pair(OTHER), world.pair(OTHER)
        self.old = {"chain.pem": self.first.chain, "key.pem": self.first.key,
                    "other.pem": self.other[0].chain + self.other[0].key}
        self.new = {"chain.pem": self.second.chain, "key.pem": self.second.key,
                    "other.pem": self.other[1].chain + self.other[1].key}

    def begin(self):
        world = self.world
        world.reset()
        for name, content in self.old.items():
            write(world.at("files", name), content, 0o640)
            os.chown(world.at("files", name), 1234, 4321)
        world.configure(f"[Module]\n[Certificate {NAME}]\n[Certificate {OTHER}]\n[Deploy {NAME}]\n"
                        "FullChainFile=FILES/chain.pem\nKeyFile=FILES/key.pem\nReloadOrRestart=front.service\n"
                        f"Probe=tls://127.0.0.1:{self.front.port}\nProbeTimeout=20s\n"
                        f"[Deploy {OTHER}]\nCombinedFile=FILES/other.pem\n")
        world.serve(self.second)
        world.serve(self.other[1], OTHER)
        self.front.broken = False
        self.front.load()

    def run(self, order):
        """Returns how the program ended, and its system calls."""
        log = self.world.path + ".log"
        if os.path.exists(log):
            os.unlink(log)
        with subprocess.Popen([self.gate, self.world.path, log, *self.world.arguments()], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.world.environment) as gate:
            gate.stdin.write(order.encode() + b"\n")
            gate.stdin.flush()
            gate.stdout.readline()
            gate.wait(60)
        with open(log, encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        os.unlink(log)
        return lines[-1], [line for line in lines if not line.startswith(("#", "0 "))]

    def now(self):
        """For each file: old, new, or what it is instead."""
        found = {}
        for name in FILES:
            content = self.world.content(name)
            st = os.lstat(self.world.at("files", name)) if self.world.has(name) else None
            which = "old" if content == self.old[name] else "new" if content == self.new[name] else f"{content!r:.60}"
            if not st or (st.st_mode & 0o7777, st.st_uid, st.st_gid) != (0o640, 1234, 4321):
                which += f" with {st}"
            found[name] = which
        return found

    def wrong_now(self, mixed):
        """A pair of two files may be mixed between two renames, if the saved set is there to go back to."""
        found = self.now()
        wrong = [f"{name} is {which}" for name, which in found.items() if which not in ("old", "new")]
        if not wrong and found["chain.pem"] != found["key.pem"]:
            mixed.append(found)
            if not os.path.isdir(self.world.at("state/web/saved")):
                wrong.append("a mixed pair, and no saved set")
        return wrong

    def heal(self, wanted="new", state="verified", tidy=True):
        """tidy: nothing is left, not even an empty folder that could not be removed."""
        status, said = self.world.run()
        found, wrong = self.now(), []
        others = set(os.listdir(self.world.at("files"))) - set(FILES)
        if {found["chain.pem"], found["key.pem"]} != {wanted} or found["other.pem"] != "new":
            wrong.append(f"after the next run: {found}")
        if (self.world.state(), self.world.state(OTHER)) != (state, "written"):
            wrong.append(f"the next run: {status} {said!r}")
        left = self.world.leftovers()
        if tidy and (others or left):
            wrong.append(f"left behind: {others} {left}")
        if any(not f.endswith(".certwright-deploy") or os.listdir(f) for f in left):
            wrong.append(f"left behind: {left}")
        return wrong
