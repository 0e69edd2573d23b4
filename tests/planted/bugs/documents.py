"""Bugs in the limits of GraphQL documents and operations."""

from tests.planted.planted_bug import PlantedBug

GRAPHQL = "graphql_schema/live_inbox_graphql"

BUGS = (
    PlantedBug(
        name="cost-of-fragments-not-counted",
        breaks="An operation costs nothing for what is in fragments.",
        file=f"{GRAPHQL}/costs.py",
        original="return self._fragment(node.name.value, length, is_root)",
        replacement="return Cost()",
        caught_by=("tests/graphql/test_costs.py::test_costs",),
    ),
    PlantedBug(
        name="cost-of-pages-by-variable-not-counted",
        breaks="A page whose size is a variable costs as little as the usual one.",
        file=f"{GRAPHQL}/costs.py",
        original="            self._variables.get(node.name.value)\n",
        replacement="            None\n",
        caught_by=("tests/graphql/test_costs.py::test_costs",),
    ),
    PlantedBug(
        name="cost-of-integral-floats-not-counted",
        breaks="A page of the size 100.0 costs as little as the usual one.",
        file=f"{GRAPHQL}/costs.py",
        original="if isinstance(value, float) and value.is_integer():",
        replacement="if isinstance(value, float) and not value:",
        caught_by=("tests/graphql/test_costs.py::test_a_float_that_is_an_int_counts_as_one",),
    ),
    PlantedBug(
        name="aliases-not-counted",
        breaks="A document may have any number of aliases.",
        file=f"{GRAPHQL}/document_limits.py",
        original="size.aliases += selection.alias is not None",
        replacement="size.aliases += 0",
        caught_by=("tests/graphql/test_documents.py::test_limits",),
    ),
    PlantedBug(
        name="names-of-objects-not-counted",
        breaks="Each name of the object around a value allows all of the value's own names again.",
        file=f"{GRAPHQL}/repeated_fields.py",
        original="value = (above, field)",
        replacement="value = (above if above is None else id(sets), field)",
        caught_by=("tests/graphql/test_repeated_fields.py::test_what_repeats_a_value",),
    ),
    PlantedBug(
        name="names-in-fragments-not-counted",
        breaks="A value may have any number of names in fragments.",
        file=f"{GRAPHQL}/repeated_fields.py",
        original="if fragment is not None and kind is not None:",
        replacement="if fragment is not None and kind is None:",
        caught_by=("tests/graphql/test_repeated_fields.py::test_what_repeats_a_value",),
    ),
    PlantedBug(
        name="values-of-variables-not-counted",
        breaks="The variables of a request hold any number of values.",
        file=f"{GRAPHQL}/request_limits.py",
        original="if variables and _holds_more(variables, most):",
        replacement="if variables and _holds_more(variables, 99 * most):",
        caught_by=("tests/graphql/test_request_limits.py::test_over_http",),
    ),
    PlantedBug(
        name="long-operation-ids",
        breaks="Each event repeats an id of kilobytes.",
        file=f"{GRAPHQL}/messages.py",
        original="MAX_ID_BYTES = 128",
        replacement="MAX_ID_BYTES = 65_536",
        caught_by=("tests/graphql/test_messages.py::test_an_id_has_a_limit",),
    ),
    PlantedBug(
        name="persisted-documents-without-bound",
        breaks="The memory of persisted documents grows for ever.",
        file=f"{GRAPHQL}/persisted_documents.py",
        original="while self._characters > self._max_characters:",
        replacement="while self._characters > 99 * self._max_characters:",
        caught_by=("tests/graphql/test_persisted_documents.py::test_memory_has_a_bound",),
    ),
    PlantedBug(
        name="persisted-documents-of-any-hash",
        breaks="A document is remembered by the hash of another one, which other clients then execute.",
        file=f"{GRAPHQL}/persisted_documents.py",
        original='if hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest() != digest:',
        replacement="if not digest:",
        caught_by=(
            "tests/graphql/test_persisted_documents.py::test_a_hash_of_something_else_is_refused",
        ),
    ),
    PlantedBug(
        name="persisted-documents-of-strangers",
        breaks="Whoever has no token pushes the documents of the clients out of the memory.",
        file=f"{GRAPHQL}/persisted_documents.py",
        original="        if may_remember:\n",
        replacement="        if query:\n",
        caught_by=(
            "tests/graphql/test_persisted_documents.py::test_strangers_change_nothing_of_what_is_remembered",
        ),
    ),
    PlantedBug(
        name="documents-beside-the-list",
        breaks="With ALLOWED_DOCUMENTS, any other document is executed as well.",
        file=f"{GRAPHQL}/persisted_documents.py",
        original='text = allowed.get(digest or "")',
        replacement='text = allowed.get(digest or "", query)',
        caught_by=(
            "tests/graphql/test_persisted_documents.py::TestAllowedDocuments::test_no_other_is_executed",
        ),
    ),
    PlantedBug(
        name="introspection-by-anybody",
        breaks="The schema is read by introspection where it is off.",
        file=f"{GRAPHQL}/introspection.py",
        original="if inbox_settings().introspects or not _introspects(document):",
        replacement="if inbox_settings().introspects or document.definitions:",
        caught_by=("tests/graphql/test_introspection.py::test_introspection_is_refused",),
    ),
    PlantedBug(
        name="costly-operations-count-once",
        breaks="An operation takes one of the allowance, whatever it costs.",
        file=f"{GRAPHQL}/operation_rate.py",
        original="limiter.check(key, min(weight, limiter.limit.burst))",
        replacement="limiter.check(key)",
        caught_by=("tests/graphql/test_operation_rate.py::test_costly_operations_count_more",),
    ),
    PlantedBug(
        name="strangers-share-one-rate",
        breaks="One stranger uses up what all others without a token may ask.",
        file=f"{GRAPHQL}/operation_rate.py",
        original="settings.anonymous_operation_rate, _address(context)",
        replacement='settings.anonymous_operation_rate, ""',
        caught_by=(
            "tests/graphql/test_operation_rate.py::test_strangers_have_one_for_each_address",
        ),
    ),
)
