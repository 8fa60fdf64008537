"""The adapter of Amazon SQS, by Airflow's own ``SqsHook`` and boto3; botocore's Stubber checks requests and answers, nothing is sent."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_bigcommerce.queues.by_name import open_queue
from airflow_provider_bigcommerce.queues.sqs import SqsQueue
from tests.conftest import missing_tool

pytestmark = pytest.mark.s3

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/bigcommerce"


@pytest.fixture(autouse=True)
def amazon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection ``aws_default`` with keys and without a region; nothing of what the machine says of AWS."""
    if importlib.util.find_spec("airflow.providers.amazon") is None:
        how = "make test-object-store makes an environment that has it"
        if "s3" in str(request.config.getoption("-m")):
            missing_tool("apache-airflow-providers-amazon", how)
        pytest.skip(f"apache-airflow-providers-amazon is missing: {how}")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "login": "key", "password": "secret"}))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def queue() -> SqsQueue:
    found = open_queue(URL, None)
    assert isinstance(found, SqsQueue)
    return found


@pytest.fixture
def stubbed(queue: SqsQueue) -> Iterator[Any]:
    """What the queue's client is asked, in order, and answers."""
    from botocore.stub import Stubber

    with Stubber(queue._client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def asked(**more: Any) -> dict[str, Any]:
    return {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 10,
        "VisibilityTimeout": 600,
        "WaitTimeSeconds": 5,
        "MessageAttributeNames": ["All"],
        "AttributeNames": ["SentTimestamp"],
        **more,
    }


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "eu-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"),
        ("http://localhost:4566/000000000000/q", None),
    ],
)
def test_the_region_is_that_of_the_queues_address(url: str, region: str | None) -> None:
    found = open_queue(url, None)
    assert isinstance(found, SqsQueue)
    assert found._hook._region_name == region
    if region is not None:
        assert found._client.meta.region_name == region


def test_messages_come_with_their_attributes_and_the_time_they_were_sent(queue: SqsQueue, stubbed: Any) -> None:
    attributes = {
        "webhook-id": {"StringValue": "msg_1", "DataType": "String"},
        "picture": {"BinaryValue": b"\x00", "DataType": "Binary"},
    }
    messages = [
        {"ReceiptHandle": "a", "Body": '{"a":"é"}', "Attributes": {"SentTimestamp": "1800000000123"}, "MessageAttributes": attributes},
        {"ReceiptHandle": "b", "Body": ""},
    ]
    stubbed.add_response("receive_message", {"Messages": messages}, asked())
    found = queue.receive(1_000, wait=5.0, hold=600)
    assert [(each.handle, each.body, each.headers, each.sent_at) for each in found] == [
        ("a", '{"a":"é"}'.encode(), (("webhook-id", "msg_1"),), 1_800_000_000.123),
        ("b", b"", (), None),
    ]


@pytest.mark.parametrize(("wait", "polled"), [(0.2, 1), (3.9, 3), (60.0, 20)])
def test_it_always_polls_long_since_a_short_poll_finds_a_queue_empty_that_is_not(
    queue: SqsQueue, stubbed: Any, wait: float, polled: int
) -> None:
    stubbed.add_response("receive_message", {}, asked(WaitTimeSeconds=polled, MaxNumberOfMessages=3))
    assert queue.receive(3, wait=wait, hold=600) == []


def test_handles_are_acknowledged_by_tens_and_those_are_counted_that_sqs_did_not_remove(queue: SqsQueue, stubbed: Any) -> None:
    handles = [f"handle-{number}" for number in range(11)]
    entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(handles[:10])]
    failed = [{"Id": "3", "SenderFault": False, "Code": "InternalError"}]
    stubbed.add_response("delete_message_batch", {"Successful": [], "Failed": failed}, {"QueueUrl": URL, "Entries": entries})
    last = [{"Id": "0", "ReceiptHandle": "handle-10"}]
    stubbed.add_response("delete_message_batch", {"Successful": [{"Id": "0"}], "Failed": []}, {"QueueUrl": URL, "Entries": last})
    assert queue.acknowledge(handles) == 1


def test_handles_are_given_back_at_once(queue: SqsQueue, stubbed: Any) -> None:
    entries = [{"Id": "0", "ReceiptHandle": "a", "VisibilityTimeout": 0}]
    stubbed.add_response("change_message_visibility_batch", {"Successful": [], "Failed": []}, {"QueueUrl": URL, "Entries": entries})
    queue.hold(["a"], 0)


def test_a_refusal_is_an_error_that_names_it(queue: SqsQueue, stubbed: Any) -> None:
    stubbed.add_client_error("receive_message", "AccessDenied", "not authorized to perform: sqs:ReceiveMessage")
    with pytest.raises(queue.failures(), match="AccessDenied"):
        queue.receive(10, wait=5.0, hold=600)
