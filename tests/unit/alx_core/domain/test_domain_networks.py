"""From where a token may be used, as `address_in_subnet()` in Moodle's lib/moodlelib.php decides."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.networks import check_networks, in_all_of, is_allowed, parse_address
from alx_core.errors import SettingsError


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.0.0.1", "", True),
        ("10.0.0.1", ",", False),
        ("10.0.0.1", " , ", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.2", "10.0.0.1", False),
        ("10.0.0.2", "10.0.0.1, 10.0.0.2 ,", True),
        ("10.255.0.1", "10.0.0.0/8", True),
        ("11.0.0.1", "10.0.0.0/8", False),
        ("10.0.0.9", "10.0.0.1/8", True),
        ("1.2.3.4", "0.0.0.0/0", True),
        ("::1", "0.0.0.0/0", False),
        ("1.2.3.4", "::/0", False),
        ("10.0.0.1", "10.0.0.1/32", True),
        ("10.0.0.1", "10.0.0.0/33", False),
        ("10.0.0.1", "10.0.0.0/255.0.0.0", False),
        ("10.0.0.1", "10.0.0.0/x", False),
        ("10.0.0.10", "10.0.0.10-20", True),
        ("10.0.0.20", "10.0.0.10-20", True),
        ("10.0.0.21", "10.0.0.10-20", False),
        ("10.0.0.9", "10.0.0.10-20", False),
        ("10.0.0.15", "10.0.0.20-10", False),
        ("10.0.0.5", "10.0.0.1-10.0.0.9", False),
        ("10.0.0.5", "10.0.0.1-999", False),
        ("10.0.0.5", "10.0.0.1-5-6", False),
        ("10.0.0.1", "010.000.0.01", True),
        ("8.0.0.1", "010.0.0.1", False),
        ("10.9.0.1", "010.0.0.0/8", True),
        ("10.9.0.1", "10.0.0.0/08", False),
        ("10.9.0.1", "10.0.0.0/ 8", True),
        ("10.9.0.1", "10.0.0.0/8.0", False),
        ("10.9.0.1", "10.0.0.0/8/9", False),
        ("10.9.0.1", "10.0.0.0/", False),
        ("10.9.0.1", "\0\v10.\r\n", True),
        ("10.9.0.1", "10.\xa0", False),
        ("10.9.0.1", "\f10.", False),
        ("\xa010.9.0.1", "10.", False),
        ("10.9.0.1", "0010.", False),
        ("10.9.0.1", "0010.9.0.1", False),
        (str(ipaddress.IPv4Address(0)), "0.0.0.0, 0.0.0.0/0, 0", False),
        ("0.1.2.3", "0", True),
        ("10.0.0.1", "0", False),
        ("10.9.0.1", "10.0.0.0 / 8", True),
        ("10.0.0.15", "10.0.0.10 - 20", True),
        ("10.0.0.15", "010.0.0.010-020", True),
        ("192.168.1.1", "192.168.001.", True),
        ("2001:db8::5", "2001:0db8::1 - 000a", True),
        ("2001:db8::5", "2001:db8:: / 32", True),
        ("010.0.0.1", "10.0.0.1", False),
        ("192.168.1.1", "192.168", True),
        ("192.168.1.1", "192.168.", True),
        ("192.16.8.1", "192.168", False),
        ("19.2.1.1", "192", False),
        ("192.1.1.1", "19", False),
        ("9.1.2.3", "9", True),
        ("1.2.3.4", "1.2.3.4.", True),
        ("1.2.3.4", "1.2.3.4..", False),
        ("1.2.3.4", "300", False),
        ("1.2.3.4", "1..3", False),
        ("2001:db8::1", "2001:db8::1", True),
        ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", True),
        ("2001:db8:1::5", "2001:db8::/32", True),
        ("2001:db9::5", "2001:db8::/32", False),
        ("2001:db8::5", "2001:db8", True),
        ("2001:db8::5", "2001:0db8:", False),
        ("2001:db8::5", "2001:", True),
        ("2001:db8::", "2001:db8::", False),
        ("2001:db8::", "2001:db8::/128", True),
        ("1:2:3:4:5::8", "1:2:3:4:5::8", True),
        ("1:2:3:4:5:6:0:5", "1:2:3:4:5:6:0:0-5", True),
        ("1:2:3:4:5:6::", "1:2:3:4:5:6::/96", False),
        ("1:2:3:4:5:6::", "1:2:3:4:5:6:0:0/96", True),
        ("1:0:0:0:0:2:0:3", "1::2::3", False),
        ("2001:db80::5", "2001:db8", False),
        ("fe80::1", "fe80:0:0", True),
        ("fe80:0:1::1", "fe80:0:0", False),
        ("2001:db8::5", "2001:db8::1-a", True),
        ("2001:db8::b", "2001:db8::1-a", False),
        ("::ffff:10.0.0.1", "10.0.0.0/8", True),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "::FFFF:010.0.0.1", True),
        ("10.0.0.1", "::ffff:10.0.0.0/8", False),
        ("10.0.0.1", "::ffff:a00:0/24", False),
        ("10.0.0.1", "::ffff:10.0.0.0/104", False),
        ("10.0.0.1", "::ffff:10.0.0.1-9", False),
        ("::1", "::ffff:10.0.0.0/8", False),
        ("::102:304", "::1.2.3.4", False),
        ("fe80::1%eth0", "fe80::/10", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("fe80::1%eth0", "fe80::1%eth0", False),
        ("10.0.0.1%eth0", "10.0.0.1", False),
        ("", "10.0.0.1", False),
        ("unknown", "10.0.0.0/8", False),
        ("10.0.0.1", "nonsense", False),
        ("10.0.0.1", "10.0.0.0/8 & 192.168., 10.0.0.1", True),
        ("10.0.0.2", "10.0.0.0/8 & 192.168., 10.0.0.1", False),
        ("192.168.0.1", "10.0.0.0/8 & 192.168., 10.0.0.1", False),
        ("10.0.0.1", "10.0.0.0/8 & ,", False),
        ("10.0.0.1", "10.0.0.0/8&10.0.0.1", False),
    ],
)
def test_an_address_is_allowed_as_moodle_allows_it(address: str, networks: str, *, expected: bool) -> None:
    assert is_allowed(address, networks) is expected


def test_of_several_lists_an_address_must_be_in_each() -> None:
    assert in_all_of([]) == ""
    assert in_all_of(["10.0.0.0/8", "10.0.0.0/8"]) == "10.0.0.0/8"
    both = in_all_of(["10.0.0.0/8", "10.0.0.1, 192.168."])
    assert [is_allowed(each, both) for each in ("10.0.0.1", "10.0.0.2", "192.168.0.1")] == [True, False, False]


def test_an_entry_that_is_none_to_moodle_does_not_become_two_lists() -> None:
    assert not is_allowed("10.0.0.1", in_all_of(["10.0.0.0/8 & 10.0.0.1"]))
    assert is_allowed("10.0.0.1", in_all_of(["x & y, 10.0.0.1"]))


pieces = st.text("0123456789abcdef.:/-, %x", max_size=30)


@given(address=pieces | st.ip_addresses().map(str) | st.text(), networks=pieces | st.text())
def test_nothing_that_is_sent_or_stored_breaks_the_check(address: str, networks: str) -> None:
    assert is_allowed(address, networks) in (True, False)
    assert is_allowed(address, "") is True


@given(st.ip_addresses().map(str), st.text())
def test_an_address_is_written_with_at_most_the_39_characters_of_eight_groups(address: str, zone: str) -> None:
    for text in (address, f"{address}%{zone}"):
        parsed = parse_address(text)
        assert parsed is None or set(str(parsed)) <= set("0123456789abcdef.:")
        assert len(str(parsed)) <= 39


known = st.ip_addresses().filter(lambda address: parse_address(str(address)) != ipaddress.IPv4Address(0))


@given(known, st.ip_addresses(), st.integers(0, 128))
def test_a_network_holds_what_its_first_bits_say(address: object, base: object, bits: int) -> None:
    assert isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    assert isinstance(base, ipaddress.IPv4Address | ipaddress.IPv6Address)
    plain, other = parse_address(str(address)), parse_address(str(base))
    assert plain is not None
    assert other is not None
    bits = min(bits, other.max_prefixlen)
    expected = plain.version == other.version and int(plain) >> (plain.max_prefixlen - bits) == int(other) >> (
        other.max_prefixlen - bits
    )
    assert is_allowed(str(plain), f"{other.exploded}/{bits}") is expected


@given(known.filter(lambda address: address.version == 4), st.integers(1, 3))
def test_the_first_groups_stand_for_their_network(address: object, groups: int) -> None:
    first = ".".join(str(address).split(".")[:groups])
    assert is_allowed(str(address), first)
    assert is_allowed(str(address), first + ".")


@pytest.mark.parametrize(
    "networks",
    ["", "10.0.0.1", "10.0.0.0/8, 192.168.,", "10.0.0.10-20", "2001:db8::/32,fe80:0,fe80:, ::ffff:10.0.0.1"],
)
def test_lists_that_work_are_taken(networks: str) -> None:
    check_networks(networks)


@pytest.mark.parametrize(
    "networks",
    [
        "x", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.20-10", "999.0.0.1-5", "10.0.0.0/255.0.0.0", "1.2.3.4.5",
        "0.0.0.0/32", "2001:db8:", "2001:db8::", "fe80::1%eth0", "::ffff:10.0.0.0/104", "::ffff:a00:0/24", "1::2::3",
    ],
)  # fmt: skip
def test_an_entry_that_would_match_nothing_is_refused(networks: str) -> None:
    with pytest.raises(SettingsError, match="is no address"):
        check_networks(f"10.0.0.1,{networks}")


@pytest.mark.parametrize("networks", [",", " , ", " "])
def test_a_list_without_an_entry_is_refused_as_it_keeps_everybody_out(networks: str) -> None:
    assert not is_allowed("10.0.0.1", networks)
    with pytest.raises(SettingsError, match="everybody"):
        check_networks(networks)
