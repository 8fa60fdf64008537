"""What a message of a queue is: whose it is, which rows it names, and whether it is done with or left to the queue.

Pure: bytes in; changes, and what becomes of each message, out. No input raises. A reason names what is wrong and never what was sent.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from airflow_provider_bigcommerce.core.catalog.event_members import is_published, known_scope, resources_of
from airflow_provider_bigcommerce.core.webhooks import (
    SECRET_HEADER,
    SIGNATURE,
    TEST_SCOPE,
    Change,
    Event,
    Refused,
    Secrets,
    changes_of,
    parse,
    verify_secret,
    verify_signature,
)

#: ``required``: a message carries our header secret or a signature; ``if_present``: who may write into the queue is trusted, and what a
#: message carries must be right nevertheless.
Proof = Literal["required", "if_present"]
PROOFS: Final[tuple[Proof, ...]] = ("required", "if_present")

#: Bytes of a message that is read. Documented events have less than 500; lists of prices are longer. Pub/Sub allows 10 MB.
MOST_BYTES: Final = 262_144
#: How often a message may be wrapped: a function's event in SNS in SQS is wrapped twice.
MOST_WRAPPED: Final = 4
#: Seconds for which a queue keeps a message at most: Pub/Sub's 31 days.
RETENTION: Final = 31 * 86_400.0

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message, as a queue gives it.

    :param handle: what acknowledges it; of this delivery of it alone.
    :param body: what was sent.
    :param headers: its attributes, names in any case.
    :param sent_at: epoch seconds at which the queue took it, or None.
    """

    handle: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Pairs = field(default=(), repr=False)
    sent_at: float | None = None


@dataclass(slots=True)
class Taken:
    """What came of the messages of a run.

    :param changes: the rows that they name.
    :param handles: of the messages that are done with, once the events of ``changes`` are stored.
    :param unneeded: scope, or "an unknown scope" -> messages that are done with, and of which nobody needs to be told.
    :param left: what is wrong -> messages that are neither acknowledged nor given back: the queue brings them again, and puts them aside
        by its own rule.
    """

    changes: list[Change] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    unneeded: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """All messages."""
        return len(self.handles) + self.left.total()


def take(
    taken: Taken, messages: Iterable[Message], secrets: Secrets, *, proof: Proof, resources: Collection[str] | None, now: float
) -> None:
    """Add what messages say.

    :param taken: changed.
    :param secrets: of the connection.
    :param resources: catalog names of whose changes is told; None for all.
    :param now: epoch seconds, for messages whose queue does not say when it took them.
    """
    for message in messages:
        found = _event(message, secrets, proof, now)
        if isinstance(found, Refused):
            taken.left[found.reason] += 1
            continue
        changes = changes_of(found)
        scope, _ = known_scope(found.scope)
        # A metafield's event is of a resource only where it says so; any other that refreshes a resource must name a row.
        if not changes and resources_of(scope) and not scope.startswith("store/metafield/"):
            taken.left[f"an event {scope} names no row"] += 1
            continue
        taken.handles.append(message.handle)
        wanted = [each for each in changes if resources is None or each.resource in resources]
        taken.changes += wanted
        if not wanted:
            taken.unneeded[scope if is_published(scope) or scope == TEST_SCOPE else "an unknown scope"] += 1


def _event(message: Message, secrets: Secrets, proof: Proof, now: float) -> Event | Refused:
    if len(message.body) > MOST_BYTES:
        return Refused(f"a body has more than {MOST_BYTES} bytes")
    opened = unwrap(message.body, message.headers)
    if isinstance(opened, Refused):
        return opened
    body, headers = opened
    event = parse(body, secrets.store_hash)
    # By events of this scope ``webhooks ensure`` tries the way, once with a wrong secret too. They name nothing.
    if isinstance(event, Refused) or event.scope == TEST_SCOPE:
        return event
    # A message may wait longer in its queue than a signature may be old.
    return verify(body, headers, secrets, now if message.sent_at is None else message.sent_at, proof) or event


def verify(body: bytes, headers: Pairs, secrets: Secrets, now: float, proof: Proof) -> Refused | None:
    """Whether what a message carries proves that it is of the store; None where it does, or need not.

    :param now: epoch seconds at which the message came into the queue.
    """
    names = {name.lower() for name, _ in headers}
    has_secret = SECRET_HEADER.lower() in names
    # Some of a signature's headers without the signature are no claim: an attribute may be mapped for another reason.
    is_signed = SIGNATURE in names and secrets.client_secret is not None
    if has_secret and (refused := verify_secret(headers, secrets)):
        return refused
    if is_signed and (refused := verify_signature(headers, body, secrets, now, "if_present")):
        return refused
    if proof == "required" and not has_secret and not is_signed:
        return Refused(f"neither the header {SECRET_HEADER} nor a signature that can be checked came with the message")
    return None


# -- what is in it? ------------------------------------------------------------------------------------------------------------------------


def unwrap(body: bytes, headers: Pairs = ()) -> tuple[bytes, Pairs] | Refused:
    """The body that BigCommerce sent, byte for byte, and all headers that came along.

    Taken off, one around the other, are: a notification of Amazon SNS, a request as Lambda and API Gateway hand it on (``headers``,
    ``body``, ``isBase64Encoded``), a push of Pub/Sub, and base64. What is none of these stays as it is.
    """
    for _ in range(MOST_WRAPPED + 1):
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, ValueError):
            decoded = _from_base64(body)
            if decoded is None:
                return body, headers
            body = decoded
            continue
        inner = _inner(found) if isinstance(found, dict) else None
        if inner is None:
            return body, headers
        if isinstance(inner, Refused):
            return inner
        body, more = inner
        headers = tuple(dict.fromkeys((name.lower(), value) for name, value in (*headers, *more)))
    return Refused(f"the event is wrapped more than {MOST_WRAPPED} times")


def _inner(found: Mapping[str, Any]) -> tuple[bytes, Pairs] | Refused | None:
    """What an object wraps; None where it is no wrapping that is known, as an event is none."""
    if "scope" in found:
        return None
    if found.get("Type") == "Notification" and "Message" in found:
        attributes = _object(found.get("MessageAttributes"))
        values = {name: _object(each).get("Value") for name, each in attributes.items()}
        return _opened(found["Message"], values)
    if "body" in found and isinstance(found.get("headers"), dict):
        return _opened(found["body"], found["headers"], is_base64=found.get("isBase64Encoded") is True)
    message = found.get("message")
    if isinstance(message, dict) and "subscription" in found:
        return _opened(message.get("data"), _object(message.get("attributes")), is_base64=True)
    return None


def _opened(text: object, headers: Mapping[str, Any], *, is_base64: bool = False) -> tuple[bytes, Pairs] | Refused:
    if not isinstance(text, str):
        return Refused("the wrapping of an event has no text in it")
    body = text.encode("utf-8", "surrogatepass")
    decoded = _from_base64(body) if is_base64 else body
    if decoded is None:
        return Refused("the wrapping of an event says base64, and it is none")
    return decoded, tuple((name, value) for name, value in headers.items() if isinstance(value, str))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _from_base64(text: bytes) -> bytes | None:
    """What base64 stands for; None where it is none, or would be empty."""
    plain = text.strip()
    try:
        return (base64.b64decode(plain, validate=True) or None) if plain else None
    except (binascii.Error, ValueError):
        return None
