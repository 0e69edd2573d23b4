"""Tests of `live_inbox.internals`."""
