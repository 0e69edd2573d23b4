"""Static files are read by one thread, and small ones kept in memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from servestatic import ServeStaticASGI

from live_inbox_site import file_bodies
from live_inbox_site.file_bodies import PATHSEND, FileBodies

pytestmark = pytest.mark.stack("embedded")

SMALL, LONG = b"small" * 10, b"0123456789" * 100


class Site:
    """Files below /static/, served without a server."""

    def __init__(self, directory: Path, *, are_final: bool = True) -> None:
        (directory / "small.css").write_bytes(SMALL)
        (directory / "long.js").write_bytes(LONG)
        self.bodies = FileBodies(are_final=are_final)
        self._files = ServeStaticASGI(None, root=str(directory), prefix="/static/")

    async def messages(
        self, name: str, method: str = "GET", extensions: Any = None, **headers: str
    ) -> list[Any]:
        """Return the messages of a response."""
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope: Any = {
            "type": "http",
            "method": method,
            "path": f"/static/{name}",
            "query_string": b"",
            "headers": fields,
            "extensions": extensions,
        }
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        offered: Any = self.bodies.offered_in(scope)
        sender: Any = self.bodies.sender(scope, send)
        await self._files(offered, None, sender)
        return sent

    async def get(self, name: str, **more: Any) -> tuple[int, bytes]:
        """Return the status and the body of a response."""
        start, *parts = await self.messages(name, **more)
        assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]
        return start["status"], b"".join(part["body"] for part in parts)


@pytest.fixture(autouse=True)
def _short_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of more than 60 bytes be long."""
    monkeypatch.setattr(file_bodies, "LONGEST_KEPT", 60)
    monkeypatch.setattr(file_bodies, "BLOCK", 300)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Files that stay as they are."""
    return Site(tmp_path)


async def test_files_short_and_long(site: Site) -> None:
    for _ in range(2):
        assert await site.get("small.css") == (200, SMALL)
        assert await site.get("long.js") == (200, LONG)
    start, *parts = await site.messages("long.js")
    assert dict(start["headers"])[b"content-length"] == b"1000"
    assert [len(part["body"]) for part in parts] == [61, 300, 300, 300, 39, 0]
    assert not [each for each in threading.enumerate() if "ServeStatic" in each.name]


async def test_a_short_file_is_read_once(site: Site, tmp_path: Path) -> None:
    await site.get("small.css")
    (tmp_path / "small.css").unlink()
    assert await site.get("small.css") == (200, SMALL)
    assert len(site.bodies) == 1


async def test_where_files_change_none_is_kept(tmp_path: Path) -> None:
    site = Site(tmp_path, are_final=False)
    await site.get("small.css")
    changed = SMALL.upper()
    (tmp_path / "small.css").write_bytes(changed)
    assert await site.get("small.css") == (200, changed)


async def test_what_is_kept_has_a_bound(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_bodies, "MOST_KEPT", 130)
    for name in "abc":
        (tmp_path / f"{name}.css").write_bytes(SMALL)
    site = Site(tmp_path)
    for name in ("a", "b", "a", "c"):
        assert await site.get(f"{name}.css") == (200, SMALL)
    assert [Path(path).name for path in site.bodies._kept] == ["a.css", "c.css"]
    assert site.bodies._size == 100


async def test_other_answers(site: Site) -> None:
    assert await site.get("small.css", method="HEAD") == (200, b"")
    assert await site.get("small.css", method="POST") == (405, b"")
    assert await site.get("nothing.css") == (404, b"Not Found")
    start, *_ = await site.messages("small.css")
    etag = dict(start["headers"])[b"etag"].decode()
    assert await site.get("small.css", **{"if-none-match": etag}) == (304, b"")
    assert await site.get("small.css", range="bytes=1-4") == (206, SMALL[1:5])


async def test_a_server_that_sends_files_does_so_itself(site: Site, tmp_path: Path) -> None:
    _, message = await site.messages("small.css", extensions={PATHSEND: {}})
    assert message == {"type": PATHSEND, "path": str(tmp_path / "small.css")}
