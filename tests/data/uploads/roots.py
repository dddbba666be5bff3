# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is uploaded to become the local root."""
from uploads.containers import SECRET, export, gnutls_export
from uploads.workshop import AUTHORITY

CA = "basicConstraints=critical,CA:TRUE"
SIGN = "keyUsage=critical,keyCertSign,cRLSign"


def add_cases(w, t, a):
    add_self_signed(w, t, a)
    add_intermediates(w, t, a)
    add_refused(w, t, a)


def add_self_signed(w, t, a):
    def taken(name, bundle, remark, **more):
        t.taken(f"root-{name}", bundle, 1, True, remark, target="root", **more)

    key = a.root_key.pem
    taken("self-signed", a.root.pem + key, "ECDSA")
    taken("gnutls", a.g_root.pem + w.keys["g-root"].pem, "of certtool, P-384")
    rsa = a.authority("RSA Root", a.rsa_key, None)
    taken("rsa", rsa.pem + a.rsa_key.pem, "RSA of 2048 bits")
    taken("p12", export(w, key=a.root_key, chain=[a.root]), "PKCS#12", passphrase=SECRET)
    taken("p12-gnutls", gnutls_export(w, f"--password={SECRET}", key=w.keys["g-root"], chain=[a.g_root]),
          "PKCS#12 of certtool", passphrase=SECRET)
    taken("der", a.root.der, "DER, key in a second file", key=a.root_key.der)
    for name, extensions in [("path-length-0", [CA + ",pathlen:0", SIGN]), ("path-length-1", [CA + ",pathlen:1", SIGN])]:
        taken(name, a.authority("Root Of Length", a.root_key, None, extensions).pem + key, "enough for leaves")
    taken("no-key-usage", a.authority("No Usage", a.root_key, None, [CA]).pem + key,
          "CA:TRUE without key usage, as openssl req -x509 makes it: any use")
    taken("twice", a.root.pem + key + a.root.pem, "the same certificate twice")


def add_intermediates(w, t, a):
    def taken(name, bundle, served, remark, **more):
        t.taken(f"root-{name}", bundle, served, True, remark, target="root", **more)

    def refused(name, bundle, failing, remark, **more):
        t.refused(f"root-{name}", bundle, failing, remark, target="root", **more)

    upper, lower, root = a.upper.pem, a.lower.pem, a.root.pem
    taken("intermediate", upper + root + a.upper_key.pem, 1, "an intermediate authority and the root above it")
    taken("intermediate-deep", root + lower + upper + a.lower_key.pem, 2, "two below the root, in another order")
    taken("intermediate-gnutls", a.g_middle.pem + a.g_root.pem + w.keys["g-middle"].pem, 1, "of certtool, RSA below P-384")
    taken("intermediate-p12", export(w, key=a.upper_key, chain=[a.upper, a.root]), 1, "PKCS#12", passphrase=SECRET)
    refused("intermediate-alone", upper + a.upper_key.pem, "chain=ChainIncomplete", "the root above is missing")
    refused("intermediate-gap", lower + root + a.lower_key.pem, "chain=ChainIncomplete", "one between is missing")
    refused("intermediate-top-missing", lower + upper + a.lower_key.pem, "chain=ChainIncomplete",
            "the root above is missing, though an intermediate is there")
    refused("foreign", root + a.g_root.pem + a.root_key.pem, "chain=ChainIncomplete", "and another root beside it")
    none = a.authority("Upper Of Length", a.upper_key, a.root, [CA + ",pathlen:0", SIGN])
    below = a.authority("Below Length", a.lower_key, none)
    refused("path-length-upper", below.pem + none.pem + root + a.lower_key.pem, "chain=ChainIncomplete",
            "the one above has pathlen 0")
    taken("intermediate-path-length-0", none.pem + root + a.upper_key.pem, 1, "pathlen 0 is enough for leaves")
    one = a.authority("Root Of One", a.root_key, None, [CA + ",pathlen:1", SIGN])
    middle = a.authority("Middle Of One", a.upper_key, one)
    taken("path-length-upper-fine", middle.pem + one.pem + a.upper_key.pem, 1, "pathlen 1 above it, and no level below")


def add_refused(w, t, a):
    def refused(name, bundle, failing, remark, **more):
        t.refused(f"root-{name}", bundle, failing, remark, target="root", **more)

    no, key = "leaf=NotACertificateAuthority", a.root_key.pem
    refused("leaf", a.plain.pem + a.upper.pem + a.root.pem + a.leaf_key.pem, no, "a leaf with its whole chain")
    refused("leaf-self-signed", a.alone.pem + a.leaf_key.pem, no, "a leaf signed by itself")
    refused("no-sign", a.authority("No Sign", a.root_key, None, [CA, "keyUsage=critical,cRLSign"]).pem + key, no,
            "CA:TRUE without keyCertSign")
    refused("version-1", a.authority("Version 1", a.root_key, None, []).pem + key, no, "without any extension")
    refused("no-key", a.root.pem, "key=InvalidBundle", "without its key")
    refused("other-key", a.root.pem + a.other_key.pem, "key-match=KeyMismatch", "with the key of another")
    expired = {"since": -400, "until": -2}
    refused("expired", a.authority("Expired Root", a.root_key, None, **expired).pem + key, "validity=Expired", "expired")
    old = a.authority("Expired Top", a.root_key, None, **expired)
    refused("expired-top", a.authority("Below Expired", a.upper_key, old).pem + old.pem + a.upper_key.pem,
            "validity=Expired", "the root above it has expired, so no client trusts the chain")
    for name, kind in [("rsa-1024", "RSA of 1024 bits"), ("ed25519", "Ed25519"), ("secp256k1", "secp256k1")]:
        weak = w.key(name)
        digest = "default" if name == "ed25519" else "sha256"
        refused(name, a.authority(f"Root {name}", weak, None, digest=digest).pem + weak.pem, "key=WeakKey", kind)
    refused("empty", b"", "format=InvalidBundle", "nothing")
    refused("wrong-passphrase", export(w, key=a.root_key, chain=[a.root]), "format=PassphraseRequired", "PKCS#12",
            passphrase="wrong")
    second = a.authority("Same Key", a.root_key, None)
    refused("two", a.root.pem + second.pem + key, "leaf=InvalidBundle", "two authorities of one key")
    refused("client", a.authority("Client Root", a.root_key, None, [*AUTHORITY, "extendedKeyUsage=clientAuth"]).pem + key,
            "purpose=NotACertificateAuthority", "for clients only")
    refused("sha1-intermediate", a.authority("Weak Signature", a.upper_key, a.root, digest="sha1").pem + a.root.pem +
            a.upper_key.pem, "signatures=WeakKey", "an intermediate that is signed with SHA-1")
