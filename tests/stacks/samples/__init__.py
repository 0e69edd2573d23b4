"""Tests that tests/stacks/test_plugin.py has pytest run in a process of its own; no other run collects them."""
