"""What becomes of each message of a queue: told, not needed, or left to the queue; whatever somebody may have put into it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.queue_messages import MOST_BYTES, Message, Pairs, Proof, Taken, take, unwrap
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Refused, Secrets, payloads, probe_event, signed

NOW = 1_800_000_000.0
DAY = 86_400.0
SECRETS = Secrets("abc123", "the-token", "the-client-secret")
OWN = ((SECRET_HEADER, SECRETS.header),)


def event(*, key: object = 7, scope: str = "store/product/updated", producer: str = "stores/abc123", **more: Any) -> bytes:
    data = {"type": "product", "id": key}
    return json.dumps({"scope": scope, "store_id": "1", "data": data, "created_at": int(NOW), "producer": producer, **more}).encode()


EVENT = event()


def base64_of(body: bytes) -> str:
    return base64.b64encode(body).decode()


def sns(body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    attributes = {name: {"Type": "String", "Value": value} for name, value in (headers or {}).items()}
    return json.dumps({"Type": "Notification", "MessageId": "1", "Message": body.decode(), "MessageAttributes": attributes}).encode()


def request(body: bytes, headers: Mapping[str, str] | None = None, *, in_base64: bool = False) -> bytes:
    text = base64_of(body) if in_base64 else body.decode()
    return json.dumps({"version": "2.0", "headers": headers or {}, "body": text, "isBase64Encoded": in_base64}).encode()


def push(body: bytes, attributes: Mapping[str, str] | None = None) -> bytes:
    return json.dumps({"message": {"data": base64_of(body), "attributes": attributes or {}}, "subscription": "projects/p/s"}).encode()


def taken(*bodies: bytes, headers: Pairs = OWN, proof: Proof = "required", secrets: Secrets = SECRETS, **more: Any) -> Taken:
    found = Taken()
    messages = [Message(str(number), body, headers, NOW) for number, body in enumerate(bodies)]
    take(found, messages, secrets, proof=proof, resources=more.get("resources"), now=NOW)
    return found


def rows(found: Taken) -> list[tuple[str, Any]]:
    return sorted({(each.resource, each.key) for each in found.changes if each.resource == "products"})


# -- told ----------------------------------------------------------------------------------------------------------------------------------

WRAPPED = {
    "plain": EVENT,
    "sns": sns(EVENT),
    "request": request(EVENT),
    "request-in-base64": request(EVENT, in_base64=True),
    "push": push(EVENT),
    "base64": base64_of(EVENT).encode(),
    "base64-with-a-newline": base64_of(EVENT).encode() + b"\n",
    "base64-twice": base64_of(base64_of(EVENT).encode()).encode(),
    "request-in-sns": sns(request(EVENT)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_an_event_is_told_whatever_it_is_wrapped_in(name: str) -> None:
    found = taken(WRAPPED[name])
    assert (rows(found), found.handles, dict(found.left)) == ([("products", 7)], ["0"], {})


@pytest.mark.parametrize("wrap", [sns, request, push])
def test_headers_within_a_wrapping_are_the_events_and_the_signature_is_of_the_inner_body(wrap: Any) -> None:
    headers = signed(EVENT, SECRETS, "msg_1", NOW)
    assert rows(taken(wrap(EVENT, headers), headers=())) == [("products", 7)]

    spoilt = taken(wrap(event(key=8), headers), headers=())
    assert dict(spoilt.left) == {"no signature is by this connection's client_secret": 1}


def test_the_same_message_twice_and_out_of_order_names_each_row_once() -> None:
    later = event(key=7, created_at=int(NOW) + 60)
    found = taken(later, EVENT, EVENT, event(key=5))
    [(resource, payload)] = [each for each in payloads(found.changes, "abc123", NOW, via="queue") if each[0] == "products"]
    assert (resource, payload["ids"], payload["count"], payload["via"]) == ("products", [7, 5], 2, "queue")
    assert found.handles == ["0", "1", "2", "3"]


def test_a_bad_message_leaves_the_others_of_its_batch_alone() -> None:
    found = taken(event(key=1), b"{", event(key=2))
    assert (rows(found), found.handles, found.left.total()) == ([("products", 1), ("products", 2)], ["0", "2"], 1)


def test_a_signature_is_as_old_as_it_was_when_the_queue_took_the_message() -> None:
    headers = tuple(signed(EVENT, SECRETS, "msg_1", NOW - 20 * DAY).items())[1:]
    found = Taken()
    waited = Message("waited", EVENT, headers, NOW - 20 * DAY)
    replayed = Message("replayed", EVENT, headers, NOW)
    take(found, [waited, replayed], SECRETS, proof="required", resources=None, now=NOW)
    assert (found.handles, len(found.left)) == (["waited"], 1)


# -- not needed ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (event(scope="store/made/up"), "an unknown scope"),
        (event(scope="store/app/uninstalled"), "store/app/uninstalled"),
        (event(scope="store/metafield/created", key=None), "store/metafield/created"),
    ],
)
def test_what_refreshes_nothing_is_acknowledged_and_counted(body: bytes, told: str) -> None:
    found = taken(body)
    assert (found.changes, found.handles) == ([], ["0"])
    assert list(found.unneeded) == [told]


def test_the_events_by_which_the_way_is_tried_are_acknowledged_the_one_with_a_wrong_secret_too() -> None:
    body = probe_event("abc123", NOW)
    found = taken(body, headers=())
    assert (found.changes, found.handles, dict(found.unneeded)) == ([], ["0"], {"store/airflow/test": 1})


def test_messages_of_resources_that_nobody_asked_for_are_acknowledged() -> None:
    found = taken(EVENT, event(scope="store/order/updated", key=100), resources={"orders"})
    assert ({each.resource for each in found.changes}, found.handles) == ({"orders"}, ["0", "1"])
    assert dict(found.unneeded) == {"store/product/updated": 1}


# -- left to the queue ---------------------------------------------------------------------------------------------------------------------

SHOPPER = "shopper@example.com"
DEEP = b"[" * 100_000
LEFT = {
    "another-store": (event(producer="stores/other"), "not of this connection's store"),
    "no-producer": (json.dumps({"scope": "store/product/updated"}).encode(), "not of this connection's store"),
    "not-json": (f"Dear {SHOPPER}".encode(), "not JSON"),
    "empty": (b"", "not JSON"),
    "no-utf-8": (b"\xff\xfe{}", "not JSON"),
    "deep": (DEEP, "not JSON"),
    "array": (b"[]", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "number": (b"1e400", "not JSON"),
    "ten-megabytes": (b'{"scope":"' + b"x" * 10_000_000, "more than 262144 bytes"),
    "no-scope": (event(scope=""), "no scope"),
    "a-scope-with-an-address": (event(scope=SHOPPER), "no scope"),
    "no-id": (event(key=None), "names no row"),
    "an-id-that-is-an-address": (event(key=SHOPPER), "names no row"),
    "sns-without-text": (b'{"Type":"Notification","Message":{"a":1}}', "has no text in it"),
    "request-without-body": (b'{"headers":{},"body":null}', "has no text in it"),
    "request-that-says-base64": (b'{"headers":{},"body":"{}","isBase64Encoded":true}', "says base64"),
    "push-without-data": (b'{"message":{},"subscription":"s"}', "has no text in it"),
    "push-with-bad-data": (b'{"message":{"data":"%"},"subscription":"s"}', "says base64"),
    "sns-subscription": (b'{"Type":"SubscriptionConfirmation","SubscribeURL":"https://example.com"}', "not of this connection's store"),
    "wrapped-five-times": (sns(sns(sns(sns(sns(EVENT))))), "wrapped more than 4 times"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_event_of_the_store_is_left_and_named_without_its_content(name: str) -> None:
    body, reason = LEFT[name]
    found = taken(body)
    assert (found.changes, found.handles, dict(found.unneeded)) == ([], [], {})
    [(told, count)] = found.left.items()
    assert reason in told
    assert (count, SHOPPER in told) == (1, False)


def test_a_body_of_exactly_the_most_bytes_is_read() -> None:
    at_most = EVENT.ljust(MOST_BYTES)
    assert taken(at_most).left.total() == 0
    assert taken(at_most + b" ").left.total() == 1


SIGNED = tuple(signed(EVENT, SECRETS, "msg_1", NOW).items())[1:]
WRONG = ((SECRET_HEADER, "0" * 64),)
NO_CLIENT_SECRET = Secrets("abc123", "the-token")
PROVEN: dict[str, tuple[Pairs, Proof, Secrets, bool]] = {
    "nothing-and-required": ((), "required", SECRETS, False),
    "nothing-and-if-present": ((), "if_present", SECRETS, True),
    "secret": (OWN, "required", SECRETS, True),
    "secret-in-lower-case": (((SECRET_HEADER.lower(), SECRETS.header),), "required", SECRETS, True),
    "wrong-secret": (WRONG, "if_present", SECRETS, False),
    "secret-twice": (OWN + WRONG, "if_present", SECRETS, False),
    "signature": (SIGNED, "required", SECRETS, True),
    "signature-of-another": ((*SIGNED[:2], ("webhook-signature", "v1,AAAA")), "if_present", SECRETS, False),
    "signature-without-its-time": (SIGNED[:1] + SIGNED[2:], "if_present", SECRETS, False),
    "signature-and-no-client-secret": (SIGNED, "required", NO_CLIENT_SECRET, False),
    "signature-unproven-and-if-present": (SIGNED, "if_present", NO_CLIENT_SECRET, True),
    "wrong-secret-with-a-right-signature": (WRONG + SIGNED, "required", SECRETS, False),
    "an-id-without-a-signature": (SIGNED[:1], "if_present", SECRETS, True),
    "an-id-without-a-signature-and-required": (SIGNED[:1], "required", SECRETS, False),
}


@pytest.mark.parametrize("name", PROVEN)
def test_what_a_message_carries_must_be_right_and_be_there_where_it_is_required(name: str) -> None:
    headers, proof, secrets, is_taken = PROVEN[name]
    found = taken(EVENT, headers=headers, proof=proof, secrets=secrets)
    assert (len(found.handles), found.left.total()) == ((1, 0) if is_taken else (0, 1))


def test_the_same_header_from_within_and_without_is_one() -> None:
    assert rows(taken(request(EVENT, {SECRET_HEADER: SECRETS.header}))) == [("products", 7)]
    assert taken(request(EVENT, {SECRET_HEADER: "0" * 64})).left.total() == 1


ODD = st.recursive(st.none() | st.text(max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=3))


def wrapping(value: object) -> bytes:
    """All wrappings at once, with something in them."""
    return json.dumps({"Type": "Notification", "Message": value, "headers": value, "body": value, "message": value}).encode()


@given(st.binary(max_size=200) | ODD.map(wrapping))
def test_no_bytes_raise_and_each_message_is_either_done_with_or_left(body: bytes) -> None:
    found = taken(body)
    assert len(found.handles) + found.left.total() == 1
    opened = unwrap(body)
    assert isinstance(opened, Refused) or isinstance(opened[0], bytes)
