# SPDX-License-Identifier: LGPL-2.1-or-later
"""PEM, and what becomes of it on its way through programs and people."""
import base64
import json
import quopri

from uploads.workshop import pem_block


def add_cases(w, t, a):
    leaf, upper, lower, root, key = (x.pem for x in (a.plain, a.upper, a.lower, a.root, a.leaf_key))
    deep = a.deep.pem
    plain = leaf + upper + key

    t.taken("pem", plain, 2, False, "leaf, intermediate, PKCS#8 key; the root is not sent")
    t.taken("pem-named", plain, 2, False, "for a name that it has", target="www.example.com")
    t.taken("pem-root", plain + root, 2, True, "the root is there too, and not served")
    t.taken("pem-rsa", a.rsa.pem + upper + a.rsa_key.pem, 2, False, "RSA of 2048 bits")
    for name, parts in [("key-first", [key, deep, lower, upper, root]), ("backwards", [root, upper, lower, deep, key]),
                        ("mixed", [upper, deep, root, key, lower]), ("leaf-last", [lower, key, root, upper, deep])]:
        t.taken(f"pem-order-{name}", parts, 3, True, "order of the blocks")
    t.taken("pem-two-intermediates", deep + lower + upper + key, 3, False, "in order, without the root")

    add_keys(w, t, a)
    add_line_ends(t, plain)
    add_surroundings(w, t, a)
    add_lost_forms(w, t, a, plain)
    add_repetitions(w, t, a)


def add_keys(w, t, a):
    chain = a.plain.pem + a.upper.pem
    gnutls = a.g_leaf.pem + a.g_middle.pem
    parameters = w.openssl("ecparam", "-name", "prime256v1")
    t.taken("pem-sec1", chain + w.traditional_pem(a.leaf_key), 2, False, "EC PRIVATE KEY of openssl")
    t.taken("pem-sec1-parameters", [parameters, w.traditional_pem(a.leaf_key), chain], 2, False,
            "EC PARAMETERS before the key, as openssl ecparam -genkey writes them")
    t.taken("pem-pkcs1", [a.rsa.pem, a.upper.pem, w.traditional_pem(a.rsa_key)], 2, False, "RSA PRIVATE KEY of openssl")
    t.taken("pem-gnutls", [gnutls, a.g_key.pem, a.g_root.pem], 2, True,
            "all of certtool: the key in words, then EC PRIVATE KEY")
    t.taken("pem-gnutls-rsa", [a.g_rsa.pem, a.g_middle.pem, a.g_rsa_key.pem], 2, False,
            "all of certtool: the key in words, then RSA PRIVATE KEY")
    t.taken("pem-gnutls-pkcs8", [gnutls, gnutls_pkcs8(w, a.g_key)], 2, False, "PRIVATE KEY of certtool")
    for curve in ["P-384", "P-521"]:
        key = w.key(f"leaf-{curve}", curve)
        t.taken(f"pem-{curve.lower()}", a.leaf(key, a.upper).pem + a.upper.pem + key.pem, 2, False, f"key on {curve}")
    for bits, kind in [("3072", "RSA 3072"), ("4096", "RSA of modp_2048 ffdhe2048")]:
        key = w.key(f"leaf-rsa-{bits}", kind)
        t.taken(f"pem-rsa-{bits}", a.leaf(key, a.upper).pem + a.upper.pem + key.pem, 2, False, f"RSA of {bits} bits")


def gnutls_pkcs8(w, key, *options):
    return w.certtool("--to-p8", "--load-privkey", key.path, "--password=", *options)


def add_line_ends(t, plain):
    lines = plain.decode().split("\n")
    t.taken("pem-crlf", "\r\n".join(lines).encode(), 2, False, "lines end as in Windows")
    t.taken("pem-cr", "\r".join(lines).encode(), 2, False, "lines end as in Mac OS 9")
    t.taken("pem-no-last-end", plain.rstrip(b"\n"), 2, False, "the last line has no end")
    t.taken("pem-crlf-no-last-end", "\r\n".join(lines).rstrip().encode(), 2, False, "the same with CRLF")
    t.taken("pem-mixed-ends", "\r\n".join(lines[:9]).encode() + b"\r\n" + "\n".join(lines[9:]).encode(), 2, False,
            "both line ends in one file")
    t.taken("pem-bom", b"\xef\xbb\xbf" + plain, 2, False, "UTF-8 with a byte order mark")
    t.taken("pem-bom-crlf", b"\xef\xbb\xbf" + "\r\n".join(lines).encode(), 2, False, "as Notepad saves UTF-8")
    t.taken("pem-utf16", b"\xff\xfe" + "\r\n".join(lines).encode("utf-16-le"), 2, False, "as Notepad saves Unicode")
    t.taken("pem-utf16-big", b"\xfe\xff" + "\r\n".join(lines).encode("utf-16-be"), 2, False,
            "as Notepad saves Unicode big endian")
    t.taken("pem-trailing-blanks", "  \n".join(lines).encode(), 2, False, "blanks at the ends of lines")
    t.taken("pem-empty-lines", b"\n\n\n" + plain.replace(b"-----BEGIN", b"\n\n-----BEGIN") + b"\n\n", 2, False,
            "empty lines between the blocks")


def add_surroundings(w, t, a):
    leaf, upper, key = a.plain.pem, a.upper.pem, a.leaf_key.pem
    t.taken("pem-text-between", [b"My certificate:\n", leaf, b"# the one above: \xc3\xa4\xc3\xb6\n", upper, b"- key -\n",
                                 key, b"That is all.\n"], 2, False, "people's notes between the blocks")
    t.taken("pem-openssl-text", [a.plain.text(), a.upper.text(), key], 2, False, "openssl x509 -text")
    t.taken("pem-gnutls-text", [w.certtool("-i", "--infile", a.g_leaf.path),
                                w.certtool("-i", "--infile", a.g_middle.path), a.g_key.pem], 2, False, "certtool -i")
    t.taken("pem-bag-attributes", bag_attributes(w, a), 2, True, "what openssl pkcs12 writes: Bag Attributes, subject=")
    t.taken("pem-s-client", [b"CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN = www.example.com\n", leaf,
                             b" 1 s:CN = Example Upper\n   i:CN = Example Root\n", upper, b"---\nServer certificate\n", leaf,
                             b"---\nDONE\n", key], 2, False, "openssl s_client -showcerts, and a key below")
    t.taken("pem-x509-label", [leaf.replace(b" CERTIFICATE", b" X509 CERTIFICATE"), upper, key], 2, False,
            "the label X509 CERTIFICATE")
    t.taken("pem-trusted", [w.openssl("x509", "-in", a.plain.path, "-trustout", "-addtrust", "serverAuth"), upper, key], 2,
            False, "TRUSTED CERTIFICATE, without what it is trusted for")
    for width in [48, 76, 4096]:
        t.taken(f"pem-width-{width}", [pem_block("CERTIFICATE", a.plain.der, width),
                                       pem_block("CERTIFICATE", a.upper.der, width),
                                       pem_block("PRIVATE KEY", a.leaf_key.der, width)], 2, False,
                f"lines of {width} letters")
    request = w.openssl("req", "-in", w.request(a.leaf_key))
    t.taken("pem-request-too", [request, leaf, upper, key], 2, False, "the request lies beside, and is passed over")
    t.taken("pem-parameters-too", [leaf, upper, key, dh_parameters(w)], 2, False,
            "Diffie-Hellman parameters, as HAProxy wants them")
    t.taken("pem-public-key-too", [leaf, upper, key, w.public_pem(a.leaf_key)], 2, False, "the public key lies beside")
    t.taken("pem-crl-too", [leaf, upper, key, crl(w, a)], 2, False, "a revocation list lies beside")


def add_lost_forms(w, t, a, plain):
    lines = plain.splitlines()
    t.taken("pem-escaped", b"".join(line + b"\\n" for line in lines), 2, False, "\\n as two characters, out of JSON")
    t.taken("pem-json", json.dumps({"pem": plain.decode()}).replace("/", "\\/").encode(), 2, False, "a JSON document")
    t.taken("pem-indented", b"".join(b"    " + line + b"\n" for line in lines), 2, False, "indented, out of YAML")
    t.taken("pem-quoted", b"".join(b"> " + line + b"\n" for line in lines), 2, False, "quoted in a mail")
    t.taken("pem-numbered", b"".join(b"%5d  %s\n" % (n, line) for n, line in enumerate(lines, 1)), 2, False, "nl -ba")
    t.taken("pem-quoted-printable", quopri.encodestring(plain), 2, False, "quoted-printable")
    t.taken("pem-joined", plain.replace(b"-----\n-----", b"----------"), 2, False, "END and BEGIN on one line")
    t.taken("pem-one-line", plain.replace(b"\n", b" "), 2, False, "blanks where lines ended")
    t.taken("pem-without-blanks", plain.replace(b"\n", b"").replace(b" ", b""), 2, False, "without any white space")
    t.taken("pem-em-dashes", plain.replace(b"-----", "\u2014\u2013".encode()), 2, False, "typographic dashes")
    t.taken("pem-em-dashes-wide", b"\xff\xfe" + plain.decode().replace("-----", "\u2014\u2014").encode("utf-16-le"), 2, False,
            "the same as Unicode of Windows")
    t.taken("pem-few-dashes", plain.replace(b"-----", b"---"), 2, False, "too few dashes")
    t.taken("pem-small-labels", plain.replace(b"BEGIN CERT", b"begin cert"), 2, False, "small letters in a label")
    t.taken("pem-html", b"<pre>" + plain.replace(b"+", b"&#43;").replace(b"\n", b"<br>\n") + b"</pre>", 2, False, "HTML")
    t.taken("pem-hard-blanks", plain.replace(b" ", b"\xc2\xa0"), 2, False, "blanks that do not break")
    t.taken("pem-zeros-behind", plain + b"\0\0", 2, False, "zeros at the end")
    t.taken("pem-in-base64", base64.b64encode(plain), 2, False, "BASE64 of PEM, out of a secret of Kubernetes")
    sealed = w.openssl("rsa", "-in", a.rsa_key.path, "-aes256", "-traditional", "-passout", "pass:secret")
    header, body = sealed.split(b"\n\n")
    rsa = a.rsa.pem + a.upper.pem
    t.taken("dek-one-line", rsa + header + b"\n\n" + body.replace(b"\n", b"").replace(b"-----END", b"\n-----END"), 2, False,
            "an encrypted key whose lines were joined", passphrase="secret")
    t.taken("dek-joined", rsa + sealed.replace(b"\n", b""), 2, False, "the same with its header", passphrase="secret")
    t.refused("pem-line-lost", b"\n".join(lines[:4] + lines[5:]), "format=InvalidBundle", "a line is missing in a block")
    t.refused("pem-begin-lost", b"\n".join(lines[1:]), "format=InvalidBundle", "the first line is missing")
    t.refused("pem-end-lost", b"\n".join(lines[:-1]), "format=InvalidBundle", "the last line is missing")


def bag_attributes(w, a):
    p12 = w.path("attributes.p12")
    w.openssl("pkcs12", "-export", "-inkey", a.leaf_key.path, "-in", a.plain.path, "-certfile",
              w.scratch(a.upper.pem + a.root.pem), "-name", "www", "-caname", "upper", "-caname", "root",
              "-passout", "pass:x", "-out", p12)
    return w.openssl("pkcs12", "-in", p12, "-nodes", "-passin", "pass:x")


def dh_parameters(w):
    return w.openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")


def crl(w, a, form="PEM"):
    pem = w.openssl("ca", "-gencrl", "-config", w.path("ca.conf"), "-cert", a.root.path, "-keyfile", a.root_key.path,
                    "-md", "sha256", "-crldays", "30")
    return pem if form == "PEM" else w.openssl("crl", "-outform", "DER", data=pem)


def add_repetitions(w, t, a):
    leaf, upper, root, key = a.plain.pem, a.upper.pem, a.root.pem, a.leaf_key.pem
    t.taken("pem-duplicates", leaf + leaf + upper + key + upper, 2, False, "leaf and intermediate are there twice")
    t.taken("pem-duplicate-roots", leaf + root + upper + key + root, 2, True, "the root is there twice")
    t.taken("pem-20-times-one", [leaf, upper * 20, key], 2, False,
            "more blocks than a chain may have, but only two certificates")
    t.taken("pem-same-key-twice", leaf + key + upper + key, 2, False, "the same key twice")
    t.taken("pem-same-key-two-forms", leaf + w.traditional_pem(a.leaf_key) + upper + key, 2, False,
            "the same key as SEC1 and as PKCS#8")
    t.refused("pem-two-keys", leaf + upper + key + a.other_key.pem, "key=InvalidBundle", "two different keys")
    t.refused("pem-two-keys-two-types", leaf + upper + key + w.traditional_pem(a.rsa_key), "key=InvalidBundle",
              "two different keys, EC and RSA")
