"""docs/adopting.md: each block of code is in the shop, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stacks.uvicorn_server import REPOSITORY

PAGE = (REPOSITORY / "docs" / "adopting.md").read_text()
BLOCKS = re.findall(r"```(?:python|html)\n(?:# |<!-- )(\S+)(?: -->)?\n(.*?)```", PAGE, re.DOTALL)


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_every_block_names_its_file() -> None:
    assert len(BLOCKS) == len(re.findall(r"```(?:python|html)\n", PAGE)) == 10


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_a_block_is_in_the_shop(name: str, block: str) -> None:
    rest = iter(lines_of((Path(REPOSITORY) / "examples" / "shop" / name).read_text()))
    # The file has these lines in this order, perhaps with others between them.
    missing = [line for line in lines_of(block) if line not in rest]
    assert missing == []
