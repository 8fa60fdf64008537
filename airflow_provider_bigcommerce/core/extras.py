"""Every extra of a connection in one table: its name, what it may be, and whether it is a field of ``StoreSettings``.

Decides what a value means, which is text where the connection came from a URI, and which names there are. An extra more is a line more.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.core.credentials import as_bool, clean
from airflow_provider_bigcommerce.exceptions import CredentialsError

#: Makes a value of what is in the connection, given the extra's name; None where nothing does.
Reader = Callable[[str, object], Any]


@dataclass(frozen=True, slots=True)
class Extra:
    """One extra of a connection.

    :param read: checks and decodes its value.
    :param is_setting: whether it is the field of ``StoreSettings`` of the same name.
    :param other_name: a second name that is accepted, as Airflow's HTTP connection or older versions have it.
    """

    read: Reader
    is_setting: bool = False
    other_name: str = ""


def _number(lowest: float, highest: float, *, whole: bool = False) -> Reader:
    def read(name: str, value: object) -> float | int | None:
        text = clean(value)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest or (whole and not number.is_integer()):
            accepted = f"a number from {lowest:g} to {highest:g}{', without a fraction' if whole else ''}"
            raise CredentialsError(f"The connection's extra {name!r} is {text[:40]!r}; accepted: {accepted}.")
        return int(number) if whole else number

    return read


def _flag(name: str, value: object) -> bool | None:
    return None if value is None else as_bool(name, value)


def _verify(name: str, value: object) -> bool | str | None:
    """Whether to verify certificates, or the path of a CA file."""
    text = clean(value)
    if not text:
        return None
    return as_bool(name, text) if isinstance(value, bool) or text.lower() in ("true", "false", "0", "1", "yes", "no") else text


def _proxies(name: str, value: object) -> dict[str, str] | None:
    """Scheme to proxy URL, from a JSON object, its text, or one URL for both schemes; ``http://`` where a URL names no scheme."""
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            raise CredentialsError(f"The connection's extra {name!r} is not JSON; {_PROXIES_ACCEPTED}.") from None
    if isinstance(value, Mapping):
        return {str(scheme): _proxy(name, url) for scheme, url in value.items() if url}
    if not clean(value):
        return None
    url = _proxy(name, value)
    return {"http": url, "https": url}


_PROXIES_ACCEPTED: Final = 'accepted: {"https": "http://proxy:3128"}, or one URL of an http or https proxy'


def _proxy(name: str, value: object) -> str:
    url = clean(value)
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        is_usable = isinstance(value, str) and parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        is_usable = False
    if not is_usable:  # not shown: it may hold a password
        raise CredentialsError(f"The connection's extra {name!r} holds a value that is no URL of a proxy; {_PROXIES_ACCEPTED}.")
    return url


def _certificate(name: str, value: object) -> str | tuple[str, str] | None:
    """The path of a client certificate, or of it and of its key."""
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return value[0], value[1]
    if value is not None and not isinstance(value, str):
        raise CredentialsError(f"The connection's extra {name!r} is neither the path of a PEM file nor [certificate, key].")
    return value or None


def _text(_name: str, value: object) -> object:
    return value  # checked where credentials are made of it


#: Name -> what it may be. docs/connection.md lists them, and a test checks that page against this table.
EXTRAS: Final[Mapping[str, Extra]] = {
    "store_hash": Extra(_text),
    "access_token": Extra(_text),
    "client_id": Extra(_text),
    "client_secret": Extra(_text),
    "allow_http": Extra(_flag),
    "b2b_host": Extra(_text),
    "timeout": Extra(_number(0.001, 3600), is_setting=True),
    "total_timeout": Extra(_number(0.001, 86400), is_setting=True),
    "max_answer_bytes": Extra(_number(1, 2**40, whole=True), is_setting=True),
    "quota_share": Extra(_number(0.001, 1), is_setting=True),
    "max_concurrency": Extra(_number(1, 1000, whole=True), is_setting=True),
    "max_attempts": Extra(_number(1, 1000, whole=True), is_setting=True),
    "max_wait": Extra(_number(0, 86400), is_setting=True),
    "verify": Extra(_verify, other_name="verify_ssl"),
    "proxies": Extra(_proxies, other_name="proxy"),
    "trust_env": Extra(_flag),
    "allow_redirects": Extra(_flag),
    "max_redirects": Extra(_number(0, 1000, whole=True)),
    "check_response": Extra(_flag),
    "stream": Extra(_flag),
    "cert": Extra(_certificate),
}


def value_of(extra: Mapping[str, Any], name: str) -> Any:
    """An extra's decoded value; None where the connection does not have it, or has it empty.

    :param extra: the connection's decoded extra.
    :param name: one of :data:`EXTRAS`.
    :raises CredentialsError: it is not what is accepted; the message names it, and shows no secret.
    """
    known = EXTRAS[name]
    given = known.other_name if name not in extra and known.other_name in extra else name
    return known.read(given, extra.get(given))


def settings_of(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``StoreSettings`` that the connection sets.

    :raises CredentialsError: as :func:`value_of`.
    """
    found = {name: value_of(extra, name) for name, known in EXTRAS.items() if known.is_setting}
    return {name: value for name, value in found.items() if value is not None}


def check_extras(extra: Mapping[str, Any]) -> None:
    """Refuse an extra that a task would refuse, or that would do nothing since there is none of that name.

    :raises CredentialsError: the first one, with the name that it resembles.
    """
    names = {name: name for name in EXTRAS} | {known.other_name: name for name, known in EXTRAS.items() if known.other_name}
    for given in extra:
        if given not in names:
            near = difflib.get_close_matches(str(given).lower().replace("-", "_"), EXTRAS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Accepted: {', '.join(EXTRAS)}."
            raise CredentialsError(
                f"The connection's extra {str(given)[:40]!r} is none of a BigCommerce connection, so it would do nothing. {hint} "
                "Rename it, or remove it."
            )
    for name in EXTRAS:
        value_of(extra, name)
