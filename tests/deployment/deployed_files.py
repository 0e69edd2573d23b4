"""Where the deployment files are, and what is in them."""

from __future__ import annotations

from typing import Any

import yaml

from tests.stacks.uvicorn_server import REPOSITORY

DIRECTORY = REPOSITORY / "docs" / "operating" / "deploy"


def text_of(name: str) -> str:
    """Return a file as text."""
    return (DIRECTORY / name).read_text()


def objects_of(name: str) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(text_of(name)))


def kubernetes() -> dict[str, dict[str, Any]]:
    """Return the objects of the kustomize base by their kind."""
    (kustomization,) = objects_of("kubernetes/kustomization.yaml")
    found = [
        each for name in kustomization["resources"] for each in objects_of(f"kubernetes/{name}")
    ]
    by_kind = {each["kind"]: each for each in found}
    assert len(by_kind) == len(found)
    return by_kind


def assignments(text: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
