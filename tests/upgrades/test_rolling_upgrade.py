"""Two releases beside each other: migrated while the old one serves, upgraded server by server, and rolled back.

Users notice nothing: every device gets every event of its inbox once and in order, and no request fails. What the next
release may bring is in `next_release.py`. As soon as the history has a release below this one, the same is proved of
that one and this one.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from live_inbox import __version__
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.upgrades.next_release import VERSION, next_release
from tests.upgrades.release_trees import (
    ReleaseTree,
    newest_below,
    release_before,
    this_release,
    tree_of_tag,
)
from tests.upgrades.rolling_upgrade import RollingUpgrade

PREVIOUS = release_before(__version__)
MakeTree = Callable[[Path], ReleaseTree]
PAIRS: list[tuple[str, MakeTree, MakeTree]] = [
    ("this and the next", lambda directory: this_release(), next_release)
]
if PREVIOUS is not None:
    PAIRS.append(
        (
            f"{PREVIOUS} and this",
            lambda directory: tree_of_tag(PREVIOUS or "", directory),
            lambda directory: this_release(),
        )
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.stack("production")
@pytest.mark.parametrize(
    ("old", "new"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_nobody_notices_an_upgrade(
    stack: Stack,
    process_registry: ProcessRegistry,
    tmp_path: Path,
    old: MakeTree,
    new: MakeTree,
) -> None:
    trees = old(tmp_path / "old"), new(tmp_path / "new")
    is_this = trees[0] == this_release()
    database = stack.fresh_database() if is_this else stack.empty_database("upgrade")
    environment = {**stack.environment(), "DATABASE_URL": database}
    if not is_this:
        trees[0].run(process_registry, environment, "migrate", "--noinput")
    try:
        site = asyncio.run(upgrade_and_roll_back(process_registry, environment, *trees))
    finally:
        stack.remove(database)

    # What stopped had its sockets closed in good order, and no request failed.
    devices = [*site.devices, *site.originals]
    # 0: a server was tried that had just stopped to accept.
    assert sum((device.codes for device in devices), Counter()).keys() - {0} == {1012}
    assert site.balancer.answers.keys() == {200}
    # Nobody was told of a gap, and nothing waited for a reconciliation.
    assert {reason for device in site.devices for reason in device.resets} <= {"UNKNOWN_EVENT"}
    assert site.unreadable == [0.0] * 10
    for server in site.servers:
        errors = [line for line in server.log().splitlines() if "ERROR" in line]
        assert [line for line in errors if not line.endswith("Unavailable: /readyz")] == []
        assert "Traceback" not in server.log()


async def upgrade_and_roll_back(
    process_registry: ProcessRegistry,
    environment: dict[str, str],
    old: ReleaseTree,
    new: ReleaseTree,
) -> RollingUpgrade:
    site = RollingUpgrade(process_registry, environment, old, new)
    try:
        # The new servers are up before their migrations, and get no requests until then.
        servers, _ = await asyncio.gather(site.start(old, old, new, new), site.add_users())
        first, second, third, fourth = servers
        for server in (first, second):
            await site.add(server)
        is_missing = bool(new.migrations - old.migrations)
        for server in (third, fourth):
            status = (503, ["migrations"]) if is_missing else (200, [])
            assert await site.readiness(server) == status
        await site.begin()
        await site.migrate(new)
        # An old one starts on the new tables, for later.
        starting = asyncio.create_task(site.start(old))
        await site.some_load()
        await site.replace(first, third)
        await site.some_load()
        if new.version == VERSION:
            await site.show_newer_changes(third)
        assert await site.readiness(second) == (200, [])
        await site.replace(second, fourth)
        await site.some_load()
        (fifth,) = await starting
        await site.replace(third, fifth)
        await site.some_load()
        if new.version == VERSION:
            await site.show_newer_changes(fourth)
        await site.finish()
    finally:
        await site.close()
    return site


def test_the_newest_release_below_a_version() -> None:
    tags = ["v0.9.0", "v0.10.0", "v0.10.1rc1", "v1.0.0", "v0.2", "vega", "0.11.0"]
    assert newest_below("0.10.1", tags) == "v0.10.0"
    assert newest_below("0.10.0", tags) == "v0.9.0"
    assert newest_below("0.2.0", tags) is None
    assert newest_below("2.0", tags) == "v1.0.0"


def test_a_release_comes_from_the_history(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    package = repository / "backend/live_inbox/__init__.py"
    for part in (package, repository / "graphql_schema/events.py", repository / "docs/page.md"):
        part.parent.mkdir(parents=True)
        part.write_text('__version__ = "0.0.9"\n')
    for name in ("manage.py", "schema.graphql"):
        (repository / name).touch()
    identity = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com")
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        [*identity, "commit", "--quiet", "--message", "Release."],
        ["tag", "v0.0.9"],
    ):
        subprocess.run(["git", *command], cwd=repository, check=True)
    package.write_text('__version__ = "0.1.0"\n')
    assert release_before("0.0.9", repository) is None
    assert release_before("0.1.0", repository) == "v0.0.9"
    tree = tree_of_tag("v0.0.9", tmp_path / "release", repository)
    assert tree.version == "0.0.9"
    assert sorted(path.name for path in tree.directory.iterdir()) == [
        *("backend", "graphql_schema", "manage.py", "schema.graphql")
    ]
