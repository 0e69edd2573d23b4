"""How graphql-core finds out which fields an operation selects, used to compile selections once per subscription.

graphql-core does this anew for every event. `live_inbox_graphql.compiled` does it once, with graphql-core's own code,
so that the result cannot differ.

What it relies on: `Executor.build` and the attributes `schema`, `fragments`, `variable_values` and `operation` of its
result; the functions and types of `graphql.execution.collect_fields`. Tested with graphql-core 3.3.2.
"""

from __future__ import annotations

from graphql.execution import Executor
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    collect_fields,
    collect_subfields,
)

from live_inbox.internals.requirements import require

require(Executor, "build")

__all__ = ["CollectedFields", "Executor", "FieldDetails", "collect_fields", "collect_subfields"]
