"""Finds a real Chromium for the tests of the pages: an installed one, or the npm package's."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess

from live_inbox_site.building import REPOSITORY, NotBuildable, find_node

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    # The tests may run as root in a container, where Chromium refuses to start with its sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_UNPACK = (
    "import('@sparticuz/chromium').then((it) => it.default.executablePath()).then(console.log)"
)


class NoChromium(Exception):
    """Raised if there is no browser to test with; the message says what to install."""


def find_chromium() -> str:
    """Return the path of a Chromium: `$CHROMIUM`, an installed one, or else the npm package's, unpacked.

    Raises `NoChromium`.
    """
    if path := os.environ.get("CHROMIUM"):
        return path
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return _from_package()


def _from_package() -> str:
    # Unpacked beside the package: the next run finds it there.
    directory = REPOSITORY / "frontend" / "node_modules" / ".chromium"
    directory.mkdir(parents=True, exist_ok=True)
    try:
        # One process after the other: a file that another one still writes cannot be started.
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(
                [str(find_node()), "--input-type=module", "--eval", _UNPACK],
                cwd=REPOSITORY / "frontend",
                env={**os.environ, "TMPDIR": str(directory)},
                capture_output=True,
                text=True,
                check=True,
            )
    except (NotBuildable, subprocess.CalledProcessError) as error:
        details = getattr(error, "stderr", None) or str(error)
        raise NoChromium(
            "The pages are tested in a real Chromium, and there is none. Install one (`apt-get install "
            "chromium`), or name it: CHROMIUM=/path/to/chromium. The npm package @sparticuz/chromium, "
            f"the alternative, could not be unpacked: {details.strip()[-500:]}"
        ) from None
    return done.stdout.strip()
