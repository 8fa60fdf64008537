"""Which webhooks a store should have, and what to change so that it has them. Pure: rows in, a plan out.

A webhook is ours if it goes to our address or carries our header; nobody else's is changed or removed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.event_members import is_published, scopes_to_subscribe
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnknownResourceError

#: Webhooks that one API account may have of one scope.
MOST_OF_A_SCOPE: Final = 10
#: The scope that tells of deliveries that failed; one webhook of it, at an address of its own.
EXCEPTIONS: Final = "store/hook/deliveryException"
#: Wildcards that bring every cart of every channel.
_TOO_WIDE: Final = ("store/*", "store/channel/*")


@dataclass(frozen=True, slots=True)
class Heal:
    """A webhook that is not as it should be.

    :param id: its id.
    :param scope: its scope.
    :param changes: fields to write.
    :param why: what was wrong with it.
    """

    id: int
    scope: str
    changes: Mapping[str, Any] = field(repr=False)
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    :param create: scope and destination of webhooks to make.
    :param heal: webhooks to change.
    :param delete: webhooks of ours to remove, which nobody asked for.
    :param kept: ids of those that are as they should be.
    :param extra: webhooks of ours that nobody asked for and that stay.
    :param full: scopes of which there are ten already, none of them ours.
    """

    create: tuple[tuple[str, str], ...]
    heal: tuple[Heal, ...]
    delete: tuple[Mapping[str, Any], ...]
    kept: tuple[int, ...]
    extra: tuple[Mapping[str, Any], ...]
    full: tuple[str, ...]


def wanted_scopes(resources: Iterable[str] = (), scopes: Iterable[str] = ()) -> tuple[str, ...]:
    """The scopes to subscribe to, each event once: a scope is dropped where another one's ``/*`` covers it.

    :param resources: catalog names.
    :param scopes: scopes.
    :raises UnknownResourceError: no such resource.
    :raises InvalidQueryError: a resource has no webhooks, a scope is not published, or it would bring every cart.
    """
    found: dict[str, None] = {}
    for name in resources:
        if name not in CATALOG:
            raise UnknownResourceError(name)
        of_resource = scopes_to_subscribe(name)
        if not of_resource:
            raise InvalidQueryError(
                f"resource has {name!r}, of whose changes BigCommerce tells nobody by a scope that can be subscribed to alone. Leave it "
                "out: it is kept fresh by scheduled runs."
            )
        found.update(dict.fromkeys(of_resource))
    for scope in scopes:
        if scope in _TOO_WIDE:
            raise InvalidQueryError(
                f"scopes has {scope!r}, which brings every cart of every channel. Name the scopes that you read, such as "
                "store/order/updated."
            )
        if scope == EXCEPTIONS:
            raise InvalidQueryError(f"scopes has {scope!r}; give exceptions_destination instead, which makes that webhook.")
        if not is_published(scope):
            raise InvalidQueryError(
                f"scopes has {scope!r}, which BigCommerce does not publish. Accepted are its scopes, such as store/order/updated or "
                "store/sku/*."
            )
        found[scope] = None
    if not found:
        raise InvalidQueryError("no scope is named. Give resource=['products', 'orders'] or scopes=['store/order/updated'].")
    return tuple(scope for scope in found if not any(each != scope and _covers(each, scope) for each in found))


def _covers(wide: str, scope: str) -> bool:
    return wide.endswith("/*") and scope.startswith(wide[:-1])


def checked_destination(name: str, destination: str) -> str:
    """An address that BigCommerce can deliver to.

    :param name: the argument, for the message.
    :raises InvalidQueryError: it is not https at port 443; plain http is accepted on this machine alone, for a sandbox.
    """
    try:
        url = urlsplit(destination)
        host, port = url.hostname or "", url.port
    except ValueError:
        url, host, port = urlsplit(""), "", None
    is_https = url.scheme == "https" and bool(host) and port in (None, 443)
    if not destination.isascii() or not (is_https or (url.scheme == "http" and _is_loopback(host))) or url.username or url.fragment:
        raise InvalidQueryError(
            f"{name} is no address that BigCommerce delivers to: it takes https at port 443, without a user name, such as "
            "https://webhooks.example.com/bigcommerce/webhooks/bigcommerce_default."
        )
    return destination


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_ours(hook: Mapping[str, Any], destinations: Sequence[str], secret: str) -> bool:
    """Whether a webhook goes to one of our addresses, or carries our header.

    :param hook: as ``/v3/hooks`` shows it.
    :param destinations: ours.
    :param secret: the value of our header.
    """
    return hook.get("destination") in destinations or _headers(hook).get(SECRET_HEADER.lower()) == secret


def _headers(hook: Mapping[str, Any]) -> dict[str, Any]:
    given = hook.get("headers")
    return {str(name).lower(): value for name, value in given.items()} if isinstance(given, Mapping) else {}


def plan(
    hooks: Iterable[Mapping[str, Any]],
    scopes: Sequence[str],
    destination: str,
    secret: str,
    *,
    exceptions_destination: str | None = None,
    prune: bool = False,
) -> Plan:
    """What to change so that the store has these webhooks.

    :param hooks: those that the API account has now.
    :param scopes: of :func:`wanted_scopes`.
    :param destination: where they go.
    :param secret: the value of the header that they carry.
    :param exceptions_destination: where failed deliveries are reported.
    :param prune: whether ours that are not wanted are removed.
    """
    present = list(hooks)
    wanted = [(scope, destination) for scope in scopes]
    if exceptions_destination is not None:
        wanted.append((EXCEPTIONS, exceptions_destination))
    destinations = [to for _, to in wanted]
    claimed: set[int] = set()
    heal: list[Heal] = []
    kept: list[int] = []
    missing: list[tuple[str, str]] = []
    for scope, to in wanted:
        found = _same(present, scope, to, secret, claimed)
        if found is None:
            missing.append((scope, to))
            continue
        claimed.add(int(found["id"]))
        wrong = _wrong(found, to, secret)
        if wrong:
            headers = {**(found.get("headers") or {}), SECRET_HEADER: secret}
            # All of it, whatever was wrong: clients were seen to wipe headers by switching a webhook on.
            changes = {"scope": scope, "destination": to, "is_active": True, "headers": headers}
            heal.append(Heal(int(found["id"]), scope, changes, ", ".join(wrong)))
        else:
            kept.append(int(found["id"]))
    unwanted = [each for each in present if int(each["id"]) not in claimed and is_ours(each, destinations, secret)]
    staying = [each for each in present if not (prune and each in unwanted)]
    full = [
        scope
        for scope, _ in missing
        if sum(each.get("scope") == scope for each in staying) >= (1 if scope == EXCEPTIONS else MOST_OF_A_SCOPE)
    ]
    create = [(scope, to) for scope, to in missing if scope not in full]
    return Plan(tuple(create), tuple(heal), tuple(unwanted) if prune else (), tuple(kept), () if prune else tuple(unwanted), tuple(full))


def _same(present: list[Mapping[str, Any]], scope: str, to: str, secret: str, claimed: set[int]) -> Mapping[str, Any] | None:
    """The webhook that is meant: of this scope and address, else of this scope with our header, whose address somebody changed."""
    of_scope = [each for each in present if each.get("scope") == scope and int(each["id"]) not in claimed]
    at_place = [each for each in of_scope if each.get("destination") == to]
    return next(iter([*at_place, *(each for each in of_scope if is_ours(each, (), secret))]), None)


def _wrong(hook: Mapping[str, Any], to: str, secret: str) -> list[str]:
    found = []
    if not hook.get("is_active"):
        found.append("it was switched off")
    if hook.get("destination") != to:
        found.append("its destination was changed")
    if _headers(hook).get(SECRET_HEADER.lower()) != secret:
        found.append("its header was wiped or is of another token")
    return found
