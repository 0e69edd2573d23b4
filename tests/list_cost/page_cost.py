"""The cost of a page by what each database counts, and the most that it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from tests.domain.statement_cost import instructions, rows_of_plan, statements_of
from tests.list_cost.inboxes import MeasuredInbox
from tests.list_cost.pages import ListPage

BLOCKS_OF_A_ROW = 4
"""Blocks of 8 kB that finding one row in an index, and reading it, may take."""
BLOCKS_OF_A_PART = 60
"""Blocks on the way into an index, and entries in it of rows that have changed since."""
INSTRUCTIONS_OF_A_ROW = 160
"""Of SQLite's virtual machine, for a row with all columns."""
INSTRUCTIONS_OF_A_PART = 500


@dataclass(frozen=True)
class PageCost:
    """Rows and blocks that PostgreSQL reads; or instructions that SQLite's virtual machine executes."""

    rows: int = 0
    blocks: int = 0
    instructions: int = 0

    def highest(self, other: PageCost) -> PageCost:
        """Return the higher of each number."""
        return PageCost(
            max(self.rows, other.rows),
            max(self.blocks, other.blocks),
            max(self.instructions, other.instructions),
        )

    def exceeds(self, most: PageCost) -> bool:
        """Whether any number is higher than that of another cost."""
        return self.highest(most) != most

    def __str__(self) -> str:
        if connection.vendor == "sqlite":
            return f"{self.instructions} instructions"
        return f"{self.rows} rows, {self.blocks} blocks"


def most_of(page: ListPage) -> PageCost:
    """Return the most that a page may cost."""
    rows, parts = page.most_rows, page.looks * page.parts
    return PageCost(
        rows,
        BLOCKS_OF_A_ROW * rows + BLOCKS_OF_A_PART * parts,
        INSTRUCTIONS_OF_A_ROW * rows + INSTRUCTIONS_OF_A_PART * parts,
    )


def cost_of_page(page: ListPage, inbox: MeasuredInbox) -> PageCost:
    """Read a page and return its cost."""
    if connection.vendor == "sqlite":
        return PageCost(instructions=instructions(lambda: page.read(inbox)))
    rows, blocks = 0.0, 0
    for sql, parameters in statements_of(lambda: page.read(inbox)):
        plan = _plan(sql, parameters)
        rows += rows_of_plan(plan)
        blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return PageCost(round(rows), blocks)


def _plan(sql: str, parameters: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", parameters)
        ((plans,),) = cursor.fetchall()
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan
