"""What requirements bring with them, according to the packages that are installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from live_inbox_site.bootstrap import Stop


def closure(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """Return the installed packages that fulfil requirements, and theirs, by canonical name. Raises Stop."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        package = found[canonicalize_name(requirement.name)] = _installed(requirement)
        # Without an extra, and once for each.
        for extra in {"", *requirement.extras}:
            if (package.name, extra) not in seen:
                seen.add((package.name, extra))
                waiting += _requirements(package, extra)
    return found


def _installed(requirement: Requirement) -> Distribution:
    try:
        package = distribution(requirement.name)
    except PackageNotFoundError:
        raise Stop(f"{requirement} is not installed: is it in the locks?") from None
    if not requirement.specifier.contains(package.version, prereleases=True):
        raise Stop(f"{requirement} is installed as {package.version}.")
    return package


def _requirements(package: Distribution, extra: str) -> Iterator[Requirement]:
    """Yield what a package requires on this machine, and with an extra what only that requires."""
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": extra}):
            yield requirement
