"""From a block of records to an Arrow table of the resource's schema, by the fastest path that is exact.

Four paths, each tried when the one before refuses: Arrow's JSON reader on the bytes as they came; the same on records whose own
fields are in the schema's shape (``shaping.py``); on records that are so at every depth; the careful one, value by value. All give
the same table for the same records. It writes no file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.careful import RecordCleaner
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, extra_text
from airflow_provider_bigcommerce.rows.long_numbers import may_hold_long_number, may_hold_tiny_number
from airflow_provider_bigcommerce.rows.read_types import empties, holds, read_type
from airflow_provider_bigcommerce.rows.schemas import MONEY, Schema, Type, arrow_schema, arrow_type, load_pyarrow
from airflow_provider_bigcommerce.rows.shaping import Extras, RefusedError, Shaped, Shaper, UnfitError

if TYPE_CHECKING:
    import pyarrow



#: Below this, four decimal places stay within 15 significant digits.
_LARGEST_MONEY = 1e11

#: A name and an empty value: what stands before the value, the name, the value.
_EMPTY_MEMBER = re.compile(rb'([{,]\s*"([^"\\]*)"\s*:\s*)(""|\[\s*\]|\{\s*\})')

#: A refused block is narrowed down to this many rows: a table of few rows costs as much as a careful look at ten (measured).
_CAREFUL_ROWS = 40

_RFC_2822 = r"^[A-Z][a-z]{2}, [0-3]\d [A-Z][a-z]{2} \d{4} [0-2]\d:[0-5]\d:[0-5]\d \+0000$"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class ColumnReader:
    """Makes tables of one schema out of raw records.

    :param schema: the resource's columns.
    :param discrepancies: where unknown fields and contradictions are counted.
    """

    def __init__(self, schema: Schema, discrepancies: Discrepancies) -> None:
        self.schema = schema
        self.arrow_schema = arrow_schema(schema)
        self._pa = load_pyarrow()
        import pyarrow.compute
        import pyarrow.json

        self._pc: Any = pyarrow.compute
        self._json: Any = pyarrow.json
        self._found = discrepancies
        self._cleaner = RecordCleaner(schema, discrepancies)
        self._shaper = Shaper(schema)
        self._texts = tuple(name for name, kind in schema.fields.items() if kind == "json")
        self._has_numbers = holds(dict(schema.fields), {"money", "float"})
        # Times at the top are read as text, where an empty one is common; inside lists Arrow reads them itself.
        fast = {name: self._pa.string() if kind == "time" else read_type(kind, exact=False) for name, kind in schema.fields.items()}
        self._fast_types = self._reading(fast)
        self._exact_types = self._reading({name: read_type(kind, exact=True) for name, kind in schema.fields.items()})
        self._starts_trimmed = self._shaper.is_needed or not schema.fields
        self._starts_deep = False
        self._empties = empties(schema.fields)
        self._starts_emptied = False

    def table(self, lines: bytes, count: int, stamp: Mapping[str, Any] | None = None) -> pyarrow.Table:
        """The table of a block of records.

        :param lines: JSON of one record a line.
        :param count: how many there are.
        :param stamp: column -> value for ``_synced_at``, ``_store_hash`` and ``_deleted_at``; null where it has none.
        :raises UnexpectedAnswerError: a record is not a JSON object, or lacks its key.
        """
        if not count:
            return self.arrow_schema.empty_table()
        tables = list(self._tables(lines, count, stamp or {}))
        return tables[0] if len(tables) == 1 else self._pa.concat_tables(tables).combine_chunks()

    def _tables(self, lines: bytes, count: int, stamp: Mapping[str, Any]) -> Iterator[pyarrow.Table]:
        """The block's table, or those of its parts: a few odd rows must not make hundreds take the careful path.

        By halves, for a table of few rows costs nearly as much as one of hundreds.
        """
        try:
            columns, extras = self._columns(lines, count)
        except RefusedError:
            records = lines.split(b"\n")[:count]
            if count > _CAREFUL_ROWS:
                for half in (records[: count // 2], records[count // 2 :]):
                    yield from self._tables(b"\n".join((*half, b"")), len(half), stamp)
                return
            columns, extras = self._careful(records)
        columns.append(self._extra_column(extras, count))
        for field in list(self.arrow_schema)[-3:]:
            columns.append(self._pa.repeat(self._pa.scalar(stamp.get(field.name), field.type), count))
        yield self._pa.Table.from_arrays(columns, schema=self.arrow_schema)

    def _columns(self, lines: bytes, count: int) -> tuple[list[Any], Extras]:
        """The columns by one of the fast paths.

        What made one block need a further path is in the next one as well, most likely, which then begins there.

        :raises RefusedError: none reads all of these records exactly.
        """
        if not self._starts_trimmed:
            try:
                return self._fast(lines, count, trimmed=False), {}
            except UnfitError:
                raise
            except RefusedError:
                pass
        records = lines.split(b"\n")[:count]
        if not self._starts_deep:
            try:
                return self._shaped(self._shaper.own_fields(records), count)
            except UnfitError:
                raise
            except RefusedError:
                pass
        shaped = self._shaper.all_fields(records)
        if not shaped.is_changed and not self._starts_deep:
            raise RefusedError
        found = self._shaped(shaped, count, deep=True)
        self._starts_trimmed = self._starts_deep = True
        return found

    def _shaped(self, shaped: Shaped, count: int, *, deep: bool = False) -> tuple[list[Any], Extras]:
        """The columns of records in the schema's shape.

        :param deep: whether they are in shape at every depth.
        :raises RefusedError: a value has another type.
        """
        emptied = self._emptied(shaped.lines) if self._starts_emptied else shaped.lines
        try:
            columns = self._fast(emptied, count, trimmed=True, deep=deep)
        except UnfitError:
            raise
        except RefusedError:
            if self._starts_emptied or (emptied := self._emptied(shaped.lines)) == shaped.lines:
                raise
            columns = self._fast(emptied, count, trimmed=True, deep=deep)
            self._starts_emptied = True
        self._starts_trimmed = self._starts_trimmed or bool(shaped.extras) or self._starts_emptied
        for path, raw in shaped.new_fields:
            self._found.new_field(path, raw)
        return columns, shaped.extras

    def _emptied(self, block: bytes) -> bytes:
        """The block with every empty value (``""``, ``[]``, ``{}``) written as its column's own, as the careful path does.

        Only where all columns of that name, at any depth, want the same. A name after a brace or a comma is never part of a text,
        whose quotation marks are escaped.
        """
        known = self._empties

        def written(found: re.Match[bytes]) -> bytes:
            empty = known.get((found[2], found[3][:1]))
            return found[0] if empty is None else found[1] + empty

        return _EMPTY_MEMBER.sub(written, block)

    def _reading(self, types: Mapping[str, Any]) -> Any:
        fields = [self._pa.field(name, kind) for name, kind in types.items()]
        return self._json.ParseOptions(explicit_schema=self._pa.schema(fields), unexpected_field_behavior="error")

    def _read(self, block: bytes, count: int, options: Any) -> list[Any]:
        """One Arrow array a column, in the types of the reader."""
        if not self.schema.fields:
            return []
        if not block.isascii() and not self._is_utf8(block):
            raise RefusedError
        if options is self._fast_types and self._has_numbers and (may_hold_long_number(block) or may_hold_tiny_number(block)):
            raise RefusedError
        try:
            table = self._json.read_json(
                self._pa.BufferReader(block),
                read_options=self._json.ReadOptions(use_threads=False, block_size=len(block) + 1),
                parse_options=options,
                # C's allocator: Arrow's own keeps 20 MB more, since blocks are made in one thread and freed in another (measured).
                memory_pool=self._pa.system_memory_pool(),
            )
        except self._pa.ArrowInvalid as error:
            raise RefusedError from error
        if table.num_rows != count:
            raise RefusedError
        table = table.combine_chunks()
        return [table.column(name).chunk(0) for name in self.schema.fields]

    def _is_utf8(self, block: bytes) -> bool:
        """Whether the block is UTF-8; Arrow's reader does not look, its check of a text column does, and makes no Python text."""
        offsets = self._pa.py_buffer(struct.pack("=2q", 0, len(block)))
        try:
            self._pa.LargeStringArray.from_buffers(1, offsets, self._pa.py_buffer(block)).validate(full=True)
        except self._pa.ArrowInvalid:
            return False
        return True

    def _fast(self, lines: bytes, count: int, *, trimmed: bool, deep: bool = False) -> list[Any]:
        columns = []
        convert = self._convert_deep if deep else self._convert
        required = self.schema.required
        for (name, kind), read in zip(self.schema.fields.items(), self._read(lines, count, self._fast_types), strict=False):
            if name in required and read.null_count:
                raise UnfitError
            array = read
            if kind in ("time", "time_rfc") and (empty := self._empty_texts(read)) is not None:
                # The commonest empty value by far: "" for an order not yet shipped, a product never imported.
                array = self._pc.if_else(empty, self._pa.scalar(None, read.type), read)
            if kind == "time":
                columns.append(self._iso_8601(array))
            else:
                columns.append(array if trimmed and name in self._texts else convert(array, kind))
        return columns

    def _empty_texts(self, array: Any) -> Any:
        """A mask of the empty texts, or None if there are none."""
        empty = self._pc.fill_null(self._pc.equal(array, ""), False)
        return empty if self._pc.any(empty).as_py() else None

    def _careful(self, records: Sequence[bytes]) -> tuple[list[Any], Extras]:
        cleaned = []
        extras: Extras = {}
        for row, record in enumerate(records):
            clean, extra = self._cleaner.clean(record)
            cleaned.append(clean)
            if extra:
                extras[row] = extra
        try:
            read = self._read(b"\n".join(cleaned), len(cleaned), self._exact_types)
        except RefusedError as error:
            raise UnexpectedAnswerError(
                f"Records of {self.schema.resource} could not be written as Parquet: {type(error.__cause__).__name__}. "
                "This is a bug of the provider; JSON lines (file_format='jsonl') keep such records as they came."
            ) from error
        return [self._finish(array, kind) for array, kind in zip(read, self.schema.fields.values(), strict=True)], extras

    def _extra_column(self, extras: Extras, count: int) -> Any:
        if not extras:
            return self._pa.nulls(count, self._pa.string())
        # Most rows of a block lack the same date, in the same words.
        known: dict[tuple[tuple[str, bytes], ...], str | None] = {(): None}
        texts = []
        for row in range(count):
            values = extras.get(row, {})
            key = tuple(values.items())
            if key not in known:
                known[key] = extra_text(values)
            texts.append(known[key])
        return self._pa.array(texts, self._pa.string())

    # -- from the reader's types to the file's

    def _finish(self, array: Any, kind: Type) -> Any:
        """A cleaned column in its final type; its values fit by construction."""
        if isinstance(kind, str):
            return self._unix(array) if kind == "time_unix" else array
        return self._nested(array, kind, self._finish) if holds(kind, {"time_unix"}) else array

    def _unix(self, seconds: Any) -> Any:
        instants = seconds.cast(self._pa.int64()).cast(self._pa.timestamp("s", "UTC"))
        return instants.cast(arrow_type("time_unix"))

    def _convert(self, array: Any, kind: Type) -> Any:
        """A column as read in its final type, exactly.

        :raises RefusedError: a value has no exact counterpart.
        """
        if not isinstance(kind, str):
            return self._nested(array, kind, self._convert) if holds(kind, _CONVERTED) else array
        try:
            if kind == "money":
                return self._money(array)
            if kind == "float" and self._pc.all(self._pc.is_finite(array)).as_py() is False:
                raise UnfitError  # Arrow reads NaN and Infinity, which JSON does not have
            if kind == "float_text":
                # By way of text: Arrow's own cast from decimal is off by a unit in the last place.
                return array.cast(self._pa.string()).cast(self._pa.float64())
            if kind == "int_text":
                return array.cast(self._pa.int64())
            if kind == "time_rfc":
                return self._rfc_2822(array)
            if kind in _UNIX:
                if self._pc.any(self._pc.equal(array, 0)).as_py():
                    raise UnfitError
                return self._unix(array)
        except self._pa.ArrowInvalid as error:
            raise RefusedError from error
        if kind == "json" and array.null_count < len(array):
            texts = [None if text is None else msgspec.json.encode(text).decode() for text in array.to_pylist()]
            return self._pa.array(texts, self._pa.string())
        return array

    def _convert_deep(self, array: Any, kind: Type) -> Any:
        """The same of records that are in shape at every depth, whose ``json`` texts are JSON already.

        :raises RefusedError: as :meth:`_convert`.
        """
        if not isinstance(kind, str):
            return self._nested(array, kind, self._convert_deep) if holds(kind, _CONVERTED) else array
        return array if kind == "json" else self._convert(array, kind)

    def _nested(self, array: Any, kind: Type, convert: Any) -> Any:
        pa = self._pa
        mask = array.is_null() if array.null_count else None
        if isinstance(kind, dict):
            fields = [(name, convert(array.field(at), part)) for at, (name, part) in enumerate(kind.items())]
            return pa.StructArray.from_arrays(
                [part for _, part in fields], fields=[pa.field(name, part.type) for name, part in fields], mask=mask
            )
        return pa.ListArray.from_arrays(array.offsets, convert(array.values, kind[0]), mask=mask)

    def _money(self, array: Any) -> Any:
        if array.null_count == len(array):
            return self._pa.nulls(len(array), self._pa.decimal128(*MONEY))
        bounds = self._pc.min_max(array).as_py()
        if not -_LARGEST_MONEY < bounds["min"] <= bounds["max"] < _LARGEST_MONEY:
            raise UnfitError
        if not self._pc.round(array, ndigits=MONEY[1]).equals(array):
            raise UnfitError  # more decimal places than the column has
        return array.cast(self._pa.decimal128(*MONEY))

    def _iso_8601(self, array: Any) -> Any:
        """ISO-8601 texts, all with a zone or all without one, which is UTC then."""
        instant = arrow_type("time")
        if array.null_count == len(array):
            return self._pa.nulls(len(array), instant)
        try:
            return array.cast(instant)
        except self._pa.ArrowInvalid:
            pass
        try:
            return array.cast(self._pa.timestamp("us")).cast(instant)
        except self._pa.ArrowInvalid as error:
            raise RefusedError from error

    def _rfc_2822(self, array: Any) -> Any:
        """RFC-2822 texts in UTC, as V2 writes them, by cutting and joining; anything else is refused."""
        pa, pc = self._pa, self._pc
        instant = arrow_type("time_rfc")
        if array.null_count == len(array):
            return pa.nulls(len(array), instant)
        if not pc.all(pc.match_substring_regex(array, _RFC_2822)).as_py():
            raise RefusedError
        months = pc.index_in(pc.utf8_slice_codeunits(array, 8, 11), value_set=pa.array(_MONTHS))
        numbers = pa.array([f"{month:02}" for month in range(1, 13)]).take(months)
        if numbers.null_count != array.null_count:
            raise RefusedError
        dates = pc.binary_join_element_wise(pc.utf8_slice_codeunits(array, 12, 16), numbers, pc.utf8_slice_codeunits(array, 5, 7), "-")
        texts = pc.binary_join_element_wise(dates, pc.utf8_slice_codeunits(array, 17, 25), "T")
        return texts.cast(pa.timestamp("us")).cast(instant)


#: Codes whose column is not what the fast reader reads.
_CONVERTED = {"money", "float", "float_text", "int_text", "time_rfc", "time_unix", "time_unix_text", "json"}
_UNIX = {"time_unix", "time_unix_text"}


