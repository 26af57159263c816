import pytest

from cortex_cli.actions.hosts import Hosts, parse_url
from cortex_cli.errors import ActionError

PUBLIC = "93.184.216.34"
PRIVATE = "10.0.0.5"
LOOPBACK = "127.0.0.1"
METADATA = "169.254.169.254"


def test_a_url_is_taken_apart_and_put_together_again() -> None:
    url = parse_url("HTTPS://Bücher.Example:8443/a b?q=1#x")
    assert (url.scheme, url.host, url.port) == ("https", "xn--bcher-kva.example", 8443)
    assert str(url) == "https://xn--bcher-kva.example:8443/a b?q=1#x"
    assert url.without_query == "https://xn--bcher-kva.example:8443/a b"
    assert str(parse_url("http://[::1]:80?x")) == "http://[::1]:80?x"


def test_a_url_without_a_port_has_that_of_its_scheme() -> None:
    assert parse_url("http://a").port == 80
    assert parse_url("https://a").port == 443


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "ftp://example.org/",
        "//example.org/",
        "/path",
        "example.org",
        "http:example.org",
        "http:/example.org",
        "http:///example.org",
        "http://",
        "http://example.org\\@evil.example/",
        "http://example.org@evil.example/",
        "http://user:secret@example.org/",
        "http://example.org:80@evil.example/",
        "http://[::1]@evil.example/",
        "http://example.org evil.example/",
        "http://example.org\t/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:port/",
        "http://example.org:८०/",
        "http://a:b:c/",
        "http://[::1/",
        "http://[::1]x/",
        "http://%31%32%37.0.0.1/",
        "http://example.org/\r\nX: y",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_readers_could_differ_about_is_refused(url: str) -> None:
    with pytest.raises(ActionError, match="can't be called") as caught:
        Hosts(["example.org", "127.0.0.1"]).check(url)
    assert caught.value.error_type == "host_refused"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://[::1]/",
        "http://0/",
        "http://example.org.evil.example/",
        "http://evil.example/?http://example.org/",
        "http://evil.example/#@example.org",
        "http://api.example.org:8080/",
        "http://notexample.net/",
        "http://example.net/",
    ],
)
def test_a_host_that_is_not_declared_is_refused(url: str) -> None:
    with pytest.raises(ActionError, match="is not declared"):
        Hosts(["example.org", "api.example.org:443", "*.example.net"]).check(url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("example.org", "http://EXAMPLE.org./x"),
        ("example.org", "https://example.org:8443/"),
        ("example.org:8443", "https://example.org:8443/"),
        ("*.example.org", "https://a.b.example.org/"),
        ("*.example.org:444", "https://a.example.org:444/"),
        ("bücher.example", "http://xn--bcher-kva.example/"),
        ("localhost", "http://localhost:9/"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1", "http://2130706433/"),
        ("2130706433", "http://127.0.0.1/"),
        ("169.254.169.254", "http://169.254.169.254/"),
        ("[::1]:80", "http://[::1]/"),
        ("::1", "http://[0:0:0:0:0:0:0:1]/"),
        ("[::ffff:a9fe:a9fe]", "http://[::ffff:a9fe:a9fe]/"),
    ],
)
def test_a_declared_host_may_be_called(entry: str, url: str) -> None:
    Hosts([entry]).check(url)


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.", "http://a", "a/b", "a:b", "a:0", "*.127.0.0.1", "a.*", "u@a", "*.[::1]"],
)
def test_an_entry_that_declares_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="declares no host"):
        Hosts([entry])


@pytest.mark.parametrize(
    ("url", "allowed", "refused"),
    [
        ("https://a.example", ["http://a.example", "https://a.example"], ["http://a.example:81"]),
        ("http://[::1]:81", ["http://[::1]:81"], ["http://[::1]"]),
    ],
)
def test_a_url_declares_its_host_at_its_port(
    url: str, allowed: list[str], refused: list[str]
) -> None:
    hosts = Hosts.of(parse_url(url))
    for other in allowed:
        hosts.check(other)
    for other in refused:
        with pytest.raises(ActionError):
            hosts.check(other)


@pytest.mark.parametrize(
    ("entries", "host", "address"),
    [
        (["api.example"], "api.example", PUBLIC),
        (["*.example"], "api.example", PUBLIC),
        (["api.example"], "api.example", PRIVATE),
        (["api.example", LOOPBACK], "api.example", LOOPBACK),
        (["api.example", METADATA], "api.example", METADATA),
        (["localhost"], "localhost", LOOPBACK),
        (["localhost"], "localhost", "::1"),
        (["app.localhost"], "app.localhost", LOOPBACK),
        ([LOOPBACK], LOOPBACK, LOOPBACK),
        ([METADATA], METADATA, METADATA),
        (["api.example:80"], "api.example", PUBLIC),
    ],
)
def test_a_declared_name_may_lead_to(entries: list[str], host: str, address: str) -> None:
    assert Hosts(entries).addresses(host, 80, [address]) == [address]


@pytest.mark.parametrize(
    ("entries", "host", "address"),
    [
        (["other.example"], "api.example", PUBLIC),
        (["api.example:81"], "api.example", PUBLIC),
        (["*.example"], "api.example", PRIVATE),
        (["*.example"], "api.example", LOOPBACK),
        (["*.example", LOOPBACK], "api.example", LOOPBACK),
        (["*.localhost"], "app.localhost", LOOPBACK),
        (["api.example"], "api.example", LOOPBACK),
        (["api.example"], "api.example", "::ffff:127.0.0.1"),
        (["api.example"], "api.example", METADATA),
        (["api.example"], "api.example", "64:ff9b::7f00:1"),
        (["api.example"], "api.example", "0.0.0.0"),
        (["notlocalhost"], "notlocalhost", LOOPBACK),
        ([LOOPBACK], "api.example", LOOPBACK),
    ],
)
def test_a_name_may_not_lead_to(entries: list[str], host: str, address: str) -> None:
    with pytest.raises(ActionError, match=f"leads to {address}") as caught:
        Hosts(entries).addresses(host, 80, [address])
    assert caught.value.error_type == "host_refused"


def test_of_several_addresses_only_the_allowed_ones_are_called() -> None:
    hosts = Hosts(["api.example"])
    assert hosts.addresses("api.example", 80, [LOOPBACK, PUBLIC, METADATA]) == [PUBLIC]
