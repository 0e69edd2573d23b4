"""What `manage.py serve --check` says of a Redis that cannot be used: one line, with the cause and without secrets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from live_inbox_site.redis_hosts import redis_hosts
from live_inbox_site.start_check import Part, check_layer
from tests.stacks.authority import Authority
from tests.stacks.ports import LOOPBACK
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.sentinel_server import SentinelServer
from tests.stacks.tls_relay import TlsRelay

# channels-redis never closes its connections to Sentinels: the garbage collector does, and complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def server(process_registry: ProcessRegistry) -> Iterator[RedisServer]:
    """A Redis of this file."""
    with RedisServer(process_registry) as server:
        yield server


@pytest.fixture(scope="module")
def sentinel(process_registry: ProcessRegistry, server: RedisServer) -> Iterator[SentinelServer]:
    """A Sentinel that watches it."""
    with SentinelServer(process_registry, server) as sentinel:
        yield sentinel


def check(settings: Settings, address: str, password_file: Path | None = None) -> str | None:
    """Check the channel layer of a REDIS_URL; return what is wrong."""
    hosts = redis_hosts(address, password_file)
    backend = "live_inbox.delivery.redis_layer.RedisLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}
    found = check_layer()
    # While the warning of a connection to a Sentinel is ignored.
    gc.collect()
    assert found == Part("channel layer", found.problem)
    assert "secret" not in str(found)
    return found.problem


def test_passwords(settings: Settings, server: RedisServer, tmp_path: Path) -> None:
    place = f"{LOOPBACK}:{server.port}/0"
    wrong = "AuthenticationError: invalid username-password pair or user is disabled."
    assert check(settings, server.url) is None
    assert check(settings, f"redis://:secret-but-wrong@{place}") == wrong
    assert check(settings, f"redis://{place}") == "AuthenticationError: Authentication required."
    file = tmp_path / "password"
    missing = f"AuthenticationError: No password can be read from {file}: No such file or directory"
    assert check(settings, f"redis://{place}", file) == missing
    file.write_text("secret-but-wrong")
    assert check(settings, f"redis://{place}", file) == wrong
    file.write_text(server.password)
    assert check(settings, f"redis://{place}", file) is None


def test_certificates(settings: Settings, server: RedisServer, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    with (
        TlsRelay(server.port, authority.issue(LOOPBACK)) as relay,
        TlsRelay(server.port, authority.issue("redis.example")) as misnamed,
    ):
        url = f"rediss://:{server.password}@{LOOPBACK}"
        assert check(settings, f"{url}:{relay.port}/0?ssl_ca_certs={authority.file}") is None
        for query in ("", f"?ssl_ca_certs={other.file}"):
            problem = check(settings, f"{url}:{relay.port}/0{query}")
            assert problem is not None
            assert "certificate verify failed: unable to get local issuer certificate" in problem
        problem = check(settings, f"{url}:{misnamed.port}/0?ssl_ca_certs={authority.file}")
        assert problem is not None
        assert f"certificate is not valid for '{LOOPBACK}'" in problem
        problem = check(settings, f"{url}:{relay.port}/0?ssl_ca_certs=/nowhere.crt")
        assert problem is not None
        assert problem.endswith("No such file or directory.")


def test_sentinels(settings: Settings, server: RedisServer, sentinel: SentinelServer) -> None:
    assert check(settings, sentinel.url) is None
    assert check(settings, sentinel.url.replace("/main", "/other")) == (
        "MasterNotFoundError: No master found for 'other'"
    )
    no_sentinel = f"redis+sentinel://:secret-but-wrong@{LOOPBACK}:1/main"
    problem = check(settings, no_sentinel)
    assert problem is not None
    assert problem.startswith(f"MasterNotFoundError: No master found for 'main' : {LOOPBACK}:1 ")
    assert len(problem) < 120
