"""What every test stands on: an Airflow of its own, the published specs, and the rule for tools that are missing.

Nothing inherited from the person's Airflow reaches a test: the environment is cleared before anything imports Airflow.
A missing tool is a visible skip with the way to get it, and a failure where ``CI`` is set.
"""

from __future__ import annotations

import base64
import fnmatch
import functools
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import settings

from tests.airflow_server import IS_MIGRATED
from tests.postgres import PostgresServer, running_postgres

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

PROJECT = Path(__file__).resolve().parent.parent

#: Set by continuous integration, where a skipped ring would go unseen.
IN_CI = bool(os.environ.get("CI"))


def _forget_inherited_airflow() -> None:
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "_AIRFLOW_")):
            del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="airflow-bigcommerce-tests-"))
    os.environ.update(
        AIRFLOW_HOME=str(home),
        # Named here, because this process reads its configuration before `airflow db migrate` writes a key into the home's file.
        AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(os.urandom(32)).decode(),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:1/execution/",  # nothing may depend on a server that runs by chance
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )


_forget_inherited_airflow()

# An example takes as long as the machine lets it.
settings.register_profile("bigcommerce", deadline=None)
settings.load_profile("bigcommerce")


def missing_tool(what: str, how_to_get_it: str) -> NoReturn:
    """Skip the test and say how to get the tool; fail where CI is set."""
    reason = f"{what} is missing: {how_to_get_it}"
    if IN_CI:
        pytest.fail(f"{reason} (in CI a missing tool is a failure)", pytrace=False)
    pytest.skip(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live-write", action="store_true", help="let -m live tests change the real store")


#: Files that take minutes, below ``tests``: they begin first, so that none of them runs alone at the end. The workers take them in this
#: order (``tests/suite.py``).
LONG_FILES = (
    "month/*", "demo/test_processes.py", "*/test_*in_airflow.py", "transfers/test_zombie.py", "reconcile/test_tables.py",
    "sql/test_syncs.py", "sql/test_compared.py", "reconcile/test_files.py", "transfers/test_compaction.py", "operators/test_request.py",
    "exactness/*", "week/*", "faults/*", "house/test_wheel.py", "demo/*", "browser/*", "transfers/test_history.py", "lake/test_history.py",
    "sql/test_history.py", "transfers/test_changes_while_reading.py", "transfers/test_killed.py", "sql/test_killed.py", "writing/*",
    "plugins/*", "benchmarks/*", "lake/*", "sql/*", "transfers/*", "sandbox/*", "sync/*", "provider/test_cli*.py", "provider/test_dags.py",
    "sensors/*", "reconcile/*", "files/*", "odd/*", "operators/*", "house/test_makefile.py", "house/test_docs.py", "provider/*",
)  # fmt: skip


def _turn(item: pytest.Item) -> int:
    """The place of a test's file among those that begin first."""
    name = item.path.relative_to(PROJECT / "tests").as_posix()
    return next((turn for turn, pattern in enumerate(LONG_FILES) if fnmatch.fnmatch(name, pattern)), len(LONG_FILES))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    if "exhaustive" not in str(config.getoption("-m")):
        long = [item for item in items if item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in {*long}]
    if IN_CI or "full" in str(config.getoption("-m")):
        return
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: run with -m full, or with CI=1"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The environments of older Airflow lines have no Delta Lake; everywhere else a missing one is an error, and seen."""
    is_older = "compat" in str(config.getoption("-m")) and importlib.util.find_spec("deltalake") is None
    return True if is_older and collection_path in (PROJECT / "tests" / "lake", PROJECT / "tests" / "s3") else None


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture(autouse=True, scope="module")
def _masks_of_this_file_only() -> Iterator[None]:
    """Airflow compiles one pattern of every secret that a process ever saw: of thousands of tests', each new one and each log line pays."""
    yield
    masker = sys.modules.get("airflow.sdk._shared.secrets_masker")
    if masker is not None:
        masker.reset_secrets_masker()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """AIRFLOW_HOME of this test process, with a migrated SQLite metadata database in it."""
    home = Path(os.environ["AIRFLOW_HOME"])
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=280, cwd=home)
    _one_api_for_all_tasks()
    return home


def _one_api_for_all_tasks() -> None:
    """Airflow 3.1 and 3.2 build the API that ``dag.test()`` asks anew for each task, which takes seconds; as in 3.3, it is kept."""
    import airflow

    if airflow.__version__.startswith(("3.1.", "3.2.")):
        supervisor = importlib.import_module("airflow.sdk.execution_time.supervisor")
        supervisor.in_process_api_server = functools.lru_cache(maxsize=1)(supervisor.in_process_api_server)  # type: ignore[attr-defined]


@pytest.fixture
def connected(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as the connection ``bigcommerce_default``."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    return bigcommerce_sandbox


@pytest.fixture(scope="session")
def openapi_dir() -> Path:
    """BigCommerce's OpenAPI files: ``BIGCOMMERCE_OPENAPI_DIR``, or ``../shared/openapi`` beside the checkout."""
    directory = Path(os.environ.get("BIGCOMMERCE_OPENAPI_DIR") or PROJECT.parent / "shared" / "openapi")
    if not directory.is_dir():
        missing_tool(
            f"The folder of BigCommerce's OpenAPI files ({directory})",
            "clone github.com/bigcommerce/docs and set BIGCOMMERCE_OPENAPI_DIR to its folder of reference files",
        )
    return directory


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium or Chrome."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    if mac.exists():
        return str(mac)
    missing_tool("Chromium", "apt-get install chromium (Debian), dnf install chromium (Fedora), brew install --cask google-chrome (macOS)")


@pytest.fixture(scope="session")
def postgres_bin() -> Path:
    """Folder of PostgreSQL's server programs (initdb, pg_ctl)."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    missing_tool("PostgreSQL", "apt-get install postgresql (Debian), dnf install postgresql-server, brew install postgresql")


@pytest.fixture(scope="session")
def postgres_server(postgres_bin: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session."""
    with running_postgres(postgres_bin) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_database(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a PostgreSQL database with Airflow's empty tables, which take seconds to make and a moment to copy."""
    name, home = postgres_server.new_database(), tmp_path_factory.mktemp("migrated")
    environment = {**os.environ, **_metadata_in(postgres_server, name), "AIRFLOW_HOME": str(home)}
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=home, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return name


@pytest.fixture
def airflow_database(postgres_server: PostgresServer, migrated_database: str) -> dict[str, str]:
    """Environment of an Airflow whose metadata database is one of its own in PostgreSQL, migrated, with nothing in it.

    On SQLite, a scheduler, an API server and tasks that write at once are answered "database is locked", so whatever asks such an
    Airflow fails now and then.
    """
    return {**_metadata_in(postgres_server, postgres_server.new_database(migrated_database)), IS_MIGRATED: "1"}


def _metadata_in(server: PostgresServer, name: str) -> dict[str, str]:
    user, place = server.user, f"{server.host}:{server.port}"
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{user}@{place}/{name}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{user}@{place}/{name}",
    }


@pytest.fixture(scope="session")
def mariadb_bin() -> Path:
    """Folder of MariaDB's programs (mariadb-install-db); mariadbd may be in another."""
    found = shutil.which("mariadb-install-db")
    if found and (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
        return Path(found).parent
    missing_tool("MariaDB", "apt-get install mariadb-server (Debian), dnf install mariadb-server, brew install mariadb")
