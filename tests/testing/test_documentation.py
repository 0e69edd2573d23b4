"""The examples of docs/testing.md, run by a pytest of their own, as in a project that has installed the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = (
    "--rootdir=.",
    "--ds=live_inbox_site.settings",
    "--asyncio-mode=auto",
    "--import-mode=importlib",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-q",
    "-o",
    "asyncio_default_fixture_loop_scope=function",
)

pytestmark = pytest.mark.stack("embedded")


def test_the_examples_of_the_documentation_pass(tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```",
        (REPOSITORY / "docs/testing.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    for number, block in enumerate(blocks):
        (tmp_path / f"test_example_{number}.py").write_text(block)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS],
        cwd=tmp_path,
        env={**os.environ, "ENVIRONMENT": "test"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^10 passed", done.stdout, re.MULTILINE), done.stdout
