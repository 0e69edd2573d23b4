"""A version is three numbers that follow those that were released, and one file declares it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest

import live_inbox
from live_inbox_site.bootstrap import REPOSITORY, Stop
from releasing import declaration
from releasing.versions import Version, require_next

pytestmark = pytest.mark.stack("embedded")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3rc1", "1.2.3-rc.1", "01.2.3", "1.2.3\n", "١.2.3"],
)
def test_what_is_no_version_of_both_registries(text: str) -> None:
    with pytest.raises(Stop, match=r"is no version: it is three numbers, such as 0\.2\.0\."):
        Version.parse(text)


def test_versions_compare_as_numbers() -> None:
    texts = ["0.10.0", "1.0.0", "0.9.12", "0.9.2"]
    assert [str(each) for each in sorted(map(Version.parse, texts))] == [
        "0.9.2",
        "0.9.12",
        "0.10.0",
        "1.0.0",
    ]


@pytest.mark.parametrize("tag", ["0.1.0", "v1", "version", "v1.0.0-rc.1"])
def test_other_tags_are_no_releases(tag: str) -> None:
    assert Version.of_tag(tag) is None
    assert Version.of_tag("v0.1.0") == Version(0, 1, 0)


@pytest.mark.parametrize(
    ("version", "declared", "released"),
    [
        ("0.1.0", "0.1.0", []),
        ("0.2.0", "0.1.0", []),
        ("0.1.1", "0.1.0", ["0.1.0"]),
        ("0.2.0", "0.1.3", ["0.1.0", "0.1.3"]),
        ("1.0.0", "0.12.1", ["0.9.0", "0.12.1"]),
    ],
)
def test_versions_that_come_next(version: str, declared: str, released: list[str]) -> None:
    require_next(
        Version.parse(version),
        declared=Version.parse(declared),
        released=list(map(Version.parse, released)),
    )


@pytest.mark.parametrize(
    ("version", "released", "reason"),
    [
        ("0.1.0", ["0.1.0"], "0.1.0 was released already: there is a tag v0.1.0."),
        ("0.0.9", [], "0.0.9 does not follow 0.1.0: it may be 0.1.0, 0.1.1, 0.2.0 or 1.0.0."),
        (
            "0.20.0",
            ["0.1.0"],
            "0.20.0 does not follow 0.1.0: it may be 0.1.1, 0.2.0 or 1.0.0.",
        ),
        (
            "0.1.1",
            ["0.1.0", "0.2.0"],
            "0.1.1 does not follow 0.2.0: it may be 0.2.1, 0.3.0 or 1.0.0.",
        ),
    ],
)
def test_versions_that_do_not(version: str, released: list[str], reason: str) -> None:
    with pytest.raises(Stop) as stop:
        require_next(
            Version.parse(version),
            declared=Version(0, 1, 0),
            released=list(map(Version.parse, released)),
        )
    assert str(stop.value) == reason


def test_one_file_declares_the_version() -> None:
    """The wheel, the npm packages and /version have it from there: tests/packaging, tests/pages, test_health."""
    source = (REPOSITORY / declaration.FILE).read_text()
    assert str(declaration.declared(source)) == live_inbox.__version__
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"] == {"path": declaration.FILE}
    assert project["project"]["dynamic"] == ["version"]
    for name in ("live-inbox", "live-inbox-react"):
        path = REPOSITORY / "frontend" / "packages" / name / "package.json"
        package = json.loads(path.read_text())
        assert "version" not in package
        assert package.get("peerDependencies", {}).get("live-inbox", "*") == "*"


EXAMPLES = "docs/releasing.md"
NAMED = re.compile(r"live[-_]inbox(?:-react)?(?:\[site\])?(?:-|==|@|[\"': ]+)v?\d+\.\d+\.\d+")


def test_no_other_file_names_the_version() -> None:
    """A file that did would be wrong after the next release."""
    assert NAMED.search("npm install live-inbox-react-0.1.0.tgz")
    assert NAMED.search('{"live-inbox": "0.1.0"}')
    command = ["git", "ls-files", "*.md", "*.json", "*.toml", "*.txt", "*.html", "*.yaml", "*.yml"]
    names = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    # The versions in the description of a release are examples.
    files = [REPOSITORY / name for name in names.stdout.splitlines() if name != EXAMPLES]
    assert len(files) > 50
    assert [path.name for path in files if path.is_file() and NAMED.search(path.read_text())] == []


def test_declaring_a_version_changes_that_line_alone() -> None:
    source = '"""Text."""\n\n__version__ = "0.1.0"\n\n__all__ = ["__version__"]\n'
    declared = declaration.declare(source, Version(0, 2, 0))
    assert declared == '"""Text."""\n\n__version__ = "0.2.0"\n\n__all__ = ["__version__"]\n'


@pytest.mark.parametrize(("source", "times"), [("", 0), ('__version__ = "1.0.0"\n' * 2, 2)])
def test_a_version_that_is_not_declared_once(source: str, times: int) -> None:
    with pytest.raises(Stop, match=f"declares the version {times} times, not once"):
        declaration.declared(source)
