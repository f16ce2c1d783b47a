# SPDX-License-Identifier: GPL-2.0-only
"""A throw-away certificate authority with certificates for KMEs and SAEs. For trials, not for production."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pybridge.errors import ParameterError

DAYS = 30


def make_certificates(
    folder: Path, kmes: Sequence[str], saes: Sequence[str], hosts: Sequence[str] = ("localhost", "127.0.0.1")
) -> list[Path]:
    """Write ca.crt and, for each name, NAME.crt and NAME.key (mode 0600) into a folder.

    The authority's own key is not kept: nobody can add a certificate later.

    Args:
        folder: made if it does not exist; must hold no certificates yet.
        kmes: server certificates, with `hosts` as subjectAltName.
        saes: client certificates; the common name is the SAE's id.
        hosts: DNS names and IP addresses under which clients reach the KMEs.

    Raises:
        ParameterError: a name is empty, used twice or not fit for a file, or the folder holds certificates.
    """
    names = [*kmes, *saes]
    for name in names:
        if not name or not all(char.isalnum() or char in "._-" for char in name) or name[0] == "." or name == "ca":
            raise ParameterError(f"certificate name {name!r}: expected letters, digits, '.', '_' and '-', and not 'ca'")
    if len(set(names)) < len(names):
        raise ParameterError(f"certificate names {', '.join(names)}: expected each once")
    if (folder / "ca.crt").exists():
        raise ParameterError(f"{folder} holds certificates already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _subject("qntn throw-away CA")
    written = [
        _write_certificate(
            folder / "ca.crt",
            _builder(authority, authority, authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign=True), critical=True)
            .sign(authority_key, hashes.SHA256()),
        )
    ]
    alternatives = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
    for name in names:
        is_kme = name in kmes
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if is_kme else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(_subject(name), authority, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if is_kme:
            builder = builder.add_extension(alternatives, critical=False)
        written.append(_write_certificate(folder / f"{name}.crt", builder.sign(authority_key, hashes.SHA256())))
        written.append(_write_key(folder / f"{name}.key", key))
    return written


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_certificate(file: Path, certificate: x509.Certificate) -> Path:
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text)
    return file
