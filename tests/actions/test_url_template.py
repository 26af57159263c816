from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.actions.hosts import parse_url
from cortex_cli.actions.url_template import fill_url, literal_host
from cortex_cli.errors import ActionError
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, Lookup

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def names(**values: Any) -> Lookup:
    def lookup(root: str, _: Path) -> Any:
        return values.get(root, MISSING)

    return lookup


@pytest.mark.parametrize(
    ("url", "value", "filled"),
    [
        ("https://a/x/$v/y", "p/q", "https://a/x/p%2Fq/y"),
        ("https://a/x/$v", "../../admin?x#y", "https://a/x/..%2F..%2Fadmin%3Fx%23y"),
        ("https://a/x/$v", "%2e%2e", "https://a/x/%252e%252e"),
        ("https://a/$v", "ü @:", "https://a/%C3%BC%20%40%3A"),
        ("https://a/$v", 3, "https://a/3"),
        ("https://a/$v", True, "https://a/true"),
        ("https://a/$v", [1, "b"], "https://a/%5B1%2C%22b%22%5D"),
        ("https://a/v${v}.json", "1", "https://a/v1.json"),
        ("https://a/?q=$v", "a&b=c#d", "https://a/?q=a%26b%3Dc%23d"),
        ("https://a/?q=$v", None, "https://a/?q="),
        ("https://a/?q=$v", "", "https://a/?q="),
        ("https://a/#$v", "x y", "https://a/#x%20y"),
        ("$v", "https://b:1/x?y=z", "https://b:1/x?y=z"),
        ("$v/x", "https://b/api/", "https://b/api/x"),
        ("$v/x", "https://b/api", "https://b/api/x"),
        ("${v}x", "https://b/api/", "https://b/api/x"),
        ("https://$v/x", "b:8080", "https://b:8080/x"),
        ("https://$v.example.org/x", "b", "https://b.example.org/x"),
        ("https://b:$v/x", 8080, "https://b:8080/x"),
        ("https://$v/x", "[::1]", "https://[::1]/x"),
        ("https://a/$$v", "unused", "https://a/$v"),
        ("https://a/${missing:-x y}", "unused", "https://a/x%20y"),
    ],
)
def test_a_value_changes_only_the_part_where_it_stands(url: str, value: Any, filled: str) -> None:
    assert fill_url(url, names(v=value)) == filled


@pytest.mark.parametrize(
    ("url", "value", "reason"),
    [
        ("https://a/$v/x", "..", "'.' or '..'"),
        ("https://a/$v$v/x", ".", "'.' or '..'"),
        ("https://a/../x", "", "'.' or '..'"),
        ("https://a/$v", "", "no value to put into the path"),
        ("https://a/$v", None, "no value to put into the path"),
        ("https://a/$missing", 1, "no value to put into the path"),
        ("$v", "file:///etc/passwd", "begins no http:// or https:// URL"),
        ("$v", "/x", "begins no"),
        ("$v", None, "begins no"),
        ("$v", 3, "begins no"),
        ("$v/x", "https://b/?q=", "holds a query"),
        ("$v/x", "https://b#", "holds a query"),
        ("https://$v/x", "b/y", "no host or port"),
        ("https://$v/x", "b?y", "no host or port"),
        ("https://$v/x", "u@b", "no host or port"),
        ("https://$v/x", "b\\c", "no host or port"),
        ("https://$v/x", "b c", "no host or port"),
        ("https://$v/x", "%62", "no host or port"),
        ("https://$v/x", "", "no host or port"),
        ("https://a$v", "/x", "no host or port"),
    ],
)
def test_a_value_that_can_not_stand_there_is_refused(url: str, value: Any, reason: str) -> None:
    with pytest.raises(ActionError, match=reason) as caught:
        fill_url(url, names(v=value))
    assert caught.value.error_type == "url"
    assert not caught.value.retryable


@given(segment=TEXT, value=TEXT)
def test_no_value_in_path_or_query_changes_anything_else(segment: str, value: str) -> None:
    if segment in {".", ".."}:
        return
    url = fill_url("https://a.example/x/${s}/y?q=${v}&r=1", names(s=segment, v=value))
    parsed = parse_url(url)
    assert parsed.host == "a.example"
    path, _, query = parsed.rest.partition("?")
    assert [unquote(part) for part in path.split("/")] == ["", "x", segment, "y"]
    assert [unquote(part) for part in query.split("&")] == [f"q={value}", "r=1"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://a.example/x/$id", "https://a.example/"),
        ("http://a.example:81?q=$id", "http://a.example:81/"),
        ("http://a.example", "https://a.example/"),
    ],
)
def test_a_literal_host_is_declared(url: str, allowed: str) -> None:
    hosts = literal_host(url)
    assert hosts is not None
    hosts.check(allowed)


@pytest.mark.parametrize(
    "url",
    [
        "$url",
        "https://$host/x",
        "https://a.example$rest",
        "https://a.example:$port/",
        "file:///x",
        "https://u@a.example/",
        "",
    ],
)
def test_a_host_with_a_reference_in_it_declares_nothing(url: str) -> None:
    assert literal_host(url) is None
