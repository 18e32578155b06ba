# SPDX-License-Identifier: MIT
"""A throw-away certificate authority for the TLS tests."""
import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat)
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, extensions, ends_in_days=1):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=10))
               .not_valid_after(now + datetime.timedelta(days=ends_in_days)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    """Signs certificates and keeps them as PEM files in <directory>."""

    def __init__(self, directory, name="Test Authority"):
        self.directory = directory
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, self.key, name, self.key,
                                   [(x509.BasicConstraints(ca=True, path_length=0), True)])
        self.file = self._write(f"{name.replace(' ', '-')}.pem",
                                certificate.public_bytes(Encoding.PEM))

    def _write(self, name, data):
        path = self.directory / name
        path.write_bytes(data)
        return str(path)

    def server(self, hosts=("localhost", "127.0.0.1"), name="server", ends_in_days=1,
               is_self_signed=False):
        """(certificate file, key file) for a server of these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit()
                 else x509.DNSName(host) for host in hosts]
        issuer, issuer_key = ("server", key) if is_self_signed else (self.name, self.key)
        certificate = _certificate("server", key, issuer, issuer_key,
                                   [(x509.SubjectAlternativeName(names), False),
                                    (x509.BasicConstraints(ca=False, path_length=None), True)],
                                   ends_in_days)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return (self._write(f"{name}.pem", certificate.public_bytes(Encoding.PEM)),
                self._write(f"{name}-key.pem", pem))

    def client_context(self):
        return ssl.create_default_context(cafile=self.file)

    def server_context(self, **arguments):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server(**arguments))
        return context
