"""The original JSON door: the protocol of the system that this one succeeds.

`docs/legacy-protocol.md` is its specification.
"""
