"""The errors of this package, in three kinds that tell a reader what to do.

::

    BigCommerceError
    ├── you can act
    │   ├── CredentialsError            a connection field is missing, empty, masked or malformed
    │   ├── UnknownResourceError        no such resource; carries the nearest names
    │   ├── InvalidQueryError           a parameter, window, format or mode that cannot work; nothing was sent
    │   │   └── MissingPackageError     a package that this needs is not installed; names the extra
    │   ├── AuthenticationError         401: the token is wrong, or belongs to another store
    │   ├── PermissionDeniedError       403: the token lacks a scope; carries its name
    │   ├── NotFoundError               404
    │   ├── ConflictError               409, 423
    │   ├── ValidationError             400, 413, 422 and other 4xx; carries BigCommerce's field errors
    │   ├── GraphQLError                GraphQL errors: of the query, or of a mutation's payload
    │   ├── StoreSuspendedError         503 that says so; waiting does not help
    │   ├── UnclearWriteError           a write that may have been carried out, and must not be sent twice; carries how to find out
    │   ├── RedirectRefusedError        a redirect to another host or store, from https to http, of a write, or without end
    │   ├── DestinationError            files could not be written where asked
    │   ├── TooManyDeletedError         more rows are gone from the store than may be
    │   ├── CopyMismatchError           a copy is not what the store has; carries keys and field names
    │   ├── WriteFailedError            rows were rejected, in conflict or unclear; the outcomes tell what became of each
    │   ├── TooManyChangesError         a write would change more rows, or a value by more, than its guards allow; nothing was sent
    │   └── PlanError                   a plan, or what a write left, cannot be used
    │       ├── NoManifestError         its manifest is not there: it was not finished, was removed, or never was
    │       ├── ForeignManifestError    the manifest is of another kind, of a newer version, or no manifest at all
    │       ├── PlanChangedError        a file is not the one that the manifest names: its digest, size or rows differ
    │       ├── FolderUsedError         the attempt's folder was finished before; no attempt is replaced
    │       ├── PlanUsedError           another run has applied it; a plan is applied once
    │       ├── PlanExpiredError        it is older than max_age
    │       ├── OtherStoreError         it was made for another store
    │       └── NotApprovedError        nobody has approved it
    ├── try again (the client already did, within its limits)
    │   ├── RateLimitError              429 until the limits of attempts or time were used up
    │   ├── ServerError                 5xx, likewise
    │   ├── LongWaitError               nothing came for longer than the caller wants to wait; carries when to come back
    │   ├── TransportError              no usable answer: name resolution, TLS, time-out, cut connection
    │   ├── QueueError                  messages of a queue were not acknowledged; they come again
    │   └── ConcurrentRunError          two runs of one task at once; the later to end starts from the beginning
    │       └── ResourceBusyError       another task writes this resource of this store; carries when to come back
    └── BigCommerce or we have a bug
        ├── UnexpectedAnswerError       not JSON (often a proxy's page), wrong envelope, record without its key
        │   └── AnswerTooLargeError     more bytes than max_answer_bytes allows
        ├── PaginationLoopError         the same page or cursor twice
        └── IncompleteReadError         counts that must agree do not

No error of this tree carries a credential or a response body. Of an answer it holds the status, the request id, and what may be shown of
the title, the field names and the field messages: plain words, with ``[...]`` for all that could be a customer's data
(``core/outside_text.py``). Of a database's refusal it holds kind, table, column and constraint. It also holds what the caller gave
(method, path, ids, the argument that it is about), names of files and tables, counts, and the keys of rows where it is about rows
(``CopyMismatchError``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class BigCommerceError(Exception):
    """Base of all errors raised by this package."""


class CredentialsError(BigCommerceError):
    """A connection field is missing, empty, masked (``***``) or malformed; the message names it."""


class UnknownResourceError(BigCommerceError):
    """There is no resource of that name in the catalog.

    :param name: the name that was asked for.
    :param nearest: catalog names that resemble it, best first; may be empty.
    """

    def __init__(self, name: str, nearest: Iterable[str] = ()) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f" Did you mean {', '.join(map(repr, self.nearest))}?" if self.nearest else ""
        super().__init__(
            f"Unknown BigCommerce resource {name!r}.{hint} "
            "Accepted: a catalog name (airflow-bigcommerce resources lists them) or a path such as '/v3/catalog/products'."
        )


class InvalidQueryError(BigCommerceError):
    """An argument that cannot work; found before anything was sent."""


class MissingPackageError(InvalidQueryError):
    """A package that this needs is not installed; the message names the extra that brings it. No retry cures that."""


class DestinationError(BigCommerceError):
    """Files could not be written to, or read from, the destination."""


class CopyMismatchError(BigCommerceError):
    """A copy is not what the store has; the message names the first rows by their keys, and fields, and no other value."""


class TooManyChangesError(BigCommerceError):
    """A write would change more than its guards allow; nothing was sent. The message says numbers and names of fields, and no value."""


class PlanError(BigCommerceError):
    """A plan, or what a write left in its folder, cannot be used. No retry cures that."""


class NoManifestError(PlanError):
    """There is no manifest at that place: the attempt was not finished, was removed, or never was."""


class ForeignManifestError(PlanError):
    """The manifest is of another kind than is needed, of a newer version's format, or no manifest at all."""


class PlanChangedError(PlanError):
    """A file of the folder is not the one that its manifest names: it was changed, cut or removed since."""


class FolderUsedError(PlanError):
    """The attempt's folder has a manifest, or was begun by another: no attempt's files are ever replaced."""


class PlanUsedError(PlanError):
    """Another run has applied the plan, or begun to: a plan is applied once."""


class PlanExpiredError(PlanError):
    """The plan is older than ``max_age``: the store may have changed too much since."""


class OtherStoreError(PlanError):
    """The plan was made for another store than the connection's."""


class NotApprovedError(PlanError):
    """Nobody has approved the plan, or the approval is older than it."""


class WriteFailedError(BigCommerceError):
    """Rows of a write were rejected, in conflict, unclear or not sent; the message has counts and names the outcomes. No retry cures it."""


class RedirectRefusedError(BigCommerceError):
    """The answer redirects where the access token must not go (another scheme, host, port or store), or a write, or without end."""


class ApiError(BigCommerceError):
    """BigCommerce answered, and the answer says that the request was rejected.

    :param message: the sentence for the reader.
    :param status: HTTP status.
    :param title: BigCommerce's own title or message, or None where the body had none. Of it, plain words and the names of fields are
        kept; ``[...]`` stands for all else: names, addresses, quoted values, numbers of more than three digits.
    :param errors: field name -> BigCommerce's message for it, likewise, of fifty fields at most; empty where the body had none.
    :param method: HTTP method of the request.
    :param path: API path below the store, such as ``/v3/catalog/products``; never with a query string.
    :param request_id: BigCommerce's request id, where a header carried one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        title: str | None = None,
        errors: Mapping[str, str] | None = None,
        method: str = "",
        path: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.title = title
        self.errors = dict(errors or {})
        self.method = method
        self.path = path
        self.request_id = request_id


class AuthenticationError(ApiError):
    """401: the access token is wrong, was deleted, or belongs to another store."""


class PermissionDeniedError(ApiError):
    """403: the token lacks an OAuth scope.

    :attr scopes: scope names that would allow the request, where the catalog knows them.
    """

    def __init__(self, message: str, *, scopes: Iterable[str] = (), **kwargs: object) -> None:
        super().__init__(message, **kwargs)  # type: ignore[arg-type]  # same keywords as ApiError
        self.scopes = tuple(scopes)


class NotFoundError(ApiError):
    """404: no record, or no store, at that path."""


class ConflictError(ApiError):
    """409 or 423: the record is locked, or changed meanwhile."""


class ValidationError(ApiError):
    """400, 413, 422 or another 4xx: BigCommerce refused the request's content."""


class StoreSuspendedError(ApiError):
    """503 whose text says that the store is suspended; waiting does not help."""


class UnclearWriteError(BigCommerceError):
    """A write brought no clear answer: it may have been carried out. A second one could do it twice, so none was sent.

    What happened (:class:`ServerError`, :class:`TransportError` or :class:`UnexpectedAnswerError`) is its ``__cause__``.

    :param method: HTTP method of the request.
    :param path: API path below the store; never with a query string.
    :param repeat: what a second sending does, as the catalog says it (``"duplicates"``); ``"unknown"`` where it does not know the call.
    :param lookup: fields by which the row can be looked up, the best first; empty where no key is known.
    :param lookup_path: the list to look it up in, or empty.
    """

    def __init__(
        self, message: str, *, method: str, path: str, repeat: str = "unknown", lookup: Iterable[str] = (), lookup_path: str = ""
    ) -> None:
        super().__init__(message)
        self.method = method
        self.path = path
        self.repeat = repeat
        self.lookup = tuple(lookup)
        self.lookup_path = lookup_path


class GraphQLError(BigCommerceError):
    """A GraphQL answer that holds errors: of the query as a whole, or of a mutation's payload.

    :param messages: BigCommerce's messages as they may be shown, with the path each is about; twenty at most.
    :param kinds: for each, its error code or the name of its error type; empty text where it has none.
    """

    def __init__(self, messages: Iterable[str], *, kinds: Iterable[str] = ()) -> None:
        self.messages = tuple(messages)
        self.kinds = tuple(kinds)
        named = ", ".join(sorted({kind for kind in self.kinds if kind}))
        super().__init__(f"POST /graphql answered errors{f' ({named})' if named else ''}: {'; '.join(self.messages[:3])}"[:1000])


class RateLimitError(ApiError):
    """429 until the limits of attempts or time were used up.

    :attr retry_after: seconds after which the store said to try again, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: object) -> None:
        super().__init__(message, **kwargs)  # type: ignore[arg-type]  # same keywords as ApiError
        self.retry_after = retry_after


class ServerError(ApiError):
    """5xx: BigCommerce failed, and kept failing as long as the limits allowed."""


class TransportError(BigCommerceError):
    """No usable answer arrived: name resolution, TLS, time-out or a cut connection.

    :attr cause: one of ``"dns"``, ``"tls"``, ``"timeout"``, ``"refused"``, ``"cut"``.
    :attr was_sent: whether any byte of the request may have left; False where there was no connection.
    """

    def __init__(self, message: str, *, cause: str, method: str = "", path: str = "", was_sent: bool = True) -> None:
        super().__init__(message)
        self.cause = cause
        self.was_sent = was_sent
        self.method = method
        self.path = path


class TooManyDeletedError(BigCommerceError):
    """More rows of a copy are gone from the store than ``max_deleted_percent`` allows; nothing was committed."""


class ConcurrentRunError(BigCommerceError):
    """Another run of the same task committed while this one read; nothing was committed, and a retry continues from that run."""


class ResourceBusyError(ConcurrentRunError):
    """Another task writes this resource of this store; two writers are never mixed. Nothing was sent.

    :param seconds: after which to ask again.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class QueueError(BigCommerceError):
    """Messages of a queue were not acknowledged: their events are not stored, or the queue refused. They come again; none is lost."""


class LongWaitError(BigCommerceError):
    """Nothing came for longer than the caller wants to hold its place; a task releases its worker slot and resumes later.

    :param seconds: after which to come back.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class UnexpectedAnswerError(BigCommerceError):
    """The answer is not what BigCommerce documents: not JSON, another envelope, a record without its key."""


class AnswerTooLargeError(UnexpectedAnswerError):
    """The answer has more bytes than ``max_answer_bytes`` allows, once decompressed; the rest of it was not read."""


class ClockError(UnexpectedAnswerError):
    """The store's time is unknown or in doubt: its answers contradict each other and the worker's clock. A retry asks again."""


class PaginationLoopError(BigCommerceError):
    """The store named a page or cursor that was already read; the read would never end."""


class IncompleteReadError(BigCommerceError):
    """Numbers that must agree do not: the rows read are not the rows the store says it has."""


class CountDisagreesError(IncompleteReadError):
    """The store's count of a list says that there are more rows than came, and nothing else does.

    :param found: rows that came.
    :param counted: rows by the store's count, the lower of two where it was asked twice.
    """

    def __init__(self, path: str, *, found: int, counted: int) -> None:
        super().__init__(
            f"GET {path} gave {found} rows to its proven end, and the store counts {counted}, also when it was asked again. "
            "Let the task try again; report the endpoint if it stays so."
        )
        self.found = found
        self.counted = counted
