"""The JSON API: the WebSocket protocol of the original guide.

`docs/legacy-protocol.md` is its specification.
"""
