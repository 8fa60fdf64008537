"""What identifies a store and opens it: the fields of a connection, checked and put into one immutable value.

Decides what a usable store hash, token and base URL are, and says where BigCommerce shows each. Opens nothing, logs nothing,
and puts no secret into an error or a ``repr``.
"""

from __future__ import annotations

import codecs
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from airflow_provider_bigcommerce.core.hosts import STORE, Host
from airflow_provider_bigcommerce.exceptions import CredentialsError

#: BigCommerce's public API host; the base URL of every connection that names none.
DEFAULT_BASE_URL: Final = STORE.url

#: Where BigCommerce shows each value, as a continuation of "you find it ...".
WHERE: Final[Mapping[str, str]] = {
    "store_hash": (
        "in the control panel's address (https://store-<hash>.mybigcommerce.com) and in the API account's "
        "'API path' (https://api.bigcommerce.com/stores/<hash>/v3/)"
    ),
    "access_token": (
        "in the control panel under Settings > Store-level API accounts, only once, when the account is created "
        "(also in the .txt file offered for download then); a lost token cannot be shown again, create a new account instead"
    ),
    "client_id": "in the control panel under Settings > Store-level API accounts, next to the account's name, and in its .txt file",
    "client_secret": (
        "in the control panel under Settings > Store-level API accounts, only once, when the account is created "
        "(also in the .txt file offered for download then)"
    ),
}

_LABELS: Final[Mapping[str, str]] = {
    "store_hash": "Store hash",
    "access_token": "Access token",
    "client_id": "Client ID",
    "client_secret": "Client secret",
}

_HASH_FORMS: Final = (
    "abc123, stores/abc123, https://api.bigcommerce.com/stores/abc123/v3/, "
    "https://store-abc123.mybigcommerce.com/... or store-abc123-2.mybigcommerce.com"
)

# Published examples have 6 to 10 characters ("g5cd38"); a token has 31. The limit tells a token in the wrong field from a hash.
_HASH: Final = r"[a-z0-9]{3,24}"
_BARE_HASH: Final = re.compile(rf"({_HASH})")
_STORES_PATH: Final = re.compile(rf"/?stores/({_HASH})/?")
_API_PATH: Final = re.compile(rf"(?:https?://)?api\.bigcommerce\.com/stores/({_HASH})(?:[/?#].*)?", re.DOTALL)
_CONTROL_PANEL: Final = re.compile(rf"(?:https?://)?store-({_HASH})(?:-[0-9]+)?\.mybigcommerce\.com(?:[/?#].*)?", re.DOTALL)

# What str.strip() leaves at the ends of text that was copied from a web page or read from a file: byte-order mark, soft hyphen,
# zero-width and direction marks.
_INVISIBLE: Final = "\ufeff\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_WITHOUT_INVISIBLE: Final = dict.fromkeys(map(ord, _INVISIBLE))

# Straight and typographic quotation marks; which of them stands first or last differs by language.
_QUOTES: Final = "\"'`\u00b4\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u300c\u300d\uff02\uff07"

#: Bytes of a credentials file; the real one has a few hundred.
_LARGEST_FILE: Final = 64 * 2**10

_TRUE: Final = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "f", "n", ""})


@dataclass(frozen=True, slots=True)
class StoreCredentials:
    """One store and the right to use it; printing it shows no secret.

    :param store_hash: the store's short name in API paths, such as ``abc123``.
    :param access_token: value of the ``X-Auth-Token`` header.
    :param client_id: the API account's id, or None; needed for JWTs only.
    :param client_secret: the API account's secret, or None; needed for JWTs and webhook signatures only, never sent.
    :param base_url: scheme, host and port of the API, without a trailing slash.
    :param b2b_url: the same of B2B Edition's; None for BigCommerce's own, or, where ``base_url`` is not BigCommerce's, for none.
    """

    store_hash: str
    access_token: str = field(repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    b2b_url: str | None = None

    @property
    def store_url(self) -> str:
        """Base of all paths of this store: ``https://api.bigcommerce.com/stores/abc123``."""
        return f"{self.base_url}/stores/{self.store_hash}"

    def before(self, host: Host) -> str:
        """What stands before a path of that host in its URL.

        :raises CredentialsError: the connection leads elsewhere than to BigCommerce, and does not say where this host is: a proxy's token,
            or a sandbox's, must not go to BigCommerce.
        """
        if host is STORE:
            return self.store_url
        if self.b2b_url is not None:
            return self.b2b_url
        if self.base_url == DEFAULT_BASE_URL:
            return host.url
        raise CredentialsError(
            f"The connection's API base URL is {self.base_url}, and its extra 'b2b_host' does not say where {host.title}'s API is. "
            f'it. Put "b2b_host" into the extra: {host.url}, or the address of your proxy for it.'
        )

    def root(self, host: Host) -> str:
        """What all URLs of that host begin with: a redirect does not lead out of it.

        :raises CredentialsError: as :meth:`before`.
        """
        return self.before(host) + host.root

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no log line may contain: the token and, where there is one, the client secret."""
        return tuple(value for value in (self.access_token, self.client_secret) if value)

    def require_client_id(self, feature: str) -> str:
        """The client ID, for a feature that cannot do without.

        :param feature: what needs it, as the subject of a sentence (``"Customer login"``).
        :raises CredentialsError: the connection has none.
        """
        return self._require("client_id", self.client_id, feature)

    def require_client_secret(self, feature: str) -> str:
        """The client secret, for a feature that cannot do without.

        :param feature: what needs it, as the subject of a sentence (``"Verifying a webhook's signature"``).
        :raises CredentialsError: the connection has none.
        """
        return self._require("client_secret", self.client_secret, feature)

    def _require(self, name: str, value: str | None, feature: str) -> str:
        if value:
            return value
        raise CredentialsError(
            f"{feature} needs the {_LABELS[name]}, and the connection of store {self.store_hash} has none. You find it {WHERE[name]}. "
            f"Put it into the connection's field '{_LABELS[name]}' (extra key {name!r})."
        )


def clean(value: object) -> str:
    """A field's value as text, without blanks, line ends, invisible marks and quotation marks around it; None becomes empty."""
    text = _trimmed("" if value is None else str(value))
    while len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = _trimmed(text[1:-1])
    return text


def _trimmed(text: str) -> str:
    while (stripped := text.strip().strip(_INVISIBLE)) != text:
        text = stripped
    return text


def as_bool(name: str, value: object) -> bool:
    """A yes/no extra, which is text where the connection came from a URI.

    :raises CredentialsError: the value is neither.
    """
    text = clean(value).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise CredentialsError(f"The connection's extra {name!r} is {text[:40]!r}; accepted: true or false.")


def parse_store_hash(text: object) -> str:
    """The store hash in what people paste.

    :param text: one of the forms that the error message lists.
    :returns: the hash in lower case.
    :raises CredentialsError: it is none of these forms, such as a custom domain.

    Source: https://developer.bigcommerce.com/docs/start/about (API base URL), control panel address of every store.
    """
    pasted = clean(clean(text).translate(_WITHOUT_INVISIBLE))
    if not pasted:
        raise CredentialsError(f"The store hash is empty. You find it {WHERE['store_hash']}. Accepted: {_HASH_FORMS}.")
    _refuse_mask("store_hash", pasted)
    lower = pasted.lower()
    for form in (_BARE_HASH, _STORES_PATH, _API_PATH, _CONTROL_PANEL):
        if match := form.fullmatch(lower):
            return match[1]
    # A token that was pasted into the wrong field must not be printed: only what looks like an address is shown.
    shown = f"{pasted[:80]!r}" if re.fullmatch(r"[\w./:-]{1,80}", pasted) and re.search(r"[./]", pasted) else "the value given"
    raise CredentialsError(
        f"No store hash in {shown}. Accepted: {_HASH_FORMS}. You find it {WHERE['store_hash']}; "
        "the store's own domain does not contain it, and a base URL other than BigCommerce's belongs in the field 'API base URL' (host)."
    )


def parse_base_url(
    host: object,
    *,
    port: object = None,
    schema: object = None,
    allow_http: bool = False,
    store_hash: str = "",
    named: str = "API base URL (host)",
) -> str:
    """Scheme, host and port of the API, from a connection's standard fields.

    :param host: with or without scheme; empty means BigCommerce's own. A pasted API path of the same store is accepted and its path
        dropped; any other path is refused, as nothing would be sent there.
    :param port: the connection's port; 0 and None mean none.
    :param schema: the connection's schema, ``http`` or ``https``, used where ``host`` has no scheme.
    :param allow_http: whether plain http may leave this machine.
    :param store_hash: the connection's store, for the pasted API path.
    :param named: what the value is called in the connection, for messages.
    :raises CredentialsError: not a base URL, or plain http to another machine.
    """
    text = clean(host)
    if not text:
        return DEFAULT_BASE_URL
    scheme = clean(schema).lower() or "https"
    if "://" not in text:
        text = f"{scheme}://{text}"
    accepted = "Accepted: https://host, https://host:port or host:port, without a path; plain http only for this machine."
    try:
        parts = urlsplit(text)
        hostname, own_port = parts.hostname or "", parts.port
    except ValueError:
        raise CredentialsError(f"The connection's {named} is not a URL. {accepted}") from None
    if parts.username is not None or parts.password is not None:
        raise CredentialsError(f"The connection's {named} contains a user name or password. {accepted}")
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", hostname):
        raise CredentialsError(f"The connection's {named} is not a URL of a web server. {accepted}")
    if not _is_droppable(parts, store_hash):
        raise CredentialsError(f"The connection's {named} has a path, query or fragment after {hostname!r}. {accepted}")
    if parts.scheme == "http" and not allow_http and not is_loopback(hostname):
        raise CredentialsError(
            f"The connection's {named} is plain http to {hostname!r}, which would send the access token unencrypted. "
            'Use https, or, on a network you trust, put "allow_http": true into the connection\'s extra.'
        )
    number = own_port or _port(port)
    name = f"[{hostname}]" if ":" in hostname else hostname
    return f"{parts.scheme}://{name}:{number}" if number else f"{parts.scheme}://{name}"


def is_loopback(hostname: str) -> bool:
    """Whether a host name or address is this machine by its spelling; no name is resolved."""
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def from_connection_fields(host: object, extra: Mapping[str, object], *, port: object = None, schema: object = None) -> StoreCredentials:
    """Credentials from the fields of an Airflow connection, however they were written.

    :param host: the standard field ``host``; the base URL is taken from nowhere else, since Airflow guards this field when it
        tests an edited connection with stored secrets. (No test of a connection sends to ``b2b_host``.)
    :param extra: the decoded extra: ``store_hash``, ``access_token``, ``client_id``, ``client_secret``, ``allow_http``, ``b2b_host``.
    :param port: the standard field ``port``.
    :param schema: the standard field ``schema``.
    :raises CredentialsError: a field is missing, empty, masked or malformed; the message names it.
    """
    store_hash = parse_store_hash(extra.get("store_hash"))
    allow_http = as_bool("allow_http", extra.get("allow_http"))
    b2b_host = clean(extra.get("b2b_host"))
    return StoreCredentials(
        store_hash=store_hash,
        access_token=_token(extra.get("access_token")),
        client_id=_optional("client_id", extra.get("client_id")),
        client_secret=_optional("client_secret", extra.get("client_secret")),
        base_url=parse_base_url(host, port=port, schema=schema, allow_http=allow_http, store_hash=store_hash),
        b2b_url=parse_base_url(b2b_host, allow_http=allow_http, named="extra 'b2b_host'") if b2b_host else None,
    )


def credentials_text(data: bytes) -> str:
    """The text of a credentials file as people's editors save it: UTF-8, UTF-16 or Windows' western code page.

    :param data: the file's bytes.
    :raises CredentialsError: it is no text, or far too large; the message shows nothing of it.
    """
    if len(data) > _LARGEST_FILE:
        raise CredentialsError(
            f"The credentials file has {len(data):,} bytes; the one that BigCommerce offers has less than 1,000. Give that .txt file."
        )
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in data:  # UTF-16 without its mark: every second byte of these letters is zero
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Every byte is a character there; what we read (labels, hash, token) is ASCII in either.
        text = data.decode("cp1252", "replace") if encoding == "utf-8-sig" else "\0"
    if "\0" in text:
        raise CredentialsError(
            "The credentials file is not a text file in UTF-8, UTF-16 or Windows-1252. Give the .txt file that BigCommerce offers when an "
            "API account is created, or save it as UTF-8."
        )
    return text


def parse_credentials_file(text: str) -> StoreCredentials:
    """Credentials from the .txt file that BigCommerce offers for download when an API account is created.

    :param text: lines such as ``ACCESS TOKEN: ...``, ``CLIENT ID:``, ``CLIENT SECRET:`` and ``API PATH:`` in any order and case,
        each value on its label's line or on the next one; other lines are skipped.
    :raises CredentialsError: the API path or the token is missing, or a label occurs with two values.
    """
    found: dict[str, str] = {}
    waiting: str | None = None
    for line in text.splitlines():
        content = _trimmed(line)
        if not content:
            continue
        label = _FILE_LABEL.fullmatch(_OTHER_BLANKS.sub(" ", content).translate(_WITHOUT_INVISIBLE))
        if label:
            waiting, value = _FILE_FIELDS.get(" ".join(re.split(r"[\s_-]+", label[1].lower()))), clean(label[2])
        else:
            value = clean(content)
        if waiting and value:
            if found.setdefault(waiting, value) != value:
                raise CredentialsError(
                    f"The credentials file has two different values for {_LABELS[waiting]!r}: is it of two API accounts? Keep one."
                )
            waiting = None
    if "store_hash" not in found:
        raise CredentialsError(
            "The credentials file has no line 'API PATH: https://api.bigcommerce.com/stores/<hash>/v3/'. "
            "Is it the .txt file that BigCommerce offers when an API account is created? Its labels are English: ACCESS TOKEN, CLIENT ID, "
            "CLIENT SECRET, API PATH."
        )
    return from_connection_fields(None, found)


def connection_extra(credentials: StoreCredentials) -> dict[str, str]:
    """The connection's extra fields, in the form's order; absent ones are left out."""
    fields = {
        "store_hash": credentials.store_hash,
        "access_token": credentials.access_token,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    return {name: value for name, value in fields.items() if value}


def connection_json(credentials: StoreCredentials) -> str:
    """The connection as the JSON text that Airflow reads from ``AIRFLOW_CONN_...``; contains the secrets."""
    host, extra = _written(credentials)
    return json.dumps({"conn_type": "bigcommerce", **({"host": host} if host else {}), "extra": extra})


def connection_uri(credentials: StoreCredentials) -> str:
    """The connection as the URI that Airflow reads from ``AIRFLOW_CONN_...``; contains the secrets."""
    host, extra = _written(credentials)
    if any(map(_reads_as_other, connection_extra(credentials).values())):
        extra = {"__extra__": json.dumps(extra)}  # Airflow's own name for all of them as one JSON text
    return f"bigcommerce://{quote(host, safe='')}/?{urlencode(extra, quote_via=quote)}"


def _reads_as_other(value: str) -> bool:
    """Whether Airflow 3.1 makes another value of it: it reads what is JSON in a URI, so that ``1e5`` comes back as ``100000.0``."""
    try:
        return str(json.loads(value, parse_float=lambda _: None)) != value
    except (ValueError, RecursionError):
        return False


def _written(credentials: StoreCredentials) -> tuple[str, dict[str, str]]:
    extra = connection_extra(credentials)
    if credentials.b2b_url is not None:
        extra["b2b_host"] = credentials.b2b_url
    for parts in map(urlsplit, filter(None, (credentials.base_url, credentials.b2b_url))):
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            extra["allow_http"] = "true"
    return "" if credentials.base_url == DEFAULT_BASE_URL else credentials.base_url, extra


_FILE_FIELDS: Final[Mapping[str, str]] = {
    "access token": "access_token",
    "client id": "client_id",
    "client secret": "client_secret",
    "api path": "store_hash",
    "store hash": "store_hash",
}
# Blanks other than a space: no-break, thin and the like.
_OTHER_BLANKS: Final = re.compile(r"[^\S \t]")
# A label is one of ours in any case, or capitals and a colon (CLIENT NAME: ...), so that a secret with a colon stays a value.
_FILE_LABEL: Final = re.compile(
    r"[\"']?((?i:access[ \t_-]+token|client[ \t_-]+(?:id|secret|name)|api[ \t_-]+path|store[ \t_-]+hash|name|scopes?|oauth[ \t_-]+scopes?)"
    r"|[A-Z][A-Z _-]*[A-Z])[\"']?[ \t]*[:=\uff1a](?!//)(.*)"
)


def _refuse_mask(name: str, value: str) -> None:
    if re.fullmatch(r"\*+", value):
        what = "token" if name == "access_token" else _LABELS[name].lower()
        raise CredentialsError(
            f"A masked value ({value[:8]}) was sent as the {what}: Airflow shows stored secrets as ***, and this copy of the "
            f"connection was made from what it shows. Type the real value into '{_LABELS[name]}', or test the stored connection "
            "(airflow-bigcommerce check --conn-id <connection id>)."
        )


def _token(value: object) -> str:
    token = clean(clean(value).translate(_WITHOUT_INVISIBLE))
    if not token:
        raise CredentialsError(
            f"The access token is empty (field 'Access token', extra key 'access_token'). You find it {WHERE['access_token']}."
        )
    _refuse_mask("access_token", token)
    # Checked here because the HTTP libraries print a header value they refuse.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise CredentialsError(
            "The access token contains blanks, line ends or characters that a header cannot have (field 'Access token', extra key "
            f"'access_token'). Copy it again, without the text around it; you find it {WHERE['access_token']}."
        )
    return token


def _optional(name: str, value: object) -> str | None:
    text = clean(value)
    _refuse_mask(name, text)
    return text or None


def _port(value: object) -> int | None:
    text = clean(value)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise CredentialsError(f"The connection's port is {text[:20]!r}; accepted: 1 to 65535, or none.")
    return int(text) or None


def _is_droppable(parts: SplitResult, store_hash: str) -> bool:
    if parts.query or parts.fragment:
        return False
    return not parts.path.strip("/") or bool(
        store_hash and re.fullmatch(rf"/stores/{re.escape(store_hash)}(?:/v[23])?/*", parts.path, re.IGNORECASE)
    )


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, the port by its scheme where it names none; empty where it is no URL.

    The access token goes to the origin of the connection's base URL only.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None
