"""The bill of materials has every package of both locks, by its version and purpose."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from live_inbox_site.bootstrap import REPOSITORY
from releasing.bill_of_materials import bill_of_materials

pytestmark = pytest.mark.stack("embedded")

PROJECT = """
[project]
name = "django-live-inbox"
license = "MIT"
dependencies = ["orjson>=3", "PyJWT[crypto]>=2"]
[project.optional-dependencies]
site = ["uvloop>=0.21; sys_platform != 'win32'"]
[dependency-groups]
build = ["hatchling>=1"]
"""
LOCK = """\
hatchling==1.33.0 \\
    --hash=sha256:00
orjson==3.13.0 \\
    --hash=sha256:00 \\
    --hash=sha256:01
pyjwt==2.15.1 \\
    --hash=sha256:00
uvloop==0.23.0 ; sys_platform != 'win32' \\
    --hash=sha256:00
"""
INTEGRITY = "sha512-" + "A" * 86 + "=="
NPM_LOCK = {
    "packages": {
        "": {"dependencies": {"graphql-ws": "6.4.2", "@scope/fonts": "1.0.0"}},
        "node_modules/graphql-ws": {
            "version": "6.4.2",
            "integrity": INTEGRITY,
            "license": "MIT",
        },
        "node_modules/@scope/fonts": {
            "version": "1.0.0",
            "integrity": INTEGRITY,
            "license": "OFL-1.1 OR MIT",
        },
        "node_modules/@scope/fonts/node_modules/graphql-ws": {
            "version": "6.4.2",
            "integrity": INTEGRITY,
        },
        "node_modules/@esbuild/linux-x64": {
            "version": "0.28.2",
            "integrity": INTEGRITY,
            "optional": True,
        },
        "node_modules/ws": {"version": "8.23.0", "integrity": INTEGRITY, "dev": True},
    }
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "frontend").mkdir()
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text(LOCK)
    (tmp_path / "frontend" / "package-lock.json").write_text(json.dumps(NPM_LOCK))
    return tmp_path


def described(tree: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bill_of_materials(tree, "0.2.0", 1_750_000_000))
    return document


def test_the_packages_of_both_locks_and_what_they_are_for(tree: Path) -> None:
    document = described(tree)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["timestamp"] == "2025-06-15T15:06:40+00:00"
    assert document["metadata"]["component"]["purl"] == "pkg:pypi/django-live-inbox@0.2.0"
    assert {each["purl"]: each["scope"] for each in document["components"]} == {
        "pkg:npm/%40esbuild/linux-x64@0.28.2": "excluded",
        "pkg:npm/%40scope/fonts@1.0.0": "required",
        "pkg:npm/graphql-ws@6.4.2": "required",
        "pkg:pypi/hatchling@1.33.0": "excluded",
        "pkg:pypi/orjson@3.13.0": "required",
        "pkg:pypi/pyjwt@2.15.1": "required",
        "pkg:pypi/uvloop@0.23.0": "required",
    }


def test_what_the_product_asks_for_itself(tree: Path) -> None:
    (asked,) = [each for each in described(tree)["dependencies"] if "dependsOn" in each]
    assert asked["ref"] == "pkg:pypi/django-live-inbox@0.2.0"
    assert asked["dependsOn"] == [
        "pkg:npm/%40scope/fonts@1.0.0",
        "pkg:npm/graphql-ws@6.4.2",
        "pkg:pypi/orjson@3.13.0",
        "pkg:pypi/pyjwt@2.15.1",
        "pkg:pypi/uvloop@0.23.0",
    ]


def test_what_the_locks_say_of_a_package(tree: Path) -> None:
    found = {each["name"]: each for each in described(tree)["components"]}
    assert found["fonts"]["group"] == "@scope"
    assert found["fonts"]["licenses"] == [{"expression": "OFL-1.1 OR MIT"}]
    assert found["fonts"]["hashes"] == [{"alg": "SHA-512", "content": "00" * 64}]
    assert found["uvloop"]["properties"] == [
        {"name": "python:marker", "value": 'sys_platform != "win32"'}
    ]


def test_the_locks_of_this_project() -> None:
    text = bill_of_materials(REPOSITORY, "0.2.0", 1_750_000_000)
    assert bill_of_materials(REPOSITORY, "0.2.0", 1_750_000_000) == text
    lock = (REPOSITORY / "requirements.lock").read_text()
    pins = {f"pkg:pypi/{name}@{v}" for name, v in re.findall(r"^([\w.-]+)==([^ ]+)", lock, re.M)}
    components = {each["purl"]: each["scope"] for each in json.loads(text)["components"]}
    assert len(pins) > 30
    assert {purl for purl in components if purl.startswith("pkg:pypi/")} == pins
    assert components["pkg:pypi/hatchling@" + lock.split("hatchling==")[1].split()[0]] == "excluded"
    assert [purl for purl in components if purl.startswith("pkg:npm/graphql-ws@")] != []
    assert [purl for purl in components if purl.startswith("pkg:npm/typescript@")] == []
