#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Load the chain of a name and its key over the bus, as a TLS server does, without a file of its own.

    open-key.py NAME

Prints the fingerprint of the leaf. The caller has to be allowed to read the key (polkit.rules). Package: python3-dbus.
"""
import hashlib
import ssl
import sys

import dbus

SERVICE, PATH = "org.certwright1", "/org/certwright1"


def open_pair(bus, name):
    """A file object of a sealed memfd: key and chain, as PEM."""
    path = bus.call_blocking(SERVICE, PATH, SERVICE + ".Manager", "GetCertificate", "s", (name,))
    key = bus.call_blocking(SERVICE, path, SERVICE + ".Certificate", "OpenKey", "a{sv}", (dbus.Dictionary(signature="sv"),))
    return open(key.take(), "rb")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        pair = open_pair(dbus.SystemBus(), sys.argv[1])
    except dbus.DBusException as e:
        sys.exit(f"{sys.argv[1]}: {e.get_dbus_message()}")
    with pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"/proc/self/fd/{pair.fileno()}")  # refuses a key of another certificate
        _, _, leaf = pair.read().decode().partition("-----BEGIN CERTIFICATE-----")
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE-----" + leaf.partition(end)[0] + end)
    print(hashlib.sha256(der).hexdigest())


if __name__ == "__main__":
    main()
