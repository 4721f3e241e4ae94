"""A certificate authority of the test's own, a server certificate of it, and a browser that trusts
it as users do: the root stands in the certificate store of their account.

Chromium reads that store (NSS, `~/.pki/nssdb`). Its own library writes it here, in a process of its
own: `python -m tests.browser.trust FOLDER CERTIFICATE`.
"""

from __future__ import annotations

import ctypes
import datetime
import ipaddress
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

STORES = (".pki/nssdb", ".local/share/pki/nssdb")
TRUSTED_FOR_SERVERS = b"C,,"


@dataclass(frozen=True, slots=True)
class Pki:
    """Files of one authority and one server."""

    root: Path
    cert: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Pki:
        """A root, and a certificate for 127.0.0.1 signed with it."""
        folder.mkdir(parents=True, exist_ok=True)
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name, name = _name("Test root of this run"), _name("platform under test")
        root = (
            _draft(root_name, root_name, root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        cert = (
            _draft(name, root_name, key.public_key())
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        made = cls(folder / "root.pem", folder / "server.pem", folder / "server.key")
        pem = serialization.Encoding.PEM
        made.root.write_bytes(root.public_bytes(pem))
        made.cert.write_bytes(cert.public_bytes(pem))
        made.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return made

    def trusted_home(self, folder: Path) -> Path:
        """A home directory whose owner trusts this authority."""
        for store in STORES:
            (folder / store).mkdir(parents=True)
            command = [sys.executable, "-m", __name__, str(folder / store), str(self.root)]
            subprocess.run(command, check=True, timeout=30, capture_output=True)
        return folder


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


class _Trust(ctypes.Structure):
    _fields_ = (("ssl", ctypes.c_uint), ("email", ctypes.c_uint), ("signing", ctypes.c_uint))


def _enter(store: Path, certificate: Path) -> None:
    """What `certutil -A -t C,, -n root` does, with the library behind it."""
    nss, smime = ctypes.CDLL("libnss3.so"), ctypes.CDLL("libsmime3.so")
    for function in (
        nss.PK11_GetInternalKeySlot,
        nss.CERT_GetDefaultCertDB,
        smime.CERT_DecodeCertFromPackage,
    ):
        function.restype = ctypes.c_void_p
    cert = x509.load_pem_x509_certificate(certificate.read_bytes())
    der = cert.public_bytes(serialization.Encoding.DER)
    if nss.NSS_InitReadWrite(f"sql:{store}".encode()) != 0:
        raise RuntimeError(f"no certificate store in {store}")
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    nss.PK11_InitPin(slot, None, b"")
    entry = ctypes.c_void_p(smime.CERT_DecodeCertFromPackage(der, len(der)))
    trust = _Trust()
    nss.CERT_DecodeTrustString(ctypes.byref(trust), TRUSTED_FOR_SERVERS)
    steps = (
        nss.PK11_ImportCert(slot, entry, ctypes.c_ulong(0), b"root", 0),
        nss.CERT_ChangeCertTrust(
            ctypes.c_void_p(nss.CERT_GetDefaultCertDB()), entry, ctypes.byref(trust)
        ),
    )
    if any(steps):
        raise RuntimeError(f"the certificate was not taken: {steps}")


if __name__ == "__main__":
    _enter(Path(sys.argv[1]), Path(sys.argv[2]))
