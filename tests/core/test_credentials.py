"""Claims about what is accepted as a store, a token and a base URL, and about secrets staying out of sight."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.credentials import (
    StoreCredentials,
    as_bool,
    clean,
    connection_json,
    credentials_text,
    from_connection_fields,
    parse_base_url,
    parse_credentials_file,
    parse_store_hash,
)
from airflow_provider_bigcommerce.exceptions import CredentialsError

TOKEN = "tok-5ecret-9f8e7d"
SECRET = "cs/+=&?#%:\"'\\ é"
FIELDS = {"store_hash": "abc123", "access_token": TOKEN}


@pytest.mark.parametrize(
    "pasted",
    [
        "abc123",
        "ABC123",
        "stores/abc123",
        "/stores/abc123/",
        "https://api.bigcommerce.com/stores/abc123/v3/",
        "https://api.bigcommerce.com/stores/abc123",
        "api.bigcommerce.com/stores/abc123/v2/orders?limit=1",
        "https://store-abc123.mybigcommerce.com",
        "https://store-abc123.mybigcommerce.com/manage/settings/api-accounts",
        "store-abc123.mybigcommerce.com",
        "store-abc123-2.mybigcommerce.com",
        "  abc123\r\n",
        "\ufeffabc123\u200b",
        "\u00a0stores/abc123\t",
    ],
)
def test_every_pasted_form_of_a_store_gives_its_hash(pasted: str) -> None:
    assert parse_store_hash(pasted) == "abc123"


@pytest.mark.parametrize(
    "pasted",
    [
        "www.example.com",
        "https://shop.example.com/",
        "https://evil.example/stores/abc123/v3/",
        "https://api.bigcommerce.com.evil.example/stores/abc123/",
        "https://api.bigcommerce.com@evil.example/stores/abc123",
        "https://store-abc123.mybigcommerce.com.evil.example/",
        "stores/abc123/v3",
        "abc 123",
        "abc_123",
        "ab",
        "stores/",
        "x" * 31,
        ["abc123"],
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_accepted(pasted: object) -> None:
    with pytest.raises(CredentialsError, match=r"Accepted: abc123, stores/abc123, https://api\.bigcommerce\.com/stores/abc123/v3/"):
        parse_store_hash(pasted)


def test_a_token_in_the_store_hash_field_is_not_shown() -> None:
    token = "k2j4h5k2j3h4k5j2h3k4j5h2k3j4h5k"
    with pytest.raises(CredentialsError) as caught:
        parse_store_hash(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  \r\n", "\ufeff"])
def test_an_empty_store_hash_says_where_it_is_found(value: object) -> None:
    with pytest.raises(CredentialsError, match=r"store hash is empty.*control panel"):
        parse_store_hash(value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "https://api.bigcommerce.com"),
        (" ", "https://api.bigcommerce.com"),
        ("api.example.com", "https://api.example.com"),
        ("https://API.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://api.bigcommerce.com/stores/abc123/v3/", "https://api.bigcommerce.com"),
        ("https://api.bigcommerce.com/stores/abc123", "https://api.bigcommerce.com"),
    ],
)
def test_the_base_url_is_scheme_host_and_port(host: object, expected: str) -> None:
    assert parse_base_url(host, store_hash="abc123") == expected


@pytest.mark.parametrize(
    "host",
    [
        "https://api.example.com/proxy",
        "https://api.bigcommerce.com/stores/other9/v3/",
        "https://api.example.com?x=1",
        "https://api.example.com#x",
        "https://user:pw@api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://a b",
        "https://api.example.com:99999",
        "https://[::1",
    ],
)
def test_a_base_url_with_anything_more_is_refused(host: str) -> None:
    with pytest.raises(CredentialsError, match=r"API base URL \(host\).*Accepted: https://host"):
        parse_base_url(host, store_hash="abc123")


@pytest.mark.parametrize(
    "host", ["http://api.example.com", "http://10.0.0.7:8080", "http://localhost.example.com", "http://127.0.0.1.nip.io"]
)
def test_plain_http_leaves_this_machine_only_when_allowed(host: str) -> None:
    with pytest.raises(CredentialsError, match=r'plain http.*"allow_http": true'):
        parse_base_url(host)
    assert parse_base_url(host, allow_http=True) == host


def test_port_and_schema_fields_count_where_the_host_has_none() -> None:
    assert parse_base_url("127.0.0.1", port=8080, schema="http") == "http://127.0.0.1:8080"
    assert parse_base_url("http://127.0.0.1:8080", port=9, schema="https") == "http://127.0.0.1:8080"
    assert parse_base_url("api.example.com", port=0) == "https://api.example.com"


def test_the_base_url_comes_from_nowhere_but_the_host() -> None:
    pasted = from_connection_fields(
        None, {**FIELDS, "store_hash": "https://api.bigcommerce.com/stores/abc123/v3/", "host": "https://evil.example"}
    )
    assert pasted.base_url == "https://api.bigcommerce.com"


def test_blanks_and_line_ends_around_every_value_are_dropped() -> None:
    extra = {"store_hash": " abc123\n", "access_token": f"\ufeff{TOKEN}\r\n", "client_id": " id ", "client_secret": f"\t{SECRET}\n"}
    assert from_connection_fields(" https://api.example.com \n", extra) == StoreCredentials(
        "abc123", TOKEN, "id", SECRET, "https://api.example.com"
    )


def test_hash_and_token_alone_are_whole_credentials() -> None:
    credentials = from_connection_fields("", {**FIELDS, "client_id": "", "client_secret": None})
    assert (credentials.client_id, credentials.client_secret) == (None, None)
    assert credentials.store_url == "https://api.bigcommerce.com/stores/abc123"


@pytest.mark.parametrize("token", [None, "", "   "])
def test_an_empty_token_names_the_field_and_where_bigcommerce_shows_it(token: object) -> None:
    with pytest.raises(CredentialsError, match=r"access token is empty.*'Access token'.*Store-level API accounts"):
        from_connection_fields(None, {**FIELDS, "access_token": token})


@pytest.mark.parametrize("field", ["access_token", "client_secret", "client_id"])
def test_a_masked_value_is_recognised(field: str) -> None:
    with pytest.raises(CredentialsError, match=r"masked value \(\*\*\*\) was sent as the "):
        from_connection_fields(None, {**FIELDS, field: "***"})


@pytest.mark.parametrize("token", ["two words", "line\nend", "tök", "nul\0"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(CredentialsError, match="that a header cannot have") as caught:
        from_connection_fields(None, {**FIELDS, "access_token": token})
    assert token not in str(caught.value)


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_a_feature_without_its_field_says_which_and_where_it_is_found(name: str) -> None:
    label = {"client_id": "Client ID", "client_secret": "Client secret"}[name]
    require = getattr(StoreCredentials("abc123", TOKEN), f"require_{name}")
    with pytest.raises(CredentialsError, match=f"Verifying a signature needs the {label}.*Store-level API accounts.*extra key '{name}'"):
        require("Verifying a signature")
    assert getattr(StoreCredentials("abc123", TOKEN, "the id", "the secret"), f"require_{name}")("x") == f"the {name[7:]}"


def test_no_printed_form_of_credentials_shows_a_secret() -> None:
    credentials = StoreCredentials("abc123", TOKEN, "id", SECRET)
    for shown in (repr(credentials), str(credentials), f"{credentials}", f"{[credentials]}", f"{credentials!r:>200}"):
        assert TOKEN not in shown
        assert "cs/" not in shown
        assert "abc123" in shown


def test_credentials_survive_a_change_of_process() -> None:
    credentials = StoreCredentials("abc123", TOKEN, "id", SECRET)
    assert pickle.loads(pickle.dumps(credentials)) == credentials


@pytest.mark.parametrize(("text", "value"), [(True, True), ("true", True), (1, True), (None, False), ("False", False), ("0", False)])
def test_a_flag_may_be_text(text: object, value: bool) -> None:
    assert as_bool("allow_http", text) is value


def test_a_flag_that_is_neither_names_itself() -> None:
    with pytest.raises(CredentialsError, match="'allow_http' is 'perhaps'; accepted: true or false"):
        as_bool("allow_http", "perhaps")


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


# -- the file that BigCommerce lets you download ----------------------------------------------------------------------

EXPECTED = StoreCredentials("abc123", TOKEN, "the-id", SECRET)
FILE = f"""\
ACCESS TOKEN: {TOKEN}
CLIENT NAME: My integration
CLIENT ID: the-id
CLIENT SECRET: {SECRET}
NAME: My integration
API PATH: https://api.bigcommerce.com/stores/abc123/v3/
"""


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        "\ufeff" + FILE.replace("\n", "\r\n"),
        FILE.replace("\n", "\n\n"),
        FILE.replace(": ", ":\n"),
        FILE.replace(": ", ":\r\n   \r\n  "),
        FILE.replace("ACCESS TOKEN", "Access Token").replace("CLIENT ID", "client_id").replace("API PATH", "Api path"),
        FILE.replace(": ", " = ", 1),
        "\n".join(reversed(FILE.splitlines())),
        "Keep this file safe.\n----------\n" + FILE + "\nSCOPES:\nstore_v2_orders store_v2_products\n",
        FILE + FILE,
    ],
    ids=[
        "plain",
        "bom-crlf",
        "blank-lines",
        "value-below",
        "value-below-crlf",
        "other-case",
        "equals",
        "other-order",
        "extra-lines",
        "twice",
    ],
)
def test_the_credentials_file_is_read_in_all_its_shapes(text: str) -> None:
    assert parse_credentials_file(text) == EXPECTED


QUOTED = [
    '"{}"',
    "'{}'",
    "`{}`",
    "\u201c{}\u201d",
    "\u201e{}\u201c",
    "\u201d{}\u201d",
    "\u2018{}\u2019",
    "\u201a{}\u2018",
    "\u00ab{}\u00bb",
    "\u00bb{}\u00ab",
    "\u300c{}\u300d",
    "\uff02{}\uff02",
    ' "{}" ',
    '" {}\u00a0"',
    "\"'{}'\"",
    "{}\u00a0",
    "\u00a0\u2007{}\u202f",
    "\u200b{}\ufeff",
    "\u200e{}\u202c",
    "\u2066\u201c{}\u201d\u2069\r\n",
]


@pytest.mark.parametrize("around", QUOTED)
def test_what_pasting_puts_around_a_value_is_dropped(around: str) -> None:
    fields = {"store_hash": "abc123", "access_token": TOKEN, "client_id": "the-id", "client_secret": SECRET}
    pasted = {name: around.format(value) for name, value in fields.items()}

    assert from_connection_fields(None, pasted) == EXPECTED
    lines = {
        "ACCESS TOKEN": TOKEN,
        "CLIENT ID": "the-id",
        "CLIENT SECRET": SECRET,
        "API PATH": "https://api.bigcommerce.com/stores/abc123/v3/",
    }
    assert parse_credentials_file("\n".join(f"{label}: {around.format(value)}" for label, value in lines.items())) == EXPECTED


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "\u2060", "\ufeff"])
def test_marks_that_nobody_sees_are_dropped_from_within_a_token_and_a_hash(mark: str) -> None:
    """A browser breaks a long word with one, and it is copied."""
    fields = {"store_hash": f"abc{mark}123", "access_token": TOKEN[:5] + mark + TOKEN[5:]}

    assert from_connection_fields(None, fields) == StoreCredentials("abc123", TOKEN)


@pytest.mark.parametrize("token", ["\u201c", '""', "\u201c\u201d", '" "', '"two words"', "\u201ctwo words\u201d", "t\u00f6k\u201d"])
def test_a_token_of_quotation_marks_or_none_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(CredentialsError, match=r"is empty|that a header cannot have") as caught:
        from_connection_fields(None, {**FIELDS, "access_token": token})
    assert "two words" not in str(caught.value)


#: With a letter that each encoding writes otherwise, in a name that is not read.
FOREIGN = FILE.replace("My integration", "Caf\u00e9 \u20ac 2024").replace(SECRET, "the-secret")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("cp1252"),
        lambda text: text.replace("\u20ac", "\u00a4").encode("latin-1"),
        lambda text: text.encode("cp1252") + b"\x81\x8d",  # bytes that cp1252 does not have
    ],
    ids=["utf-8", "utf-8 bom", "utf-16-le bom", "utf-16-be bom", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "not cp1252"],
)
def test_the_credentials_file_is_read_as_editors_save_it(encode: Callable[[str], bytes], line_end: str) -> None:
    text = credentials_text(encode(FOREIGN.replace("\n", line_end)))

    assert parse_credentials_file(text) == StoreCredentials("abc123", TOKEN, "the-id", "the-secret")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ACCESS TOKEN: ", "ACCESS\u00a0TOKEN:\u00a0"),
        ("ACCESS TOKEN: ", "ACCESS TOKEN\uff1a"),
        ("ACCESS TOKEN: ", "\u200bACCESS TOKEN\u200b: "),
        ("ACCESS TOKEN: ", '"ACCESS TOKEN": '),
        ("API PATH: ", "API\u202fPATH : "),
    ],
)
def test_a_label_is_known_however_it_was_pasted(old: str, new: str) -> None:
    assert parse_credentials_file(FILE.replace(old, new)) == EXPECTED


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + TOKEN.encode(), b"\xff\xfe\x00\xd8" + TOKEN.encode(), bytes(65_537)])
def test_what_is_no_text_is_refused_without_being_shown(data: bytes) -> None:
    with pytest.raises(CredentialsError, match=r"credentials file (is not a text file|has 65,537 bytes)") as caught:
        parse_credentials_file(credentials_text(data))
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_labels_in_another_language_are_told_of_without_a_value() -> None:
    with pytest.raises(CredentialsError, match="Its labels are English: ACCESS TOKEN, CLIENT ID, CLIENT SECRET, API PATH") as caught:
        parse_credentials_file(f"ZUGRIFFSTOKEN: {TOKEN}\nAPI-PFAD: https://api.bigcommerce.com/stores/abc123/v3/")
    assert TOKEN not in str(caught.value)


def test_a_label_without_value_takes_nothing_from_the_next_label() -> None:
    text = f"CLIENT ID:\nCLIENT NAME:\nMine\nACCESS TOKEN: {TOKEN}\nAPI PATH: stores/abc123"
    assert parse_credentials_file(text) == StoreCredentials("abc123", TOKEN)


def test_a_file_of_two_accounts_is_refused_without_showing_either() -> None:
    with pytest.raises(CredentialsError, match="two different values for 'Access token'") as caught:
        parse_credentials_file(FILE + "ACCESS TOKEN: other-token\n")
    assert TOKEN not in str(caught.value)
    assert "other-token" not in str(caught.value)


@pytest.mark.parametrize(("gone", "claim"), [("API PATH", "no line 'API PATH:"), ("ACCESS TOKEN", "access token is empty")])
def test_a_file_that_lacks_what_is_needed_says_what(gone: str, claim: str) -> None:
    with pytest.raises(CredentialsError, match=claim):
        parse_credentials_file(FILE.replace(gone, "X"))


def test_the_connection_json_is_read_back_as_the_same_credentials() -> None:
    for credentials in (EXPECTED, StoreCredentials("abc123", TOKEN, base_url="http://10.0.0.7:8080")):
        fields = json.loads(connection_json(credentials))
        assert fields["conn_type"] == "bigcommerce"
        assert from_connection_fields(fields.get("host"), fields["extra"]) == credentials
