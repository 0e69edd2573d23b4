"""Runs the type check and the tests of the TypeScript sources."""

from __future__ import annotations

import subprocess

import pytest

from live_inbox_site.building import REPOSITORY, find_node


@pytest.mark.stack("embedded")
def test_typescript_sources_pass_their_tests(built_pages: None) -> None:
    command = [str(find_node()), "frontend/check.mjs", "--test-reporter=dot"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
