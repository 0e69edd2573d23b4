"""Compiled selections: the selection of a subscription, compiled once into a function from event to bytes.

graphql-core finds out anew for every event which fields a document selects, and Strawberry wants an object for
each event and notification first. Here the selection is resolved when the subscription begins, with graphql-core's
own code, and what remains per event is a dictionary of values read from the event itself, and orjson.

- `field_expressions`: where each field is in an event. Whatever is not in that table is left to graphql-core.
- `compilation`: from a selection to its readers.
- `rendering`: from an event to bytes, once for all sockets that have the same compiled selection.
- `subscriptions`: from a client's request to its compiled selection, shared by all who ask the same.
- `queries`, `mutations`: the same for the list and the caller, and for the changes of an inbox; `selection_memory` has
  what they select.

What comes out is byte for byte what graphql-core's result gives, for every document that is covered:
`tests/graphql/test_compiled.py` holds it to that with random documents and events.
"""
