"""How servers reach Redis: TLS, ACL users, passwords that change, several hosts, and a Redis that comes late."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import Permission, User

from tests.end_to_end.conftest import StartTwo
from tests.end_to_end.doorbells import titles
from tests.stacks.authority import Authority
from tests.stacks.ports import LOOPBACK
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.tls_relay import TlsRelay
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]

RIGHTS = "resetchannels &inbox* ~LIMITS:* +@connection +select +@pubsub +@read +@write +@scripting -@dangerous"
"""What docs/operating/redis.md gives the user of a site."""


def admin(server: RedisServer) -> redis.Redis:
    """Return a client with all rights."""
    return redis.Redis.from_url(server.url, socket_timeout=10)


def test_a_password_that_changes_is_read_at_the_next_connection(
    start_two: StartTwo, private_redis: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("the first password\n")
    with admin(private_redis) as client:
        user = ("ACL", "SETUSER", "inbox")
        client.execute_command(*user, "on", ">the first password", *RIGHTS.split())
        two = start_two(
            REDIS_URL=f"redis://inbox@{LOOPBACK}:{private_redis.port}/0",
            REDIS_PASSWORD_FILE=str(file),
        )
        two.ring_until_heard("first")
        wait_until(lambda: bool(client.keys("LIMITS:*")))
        client.execute_command(*user, ">the second password")
        file.write_text("the second password\n")
        client.execute_command(*user, "<the first password")
        # Whoever is connected stays so.
        two.ring_until_heard("second")
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        two.ring_until_heard("third")
    for server in two.servers:
        log = server.log()
        assert "AuthenticationError" not in log
        assert "NoPermissionError" not in log
        assert "storage of rates fails" not in log
        assert log.count("The channel layer (receiving) works again after ") == 1


def test_tls_with_a_private_authority_and_client_certificates(
    start_two: StartTwo, private_redis: RedisServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue(LOOPBACK)
    client = authority.issue("client")
    with TlsRelay(private_redis.port, certificate, client_authority=authority.file) as relay:
        two = start_two(
            REDIS_URL=f"rediss://:{private_redis.password}@{LOOPBACK}:{relay.port}/0"
            f"?ssl_ca_certs={authority.file}&ssl_certfile={client}&ssl_keyfile={client}"
        )
        two.ring_until_heard("over TLS")
        with admin(private_redis) as everything:
            wait_until(lambda: bool(everything.keys("LIMITS:*")))
        for server in two.servers:
            assert " fails: " not in server.log()


def test_several_hosts_may_all_be_away_when_servers_start(
    start_two: StartTwo, process_registry: ProcessRegistry, alice: int
) -> None:
    hosts = [RedisServer(process_registry) for _ in range(2)]
    two = start_two(REDIS_URL=",".join(host.url for host in hosts))
    two.opened[0].send(alice, "without Redis")
    assert [titles(device, 1) for device in two.opened] == [["without Redis"]] * 2
    for host in hosts:
        host.start()
    two.ring_until_heard("with Redis")
    channels = []
    for host in hosts:
        with admin(host) as client:
            channels.append(len(client.pubsub_channels("inbox*")))
        host.kill()
    # The group of all inboxes and that of the user's inbox, wherever their names have put them.
    assert sum(channels) >= 2
    for server in two.servers:
        assert "Traceback" not in server.log()


def test_a_host_that_is_away_leaves_the_others_their_doorbells(
    start_two: StartTwo, process_registry: ProcessRegistry, alice: int
) -> None:
    user = User.objects.get(pk=alice)
    user.user_permissions.add(Permission.objects.get(codename="send_notification"))
    others = [User.objects.create_user(f"other{n}").pk for n in range(12)]
    hosts = [RedisServer(process_registry).start() for _ in range(2)]
    two = start_two(REDIS_URL=",".join(host.url for host in hosts), SEND_RATE="1000/second")
    two.ring_until_heard("both are there")
    kept = [bool(inboxes_at(host, alice)) for host in hosts]
    assert sorted(kept) == [False, True]
    hosts[kept.index(False)].kill()
    # Of twelve, some belong to that host.
    two.ring_until_heard("one is away", first=others)
    for server in two.servers:
        assert f"The channel layer (publishing, host {kept.index(False) + 1}) fails" in server.log()
        assert f"(publishing, host {kept.index(True) + 1})" not in server.log()
    hosts[kept.index(True)].kill()


def inboxes_at(host: RedisServer, user: int) -> list[bytes]:
    """Return the groups of a user's inbox that a host keeps."""
    with admin(host) as client:
        found: list[bytes] = client.pubsub_channels(f"*__group__inbox.*.{user}")
        return found
