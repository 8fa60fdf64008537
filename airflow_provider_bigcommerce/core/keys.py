"""Which rows these are, and which came twice: keys and change dates read without decoding the rows, repeats dropped in little memory.

Within one read the first row of a key stays and later ones are dropped, whatever they hold. That loses no change: a row that was
edited while the list was read has a change date after the read began, which is where the next window begins; lists without
a date filter are read in full next time.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError

#: A row's key: the field's value, or a tuple where a key has several fields.
Key = int | str | tuple[int | str | None, ...]

Row = TypeVar("Row")

_Value = int | str | msgspec.UnsetType | None


def key_of(values: Sequence[Any]) -> Key:
    """A row's key of the values of its fields."""
    found: Key = values[0] if len(values) == 1 else tuple(values)
    return found


#: Characters of a text in a key that are shown; BigCommerce's own keys are ids, UUIDs and short names.
MOST_KEY_TEXT = 500


def shown_key(key: Key) -> Key:
    """A key as reports and events show it: a longer text is cut, and its length told."""
    if isinstance(key, tuple):
        return tuple(part if part is None else _shown_part(part) for part in key)
    return _shown_part(key)


def _shown_part(part: int | str) -> int | str:
    if isinstance(part, str) and len(part) > MOST_KEY_TEXT:
        end = f"... ({len(part):,} characters)"
        return part[: MOST_KEY_TEXT - len(end)] + end  # not longer than that, so that what was cut stays as it is
    return part


class KeyReader:
    """Reads the key and the change date of raw records by a struct that names only these fields.

    :param resource: catalog name, for messages.
    :param primary_key: the key's fields, dots for nested ones (``identity.variant_id``).
    :param modified_field: the field with the change date, or None.
    :param may_lack: key fields that a row may be without.
    """

    def __init__(
        self, resource: str, primary_key: tuple[str, ...], modified_field: str | None = None, *, may_lack: Collection[str] = ()
    ) -> None:
        self._resource = resource
        self._paths = [tuple(path.split(".")) for path in (*primary_key, *([modified_field] if modified_field else []))]
        self._key_count = len(primary_key)
        self._may_lack = {at for at, field in enumerate(primary_key) if field in may_lack}
        names: dict[str, Any] = {}
        for path in self._paths:
            _place(names, path)
        self._decoder = msgspec.json.Decoder(_struct("Key", names))
        self._reads_modified = modified_field is not None
        # Where the key is the record's first member, which is usual, nothing behind it need be looked at.
        first = None if modified_field or len(primary_key) > 1 or "." in primary_key[0] else primary_key[0].encode()
        self._starts_with_key = (
            re.compile(rb'\{\s*"%b"\s*:\s*(-?(?:0|[1-9][0-9]{0,17}))\s*[,}]' % re.escape(first)).match if first else None
        )

    def keys(self, records: Sequence[bytes | msgspec.Raw]) -> list[Key]:
        """Key of each record.

        :raises UnexpectedAnswerError: a record has no key, or one that is neither a number nor text.
        """
        if self._starts_with_key:
            starts = list(map(self._starts_with_key, records))
            if all(starts):
                return [int(start[1]) for start in starts if start]
        return [key for key, _ in self.read(records)]

    def read(self, records: Iterable[bytes | msgspec.Raw]) -> list[tuple[Key, str | None]]:
        """Key and change date of each record, the date as the store wrote it, None where it is missing or null.

        :raises UnexpectedAnswerError: a record has no key, or one that is neither a number nor text.
        """
        rows: list[tuple[Key, str | None]] = []
        for record in records:
            if self._starts_with_key and (start := self._starts_with_key(record)):
                rows.append((int(start[1]), None))
                continue
            try:
                found = self._decoder.decode(record)
                values = [_value(found, path) for path in self._paths]
            except odd_bytes.NOT_READ:
                values = self._with_care(record)
            keys: list[Any] = [
                None if key is msgspec.UNSET and at in self._may_lack else key for at, key in enumerate(values[: self._key_count])
            ]
            if msgspec.UNSET in keys or all(key is None for key in keys):
                raise self._no_key(record)
            modified = values[-1] if self._reads_modified else None
            rows.append(
                (
                    keys[0] if self._key_count == 1 else tuple(keys),
                    None if modified is None or modified is msgspec.UNSET else str(modified),
                )
            )
        return rows

    def _with_care(self, record: bytes | msgspec.Raw) -> list[Any]:
        """The values out of a record that holds an odd one; a change date that is none is null, and costs no row."""
        try:
            row = odd_bytes.python_value(record)
        except msgspec.DecodeError:
            raise self._no_key(record) from None
        values: list[Any] = []
        for at, path in enumerate(self._paths):
            value: Any = row
            for name in path:
                value = value.get(name, msgspec.UNSET) if isinstance(value, dict) else msgspec.UNSET
            is_fit = value is None or value is msgspec.UNSET or (isinstance(value, (int, str)) and not isinstance(value, bool))
            if not is_fit and at < self._key_count:
                raise self._no_key(record)
            values.append(value if is_fit else None)
        return values

    def _no_key(self, record: bytes | msgspec.Raw) -> UnexpectedAnswerError:
        fields = [".".join(path) for path in self._paths[: self._key_count]]
        missing = next((name for name in fields if not self._has(record, name)), fields[0])
        return UnexpectedAnswerError(
            f"A record of {self._resource} has no usable value in its key field {missing!r}; without it rows cannot be distinguished. "
            "If 'fields' or 'exclude_fields' leave the key out, add it; otherwise report it with the resource's name."
        )

    @staticmethod
    def _has(record: bytes | msgspec.Raw, name: str) -> bool:
        try:
            value: Any = odd_bytes.python_value(record)
        except msgspec.DecodeError:
            return False
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return isinstance(value, (int, str)) and not isinstance(value, bool)


def _place(names: dict[str, Any], path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        names = names.setdefault(part, {})
    names.setdefault(path[-1], None)


def _struct(title: str, names: dict[str, Any]) -> Any:
    """A struct of these JSON names."""
    fields = []
    for name, inner in names.items():
        kind = _struct(name, inner) | msgspec.UnsetType | None if inner else _Value
        fields.append((name, kind, msgspec.UNSET))
    return msgspec.defstruct(title, fields)


def _value(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if found is None or found is msgspec.UNSET:
            return msgspec.UNSET
        found = getattr(found, name)
    return found


class SeenKeys:
    """The keys of one read, remembered in little memory: whole numbers as bits, other keys as digests.

    A million consecutive ids take 128 KiB; scattered ones and other keys 16 to 32 bytes each. Digests have 128 bits, so that two
    different keys being taken for one is not a matter of practice (a billion keys: one in 10^20).
    """

    def __init__(self) -> None:
        self._bits: dict[int, bytearray] = {}
        self._numbers = 0
        self._scattered: _HashSet | None = None
        self._digests: _HashSet | None = None

    def add(self, key: Key) -> bool:
        """Remember a key.

        :returns: whether it is new.
        """
        if isinstance(key, int) and -(2**62) < key < 2**62:
            return self._add_number(key)
        if self._digests is None:
            self._digests = _HashSet(words=2)
        return self._digests.add(_words(key))

    def __contains__(self, key: Key) -> bool:
        """Whether a key was added."""
        if not (isinstance(key, int) and -(2**62) < key < 2**62):
            return self._digests is not None and _words(key) in self._digests
        if self._scattered is not None:
            return (key & 0xFFFF_FFFF_FFFF_FFFF,) in self._scattered
        block = self._bits.get(key >> _BLOCK_SHIFT)
        return block is not None and bool(block[key >> 3 & _BLOCK_BYTES - 1] & 1 << (key & 7))

    def to_bytes(self) -> bytes:
        """All of it, for :meth:`from_bytes`."""
        return msgspec.msgpack.encode(
            _Remembered(
                bits={str(number): bytes(block) for number, block in self._bits.items()},
                numbers=self._numbers,
                scattered=self._scattered.to_bytes() if self._scattered is not None else None,
                digests=self._digests.to_bytes() if self._digests is not None else None,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> SeenKeys:
        """The keys that :meth:`to_bytes` wrote.

        :raises ValueError: it did not write these bytes.
        """
        found = msgspec.msgpack.decode(data, type=_Remembered)
        seen = cls()
        seen._bits = {int(number): bytearray(block) for number, block in found.bits.items()}
        seen._numbers = found.numbers
        seen._scattered = _HashSet.from_bytes(1, found.scattered) if found.scattered is not None else None
        seen._digests = _HashSet.from_bytes(2, found.digests) if found.digests is not None else None
        return seen

    def _add_number(self, key: int) -> bool:
        if self._scattered is not None:
            return self._scattered.add((key & 0xFFFF_FFFF_FFFF_FFFF,))
        block = self._bits.get(key >> _BLOCK_SHIFT)
        if block is None:
            if len(self._bits) * _BLOCK_BYTES > _FREE_BYTES + 32 * self._numbers:
                self._scatter()
                return self._add_number(key)
            block = self._bits[key >> _BLOCK_SHIFT] = bytearray(_BLOCK_BYTES)
        at, bit = key >> 3 & _BLOCK_BYTES - 1, 1 << (key & 7)
        if block[at] & bit:
            return False
        block[at] |= bit
        self._numbers += 1
        return True

    def _scatter(self) -> None:
        """From bits to a hash set: the ids are too far apart for bits to be small."""
        self._scattered = _HashSet(words=1)
        for number, block in self._bits.items():
            for at, byte in enumerate(block):
                for bit in range(8):
                    if byte >> bit & 1:
                        key = (number << _BLOCK_SHIFT) + (at << 3) + bit
                        self._scattered.add((key & 0xFFFF_FFFF_FFFF_FFFF,))
        self._bits.clear()

    def unseen(self, records: Sequence[Row], keys: Iterable[Key]) -> Sequence[Row]:
        """The records whose keys are new, in their order; the same sequence where all are."""
        new: list[bool] = []
        for key in keys:
            # As in _add_number, without two calls a row: this is done for each row that is read.
            if not isinstance(key, int) or (block := self._bits.get(key >> _BLOCK_SHIFT)) is None:
                new.append(self.add(key))
                continue
            at, bit = key >> 3 & _BLOCK_BYTES - 1, 1 << (key & 7)
            is_new = not block[at] & bit
            if is_new:
                block[at] |= bit
                self._numbers += 1
            new.append(is_new)
        return records if all(new) else [record for record, is_new in zip(records, new, strict=True) if is_new]


def _words(key: Key) -> tuple[int, int]:
    """A key's digest as two numbers."""
    digest = hashlib.blake2b(msgspec.json.encode(key), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


#: Ids are kept in blocks of 64 Ki bits.
_BLOCK_SHIFT = 16
_BLOCK_BYTES = 1 << _BLOCK_SHIFT - 3
#: Blocks may take this much before their being sparse matters.
_FREE_BYTES = 4 * 2**20


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The form of :class:`SeenKeys` on a disk."""

    bits: dict[str, bytes]
    numbers: int
    scattered: bytes | None
    digests: bytes | None


class _HashSet:
    """A set of fixed-width numbers in one array, by open addressing."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._count = 0
        self._slots = 1 << 10
        # A slot of zeros is free; the value zero itself has a flag.
        self._table = array("Q", bytes(8 * words * self._slots))
        self._has_zero = False

    def to_bytes(self) -> bytes:
        """The values, in the machine's own order of bytes, the flag of zero first."""
        words = self._words
        used = array("Q")
        for at in range(0, len(self._table), words):
            value = self._table[at : at + words]
            if any(value):
                used.extend(value)
        return bytes([self._has_zero]) + used.tobytes()

    @classmethod
    def from_bytes(cls, words: int, data: bytes) -> _HashSet:
        """The set that :meth:`to_bytes` wrote."""
        found = cls(words)
        found._has_zero = bool(data[0])
        values = array("Q", data[1:])
        for at in range(0, len(values), words):
            found.add(tuple(values[at : at + words]))
        return found

    def add(self, value: tuple[int, ...]) -> bool:
        """Put a value in; returns whether it is new."""
        if not any(value):
            had, self._has_zero = self._has_zero, True
            return not had
        if self._count * 4 >= self._slots * 3:
            self._grow()
        return self._put(value)

    def __contains__(self, value: tuple[int, ...]) -> bool:
        return self._place(value)[1] if any(value) else self._has_zero

    def _put(self, value: tuple[int, ...]) -> bool:
        at, is_there = self._place(value)
        if not is_there:
            self._table[at : at + self._words] = array("Q", value)
            self._count += 1
        return not is_there

    def _place(self, value: tuple[int, ...]) -> tuple[int, bool]:
        """Where a value is, or the free place for it; and whether it is there."""
        table, words, mask = self._table, self._words, self._slots - 1
        # Fibonacci hashing: neighbouring ids spread over the table.
        slot = (value[0] * 0x9E37_79B9_7F4A_7C15 >> 20) & mask
        wanted = array("Q", value)
        while True:
            at = slot * words
            there = table[at : at + words]
            if not any(there):
                return at, False
            if there == wanted:
                return at, True
            slot = (slot + 1) & mask

    def _grow(self) -> None:
        old, words = self._table, self._words
        self._slots *= 2
        self._count = 0
        self._table = array("Q", bytes(8 * words * self._slots))
        for at in range(0, len(old), words):
            value = tuple(old[at : at + words])
            if any(value):
                self._put(value)
