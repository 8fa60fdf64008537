"""What a webhook is: whether it is really from the store, which rows it names, and how many of them become one event.

Pure: bytes, headers, secrets and a time in; an event, or the reason why not, out. No input raises. A reason names what is wrong and never
what was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from airflow_provider_bigcommerce.core.catalog.event_members import EVENT_KEYS, EventKey, known_scope, resources_of
from airflow_provider_bigcommerce.core.windows import written

Signature = Literal["if_present", "required"]
SIGNATURES: Final[tuple[Signature, ...]] = ("if_present", "required")
Headers = Iterable[tuple[str, str]]

#: The header that our hooks are created with.
SECRET_HEADER: Final = "X-Airflow-BigCommerce"  # noqa: S105  # the header's name
#: The headers of Standard Webhooks.
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
#: Seconds that a delivery may be old. Nobody knows whether a retry is signed afresh, and the last one comes after two days; a replay costs
#: one read by id.
MOST_AGE: Final = 72 * 3600.0
#: Seconds that the sender's clock may be ahead.
MOST_AHEAD: Final = 3600.0
#: Ids in one asset event.
MOST_IDS: Final = 500

#: The scope of the event that ``webhooks ensure`` sends itself; it refreshes nothing.
TEST_SCOPE: Final = "store/airflow/test"

_WORDS: Final = b"airflow-bigcommerce webhooks "
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_SCOPE: Final = re.compile(r"store/[A-Za-z0-9_/*]{1,200}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")
_TEXT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MOST_NUMBER: Final = 2**63 - 1

Id = int | str | tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a connection knows of its webhooks; printing it shows no secret.

    :param store_hash: the store's hash.
    :param access_token: the key of the header secret.
    :param client_secret: the key of the signature, or None.
    """

    store_hash: str
    access_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)

    @property
    def header(self) -> str:
        """The value of ``X-Airflow-BigCommerce``: 64 hex digits, derived, so that there is nothing to store or to rotate."""
        return hmac.new(self.access_token.encode(), _WORDS + self.store_hash.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery.

    :param scope: as it was sent.
    :param data: the member ``data``, whatever it is.
    :param created_at: epoch seconds, or None where the event does not say, or not sensibly.
    """

    scope: str
    data: Any
    created_at: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a delivery is not taken.

    :param reason: what is wrong, for a log; never what was sent.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a resource that changed.

    :param resource: catalog name.
    :param key: the row's key; a tuple where it has several fields, None where the event does not tell which row it is.
    :param parents: keys of the parents under which it is read; often none.
    :param is_gone: the event says that the row is no longer there.
    :param created_at: epoch seconds of the event, or None.
    """

    resource: str
    key: Id | None
    parents: tuple[int | str, ...]
    is_gone: bool
    created_at: int | None


# -- is it from the store? -----------------------------------------------------------------------------------------------------------------


def verify(headers: Headers, body: bytes, secrets: Secrets, now: float, signature: Signature = "if_present") -> Refused | None:
    """Whether a delivery is the store's; None where it is.

    :param headers: names in any case, with their values; a name may be there more than once.
    :param body: the raw body.
    :param now: epoch seconds.
    :param signature: ``if_present``: checked where its headers came and the connection has a client secret; ``required``: always.
    """
    return verify_secret(headers, secrets) or verify_signature(headers, body, secrets, now, signature)


def verify_secret(headers: Headers, secrets: Secrets) -> Refused | None:
    """Whether the header that our hooks are created with is there and right; asked before the body is read."""
    given = _values(headers, SECRET_HEADER.lower())
    if len(given) != 1:
        return Refused(f"the header {SECRET_HEADER} " + ("is missing" if not given else "came twice"))
    if not hmac.compare_digest(given[0].encode("utf-8", "surrogatepass"), secrets.header.encode()):
        return Refused(f"the header {SECRET_HEADER} is not this connection's")
    return None


def verify_signature(headers: Headers, body: bytes, secrets: Secrets, now: float, signature: Signature) -> Refused | None:
    """Whether the signature by the client secret is right, where it is asked for."""
    pairs = list(headers)
    given = {name: _values(pairs, name) for name in (ID, TIMESTAMP, SIGNATURE)}
    if signature == "if_present" and (secrets.client_secret is None or not any(given.values())):
        return None
    if secrets.client_secret is None:
        return Refused("webhook_signature is required, and the connection has no client_secret")
    for name, values in given.items():
        if len(values) != 1 or not values[0]:
            return Refused(f"the header {name} " + ("is missing" if not values else "is empty" if len(values) == 1 else "came twice"))
    webhook_id, timestamp, signatures = (values[0] for values in given.values())
    if not _SECONDS.fullmatch(timestamp):
        return Refused(f"the header {TIMESTAMP} is no number of seconds")
    if not -MOST_AHEAD <= now - int(timestamp) <= MOST_AGE:
        return Refused(f"the header {TIMESTAMP} is older than {MOST_AGE / 3600:.0f} hours, or ahead of this machine's clock")
    text = f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body
    digest = base64.b64encode(hmac.new(secrets.client_secret.encode(), text, hashlib.sha256).digest())
    right = False
    for each in signatures.split(" "):
        version, _, value = each.partition(",")
        right |= (version == "v1") & hmac.compare_digest(value.encode("utf-8", "surrogatepass"), digest)
    return None if right else Refused("no signature is by this connection's client_secret")


def _values(headers: Headers, name: str) -> list[str]:
    return [value for each, value in headers if each.lower() == name]


# -- what does it say? ---------------------------------------------------------------------------------------------------------------------


def parse(body: bytes, store_hash: str) -> Event | Refused:
    """Read an event.

    :param body: the raw body.
    :param store_hash: the store that the connection is of; an event of another one is refused.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return Refused("the body is not JSON")
    if not isinstance(found, dict):
        return Refused("the body is not a JSON object")
    if found.get("producer") != f"stores/{store_hash}":
        return Refused("the event is not of this connection's store")
    scope = found.get("scope")
    if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
        return Refused("the event has no scope of the form store/...")
    created = found.get("created_at")
    sensible = isinstance(created, int) and not isinstance(created, bool) and 0 < created < 2**33
    return Event(scope, found.get("data"), created if sensible else None)


def changes_of(event: Event) -> list[Change]:
    """The rows that an event names: none where its scope refreshes nothing here, or where it names no row that could be.

    An id is a positive number below 2^63, as a number or in digits; a key by texts (carts, scripts) is letters, digits and ``_ . : -``.
    """
    scope, channel = known_scope(event.scope)
    changes: list[Change] = []
    for resource in resources_of(scope):
        rule = EVENT_KEYS[resource]
        for data in event.data if isinstance(event.data, list) else (event.data,):
            member = data if isinstance(data, dict) else {}
            if rule.types and scope.startswith("store/metafield/") and member.get("resource_type") not in rule.types:
                continue
            changes += _changes(resource, rule, scope, member, channel, event.created_at)
    return changes


def _changes(
    resource: str, rule: EventKey, scope: str, data: Mapping[str, Any], channel: str | None, created_at: int | None
) -> Iterator[Change]:
    parents = tuple(each for name in rule.parents for each in _ids(name, data, channel, is_text=True))
    is_gone = scope in rule.gone
    if not rule.ids:
        if parents or not rule.parents:
            yield Change(resource, None, parents, is_gone, created_at)
        return
    parts = [_ids(name, data, channel, is_text=rule.is_text or name.startswith("currency")) for name in rule.ids]
    if len(parts) == 1:
        for each in parts[0]:
            yield Change(resource, each, parents, is_gone, created_at)
    elif all(len(part) == 1 for part in parts):
        yield Change(resource, tuple(part[0] for part in parts), parents, is_gone, created_at)


def _ids(name: str, data: Mapping[str, Any], channel: str | None, *, is_text: bool) -> list[int | str]:
    """The usable ids under a member's name; several where the member is a list."""
    if name == "$channel_id":
        return [] if channel is None else [int(channel)]
    for choice in name.split("|"):
        found: Any = data
        for part in choice.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is not None:
            values = found if isinstance(found, list) else [found]
            return [usable for value in values if (usable := _usable(value, is_text=is_text)) is not None]
    return []


def _usable(value: object, *, is_text: bool) -> int | str | None:
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            value = int(value)
        else:
            return value if is_text and _TEXT.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_NUMBER else None


# -- what do many become? ------------------------------------------------------------------------------------------------------------------


def payloads(
    changes: Iterable[Change], store_hash: str, now: float, *, via: str = "webhook", most_age: float = MOST_AGE
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Resource and payload of the asset events that report these changes: one per resource, more where it has over ``MOST_IDS`` ids.

    ``ids`` and ``deleted`` are told in the order they came, each id once; an id whose row is gone is in ``deleted`` alone, unless another
    event told that it changed: deliveries come in any order. ``is_whole`` is False where an event did not tell which row it was: then the
    resource, or those of its ``parents``, are read whole. A key of several fields is a list.

    :param now: epoch seconds, for events that do not say when they were.
    :param via: who tells: ``webhook`` or ``queue``.
    :param most_age: seconds that an event's own time may be away from ``now``.
    """
    by_resource: dict[str, list[Change]] = {}
    for change in changes:
        by_resource.setdefault(change.resource, []).append(change)
    for resource, rows in by_resource.items():
        ids = list(dict.fromkeys(row.key for row in rows if row.key is not None and not row.is_gone))
        deleted = list(dict.fromkeys(row.key for row in rows if row.key is not None and row.is_gone))
        parents = list(dict.fromkeys(parent for row in rows for parent in row.parents))
        moments = [row.created_at for row in rows if row.created_at is not None and abs(now - row.created_at) <= most_age] or [int(now)]
        is_whole = all(row.key is not None for row in rows)
        while True:
            told, told_deleted = ids[:MOST_IDS], deleted[: max(0, MOST_IDS - len(ids))]
            told_parents = parents[:MOST_IDS]
            ids, deleted, parents = ids[len(told) :], deleted[len(told_deleted) :], parents[len(told_parents) :]
            yield (
                resource,
                {
                    "resource": resource,
                    "store_hash": store_hash,
                    "since": written(datetime.fromtimestamp(min(moments), UTC)),
                    "until": written(datetime.fromtimestamp(max(moments), UTC)),
                    "count": len(told) + len(told_deleted),
                    "ids": [_shown(key) for key in told],
                    "is_whole": is_whole,
                    "deleted": [_shown(key) for key in told_deleted],
                    "parents": told_parents,
                    "via": via,
                },
            )
            if not ids and not deleted and not parents:
                break


def _shown(key: Id) -> int | str | list[int | str]:
    return list(key) if isinstance(key, tuple) else key


def probe_event(store_hash: str, now: float) -> bytes:
    """The body of the event by which ``webhooks ensure`` finds out whether deliveries arrive."""
    return msgspec.json.encode(
        {"scope": TEST_SCOPE, "store_id": "0", "data": {"type": "test"}, "created_at": int(now), "producer": f"stores/{store_hash}"}
    )


def signed(body: bytes, secrets: Secrets, webhook_id: str, now: float) -> dict[str, str]:
    """The headers of a delivery as BigCommerce makes them: the header secret, and the signature where there is a client secret."""
    headers = {SECRET_HEADER: secrets.header}
    if secrets.client_secret is not None:
        text = f"{webhook_id}.{int(now)}.".encode() + body
        digest = base64.b64encode(hmac.new(secrets.client_secret.encode(), text, hashlib.sha256).digest()).decode()
        headers |= {ID: webhook_id, TIMESTAMP: str(int(now)), SIGNATURE: f"v1,{digest}"}
    return headers
