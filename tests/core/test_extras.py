"""The extras of a connection: what each may be, what a typing error is told, and that there is one list of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.core.extras import EXTRAS, check_extras, settings_of, value_of
from airflow_provider_bigcommerce.exceptions import CredentialsError

NEEDED = {"store_hash": "abc123", "access_token": "tok"}
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "connection.md"

GOOD: list[tuple[str, object, object]] = [
    ("timeout", 5, 5.0),
    ("timeout", "0.5", 0.5),
    ("timeout", "", None),
    ("timeout", None, None),
    ("quota_share", "0.8", 0.8),
    ("quota_share", 1, 1.0),
    ("max_concurrency", "4", 4),
    ("max_concurrency", 4.0, 4),
    ("max_attempts", 1, 1),
    ("max_wait", 0, 0.0),
    ("max_redirects", "0", 0),
    ("allow_http", "true", True),
    ("trust_env", False, False),
    ("stream", "no", False),
    ("verify", "", None),
    ("verify", False, False),
    ("verify", "yes", True),
    ("verify", "/etc/ca.pem", "/etc/ca.pem"),
    ("verify_ssl", "false", False),
    ("proxies", {"https": "http://proxy:3128"}, {"https": "http://proxy:3128"}),
    ("proxies", '{"https": "proxy:3128"}', {"https": "http://proxy:3128"}),
    ("proxies", {"https": None}, {}),
    ("proxy", "http://u:p@proxy:3128", {"http": "http://u:p@proxy:3128", "https": "http://u:p@proxy:3128"}),
    ("cert", "/etc/client.pem", "/etc/client.pem"),
    ("cert", ["/etc/client.pem", "/etc/client.key"], ("/etc/client.pem", "/etc/client.key")),
]


@pytest.mark.parametrize(("name", "given", "expected"), GOOD)
def test_a_value_is_read_as_json_has_it_and_as_a_uri_has_it(name: str, given: object, expected: object) -> None:
    extra = {**NEEDED, name: given}
    known = name if name in EXTRAS else next(key for key, each in EXTRAS.items() if each.other_name == name)

    check_extras(extra)

    assert value_of(extra, known) == expected
    assert type(value_of(extra, known)) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "accepted"),
    [
        ("quota_share", 80, "is '80'; accepted: a number from 0.001 to 1."),
        ("quota_share", 0, "is '0'; accepted: a number from 0.001 to 1."),
        ("quota_share", "80%", "is '80%'; accepted: a number"),
        ("quota_share", [0.8], "accepted: a number"),
        ("timeout", "soon", "is 'soon'; accepted: a number from 0.001 to 3600."),
        ("timeout", "nan", "accepted: a number"),
        ("timeout", True, "accepted: a number"),
        ("max_wait", "inf", "accepted: a number from 0 to 86400."),
        ("max_wait", -1, "accepted: a number from 0 to 86400."),
        ("max_concurrency", 2.5, "is '2.5'; accepted: a number from 1 to 1000, without a fraction."),
        ("max_attempts", 0, "accepted: a number from 1 to 1000"),
        ("max_redirects", -1, "accepted: a number from 0 to 1000"),
        ("allow_http", "perhaps", "is 'perhaps'; accepted: true or false."),
        ("trust_env", 2, "accepted: true or false"),
        ("check_response", "never", "accepted: true or false"),
        ("proxies", "{not json", "is not JSON; accepted: "),
        ("proxies", {"https": 3128}, "no URL of a proxy; accepted: "),
        ("proxies", ["http://proxy:3128"], "no URL of a proxy; accepted: "),
        ("proxies", "socks5://user:5ecret@proxy:1080", "no URL of a proxy; accepted: "),
        ("proxy", "http://proxy:port", "no URL of a proxy; accepted: "),
        ("cert", {"file": "x"}, "neither the path of a PEM file nor [certificate, key]"),
        ("cert", ["only-one"], "neither the path of a PEM file nor [certificate, key]"),
    ],
)
def test_a_value_that_a_task_refuses_is_refused_by_the_check_with_the_same_words(name: str, given: object, accepted: str) -> None:
    extra = {**NEEDED, name: given}
    known = name if name in EXTRAS else "proxies"

    said = []
    for read in (lambda: check_extras(extra), lambda: value_of(extra, known)):
        with pytest.raises(CredentialsError) as caught:
            read()
        said.append(str(caught.value))

    assert said[0] == said[1]
    assert f"The connection's extra {name!r} " in said[0]
    assert accepted in said[0]
    assert "5ecret" not in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("quota_shre", "quota_share"),
        ("quota-share", "quota_share"),
        ("Timeout", "timeout"),
        ("maxwait", "max_wait"),
        ("max_concurency", "max_concurrency"),
        ("accesstoken", "access_token"),
        ("Access-Token", "access_token"),
        ("storehash", "store_hash"),
        ("allow_https", "allow_http"),
        ("proxys", "proxies"),
    ],
)
def test_a_name_that_is_none_is_told_the_nearest(given: str, meant: str) -> None:
    with pytest.raises(CredentialsError, match=re.escape(f"extra {given!r} is none of a BigCommerce connection")) as caught:
        check_extras({**NEEDED, given: "0.5"})

    assert f"Did you mean {meant!r}? Rename it, or remove it." in str(caught.value)


def test_a_name_that_resembles_none_is_told_all_of_them_in_one_line() -> None:
    with pytest.raises(CredentialsError) as caught:
        check_extras({**NEEDED, "comment\n\x1b[31m" + "x" * 500: "?"})

    said = str(caught.value)
    assert all(name in said for name in EXTRAS)
    assert said.isprintable()
    assert len(said) < 600


def test_settings_are_fields_of_the_clients_settings_and_only_what_is_given() -> None:
    fields = {field.name for field in dataclasses.fields(StoreSettings)}

    assert {name for name, each in EXTRAS.items() if each.is_setting} <= fields
    assert settings_of({**NEEDED, "timeout": "5", "max_wait": ""}) == {"timeout": 5.0}


def test_the_page_has_each_extra_and_no_other() -> None:
    tables = [re.findall(r"`(\w+)`", line.split("|")[column]) for line in PAGE.read_text().splitlines() if line.startswith("| ")
              for column in ([1, 2] if line.count("|") == 5 else [1])]  # fmt: skip
    named: set[Any] = {name for names in tables for name in names}

    assert named - {"host"} - {each.other_name for each in EXTRAS.values()} == set(EXTRAS)
