# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names in certificates, and for whom they do."""
from uploads.workshop import der

MISMATCH = "names=NameMismatch"
IDN = "xn--bcher-kva.example"


def add_cases(w, t, a):
    def case(name, subject, names, target, ok, remark):
        pem = a.leaf(a.leaf_key, a.upper, subject, names).pem + a.upper.pem + a.leaf_key.pem
        if ok:
            t.taken(f"name-{name}", pem, 2, False, remark, target=target)
        else:
            t.refused(f"name-{name}", pem, MISMATCH, remark, target=target)

    # covered by the common name or by alternative names
    case("alternative", "www.example.com", "DNS:www.example.com,DNS:example.com", "example.com", True, "the second name")
    case("wrong", "www.example.com", "DNS:www.example.com", "mail.example.com", False, "another name")
    case("common-only", "www.example.com", None, "www.example.com", True, "a common name and no alternative names")
    case("common-wrong", "www.example.com", None, "mail.example.com", False, "the common name is another")
    case("common-not-alternative", "www.example.com", "DNS:mail.example.com", "www.example.com", False,
         "alternative names make the common name void")
    case("common-beside-address", "www.example.com", "IP:192.0.2.7", "www.example.com", True,
         "alternative names, but none of DNS: the common name counts")
    case("common-beside-mail", "www.example.com", "email:me@example.com", "www.example.com", True, "the same with mail")
    case("upper-case", "www.example.com", "DNS:WWW.Example.COM", "www.example.com", True, "letters of any size")
    case("subject-empty", "/", "DNS:www.example.com", "www.example.com", True, "no subject at all")
    # wildcards
    case("wildcard", "*.example.com", "DNS:*.example.com", "www.example.com", True, "covers one label")
    case("wildcard-common", "*.example.com", None, "www.example.com", True, "in the common name")
    case("wildcard-two-labels", "*.example.com", "DNS:*.example.com", "a.www.example.com", False, "not two")
    case("wildcard-itself", "*.example.com", "DNS:*.example.com", "example.com", False, "not none")
    case("wildcard-for-wildcard", "*.example.com", "DNS:*.example.com", "*.example.com", True, "the wildcard itself")
    case("name-for-wildcard", "www.example.com", "DNS:www.example.com", "*.example.com", False, "a name is no wildcard")
    case("wildcard-partial", "www", "DNS:w*.example.com,DNS:example.org", "www.example.com", False,
         "an asterisk for a part of a label")
    case("wildcard-inner", "www", "DNS:www.*.com,DNS:example.org", "www.example.com", False, "not in the first label")
    # addresses
    case("address", "www.example.com", "DNS:www.example.com,IP:192.0.2.7", "192.0.2.7", True, "IPv4")
    case("address-6", "www.example.com", "IP:2001:db8::7", "2001:db8::7", True, "IPv6")
    case("address-wrong", "www.example.com", "IP:192.0.2.7", "192.0.2.8", False, "another address")
    case("address-as-dns", "www.example.com", "DNS:192.0.2.7,DNS:www.example.com", "192.0.2.7", False,
         "an address that says it is a name")
    case("address-common", "192.0.2.7", None, "192.0.2.7", False, "the common name is never an address")
    # international names
    case("idn", IDN, f"DNS:{IDN}", "bücher.example", True, "asked for in letters")
    case("idn-ascii", IDN, f"DNS:{IDN}", IDN, True, "asked for as A-label")
    case("idn-wildcard", IDN, "DNS:*.xn--bcher-kva.example", f"www.{IDN}", True, "below an A-label")
    case("idn-raw", "Bücher", f"DER:{general_names(dns('bücher.example'.encode()))}", IDN, False,
         "letters where RFC 5280 wants A-labels")
    case("idn-common", "bücher.example", None, IDN, False, "letters in the common name")
    # tricks
    case("nul", "www", f"DER:{general_names(dns(b'www.example.com' + bytes(1) + b'.evil.example'))}", "www.example.com", False,
         "a NUL in the name")
    case("nul-behind", "www", f"DER:{general_names(dns(b'www.example.com' + bytes(1)))}", "www.example.com", False,
         "a NUL behind the name")
    case("nul-and-good", "www", f"DER:{general_names(dns(b'www.example.com' + bytes(1)), dns(b'mail.example.com'))}",
         "mail.example.com", True, "a NUL in one, another is right")
    case("dot-behind", "www", "DNS:www.example.com.,DNS:example.org", "www.example.com", False,
         "a dot behind it: clients do not take it")
    case("dot-before", "www", "DNS:.example.com,DNS:example.org", "www.example.com", False, "a dot before it")
    case("blank", "www", f"DER:{general_names(dns(b' www.example.com'), dns(b'example.org'))}", "www.example.com", False,
         "a blank before it")
    # none
    case("none", "Web Server of the Company", None, "-", False, "no host name anywhere")
    case("none-subject-empty", "/", None, "-", False, "no names and no subject")
    case("none-mail", "/O=Company", "email:me@example.com", "-", False, "a mail address only")
    case("none-common-void", "www.example.com", f"DER:{general_names(dns(bytes(1)))}", "-", False,
         "a name that is none makes the common name void")
    add_many(t, a)


def add_many(t, a):
    for count in (100, 101):
        names = ",".join(f"DNS:host{i}.example.com" for i in range(count))
        pem = a.leaf(a.leaf_key, a.upper, "host0.example.com", names).pem + a.upper.pem + a.leaf_key.pem
        if count == 100:
            t.taken("names-100", pem, 2, False, "as many names as may be", target="host99.example.com")
        else:
            t.refused("names-101", pem, "format=LimitsExceeded", "one name more than may be")
    twice = ",".join(["DNS:www.example.com"] * 150)
    pem = a.leaf(a.leaf_key, a.upper, "www.example.com", twice).pem + a.upper.pem + a.leaf_key.pem
    t.refused("names-150-same", pem, "format=LimitsExceeded", "the same name 150 times")


def dns(name):
    return der(0x82, name)


def general_names(*names):
    """The hexadecimal DER that OpenSSL's extension syntax takes."""
    return ":".join(f"{byte:02x}" for byte in der(0x30, *names))
