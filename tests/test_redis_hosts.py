"""REDIS_URL as hosts of channels-redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.exceptions import AuthenticationError

from live_inbox.delivery.redis_password import PasswordFile
from live_inbox_site.redis_hosts import redis_hosts


@pytest.mark.parametrize(
    "address",
    [
        "redis://cache.example.com:6379/0",
        "rediss://ann:pass%2Cword@[2001:db8::1]:6380/1?ssl_ca_certs=/etc/ca.pem",
        "unix://:password@/run/redis.sock?db=2",
    ],
)
def test_an_address_of_one_redis_is_passed_on(address: str) -> None:
    assert redis_hosts(address) == [{"address": address}]


def test_several_addresses_are_several_hosts() -> None:
    assert redis_hosts("redis://one:6379/0,rediss://:a,b@two:6379/0") == [
        {"address": "redis://one:6379/0"},
        {"address": "rediss://:a,b@two:6379/0"},
    ]


def test_sentinels_have_the_name_of_the_primary_and_credentials_of_their_own() -> None:
    address = (
        "redis+sentinel://ann:pass%2Fword@one:26380,[::1],three/main"
        "?db=1&sentinel_username=bob&sentinel_password=other&socket_timeout=0.5&sentinel_socket_timeout=1"
    )
    assert redis_hosts(address) == [
        {
            "sentinels": [("one", 26380), ("::1", 26379), ("three", 26379)],
            "master_name": "main",
            "username": "ann",
            "password": "pass/word",
            "db": 1,
            "socket_timeout": 0.5,
            "sentinel_kwargs": {"username": "bob", "password": "other", "socket_timeout": 1.0},
        }
    ]


def test_with_tls_the_sentinels_have_it_too() -> None:
    (host,) = redis_hosts("rediss+sentinel://one/main?ssl_ca_certs=/etc/ca.pem")
    assert host == {
        "sentinels": [("one", 26379)],
        "master_name": "main",
        "ssl": True,
        "ssl_ca_certs": "/etc/ca.pem",
        "sentinel_kwargs": {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"},
    }


def test_a_password_file_takes_the_place_of_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    one, two = redis_hosts("redis://ann@one/0,redis+sentinel://two/main", file)
    file.write_text("first, with spaces \n")
    assert one.pop("credential_provider").get_credentials() == ("ann", "first, with spaces ")
    assert one == {"address": "redis://one/0"}
    assert two.pop("credential_provider").get_credentials() == ("first, with spaces ",)
    assert two == {"sentinels": [("two", 26379)], "master_name": "main"}


async def test_the_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    provider = PasswordFile(file, "ann")
    file.write_text("first\r\n")
    assert await provider.get_credentials_async() == ("ann", "first")
    file.write_text("second")
    assert await provider.get_credentials_async() == ("ann", "second")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"", "it is empty"), (b"\xff", "it is no text")],
)
def test_a_file_without_a_password_says_what_is_wrong(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "redis"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AuthenticationError) as refused:
        PasswordFile(file).get_credentials()
    assert str(refused.value) == f"No password can be read from {file}: {reason}"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://x", "it begins with redis://"),
        ("redis://:s3cret@one:6379,two:6379", "each of several Redis is a whole URL"),
        ("redis://:s3c/ret@one", "it is no valid URL"),
        ("redis://:s3cret@one?db=x", "it is no valid URL"),
        ("redis+sentinel://:s3cret@one:26379", "with Sentinels it is redis"),
        ("redis+sentinel://:s3cret@one:26379/0/main", "with Sentinels it is redis"),
        ("redis+sentinel://:s3cret@one:x/main", "with Sentinels it is redis"),
        ("redis://one,redis+sentinel:///main", "with Sentinels it is redis"),
    ],
)
def test_what_cannot_be_an_address_is_refused_without_its_password(
    address: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        redis_hosts(address)
    assert "s3c" not in str(refused.value)


def test_a_password_in_both_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="REDIS_URL has a password: choose one of them"):
        redis_hosts("redis://:s3cret@one", tmp_path / "password")
