"""The commands: `make release`, and `python -m releasing rebuild VERSION`, which proves where its files come from."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from live_inbox_site.bootstrap import REPOSITORY, Stop
from releasing import artefacts
from releasing.release import Make, Release, make_and_inspect, rebuild, release
from releasing.repository import Repository
from releasing.versions import Version

UNSIGNED = "WARNING: SIGN=no: NOTHING IS SIGNED. Nobody can tell whose release this is."


def main(arguments: list[str], make: Make = make_and_inspect) -> None:
    """Run a command; `make` builds and tries a release. Raises Stop."""
    parser = argparse.ArgumentParser(prog="python -m releasing")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="make a release; publish nothing")
    making.add_argument("version")
    making.add_argument("--sign", default="yes", metavar="yes|no")
    making.add_argument("--dry-run", default="no", metavar="yes|no")
    commands.add_parser("rebuild", help="build a release again, and compare").add_argument(
        "version"
    )
    given = parser.parse_args(arguments)
    repository = Repository(REPOSITORY)
    if given.command == "make":
        _make(repository, given, make)
    else:
        directory = rebuild(repository, Version.parse(given.version))
        _print(f"{directory} has the same files as the tag names.")


def _make(repository: Repository, given: argparse.Namespace, make: Make) -> None:
    sign, dry_run = _flag("SIGN", given.sign), _flag("DRY_RUN", given.dry_run)
    if not given.version:
        raise Stop("Which version? make release VERSION=0.2.0")
    if not sign:
        _print(UNSIGNED)
    made = release(
        repository,
        Version.parse(given.version),
        today=datetime.now(UTC).date(),
        sign=sign,
        dry_run=dry_run,
        make=make,
        report=_print,
    )
    for line in _dry_run_lines(made) if dry_run else publishing(made):
        _print(line)
    if not sign:
        _print(UNSIGNED)


def _flag(name: str, value: str) -> bool:
    if value not in ("yes", "no"):
        raise Stop(f"{name}={value} is neither yes nor no.")
    return value == "yes"


def _dry_run_lines(made: Release) -> list[str]:
    return [
        f"Dry run: {made.directory} has the files of {made.version}. Nothing was committed or tagged."
    ]


def publishing(made: Release) -> list[str]:
    """Return what the maintainer reads after a release: the commands that publish it, in their order."""
    wheel, _, source, inbox, react = artefacts.names(str(made.version))
    return [
        f"{made.version} is made: the commit {made.commit[:12]} on main, the tag {made.version.tag}, and",
        f"the files in {made.directory}. Nothing is published yet. To publish, in this order:",
        "",
        f"  cd {made.directory} && sha256sum --check {artefacts.SUMS}",
        f"  git push --atomic origin main {made.version.tag}",
        f"  pipx run twine upload {wheel} {source}",
        f"  npm publish --access public ./{inbox}",
        f"  npm publish --access public ./{react}",
        "",
        "docs/releasing.md says what to do before, after, and when one of them fails.",
    ]


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stop as stop:
        sys.exit(str(stop))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Run the same command again.")
