"""A MariaDB of this machine that speaks TLS, with certificates made for it; those of Debian speak none."""

import datetime as dt
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from support.databases import SERVICES_REQUIRED

NAME = "localhost"
"""The one name in the server's certificate: 127.0.0.1 is none of it."""
DAY = dt.timedelta(days=1)


class Issued(NamedTuple):
    """A certificate with its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority; what it issues lies in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Issued:
        """Issue a certificate for a host's or person's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        signed = self._builder(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        issued = Issued(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


class TlsServer(NamedTuple):
    """Where it is, as its administrator, and who signed its certificate."""

    url: URL
    socket: Path
    authority: Authority


@contextmanager
def mariadb_with_tls(folder: Path) -> Iterator[TlsServer]:
    """Run a server of its own in `folder`; skip the test when MariaDB is not installed, or fail where CI demands it."""
    programs = [shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("mariadb-install-db", "mariadbd")]
    if None in programs:
        message = "no mariadbd on this machine to start with TLS (apt-get install mariadb-server)"
        if SERVICES_REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    install, server = map(str, programs)
    authority = Authority(folder, "authority")
    issued = authority.issue(NAME)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"]
    subprocess.run(
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--force"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    options = {
        "port": port, "bind-address": "127.0.0.1", "socket": folder / "socket", "innodb-buffer-pool-size": "16M",
        "innodb-log-file-size": "8M", "ssl-ca": authority.file, "ssl-cert": issued.certificate, "ssl-key": issued.key,
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, *common, *(f"--{name}={value}" for name, value in options.items())], stdout=log, stderr=log
        )
    try:
        url = URL.create("mysql+pymysql", "root", host=NAME, port=port, database="mysql", query={"charset": "utf8mb4"})
        _wait_for(url, process, folder / "log")
        yield TlsServer(url, folder / "socket", authority)
    finally:
        process.kill()
        process.wait()


def _wait_for(url: URL, process: "subprocess.Popen[bytes]", log: Path, *, timeout_s: float = 60) -> None:
    engine, give_up = create_engine(url), time.monotonic() + timeout_s
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        else:
            engine.dispose()
            return
