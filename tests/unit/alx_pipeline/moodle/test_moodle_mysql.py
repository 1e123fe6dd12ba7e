"""What a URL says of MariaDB and MySQL reaches both drivers, each in its own words."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from alx_core.errors import SettingsError
from alx_pipeline.moodle.mysql import CONNECTORX_LIMITS, Mode, Tls, connectorx_url, make_mysql_engine
from support.certificates import Authority

MOODLE = URL.create("mysql+pymysql", "reader", "p@ss", "db.example.com", 3306, "moodle", {"charset": "utf8mb4"})
FILES = {"ssl-ca": "/ca.pem", "ssl-cert": "/me.pem", "ssl-key": "/me.key"}

modes = st.sampled_from(Mode)


def moodle(**options: str) -> URL:
    return MOODLE.update_query_dict(options)


def told_connectorx(url: URL, *, is_encrypted: bool = False) -> dict[str, object]:
    """The options that connectorx gets, but for those of every connection."""
    written = connectorx_url(url, is_encrypted=is_encrypted)
    assert written is not None
    options = dict(make_url(written).query)
    assert options.items() >= CONNECTORX_LIMITS.items()
    return {name: value for name, value in options.items() if name not in CONNECTORX_LIMITS}


@pytest.mark.parametrize("mode", [Mode.PREFERRED, Mode.REQUIRED])
def test_certificates_that_nothing_is_checked_by_are_not_loaded(mode: Mode) -> None:
    """It takes 25 ms, for each connection where PyMySQL does it by itself."""
    context = Tls(mode).context()
    assert context.verify_mode == ssl.CERT_NONE
    assert context.get_ca_certs() == []


@given(mode=modes, separator=st.sampled_from("-_"), lower=st.booleans(), files=st.sampled_from([(), (*FILES,)]))
def test_options_are_spelt_as_by_mysqls_clients_or_with_underscores(
    mode: Mode, separator: str, lower: bool, files: tuple[str, ...]
) -> None:
    named = {"ssl-mode": mode.name.lower() if lower else mode.name, **{name: FILES[name] for name in files}}
    url = MOODLE.update_query_dict({name.replace("-", separator): value for name, value in named.items()})
    assert Tls.of(url) == Tls(mode, *(FILES[name] for name in files))


def test_without_options_tls_is_preferred_and_a_certificate_authority_alone_checks_the_server() -> None:
    assert Tls.of(MOODLE) == Tls(Mode.PREFERRED)
    assert Tls.of(moodle(ssl_ca="/ca.pem")) == Tls(Mode.VERIFY_IDENTITY, "/ca.pem")


@given(mode=modes, is_encrypted=st.booleans())
def test_both_drivers_encrypt_or_neither(mode: Mode, is_encrypted: bool) -> None:
    """connectorx is told what PyMySQL found, for it does not fall back itself."""
    told = told_connectorx(moodle(ssl_mode=mode), is_encrypted=is_encrypted)
    if mode == Mode.PREFERRED:
        assert told == {"ssl-mode": Mode.REQUIRED if is_encrypted else Mode.DISABLED}
    else:
        assert told == {"ssl-mode": mode}


def test_connectorx_trusts_the_same_certificates_and_uses_the_same_socket() -> None:
    told = told_connectorx(moodle(ssl_ca="/a b.pem", unix_socket="/run/mysqld.sock"))
    assert told == {"ssl-mode": "verify_identity", "ssl-ca": "/a b.pem", "socket": "/run/mysqld.sock"}


@pytest.mark.parametrize("option", ["ssl_cert", "read_timeout"])
def test_what_connectorx_does_not_know_is_left_to_pymysql(option: str) -> None:
    assert connectorx_url(moodle(**{option: "1"}), is_encrypted=True) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ssl": "true"}, "set by ssl-mode, ssl-ca, ssl-cert, ssl-key, not by ssl. ssl-mode=REQUIRED encrypts"),
        ({"ssl_check_hostname": "false"}, "not by ssl-check-hostname"),
        ({"ssl-mode": "on"}, "ssl-mode is one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY"),
        ({"ssl-key": "/me.key"}, "ssl-key needs ssl-cert"),
        ({"ssl-ca": "/nowhere.pem"}, "ssl-ca /nowhere.pem can't be used (No such file or directory)"),
        ({"ssl-mode": "REQUIRED", "ssl-cert": "/nowhere.pem"}, "ssl-cert /nowhere.pem can't be used"),
        ({"colour": "red"}, "there is no option colour"),
    ],
)
def test_an_option_that_can_not_be_followed_is_a_wrong_setting(options: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        make_mysql_engine(MOODLE.update_query_dict(options))
    assert str(raised.value).startswith("ALX_MOODLE_URL: ")
    assert says in str(raised.value)


def test_a_file_that_is_no_certificate_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "notes.pem").write_text("notes")
    with pytest.raises(SettingsError, match=r"ssl-ca .*notes\.pem can't be used.*name PEM files"):
        make_mysql_engine(moodle(ssl_ca=str(tmp_path / "notes.pem")))


def test_a_key_that_needs_a_pass_phrase_is_a_wrong_setting(tmp_path: Path) -> None:
    issued = Authority(tmp_path, "authority").issue("me")
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    issued.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    url = moodle(ssl_mode="REQUIRED", ssl_cert=str(issued.certificate), ssl_key=str(issued.key))
    with pytest.raises(SettingsError, match=r"ssl-cert .*me\.crt can't be used.*a key has no pass phrase"):
        make_mysql_engine(url)


def test_making_an_engine_connects_to_nothing() -> None:
    make_mysql_engine(moodle(ssl_mode="REQUIRED", connect_timeout="3")).dispose()
