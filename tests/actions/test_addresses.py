import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.actions.addresses import Reach, canonical_host, is_address, reach_of


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0X7F.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "\uff11\uff12\uff17\uff0e\uff10\uff0e\uff10\uff0e\uff11",
        "0x7f.0x0.0x0.0x1",
    ],
)
def test_every_spelling_of_an_address_is_that_address(spelling: str) -> None:
    assert canonical_host(spelling) == "127.0.0.1"


@given(value=st.integers(0, 2**32 - 1))
def test_a_number_is_the_address_it_counts_to(value: int) -> None:
    dotted = ".".join(str(byte) for byte in value.to_bytes(4, "big"))
    assert {canonical_host(text) for text in (str(value), hex(value), f"0{value:o}")} == {dotted}


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("\uff45xample\uff0eorg", "example.org"),
        ("my_service", "my_service"),
        ("0x", "0.0.0.0"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[FE80::A]", "fe80::a"),
    ],
)
def test_a_host_has_one_spelling(spelling: str, canonical: str) -> None:
    assert canonical_host(spelling) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "a b",
        "a%2eb",
        "a\\b",
        "a/b",
        "℀.example",
        "exa\u0000mple",
        "1.2.3.4.5",
        "256.0.0.1",
        "1.2.3.256",
        "08.1.1.1",
        "a.0x7f",
        "4294967296",
        "[::1",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "[]",
        "x" * 64,
        "a." * 127 + "a",
        "\u0600.example",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_host(text)


@given(text=st.text(max_size=40))
def test_a_canonical_host_is_ascii_and_stays_as_it_is(text: str) -> None:
    try:
        host = canonical_host(text)
    except ValueError:
        return
    assert host.isascii()
    assert canonical_host(f"[{host}]" if ":" in host else host) == host


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("93.184.216.34", Reach.PUBLIC),
        ("2606:2800:220:1::1", Reach.PUBLIC),
        ("64:ff9b::5db8:d822", Reach.PUBLIC),
        ("::ffff:93.184.216.34", Reach.PUBLIC),
        ("10.1.2.3", Reach.PRIVATE),
        ("172.31.0.1", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("198.18.0.7", Reach.PRIVATE),
        ("fd12:3456::1", Reach.PRIVATE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.255.1.1", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("64:ff9b::7f00:1", Reach.LOOPBACK),
        ("2002:7f00:1::", Reach.LOOPBACK),
        ("2001:0:0:0:0:0:80ff:fffe", Reach.LOOPBACK),
        ("169.254.169.254", Reach.SPECIAL),
        ("::ffff:a9fe:a9fe", Reach.SPECIAL),
        ("64:ff9b::a9fe:a9fe", Reach.SPECIAL),
        ("64:ff9b:1::1", Reach.SPECIAL),
        ("fe80::1", Reach.SPECIAL),
        ("fe80::1%eth0", Reach.SPECIAL),
        ("fd00:ec2::254", Reach.SPECIAL),
        ("100.100.100.200", Reach.SPECIAL),
        ("168.63.129.16", Reach.SPECIAL),
        ("0.0.0.0", Reach.SPECIAL),
        ("::", Reach.SPECIAL),
        ("::7f00:1", Reach.SPECIAL),
        ("224.0.0.1", Reach.SPECIAL),
        ("255.255.255.255", Reach.SPECIAL),
        ("ff02::1", Reach.SPECIAL),
        ("2001:db8::1", Reach.SPECIAL),
    ],
)
def test_an_address_leads_where_what_it_carries_leads(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


def test_addresses_are_told_from_names() -> None:
    assert is_address("127.0.0.1")
    assert is_address("::1")
    assert not is_address("a1.example")
