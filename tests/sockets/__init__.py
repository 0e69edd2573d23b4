"""Tests of what both doors share of WebSockets."""
