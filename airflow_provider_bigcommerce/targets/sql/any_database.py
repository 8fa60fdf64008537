"""Every database that SQLAlchemy has a dialect for: its types, its quoting, its parameters, its reading of what is there.

Only what databases have in common is relied on, so it is done otherwise than on SQLite and PostgreSQL:

- Staging tables are ordinary ones with a name of their run. Temporary ones are different everywhere, cannot be named twice in a
  statement on MySQL, and are missing elsewhere. The run drops them; those of a killed try, a later one does.
- Tables are made and widened before the transaction that merges, for in many databases DDL commits.
- Two runs wait for each other at a row of ``_bigcommerce_locks``, which each changes first.
- A merge is an UPDATE of the rows that are there and an INSERT of the others; values are compared here and not in SQL, where texts are
  equal by rules of their own.
"""
# ruff: noqa: S608  # statements are put together from quoted identifiers; every value is a parameter

from __future__ import annotations

import functools
import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, CompileError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DropTable

from airflow_provider_bigcommerce.core.outside_text import one_line
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError, MissingPackageError
from airflow_provider_bigcommerce.targets.sql import refusals
from airflow_provider_bigcommerce.targets.sql.any_types import TABLE_OPTIONS, aware, holds, moment_type, type_of
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import Column, Table

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

log = logging.getLogger(__name__)

T = TypeVar("T")

LOCKS = Table("_bigcommerce_locks", (Column("table_name", "text", 63), Column("taken", "int")), ("table_name",))

#: ``_bigcommerce_tmp_<run>_<seconds since 1970, in hexadecimal>_...``
_STAGING = re.compile(r"_bigcommerce_tmp_(?P<run>[0-9a-f]{8})_(?P<made>[0-9a-f]{8})_", re.IGNORECASE)
#: Seconds after which another run's staging tables are taken for those of a killed one, as files without a manifest are.
_LEFT_AFTER = 24 * 3600
#: Seconds in all that a run waits for another one's transaction, beyond what the database itself waits.
_LOCK_PATIENCE = 3600
#: A statement that fails sooner has not waited for a lock.
_SHORTEST_LOCK_WAIT = 1.0
#: Seconds to wait after each try to read a definition.
_INSPECTION_PAUSES = (0.1, 0.3, 1.0, 3.0, 0.0)
#: Rows that one executemany gets.
_ROWS = 1_000


class AnyDatabase(Database):
    """A connection through SQLAlchemy.

    :param hook: an Airflow hook of an SQL connection.
    :param schema: the schema that the caller named, or None for the connection's own.
    :param run: run key, by which staging tables of an earlier try are told.
    :raises InvalidQueryError: there is no dialect or no driver for it, or no such schema.
    :raises DestinationError: it cannot be reached.
    """

    holds_any_text = False
    ddl_is_transactional = False

    def __init__(self, hook: DbApiHook, schema: str | None, run: str) -> None:
        self._engine = _engine_of(hook)
        self._dialect = self._engine.dialect
        self.title = self._dialect.name
        self._moment = moment_type(self._dialect)
        self._is_in_transaction = False
        self._staged: dict[str, sa.Table] = {}
        self._owner = hashlib.sha256(run.encode()).hexdigest()[:8]
        self._lock_rows: set[str] = set()
        self._connection = self._connect(hook)
        try:
            self._driver: Any = self._connection.connection.dbapi_connection
            self.schema, self._schema = self._find_schema(schema)
        except BaseException:
            self.close()
            raise

    def _connect(self, hook: DbApiHook) -> sa.Connection:
        try:
            return self._engine.connect()
        except (SQLAlchemyError, OSError) as error:
            why = refusals.told(error)
        # Here and not above, as everywhere in this module: the driver's exception is then not this one's context.
        raise DestinationError(refusals.unreachable(self.title, hook, why))

    def _find_schema(self, wanted: str | None) -> tuple[str, str | None]:
        """The schema's name, and how SQLAlchemy is to name it: not at all where it is the connection's own."""
        own = self._dialect.default_schema_name
        if wanted is None or wanted == own:
            if own is None:
                raise InvalidQueryError(f"The connection to {self.title} has no schema of its own. Give the schema argument.")
            return own, None
        names = self._inspect("the database", lambda inspector: inspector.get_schema_names())
        if wanted not in names:
            known = ", ".join(map(repr, names[:20]))
            raise InvalidQueryError(f"schema={wanted!r} does not exist in this {self.title} database. Create it, or give one of: {known}.")
        return wanted, wanted

    # -- statements

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement, with ``?`` for each parameter; outside a transaction it is one of its own."""
        return self._run(self._text(statement, parameters), lambda result: max(result.rowcount, 0))

    def rows(self, statement: str, parameters: Sequence[Any] = (), *, most: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query and return its rows; a moment without zone is UTC's."""
        return self._rows(self._text(statement, parameters), most)

    def _rows(self, query: sa.Executable, most: int | None = None) -> list[tuple[Any, ...]]:
        def fetch(result: sa.CursorResult[Any]) -> list[tuple[Any, ...]]:
            found = result.fetchall() if most is None else result.fetchmany(most)
            result.close()
            return [tuple(map(aware, row)) for row in found]

        return self._run(query, fetch)

    def _text(self, statement: str, parameters: Sequence[Any]) -> sa.TextClause:
        """The statement with named parameters, which SQLAlchemy writes as the driver wants them."""
        parts = statement.replace(":", r"\:").split("?") if parameters else [statement.replace(":", r"\:")]
        names = [f"p{number}" for number in range(len(parameters))]
        text = sa.text(parts[0] + "".join(f":{name}{part}" for name, part in zip(names, parts[1:], strict=True)))
        types = [self._moment if isinstance(value, datetime) else None for value in parameters]
        return text.bindparams(*map(sa.bindparam, names, parameters, types))

    def _run(self, statement: sa.Executable, then: Callable[[sa.CursorResult[Any]], T], parameters: Any = None) -> T:
        """Run a statement, take from its result what is needed, and end it where it is not part of a transaction.

        :raises DestinationError: the database refused it.
        """
        try:
            result = then(self._connection.execute(statement, parameters))
            self._settle()
        except SQLAlchemyError as error:
            if not self._is_in_transaction:
                self._connection.rollback()
            why = refusals.told(error)
        else:
            return result
        raise DestinationError(f"{self.title} refused a statement ({why}): {one_line(statement, 200)}")

    def _settle(self) -> None:
        """End what SQLAlchemy has begun by itself: a transaction that stays open would see what was, and hold what others want."""
        if not self._is_in_transaction:
            self._connection.commit()

    def begin(self, lock: str) -> None:
        """Begin with a change to the lock's row, and wait for the run that has changed it before."""
        self._make_lock(lock)
        locks = self._core(LOCKS)
        take = sa.update(locks).where(locks.c.table_name == lock).values(taken=locks.c.taken + 1)
        end = time.monotonic() + _LOCK_PATIENCE
        while True:
            started = time.monotonic()
            try:
                self._connection.execute(take)
            except SQLAlchemyError as error:
                self._connection.rollback()
                now = time.monotonic()
                # Databases give a wait up after some seconds; what fails at once has not waited.
                has_waited = isinstance(error, OperationalError) and not error.connection_invalidated
                is_over = not has_waited or now - started < _SHORTEST_LOCK_WAIT or now > end
                why = refusals.told(error)
            else:
                self._is_in_transaction = True
                return
            if is_over:
                raise self._not_locked(lock, why)
            log.info("Still waiting for another run's last step on the table %s.", lock)

    def _not_locked(self, lock: str, why: str) -> DestinationError:
        return DestinationError(
            f"{self.title} did not let this run be the only one that changes the table {lock!r} ({why}): its row of "
            f"{self.qualified(LOCKS.name)} could not be updated. Try again, and look for a transaction that is left open."
        )

    def _make_lock(self, lock: str) -> None:
        if lock in self._lock_rows:
            return
        if not self.columns_of(LOCKS.name):
            self.create_table(LOCKS)
        locks = self._core(LOCKS)
        known = sa.select(locks.c.taken).where(locks.c.table_name == lock)
        if not self._rows(known):
            self._unless(lambda: bool(self._rows(known)), sa.insert(locks).values(table_name=lock, taken=0))
        self._lock_rows.add(lock)

    def _unless(self, is_done: Callable[[], bool], statement: sa.Executable) -> None:
        """Run a statement outside a transaction; where another run has done the same in between, that will do."""
        try:
            self._run(statement, lambda _: None)
        except DestinationError:
            if not is_done():
                raise

    def commit(self) -> None:
        """End the transaction."""
        try:
            self._connection.commit()
        except SQLAlchemyError as error:
            why = refusals.told(error)
        else:
            return
        finally:
            self._is_in_transaction = False
        raise DestinationError(f"{self.title} did not commit ({why}). Nothing was changed; try again.")

    def cancel(self) -> None:
        """Ask the driver, where it has a word for it; else the statement ends by itself, or with the process."""
        stop = getattr(self._driver, "cancel", None) or getattr(self._driver, "interrupt", None)
        if stop is not None:
            stop()

    def close(self) -> None:
        """Roll back what is open, drop the staging tables, and close the connection."""
        try:
            self._connection.rollback()
            self._is_in_transaction = False
            for table in self._staged.values():
                self._drop(table)
        except (SQLAlchemyError, DestinationError) as error:
            reason = refusals.told(error) if isinstance(error, SQLAlchemyError) else str(error)
            log.warning("Staging tables _bigcommerce_tmp_%s_... are left, a later run drops them: %s", self._owner, reason)
        finally:
            self._staged = {}
            self._connection.close()
            self._engine.dispose()

    # -- parts of statements

    def quote(self, name: str) -> str:
        """An identifier, in quotation marks where the dialect needs them."""
        return self._plain(self._dialect.identifier_preparer.quote(name))

    def qualified(self, table: str) -> str:
        """A table, with its schema where that is not the connection's own."""
        return self._format(sa.Table(table, sa.MetaData(), schema=self._schema))

    def staging(self, name: str) -> str:
        """An ordinary table of this run."""
        return self._format(self._staged[name]) if name in self._staged else self.qualified(self._staging_name(name))

    @functools.cached_property
    def _prefix(self) -> str:
        return f"_bigcommerce_tmp_{self._owner}_{self._now():08x}"

    def _now(self) -> int:
        """Seconds since 1970 by the database's clock, which is one for all workers."""
        [(now,)] = self._rows(sa.select(sa.func.current_timestamp()))
        return int(now.timestamp())

    def _staging_name(self, name: str) -> str:
        return self._prefix + name.removeprefix("_bigcommerce")

    def _format(self, table: sa.Table) -> str:
        return self._plain(self._dialect.identifier_preparer.format_table(table))

    def _plain(self, quoted: str) -> str:
        """Without the doubled per cent signs of some drivers' parameters: statements get theirs as they are sent."""
        return quoted.replace("%%", "%") if self._dialect.paramstyle in ("format", "pyformat") else quoted

    def moment(self, text: str | None) -> datetime | None:
        """A datetime, for not every database reads ISO-8601."""
        return None if text is None else datetime.fromisoformat(text)

    def among(self, columns: Sequence[str], table: str, others: Sequence[str], source: str, where: str = "") -> str:
        """EXISTS: not every database has row values."""
        return f"EXISTS (SELECT 1 FROM {source} WHERE {self.same(columns, table, others, source)}{where and f' AND {where}'})"

    # -- tables

    def columns_of(self, table: str) -> dict[str, str]:
        """Column -> type as SQLAlchemy writes what it reads."""
        return {name: self._told(kind) for name, kind in self._reflected(table).items()}

    def _reflected(self, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
        def read(inspector: sa.Inspector) -> dict[str, sa.types.TypeEngine[Any]]:
            if not inspector.has_table(table, schema=self._schema):
                return {}
            return {str(column["name"]): column["type"] for column in inspector.get_columns(table, schema=self._schema)}

        return self._inspect(table, read)

    def _inspect(self, about: str, read: Callable[[sa.Inspector], T]) -> T:
        """Ask SQLAlchemy what is there, again where the database does not say it: MariaDB does not while another run makes that table."""
        why = ""
        for pause in _INSPECTION_PAUSES:
            try:
                found = read(sa.inspect(self._connection))
                self._settle()
            except SQLAlchemyError as error:
                why = why or refusals.told(error)
                if not self._is_in_transaction:
                    self._connection.rollback()
                time.sleep(pause)
            else:
                return found
        raise DestinationError(f"{self.title} did not tell what {about} is ({why}).")

    def _told(self, kind: sa.types.TypeEngine[Any]) -> str:
        try:
            return kind.compile(self._dialect)
        except CompileError:  # a type that SQLAlchemy does not know
            return str(kind)

    def spelling_of(self, table: str) -> str:
        """As the database lists it: whether case counts may depend on the server, its file system and its collation."""

        def read(inspector: sa.Inspector) -> str:
            names = inspector.get_table_names(schema=self._schema) if inspector.has_table(table, schema=self._schema) else []
            return table if table in names else next((name for name in names if name.casefold() == table.casefold()), table)

        return self._inspect(table, read)

    def unique_keys_of(self, table: str) -> list[frozenset[str]]:
        """The primary key, unique constraints, and unique indexes of plain columns without a condition."""
        table = self.spelling_of(table)  # some dialects find no constraints by another spelling

        def read(inspector: sa.Inspector) -> list[frozenset[str]]:
            keys: list[Sequence[str | None]] = [inspector.get_pk_constraint(table, schema=self._schema)["constrained_columns"]]
            try:
                keys += [unique["column_names"] for unique in inspector.get_unique_constraints(table, schema=self._schema)]
            except NotImplementedError:  # a dialect that has them among the indexes
                log.debug("%s does not tell unique constraints.", self.title)
            for index in inspector.get_indexes(table, schema=self._schema):
                has_condition = any(name.endswith("_where") and value for name, value in index.get("dialect_options", {}).items())
                if index["unique"] and not has_condition:
                    keys.append(index["column_names"])
            plain = [[name for name in key if name is not None] for key in keys if None not in key]
            return [frozenset(key) for key in plain if key]

        return self._inspect(table, read)

    def type_of(self, column: Column, table: Table) -> str:
        """The type of a column, in the dialect."""
        return type_of(column, table, self._moment).compile(self._dialect)

    def misfits(self, table: Table) -> dict[str, str]:
        """Columns whose type is neither the one that we would make nor one that holds as much."""
        found = self._reflected(table.name)
        wrong: dict[str, str] = {}
        for column in table.columns:
            kind = found.get(column.name)
            if kind is not None and not holds(kind, column, table, self._moment, self._dialect):
                told = self._told(kind)
                if told != self.type_of(column, table):
                    wrong[column.name] = told
        return wrong

    def create_statement(self, table: Table) -> str:
        """What makes a table."""
        return self._plain(str(CreateTable(self._core(table)).compile(dialect=self._dialect)).strip())

    def create_table(self, table: Table) -> None:
        """Make a table, unless another run has just done so."""
        self._unless(lambda: bool(self.columns_of(table.name)), CreateTable(self._core(table)))

    def add_column(self, table: Table, column: Column) -> None:
        """Add a column, unless another run has just done so."""
        definition = CreateColumn(self._core(table).c[column.name]).compile(dialect=self._dialect)
        # Without COLUMN, which SQL Server and Oracle do not have.
        statement = self._text(f"ALTER TABLE {self.qualified(table.name)} ADD {self._plain(str(definition))}", ())
        self._unless(lambda: column.name in self.columns_of(table.name), statement)

    def ensure_indexes(self, table: Table, indexes: Mapping[str, Sequence[str]]) -> None:
        """Make those that the database does not list; a column store has none, and needs none."""
        for name in sorted(indexes.keys() - self._index_names_of(table.name)):
            self._make_index(table, name, indexes[name])

    def _make_index(self, table: Table, name: str, columns: Sequence[str]) -> None:
        here = self._core(table)
        index = sa.Index(name, *(here.c[column] for column in columns))
        try:
            self._unless(lambda: name in self._index_names_of(table.name), CreateIndex(index))
        except DestinationError as error:
            log.info("The table %s is without the index %s: %s", self.qualified(table.name), name, error)

    def _index_names_of(self, table: str) -> set[str]:
        table = self.spelling_of(table)

        def read(inspector: sa.Inspector) -> set[str]:
            try:
                return {str(index["name"]) for index in inspector.get_indexes(table, schema=self._schema)}
            except NotImplementedError:  # a dialect without indexes
                return set()

        return self._inspect(table, read)

    def _core(self, table: Table, name: str | None = None, *, has_key: bool = True) -> sa.Table:
        """A table as SQLAlchemy knows it.

        :param name: its name, if it is another one.
        :param has_key: whether it has the primary key.
        """
        columns = [
            sa.Column(
                column.name,
                type_of(column, table, self._moment),
                primary_key=has_key and column.name in table.key,
                autoincrement=False,
                nullable=column.name not in table.key,
            )
            for column in table.columns
        ]
        return sa.Table(name or table.name, sa.MetaData(), *columns, schema=self._schema, **TABLE_OPTIONS)

    # -- staging

    def create_staging(self, name: str, table: Table) -> None:
        """Make an ordinary table; the first one is the occasion to drop those that killed tries have left."""
        if not self._staged:
            self._drop_left()
        staged = self._core(table, self._staging_name(name), has_key=False)
        self._run(CreateTable(staged), lambda _: None)
        self._staged[name] = staged
        # Not unique: a key may come twice among those that are only compared.
        index = sa.Index(f"{staged.name}_key", *(staged.c[column] for column in table.key))
        try:
            self._run(CreateIndex(index), lambda _: None)
        except DestinationError as error:  # a column store has none, and needs none
            log.debug("No index on the staging table %s: %s", staged.name, error)

    def _drop_left(self) -> None:
        names = self._inspect("the schema", lambda inspector: inspector.get_table_names(schema=self._schema))
        now = self._now()
        for name in names:
            found = _STAGING.match(name)
            if found is None:
                continue
            age = now - int(found["made"], 16)
            # Airflow runs one try of a run at a time, so an earlier one's are nobody's.
            if found["run"].lower() == self._owner or age > _LEFT_AFTER:
                log.info("The staging table %s of a killed run is dropped.", name)
                self._drop(sa.Table(name, sa.MetaData(), schema=self._schema))

    def _drop(self, table: sa.Table) -> None:
        self._unless(lambda: not self.columns_of(str(table.name)), DropTable(table))

    def put(self, staging: str, columns: Sequence[str], rows: Any) -> None:  # noqa: ARG002  # an Arrow table names its columns
        """Append by executemany, some rows at a time."""
        insert = sa.insert(self._staged[staging])
        try:
            for start in range(0, rows.num_rows, _ROWS):
                self._connection.execute(insert, rows.slice(start, _ROWS).to_pylist())
            self._settle()
        except SQLAlchemyError as error:
            self._connection.rollback()
            why = refusals.told(error)
        else:
            return
        raise DestinationError(f"{self.title} refused rows for {staging} ({why}).")

    def refresh_statistics(self, staging: str, key: Sequence[str], into: str) -> None:
        """The index on the key must do: what tells a planner more is different everywhere, and may commit."""

    # -- changes and questions

    def upsert(self, table: Table, staging: str) -> None:
        """UPDATE the rows that are there, from the staging table, and INSERT the others."""
        here, staged = self._core(table), self._staged[staging]
        is_same = _equal(here, table.key, staged, table.key)
        others = [column.name for column in table.columns if column.name not in table.key]
        update = sa.update(here).where(is_same).values({here.c[name]: staged.c[name] for name in others})
        if not self._is_known(update):  # no UPDATE ... FROM in this dialect
            values = {here.c[name]: sa.select(staged.c[name]).where(is_same).correlate(here).scalar_subquery() for name in others}
            update = sa.update(here).where(sa.exists().where(is_same).correlate(here)).values(values)
        self._run(update, lambda _: None)
        names = [column.name for column in table.columns]
        new = sa.select(*(staged.c[name] for name in names)).where(~sa.exists().where(is_same).correlate(staged))
        self._run(sa.insert(here).from_select(names, new), lambda _: None)

    def _is_known(self, statement: sa.ClauseElement) -> bool:
        try:
            statement.compile(dialect=self._dialect)
        except (CompileError, NotImplementedError):
            return False
        return True

    def absent(self, table: Table, source: str, where: str = "") -> list[tuple[Any, ...]]:
        """NOT EXISTS: not every database has EXCEPT."""
        name = self.qualified(table.name)
        missing = f"NOT {self.among(table.key, name, table.key, source)}"
        return self.rows(f"SELECT {', '.join(map(self.quote, table.key))} FROM {name} WHERE {missing}{where and f' AND {where}'}")

    def page(self, table: Table, columns: Sequence[str], after: Sequence[Any], most: int) -> list[tuple[Any, ...]]:
        """The rows behind a key, written out: a greater first part, or the same and a greater second."""
        here = self._core(table)
        key = [here.c[name] for name in table.key]
        query = sa.select(*key, *(here.c[name].label(f"c{number}") for number, name in enumerate(columns))).order_by(*key).limit(most)
        if after:
            parts = list(zip(key, after, strict=True))
            query = query.where(
                sa.or_(
                    *(sa.and_(*(k == v for k, v in parts[:number]), parts[number][0] > parts[number][1]) for number in range(len(parts)))
                )
            )
        return self._rows(query)

    def differences(self, table: Table, staging: str, columns: Sequence[Column]) -> list[tuple[Any, ...]]:
        """Read both rows and compare them here."""
        here, staged = self._core(table), self._staged[staging]
        both = [
            side.c[column.name].label(f"{label}{number}")
            for label, side in (("a", here), ("b", staged))
            for number, column in enumerate(columns)
        ]
        query = sa.select(*(here.c[name] for name in table.key), *both).join_from(here, staged, _equal(here, table.key, staged, table.key))
        key, count = len(table.key), len(columns)
        found = []
        for row in self._rows(query):
            pairs = zip(row[key : key + count], row[key + count :], strict=True)
            found.append((*row[:key], *(one != other for one, other in pairs)))
        return found

    def child_differences(
        self, child: Table, staged_child: str, main: Table, staged_main: str, columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """Read both sets of rows and compare them here."""
        here, staged = self._core(main), self._staged[staged_main]

        def rows(part: sa.Table) -> set[tuple[Any, ...]]:
            # Rows of main rows that the table lacks are not this one's to tell.
            both = [sa.exists().where(_equal(side, main.key, part, child.root)).correlate(part) for side in (here, staged)]
            return set(self._rows(sa.select(*(part.c[column.name] for column in columns)).where(*both)))

        root = [[column.name for column in columns].index(name) for name in child.root]
        differing = rows(self._staged[staged_child]) ^ rows(self._core(child))
        return sorted({tuple(row[place] for place in root) for row in differing})


def _equal(one: sa.Table, columns: Sequence[str], other: sa.Table, others: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[a] == other.c[b] for a, b in zip(columns, others, strict=True)))


def _engine_of(hook: DbApiHook) -> sa.Engine:
    """The hook's engine, whose connections are closed and not kept.

    :raises MissingPackageError: SQLAlchemy has no dialect for this hook, or the dialect's driver is missing.
    """
    try:
        return hook.get_sqlalchemy_engine({"poolclass": NullPool, "hide_parameters": True})
    except (NoSuchModuleError, ImportError, NotImplementedError) as error:
        reason = one_line(f"{type(error).__name__}: {error}", 200)  # an import's or a plug-in's name; no row was sent
    except ArgumentError as error:
        reason = type(error).__name__  # its message may hold the connection's URL
    raise MissingPackageError(
        f"{type(hook).__name__} has no SQLAlchemy dialect here, by which connections of type {hook.conn_type!r} are loaded ({reason}). "
        f"Install the package that brings the dialect and its driver ({page('how-to/load-into-a-database.md')} lists some), or write "
        f"Parquet with BigCommerceToObjectStorageOperator and load that: {page('how-to/load-a-warehouse.md')}"
    )
