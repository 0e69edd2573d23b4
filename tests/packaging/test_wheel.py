"""The package as strangers install it: built from a clean checkout, installed beside a project that is not ours."""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

import live_inbox
from live_inbox_site import building
from releasing.inspection import inspect_source, inspect_wheel, try_wheel
from tests.packaging.adopter_project import FILES, SEND
from tests.packaging.installation import Installation, outside_environment, run
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.timeout(600)]

SECONDS = 30.0
POSITION = "{ notifications { position } }"
EVENTS = """subscription ($after: String) {
  notificationEvents(after: $after) { __typename ... on NotificationAdded { notification { id title } } }
}"""


def test_the_wheel_holds_everything_that_is_needed_at_run_time(
    distributions: tuple[Path, Path],
) -> None:
    with zipfile.ZipFile(distributions[0]) as wheel:
        names = set(wheel.namelist())
        manifest = json.loads(wheel.read("live_inbox/static/live_inbox/web/manifest.json"))
        schema = wheel.read("live_inbox_graphql/schema.graphql").decode()
    top = {name.split("/")[0] for name in names}
    metadata = f"django_live_inbox-{live_inbox.__version__}.dist-info"
    assert top == {"live_inbox", "live_inbox_site", "live_inbox_graphql", metadata}
    for package in ("live_inbox", "live_inbox_site", "live_inbox_graphql"):
        assert f"{package}/py.typed" in names
    assert schema == (REPOSITORY / "schema.graphql").read_text()
    assert {f"live_inbox/static/live_inbox/web/{name}" for name in manifest.values()} <= names
    assert "live_inbox/migrations/0001_initial.py" in names
    for root in ("live_inbox/templates", "live_inbox/static/live_inbox/admin"):
        tracked = {
            path.relative_to(REPOSITORY / "backend").as_posix()
            for path in (REPOSITORY / "backend" / root).rglob("*")
            if path.is_file()
        }
        assert tracked
        assert tracked <= names


def test_the_source_distribution_builds_the_same_bytes_without_node(
    distributions: tuple[Path, Path], tmp_path: Path
) -> None:
    """In another directory, with other times of files: a release depends on neither."""
    wheel, source = distributions
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    hatch = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-d",
        str(tmp_path / "dist"),
        "-t",
        "wheel",
        "-t",
        "sdist",
    ]
    # Without a PATH, there is no Node to build anything with.
    run(*hatch, cwd=unpacked, PATH="", SOURCE_DATE_EPOCH="1750000000")
    for path in (wheel, source):
        assert (tmp_path / "dist" / path.name).read_bytes() == path.read_bytes()


def test_the_bundles_depend_on_the_sources_alone(distributions: tuple[Path, Path]) -> None:
    """Those of this checkout were built before, in another directory, perhaps by another Node."""
    building.build()
    directory = REPOSITORY / "backend" / "live_inbox" / "static" / "live_inbox" / "web"
    # Versions of Node compress differently: a release is built by the Node of the lock.
    built = {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.suffix not in (".gz", ".br")
    }
    assert len(built) > 20
    with zipfile.ZipFile(distributions[0]) as wheel:
        for name, content in built.items():
            assert wheel.read(f"live_inbox/static/live_inbox/web/{name}") == content, name


def test_the_source_distribution_has_the_times_of_the_commit_and_no_owner(
    distributions: tuple[Path, Path],
) -> None:
    with tarfile.open(distributions[1]) as archive:
        members = archive.getmembers()
    assert {member.mtime for member in members} == {1_750_000_000}
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, "", "")
    }
    names = [member.name for member in members if "/backend/" in member.name]
    assert names == sorted(names, key=lambda name: name.split("/")[:-1])


def test_the_wheel_works_where_there_is_nothing_but_what_it_asks_for(
    distributions: tuple[Path, Path],
) -> None:
    version = live_inbox.__version__
    inspect_source(distributions[1], version)
    try_wheel(distributions[0], inspect_wheel(distributions[0], version), version)


@pytest.fixture(scope="module")
def adopter(
    distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A project with the wheel installed, migrated, and one user."""
    project = Installation(tmp_path_factory.mktemp("adopter"), f"{distributions[0]}[site]")
    for name, text in FILES.items():
        (project.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (project.directory / name).write_text(text)
    project.django("makemigrations", "accounts", "notifications")
    project.django("migrate")
    create = "from backend.accounts.models import User; User.objects.create_user('ada@example.com')"
    project.run("-c", f"import django; django.setup(); {create}")
    return project


def test_the_project_passes_its_checks_with_the_inbox_in_it(adopter: Installation) -> None:
    assert "no issues" in adopter.django("check", "--fail-level", "WARNING")
    assert "No changes" in adopter.django("makemigrations", "--check", "--dry-run")
    tables = adopter.django("sqlmigrate", "live_inbox", "0001")
    assert 'CREATE TABLE "live_inbox_notification"' in tables
    assert 'CREATE TABLE "notifications_notification"' in adopter.django(
        "sqlmigrate", "notifications", "0001"
    )


def test_the_environment_and_the_packages_directory_are_left_alone(adopter: Installation) -> None:
    """Names that the site reads may mean something else in the project."""
    theirs = {
        "ENVIRONMENT": "staging",
        "LOG_LEVEL": "debug",
        "DATABASE_URL": "postgis://host/name",
        "REDIS_URL": "http://elsewhere",
        "RECONCILE_SECONDS": "never",
        "JWT_SECRET": "short",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    packages = adopter.python.parents[1] / "lib"
    before = {path for path in packages.rglob("*") if "__pycache__" not in path.parts}
    assert "no issues" in adopter.django("check", "--fail-level", "WARNING", **theirs)
    adopter.run("-c", SEND, **theirs)
    assert {path for path in packages.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.fixture
def server(adopter: Installation, process_registry: ProcessRegistry) -> Iterator[str]:
    """The project under uvicorn, as `host:port`."""
    port = free_port()
    command = [str(adopter.python), "-m", "uvicorn", "backend.asgi:application"]
    command += ["--host", LOOPBACK, "--port", str(port), "--lifespan", "on"]
    child = Child(
        process_registry,
        command,
        log=adopter.directory / "server.log",
        environment=outside_environment(),
        directory=adopter.directory,
    )
    child.wait_until(lambda: "Uvicorn running on" in child.text())
    yield f"{LOOPBACK}:{port}"
    child.stop()
    assert "Application shutdown complete" in child.text()
    assert "Traceback" not in child.text()


def test_probes_are_answered_whatever_their_host(server: str) -> None:
    probe = {"Host": "10.42.8.201:8000"}
    for path in ("healthz", "readyz"):
        assert (
            httpx.get(f"http://{server}/{path}", headers=probe, timeout=SECONDS).status_code == 200
        )


def subscribe(id: str, query: str, **variables: str) -> str:
    """Return the message of graphql-transport-ws that starts an operation."""
    payload = {"query": query, "variables": variables}
    return json.dumps({"type": "subscribe", "id": id, "payload": payload})


def receive(socket: ClientConnection, type: str) -> dict[str, Any]:
    """Return the next message of a type."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=SECONDS))
        if message["type"] == type:
            return message


def test_what_the_project_sends_arrives_at_both_apis(adopter: Installation, server: str) -> None:
    token = adopter.django("issue_token", "--user", "ada@example.com", "--quiet").strip()
    with (
        connect(f"ws://{server}/graphql/", subprotocols=["graphql-transport-ws"]) as graphql,  # type: ignore[list-item]
        connect(f"ws://{server}/ws/notifications/?token={token}") as original,
    ):
        graphql.send(json.dumps({"type": "connection_init", "payload": {"token": token}}))
        receive(graphql, "connection_ack")
        graphql.send(subscribe("1", POSITION))
        position = receive(graphql, "next")["payload"]["data"]["notifications"]["position"]
        receive(graphql, "complete")
        graphql.send(subscribe("2", EVENTS, after=position))
        original.send(json.dumps({"type": "get_notifications"}))
        receive(original, "notifications_list")
        number, version, app, api = adopter.run("-c", SEND).split()
        added = receive(graphql, "next")
        shown = receive(original, "notification")
    assert version == live_inbox.__version__
    for path in (app, api):
        assert Path(path).is_relative_to(adopter.python.parents[1])
    assert added["payload"] == {
        "data": {
            "notificationEvents": {
                "__typename": "NotificationAdded",
                "notification": {"id": number, "title": "Invoice paid"},
            }
        }
    }
    notification = shown["notification"]
    assert (notification["id"], notification["data"]) == (int(number), {"invoice": 42})
