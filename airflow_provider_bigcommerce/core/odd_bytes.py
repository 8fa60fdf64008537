"""JSON that the quick decoder refuses: half a surrogate pair, broken UTF-8, a number beyond any float, thousands of levels, NaN.

One odd value must not cost a page its other rows. So what is JSON by its structure is read here, without recursion, in three forms:

- **repaired**: a byte-order mark is dropped, control characters in texts become ``\\u00XX``, and ``NaN`` and ``Infinity`` become texts;
  this alone changes a record, because without it there is no JSON;
- **readable**: every value that cannot be held in Python or a database stands as a text that holds its JSON as it came
  (``"name": "\\"half \\\\ud83d\\""``, ``"weight": "1e400"``);
- **split**: members and items as bytes, odd or not.

What is no JSON by its structure, a cut body above all, stays an error. All is linear in the length, and taken only where the decoder has
refused, so that plain rows cost nothing.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Raw = bytes | msgspec.Raw

#: What msgspec raises for text that is no JSON, no UTF-8, out of range, or nested beyond Python's recursion limit.
NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Levels of nesting beyond which a value is kept as text: databases and readers have limits of their own not far above.
DEEPEST = 200

_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(
    rb'[ \t\n\r]*(?:(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<open>[\[{])|(?P<close>[\]}])|(?P<mark>[,:])|'
    rb'(?P<word>[^\s"\[\]{},:]+)|(?P<end>\Z))',
    re.DOTALL,
)
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?")
_CONSTANTS = frozenset({b"true", b"false", b"null"})
_NO_NUMBERS = frozenset({b"NaN", b"Infinity", b"-Infinity"})
_CONTROL = re.compile(rb"[\x00-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
#: Digits of a whole number that Python converts (``sys.int_info.default_max_str_digits``).
_MOST_DIGITS = 4300
_TEXT = msgspec.json.Decoder(str)
_SKIP = msgspec.json.Decoder(msgspec.Raw)
_PLACE = re.compile(rb'"odd bytes (\d+)"')


@dataclass(frozen=True, slots=True)
class _Span:
    """A piece of JSON that is replaced."""

    start: int
    end: int
    by: bytes


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look at some JSON has found.

    :param mends: pieces that are no JSON, with what stands for them.
    :param odd: values that cannot be read, as they are.
    :param children: the members of an object or the items of a list: name (JSON, empty for items), start and end of the value.
    """

    mends: list[_Span]
    odd: list[tuple[int, int]]
    children: list[tuple[bytes, int, int]]


def python_value(raw: Raw) -> Any:
    """A JSON value in Python; one that Python cannot hold is a text with its JSON as it came.

    :raises msgspec.DecodeError: it is no JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except NOT_READ:
        return msgspec.json.decode(readable(raw))


def decoded(decoder: msgspec.json.Decoder[T], raw: Raw) -> T:
    """What a decoder makes of some JSON, with odd values as texts where it refuses the JSON as it is.

    :raises msgspec.DecodeError: it is no JSON, or not what the decoder expects.
    """
    try:
        return decoder.decode(raw)
    except NOT_READ:
        return decoder.decode(readable(raw))


def readable(raw: Raw) -> bytes:
    """The same JSON with each odd value as a text that holds its JSON.

    :raises msgspec.DecodeError: it is no JSON.
    """
    text, odd = _mended(raw)
    return _replaced(text, [_Span(start, end, as_text(text[start:end])) for start, end in odd])


def _mended(raw: Raw) -> tuple[bytes, list[tuple[int, int]]]:
    """Some JSON, repaired, and where in it the values are that cannot be read.

    :raises msgspec.DecodeError: it is no JSON even so.
    """
    text = bytes(raw).removeprefix(_BOM)
    closing = {b"{": b"}", b"[": b"]"}.get(text.lstrip()[:1])
    if closing is not None and text.rstrip()[-1:] != closing:  # a cut body, most likely: its megabytes need no look
        raise _no_json(len(text))
    found = _look(text)
    if not found.mends:
        return text, found.odd
    text = _replaced(text, found.mends)
    return text, _look(text).odd


def as_text(raw: bytes) -> bytes:
    """A JSON text that holds some JSON; bytes that are not UTF-8 stand as ``\\udcXX`` in it."""
    text = raw.decode("utf-8", "surrogateescape")
    spelled = text if text.isascii() else _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return msgspec.json.encode(spelled)


def is_deep(raw: bytes) -> bool:
    """Whether a JSON value has so many levels that readers of it fail; asked of the quick decoder, for most have few."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return False
    try:
        _SKIP.decode(raw)
    except RecursionError:
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return False


def members(raw: Raw) -> list[tuple[str, bytes]]:
    """Name and JSON of each member of an object, in order, repeated names too.

    :raises msgspec.DecodeError: it is no JSON object.
    """
    text = bytes(raw)
    if text.lstrip()[:1] != b"{":
        raise msgspec.DecodeError("not a JSON object")
    return [(_name(name), text[start:end]) for name, start, end in _look(text).children]


def items(raw: Raw) -> list[bytes]:
    """The JSON of each item of a list, in order.

    :raises msgspec.DecodeError: it is no JSON list.
    """
    text = bytes(raw)
    if text.lstrip()[:1] != b"[":
        raise msgspec.DecodeError("not a JSON list")
    return [text[start:end] for _, start, end in _look(text).children]


def _name(raw: bytes) -> str:
    try:
        return _TEXT.decode(raw)
    except NOT_READ:
        return str(json.loads(raw.decode("utf-8", "surrogateescape"), strict=False))


Read = TypeVar("Read", bound=Callable[..., Any])


def tolerant(read: Read) -> Read:
    """A reader of pages (request, response) that also reads pages with odd values; their records come as the store sent them, repaired.

    Odd values are put aside while the page is split, and put back into its rows.
    """

    @functools.wraps(read)
    def reading(request: Any, response: Any, **options: Any) -> Any:
        try:
            return read(request, response, **options)
        except msgspec.ValidationError:
            raise
        except NOT_READ:
            text, odd = _mended(response.body)
        aside = [text[start:end] for start, end in odd]
        places = [_Span(start, end, b'"odd bytes %d"' % number) for number, (start, end) in enumerate(odd)]
        page = read(request, replace(response, body=_replaced(text, places)), **options)

        def back(record: msgspec.Raw) -> msgspec.Raw:
            return msgspec.Raw(_PLACE.sub(lambda found: aside[int(found[1])], bytes(record)))

        return replace(page, records=[back(record) for record in page.records])

    return reading  # type: ignore[return-value]  # the same signature


def _replaced(text: bytes, spans: Sequence[_Span]) -> bytes:
    if not spans:
        return text
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], span.by]
        at = span.end
    return b"".join((*parts, text[at:]))


#: What may come next.
_VALUE, _VALUE_OR_END, _NAME, _NAME_OR_END, _COLON, _NEXT_OR_END, _NOTHING = range(7)


class _Walk:
    """One walk over some JSON, token by token.

    :param text: the JSON.
    """

    def __init__(self, text: bytes) -> None:
        self.found = _Found([], [], [])
        self._text = text
        self._stack: list[bytes] = []
        self._expected = _VALUE
        self._name, self._begun, self._deep = b"", 0, 0

    def go(self) -> _Found:
        """Walk to the end.

        :raises msgspec.DecodeError: it is no JSON.
        """
        at = 0
        while (token := _TOKEN.match(self._text, at)) is not None:
            kind, at = token.lastgroup, token.end()
            piece = token[kind or "end"]
            start = at - len(piece)
            if kind == "end":
                break
            if kind == "open":
                self._open(piece, start)
            elif kind == "mark":
                self._mark(piece, start)
            elif kind == "close":
                self._close(piece, start)
            elif self._expected in (_NAME, _NAME_OR_END):
                self._take_name(piece, start, is_text=kind == "text")
            else:
                self._take_value(piece, start, is_text=kind == "text")
        if token is None or self._expected != _NOTHING:
            raise _no_json(at)
        return self.found

    def _open(self, piece: bytes, start: int) -> None:
        self._require(start, _VALUE, _VALUE_OR_END)
        if len(self._stack) == 1:
            self._begun = start
        if len(self._stack) == DEEPEST:
            self._deep = start
        self._stack.append(piece)
        self._expected = _NAME_OR_END if piece == b"{" else _VALUE_OR_END

    def _close(self, piece: bytes, start: int) -> None:
        self._require(start, _NEXT_OR_END, _NAME_OR_END if piece == b"}" else _VALUE_OR_END)
        if not self._stack or self._stack.pop() != (b"{" if piece == b"}" else b"["):
            raise _no_json(start)
        if len(self._stack) == DEEPEST:
            self.found.odd.append((self._deep, start + 1))
        self._end_value(self._begun, start + 1)

    def _mark(self, piece: bytes, start: int) -> None:
        self._require(start, _COLON if piece == b":" else _NEXT_OR_END)
        if piece == b":":
            self._expected = _VALUE
        elif self._stack:
            self._expected = _NAME if self._stack[-1] == b"{" else _VALUE

    def _take_name(self, piece: bytes, start: int, *, is_text: bool) -> None:
        if not is_text:
            raise _no_json(start)
        self._note(piece, start, is_text=True)
        if len(self._stack) == 1:
            self._name = piece
        self._expected = _COLON

    def _take_value(self, piece: bytes, start: int, *, is_text: bool) -> None:
        self._require(start, _VALUE, _VALUE_OR_END)
        self._note(piece, start, is_text=is_text)
        self._end_value(start, start + len(piece))

    def _note(self, piece: bytes, start: int, *, is_text: bool) -> None:
        is_odd = (_look_at_text if is_text else _look_at_word)(piece, start, self.found.mends)
        if is_odd and len(self._stack) <= DEEPEST:
            self.found.odd.append((start, start + len(piece)))

    def _end_value(self, start: int, end: int) -> None:
        if len(self._stack) == 1:
            self.found.children.append((self._name, start, end))
        self._expected = _NEXT_OR_END if self._stack else _NOTHING

    def _require(self, start: int, *expected: int) -> None:
        if self._expected not in expected:
            raise _no_json(start)


def _look(text: bytes) -> _Found:
    return _Walk(text).go()


def _look_at_text(piece: bytes, start: int, mends: list[_Span]) -> bool:
    """Whether a text cannot be read; one that only must be repaired can."""
    if b"\\" not in piece and piece.isascii() and not _CONTROL.search(piece):
        return False
    clean = _CONTROL.sub(lambda found: b"\\u%04x" % found[0][0], piece)
    if clean != piece:
        mends.append(_Span(start, start + len(piece), clean))
    try:
        _TEXT.decode(clean)
    except NOT_READ:
        try:
            json.loads(clean.decode("utf-8", "surrogateescape"))
        except ValueError as error:  # an escape that JSON does not have
            raise _no_json(start) from error
        return True
    return False


def _look_at_word(piece: bytes, start: int, mends: list[_Span]) -> bool:
    """Whether a number cannot be read: beyond any float, or of more digits than Python converts."""
    if piece in _CONSTANTS:
        return False
    if piece in _NO_NUMBERS:
        mends.append(_Span(start, start + len(piece), b'"' + piece + b'"'))
        return False
    number = _NUMBER.fullmatch(piece)
    if number is None:
        raise _no_json(start)
    if number["fraction"] is None and number["exponent"] is None:
        return len(piece) >= _MOST_DIGITS
    return float(piece) in (float("inf"), float("-inf"))


def _no_json(at: int) -> msgspec.DecodeError:
    return msgspec.DecodeError(f"JSON is malformed: byte {at}")
