"""A release is made as a whole or not at all, in a clone with a few commits. What is built is small here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from live_inbox_site.bootstrap import Stop
from releasing import __main__ as command
from releasing.artefacts import names, write_sums
from releasing.release import Release, rebuild, release
from releasing.repository import Repository
from releasing.versions import Version

pytestmark = pytest.mark.stack("embedded")

VERSION = Version(0, 2, 0)
DAY = date(2026, 3, 1)
INIT = "backend/live_inbox/__init__.py"
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- The new thing.\n\n## 0.1.0 (2026-01-05)\n\n- All.\n"
CONTENT = "".join(f"{name} of 0.2.0\n" for name in names("0.2.0"))


class Checkout:
    """A clone of a small repository, in which 0.1.0 was released."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = os.environ | {
            "GIT_CONFIG_GLOBAL": str(directory.parent / "gitconfig"),
            "GIT_CONFIG_SYSTEM": os.devnull,
        }

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / name).write_text(text)

    def commit(self, subject: str, **files: str) -> None:
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)

    def state(self) -> list[str]:
        """Return all that a release may change: branches, tags, the working tree, what is built."""
        built = sorted(path.name for path in self.directory.glob("dist/*"))
        temporary = [path.name for path in self.directory.glob("var/*")]
        return [self.git("show-ref"), self.git("status", "--porcelain"), *built, *temporary]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen: the signatures are real")
    key = tmp_path / "key"
    generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", str(key)]
    subprocess.run(generate, check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    (tmp_path / "gitconfig").write_text(
        "[user]\nname = Ada\nemail = ada@example.com\n"
        f"signingKey = {key}\n[init]\ndefaultBranch = main\n"
        f'[gpg]\nformat = ssh\n[gpg "ssh"]\nallowedSignersFile = {signers}\n'
    )
    for name, value in Checkout(tmp_path / "origin").environment.items():
        if name.startswith("GIT_CONFIG_"):
            monkeypatch.setenv(name, value)
    origin = Checkout(tmp_path / "origin")
    origin.directory.mkdir()
    origin.git("init", "--quiet")
    origin.write("CHANGELOG.md", CHANGELOG)
    origin.write(INIT, '__version__ = "0.1.0"\n')
    origin.write(".gitignore", "/dist/\n/var/\n.env\n")
    origin.commit("release: Version 0.1.0.")
    origin.git("tag", "--annotate", "--message", "Version 0.1.0", "v0.1.0")
    origin.commit("inbox: Add the new thing.", thing="new\n")
    origin.git("clone", "--quiet", str(origin.directory), str(tmp_path / "clone"))
    return Checkout(tmp_path / "clone")


def make(tree: Path, target: Path, version: str, timestamp: int) -> None:
    """Write small files in the place of those of a release."""
    for name in names(version):
        (target / name).write_text(f"{name} of {version}\n")
    write_sums(target, version)


def made(
    checkout: Checkout,
    make: Callable[[Path, Path, str, int], None] = make,
    *,
    version: Version = VERSION,
    sign: bool = True,
    dry_run: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Release:
    return release(
        Repository(checkout.directory),
        version,
        today=DAY,
        sign=sign,
        dry_run=dry_run,
        make=make,
        report=report,
    )


def never(tree: Path, target: Path, version: str, timestamp: int) -> None:
    raise AssertionError("nothing is built")


def test_a_release_is_one_commit_and_a_signed_tag(checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD")
    done = made(checkout)
    assert done == Release(
        VERSION, checkout.git("rev-parse", "main"), checkout.directory / "dist/0.2.0"
    )
    assert checkout.git("log", "--format=%s", f"{before}..main") == "release: Version 0.2.0."
    assert checkout.git("diff", "--name-only", before).split() == ["CHANGELOG.md", INIT]
    assert (checkout.directory / INIT).read_text() == '__version__ = "0.2.0"\n'
    assert (checkout.directory / "CHANGELOG.md").read_text() == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-03-01)\n\n- The new thing.\n\n"
        "## 0.1.0 (2026-01-05)\n\n- All.\n"
    )
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("rev-parse", "v0.2.0^{commit}") == done.commit
    checkout.git("verify-tag", "v0.2.0")
    checkout.git("verify-commit", "main")


def test_the_tag_vouches_for_the_files(checkout: Checkout) -> None:
    directory = made(checkout).directory
    assert sorted(path.name for path in directory.iterdir()) == ["SHA256SUMS", *names("0.2.0")]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=directory, check=True)
    message = checkout.git("tag", "--list", "--format=%(contents)", "v0.2.0")
    assert message.startswith(f"Version 0.2.0\n\n{(directory / 'SHA256SUMS').read_text()}")


def test_what_is_built_is_the_commit_and_not_the_working_tree(checkout: Checkout) -> None:
    checkout.write(".env", "SECRET_KEY=mine\n")
    times: list[int] = []

    def examine(tree: Path, target: Path, version: str, timestamp: int) -> None:
        files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
        assert files == {".gitignore", "CHANGELOG.md", INIT, "thing"}
        assert (tree / INIT).read_text() == '__version__ = "0.2.0"\n'
        assert "## 0.2.0 (2026-03-01)" in (tree / "CHANGELOG.md").read_text()
        assert (checkout.directory / INIT).read_text() == '__version__ = "0.1.0"\n'
        times.append(timestamp)
        make(tree, target, version, timestamp)

    done = made(checkout, examine)
    assert times == [int(checkout.git("show", "--no-patch", "--format=%ct", done.commit))]


@pytest.mark.parametrize(
    ("prepare", "version", "reason"),
    [
        (
            lambda checkout: checkout.write("thing", "changed\n"),
            "0.2.0",
            "The working tree is not clean: M thing. Commit or stash.",
        ),
        (
            lambda checkout: [checkout.write("b", ""), checkout.write("c/d", "")],
            "0.2.0",
            "The working tree is not clean: ?? b, and 1 more. Commit or stash.",
        ),
        (
            lambda checkout: checkout.git("switch", "--quiet", "--create", "fix"),
            "0.2.0",
            "This is fix: a release is made on main.",
        ),
        (
            lambda checkout: checkout.git("switch", "--quiet", "--detach"),
            "0.2.0",
            "This is no branch: a release is made on main.",
        ),
        (
            lambda checkout: checkout.git("reset", "--quiet", "--hard", "HEAD~1"),
            "0.2.0",
            "main lacks commits of origin/main (1): pull them.",
        ),
        (
            lambda checkout: checkout.commit(
                "empty", **{"CHANGELOG.md": CHANGELOG.replace("- The new thing.\n", "")}
            ),
            "0.2.0",
            'CHANGELOG.md has nothing in "## Unreleased": say what users of the release notice.',
        ),
        (lambda _: None, "0.1.0", "0.1.0 was released already: there is a tag v0.1.0."),
        (
            lambda _: None,
            "0.3.0",
            "0.3.0 does not follow 0.1.0: it may be 0.1.1, 0.2.0 or 1.0.0.",
        ),
        (
            lambda checkout: checkout.git("config", "user.signingKey", "/nowhere"),
            "0.2.0",
            "(git signs by user.signingKey; SIGN=no makes no signature)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_as_it_has_to_be_stops_it_before_anything_is_built(
    prepare: Callable[[Checkout], object], version: str, reason: str, checkout: Checkout
) -> None:
    prepare(checkout)
    before = checkout.state()
    with pytest.raises(Stop) as stop:
        made(checkout, never, version=Version.parse(version))
    assert str(stop.value).endswith(reason)
    assert len(str(stop.value).splitlines()) == 1
    assert checkout.state() == before


def test_a_dry_run_builds_and_changes_nothing(checkout: Checkout) -> None:
    before = checkout.state()
    done = made(checkout, dry_run=True)
    assert done.directory == checkout.directory / "dist/0.2.0-dry-run"
    assert "".join((done.directory / name).read_text() for name in names("0.2.0")) == CONTENT
    assert checkout.state() == [*before, "0.2.0-dry-run"]
    # It can be repeated, and the release can be made after it.
    made(checkout, dry_run=True)
    made(checkout)


def test_a_dry_run_without_a_key_says_where_a_release_stops_and_goes_on(checkout: Checkout) -> None:
    checkout.git("config", "user.signingKey", "/nowhere")
    before = checkout.state()
    reported: list[str] = []
    done = made(checkout, dry_run=True, report=reported.append)
    assert checkout.state() == [*before, "0.2.0-dry-run"]
    assert "".join((done.directory / name).read_text() for name in names("0.2.0")) == CONTENT
    warning, building = reported
    assert warning.startswith("WARNING: git commit-tree failed: ")
    assert warning.endswith(
        "SIGN=no makes no signature). A release stops here; this dry run goes on."
    )
    assert building.startswith("Building 0.2.0 of the commit ")


@pytest.mark.parametrize("problem", [KeyboardInterrupt, Stop])
def test_an_interrupted_build_leaves_nothing_behind_and_can_be_repeated(
    problem: type[BaseException], checkout: Checkout
) -> None:
    def interrupted(tree: Path, target: Path, version: str, timestamp: int) -> None:
        (target / names(version)[0]).write_text("half of it")
        raise problem

    before = checkout.state()
    with pytest.raises(problem):
        made(checkout, interrupted)
    assert checkout.state() == before
    done = made(checkout)
    assert "".join((done.directory / name).read_text() for name in names("0.2.0")) == CONTENT


def test_a_release_that_only_lacks_its_tag_is_finished(checkout: Checkout) -> None:
    class Interrupted(Repository):
        def tag(self, *args: object, **options: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        release(
            Interrupted(checkout.directory), VERSION, today=DAY, make=make, report=lambda line: None
        )
    commit = checkout.git("rev-parse", "main")
    assert checkout.git("tag", "--list") == "v0.1.0"
    assert made(checkout).commit == commit
    assert checkout.git("rev-parse", "main") == commit
    assert checkout.git("rev-parse", "v0.2.0^{commit}") == commit
    # Once it has its tag, it is over.
    with pytest.raises(Stop, match=r"0\.2\.0 was released already"):
        made(checkout, never)


def test_a_commit_of_somebody_else_meanwhile_stops_it(checkout: Checkout) -> None:
    def slow(tree: Path, target: Path, version: str, timestamp: int) -> None:
        checkout.commit("inbox: Fix another thing.", thing="fixed\n")
        make(tree, target, version, timestamp)

    with pytest.raises(Stop, match="git merge failed"):
        made(checkout, slow)
    assert checkout.git("show", "--no-patch", "--format=%s") == "inbox: Fix another thing."
    assert checkout.git("tag", "--list") == "v0.1.0"


def test_a_build_that_lacks_a_file_is_no_release(checkout: Checkout) -> None:
    def incomplete(tree: Path, target: Path, version: str, timestamp: int) -> None:
        (target / "live-inbox-0.2.0.tgz").write_text("")
        write_sums(target, version)

    before = checkout.state()
    with pytest.raises(
        Stop, match=r"The build made live-inbox-0\.2\.0\.tgz, not django_live_inbox"
    ):
        made(checkout, incomplete)
    assert checkout.state() == before


def test_without_a_key_the_tag_is_annotated_and_has_no_signature(checkout: Checkout) -> None:
    checkout.git("config", "user.signingKey", "/nowhere")
    checkout.git("config", "tag.gpgSign", "true")
    made(checkout, sign=False)
    assert checkout.git("cat-file", "-t", "v0.2.0") == "tag"
    assert "SIGNATURE" not in checkout.git("cat-file", "tag", "v0.2.0")


def test_a_release_can_be_built_again_and_compared(checkout: Checkout) -> None:
    made(checkout)
    repository = Repository(checkout.directory)
    directory = rebuild(repository, VERSION, make)
    assert directory == checkout.directory / "dist/0.2.0-rebuilt"

    def other(tree: Path, target: Path, version: str, timestamp: int) -> None:
        make(tree, target, version, timestamp)
        (target / "live-inbox-0.2.0.tgz").write_text("another")
        write_sums(target, version)

    with pytest.raises(Stop, match=r"^live-inbox-0\.2\.0\.tgz differs from the one that v0\.2\.0"):
        rebuild(repository, VERSION, other)
    with pytest.raises(Stop, match=r"There is no tag v0\.3\.0"):
        rebuild(repository, Version(0, 3, 0), make)


# -- what the maintainer reads ------------------------------------------------------------------------------


def test_the_commands_that_publish_a_release() -> None:
    lines = command.publishing(Release(VERSION, "0123456789abcdef", Path("/checkout/dist/0.2.0")))
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        "cd /checkout/dist/0.2.0 && sha256sum --check SHA256SUMS",
        "git push --atomic origin main v0.2.0",
        "pipx run twine upload django_live_inbox-0.2.0-py3-none-any.whl django_live_inbox-0.2.0.tar.gz",
        "npm publish --access public ./live-inbox-0.2.0.tgz",
        "npm publish --access public ./live-inbox-react-0.2.0.tgz",
    ]
    assert "Nothing is published yet" in lines[1]


@pytest.mark.parametrize("dry_run", ["yes", "no"])
def test_a_release_without_a_signature_says_so_first_and_last(
    dry_run: str,
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "REPOSITORY", checkout.directory)
    command.main(["make", "--sign=no", f"--dry-run={dry_run}", "--", "0.2.0"], make=make)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == printed[-1] == command.UNSIGNED
    assert [line for line in printed if "v0.2.0" in line] == (
        [
            f"0.2.0 is made: the commit {checkout.git('rev-parse', 'HEAD')[:12]} on main, the tag v0.2.0, and",
            "  git push --atomic origin main v0.2.0",
        ]
        if dry_run == "no"
        else []
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sign=maybe", "0.2.0"], "SIGN=maybe is neither yes nor no."),
        (["--dry-run=", "0.2.0"], "DRY_RUN= is neither yes nor no."),
        (["--", ""], "Which version? make release VERSION=0.2.0"),
        (["--", "-1.0.0"], "VERSION=-1.0.0 is no version: it is three numbers, such as 0.2.0."),
    ],
)
def test_arguments_that_are_wrong(
    arguments: list[str], reason: str, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "REPOSITORY", checkout.directory)
    with pytest.raises(Stop) as stop:
        command.main(["make", *arguments], make=never)
    assert str(stop.value) == reason
