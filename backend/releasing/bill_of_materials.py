"""The bill of materials of a release (SBOM): a CycloneDX document of what the two locks hold.

`requirements.lock` has the packages that the product is installed with, and `frontend/package-lock.json` those that are
bundled into the wheel and into the npm packages. Neither needs a registry to be read.
"""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from live_inbox_site.bootstrap import PROJECT, RUNTIME_LOCK
from releasing.dependencies import closure

NPM_LOCK = "frontend/package-lock.json"
BUNDLERS = ("esbuild", "@esbuild/")
"""Packages of the lock that make the bundles and are not in them; a name that ends in a slash is a scope."""


def bill_of_materials(tree: Path, version: str, timestamp: int) -> str:
    """Return the bill of materials of an exported commit, as JSON. It is the same text for the same commit.

    A component that is only needed to build has the scope `excluded`; one for some systems alone is `optional`.
    """
    project = tomllib.loads((tree / PROJECT).read_text())
    name = project["project"]["name"]
    product = _component(PackageURL("pypi", None, name, version), ComponentScope.REQUIRED)
    product.licenses.update([LicenseFactory().make_from_string(project["project"]["license"])])
    components = [*_python(tree, _build_tools(project)), *_npm(tree)]
    direct = _direct(project, json.loads((tree / NPM_LOCK).read_text()))
    serial = uuid5(NAMESPACE_URL, f"{name}=={version} {timestamp}")
    bom = Bom(components=components, serial_number=serial)
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(timestamp, UTC)
    needed = [each for each in components if each.purl and _name(each.purl) in direct]
    bom.register_dependency(product, needed)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def _build_tools(project: dict[str, Any]) -> Set[str]:
    """Return the packages of the lock that only build the product."""
    run_time = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["site"],
    ]
    build = map(Requirement, project["dependency-groups"]["build"])
    needed = (
        each for each in map(Requirement, run_time) if not each.marker or each.marker.evaluate()
    )
    return closure(build).keys() - closure(needed).keys()


def _direct(project: dict[str, Any], npm_lock: dict[str, Any]) -> set[tuple[str, str]]:
    """Return what the project itself asks for, as the kind of a package and its name."""
    extras = project["project"]["optional-dependencies"].values()
    python = [*project["project"]["dependencies"], *(each for extra in extras for each in extra)]
    names = {("pypi", str(canonicalize_name(Requirement(each).name))) for each in python}
    return names | {("npm", each) for each in npm_lock["packages"][""]["dependencies"]}


def _name(purl: PackageURL) -> tuple[str, str]:
    return purl.type, f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name


def _python(tree: Path, build_tools: Set[str]) -> Iterator[Component]:
    for line in (tree / RUNTIME_LOCK).read_text().splitlines():
        if not line or line.startswith((" ", "#")):
            continue
        requirement = Requirement(line.rstrip(" \\"))
        name = canonicalize_name(requirement.name)
        (pin,) = requirement.specifier
        scope = ComponentScope.EXCLUDED if name in build_tools else ComponentScope.REQUIRED
        component = _component(PackageURL("pypi", None, name, pin.version), scope)
        if requirement.marker:
            component.properties.add(Property(name="python:marker", value=str(requirement.marker)))
        yield component


def _npm(tree: Path) -> Iterator[Component]:
    """Yield what is installed to build the pages: no packages that only the tests have."""
    packages = json.loads((tree / NPM_LOCK).read_text())["packages"]
    found: dict[PackageURL, Component] = {}
    for path, package in packages.items():
        if path and not package.get("dev") and not package.get("link"):
            name = path.rpartition("node_modules/")[2]
            component = _npm_component(name, package)
            # One version may be installed at several places.
            assert component.purl is not None
            found.setdefault(component.purl, component)
    yield from found.values()


def _npm_component(name: str, package: dict[str, Any]) -> Component:
    namespace, _, short = name.rpartition("/")
    scope = ComponentScope.OPTIONAL if package.get("optional") else ComponentScope.REQUIRED
    if name == BUNDLERS[0] or name.startswith(BUNDLERS[1]):
        scope = ComponentScope.EXCLUDED
    purl = PackageURL("npm", namespace or None, short, package["version"])
    component = _component(purl, scope)
    algorithm, _, digest = package["integrity"].partition("-")
    assert algorithm == "sha512", package
    hash_ = HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex())
    component.hashes.add(hash_)
    if licence := package.get("license"):
        component.licenses.add(LicenseFactory().make_from_string(licence))
    return component


def _component(purl: PackageURL, scope: ComponentScope) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        group=purl.namespace,
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
        scope=scope,
    )
