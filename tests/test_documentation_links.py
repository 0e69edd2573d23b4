"""Every relative link of the documentation leads to a file and a heading that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    return [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]


@cache
def prose(page: Path) -> str:
    """Return a page without its code."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*\]\([^`\n]*`", "", text)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        repeated = found.count(slug)
        found.append(f"{slug}-{repeated}" if repeated else slug)
    return frozenset(found)


def wrong_links() -> Iterator[str]:
    for page in pages():
        for link in LINK.findall(prose(page)):
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            is_here = not re.match(r"[a-z]+:", link)
            if is_here and not (
                target.exists()
                and (not anchor or target.suffix != ".md" or anchor in anchors(target))
            ):
                yield f"{page.relative_to(REPOSITORY)}: {link}"


def test_links_lead_somewhere() -> None:
    assert sum(len(LINK.findall(prose(page))) for page in pages()) > 200
    assert list(wrong_links()) == []
