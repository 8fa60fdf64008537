"""The files for Docker and the snippets beside them, as far as they can be held against the package without a Docker."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from airflow_provider_bigcommerce.core.credentials import from_connection_fields
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox import program
from airflow_provider_bigcommerce.sandbox.program import Options
from tests.conftest import PROJECT

DEPLOY = PROJECT / "docs" / "deploy"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


@pytest.fixture
def sandbox_options(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Options:
    """What the sandbox makes of its command line."""
    taken: list[Options] = []
    monkeypatch.setattr(program, "serve", lambda options: taken.append(options) or 0)
    command = services["sandbox"]["command"]
    assert (services["sandbox"]["entrypoint"], command[0]) == (["airflow-bigcommerce"], "sandbox")
    assert program.main(command[1:]) == 0
    return taken[0]


def test_the_connection_leads_to_the_sandbox(services: dict[str, Any], sandbox_options: Options) -> None:
    connection = json.loads(services["airflow"]["environment"]["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"])
    extra = connection["extra"]

    assert connection["host"] == f"http://sandbox:{sandbox_options.port}"
    assert (extra["store_hash"], extra["access_token"]) == (sandbox_options.store_hash, sandbox_options.token)
    assert (connection["conn_type"], extra["allow_http"], sandbox_options.host) == ("bigcommerce", True, "0.0.0.0")
    assert from_connection_fields(connection["host"], extra).base_url == "http://sandbox:8081"


def test_the_example_dags_know_the_variable_of_the_path(services: dict[str, Any]) -> None:
    environment = services["airflow"]["environment"]
    read = set(re.findall(r'environ\.get\("(\w+)"\)', (PROJECT / "dags" / "bigcommerce_sync.py").read_text()))
    volumes = [volume.split(":")[1] for volume in services["airflow"]["volumes"]]

    assert read == {"BIGCOMMERCE_SYNC_PATH"}
    assert environment["BIGCOMMERCE_SYNC_PATH"] in volumes
    assert f"mkdir -p {environment['BIGCOMMERCE_SYNC_PATH']}" in (DEPLOY / "Dockerfile").read_text()


def test_the_image_has_what_a_wheel_is_made_of_and_the_airflow_that_is_tested() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[2:-1]}
    pinned = re.search(r"^apache-airflow==(.*)$", (PROJECT / "constraints.txt").read_text(), re.M)

    assert copied == {"pyproject.toml", "README.md", "LICENSE", "airflow_provider_bigcommerce", "dags"}
    assert [name for name in copied if not (PROJECT / name).exists()] == []
    assert pinned
    assert f"FROM apache/airflow:{pinned[1]}" in lines


def test_the_values_of_the_helm_chart_are_yaml_with_that_airflow() -> None:
    page = (PROJECT / "docs" / "how-to" / "deploy.md").read_text()
    [values] = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)]

    assert f"FROM apache/airflow:{values['airflowVersion']}" in (DEPLOY / "Dockerfile").read_text()
    assert values["secret"][0]["envName"] == "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"


def test_the_compose_file_has_the_keys_of_compose_and_names_only_what_it_has(services: dict[str, Any]) -> None:
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    known = {"image", "build", "entrypoint", "command", "healthcheck", "depends_on", "environment", "volumes", "ports"}

    assert {name for name in content if not name.startswith("x-")} == {"services", "volumes"}
    for service in services.values():
        assert set(service) <= known
        context = DEPLOY / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).resolve() == (DEPLOY / "Dockerfile").resolve()
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_dir() if source.startswith(".") else source in content["volumes"]


def test_the_sandbox_of_the_compose_file_starts_by_its_command_is_healthy_and_can_be_read(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With this machine's Python for the image's, a free port, and loopback for the network of the services."""
    command = [part for part in services["sandbox"]["command"] if not part.startswith(("--host=", "--port="))]
    program = [sys.executable, "-m", "airflow_provider_bigcommerce.cli", *command]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=PROJECT) as sandbox:
        try:
            assert sandbox.stdout is not None
            printed = json.loads(sandbox.stdout.readline().partition("=")[2].strip().strip("'"))
            port = printed["host"].rpartition(":")[2]
            test = [part.replace("8081", port) for part in services["sandbox"]["healthcheck"]["test"]]
            assert test[:2] == ["CMD", "python"]
            subprocess.run([sys.executable, *test[2:]], check=True, timeout=60)

            connection = json.loads(services["airflow"]["environment"]["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"])
            monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connection, "host": f"http://127.0.0.1:{port}"}))
            with BigCommerceHook().store() as store:
                assert store.count("orders") == 200
        finally:
            sandbox.terminate()
            sandbox.wait(60)
