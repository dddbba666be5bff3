# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two name servers: pebble-challtestsrv, for which every name is this machine, and knotd, which takes updates."""
import json
import subprocess
import urllib.request

from machine import Process


class Challtestsrv:
    ADDRESS, MANAGEMENT = "127.0.0.1:53", "127.0.0.1:8055"

    def __init__(self, folder):
        self.process = Process(
            ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "::1", "-dns01", self.ADDRESS,
             "-management", self.MANAGEMENT, "-http01", "", "-https01", "", "-tlsalpn01", ""],
            folder.of("challtestsrv.log"))
        self.process.wait_for_port("127.0.0.1", 8055)
        self.process.wait_for_port("127.0.0.1", 53)

    def tell(self, command, **data):
        url = f"http://{self.MANAGEMENT}/{command}"
        with urllib.request.urlopen(url, json.dumps(data).encode(), timeout=20) as reply:
            return reply.read()

    def stop(self):
        self.process.end()


KNOT_CONFIG = """server:
    rundir: "{folder}"
    listen: 127.0.0.2@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stdout
    any: info
database:
    storage: "{folder}"
key:
  - id: {key_name}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: update
    key: {key_name}
    action: update
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
zone:
{zones}"""

ZONE_HEAD = """$TTL 5
@ SOA ns hostmaster 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.2
* A 127.0.0.1
"""


class Knot:
    """zones: name -> further records; those that are named in updatable take updates, signed by the key."""

    ADDRESS, KEY_NAME, SECRET = "127.0.0.2:53", "certwright-test", "c2l4dGVlbiBieXRlcyBhbmQgbW9yZSBvZiB0aGVtIQ=="

    def __init__(self, folder, zones, updatable):
        text = ""
        for zone, records in zones.items():
            folder.write(f"knot/{zone}.zone", ZONE_HEAD + records)
            text += f"  - domain: {zone}\n" + ("    acl: update\n" if zone in updatable else "")
        config = folder.write("knot/knot.conf", KNOT_CONFIG.format(
            folder=folder.of("knot"), key_name=self.KEY_NAME, secret=self.SECRET, zones=text), 0o600)
        self.key = f"hmac-sha256:{self.KEY_NAME}:{self.SECRET}"
        self.process = Process(["knotd", "--config", config], folder.of("knot/log"))
        self.process.wait_for_port("127.0.0.2", 53)
        for zone in zones:
            self.process.wait_for(f"zone {zone}", lambda zone=zone: self.query(zone, "SOA"))

    def query(self, name, kind):
        """Lines of the short answer."""
        result = subprocess.run(["kdig", "@127.0.0.2", "+short", "+norec", "+retry=0", "+timeout=2", kind, name],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return [line for line in result.stdout.splitlines() if line and line[0] != ";"]

    def updates(self):
        return self.process.said().count("DDNS, ")

    def stop(self):
        self.process.end()
