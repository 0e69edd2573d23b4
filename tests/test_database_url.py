"""DATABASE_URL with one host and with several, as Django gets it."""

from __future__ import annotations

import pytest

from live_inbox_site.database_url import parse_database_url


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("db.example.com", "db.example.com", ""),
        ("db.example.com:5433", "db.example.com", 5433),
        ("one,two", "one,two", ""),
        ("one:5432,two:5433", "one,two", "5432,5433"),
        ("one,two:5433", "one,two", ",5433"),
        ("[2001:db8::1]:5432,[2001:db8::2]:5432", "2001:db8::1,2001:db8::2", "5432,5432"),
        ("%2Frun%2Fone,%2Frun%2Ftwo", "/run/one,/run/two", ""),
    ],
)
def test_hosts_are_those_of_libpq(hosts: str, host: str, port: object) -> None:
    url = f"postgres://ann%40b:pass%2Fword@{hosts}/inbox?target_session_attrs=read-write"
    database = parse_database_url(url)
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("ann@b", "pass/word")
    assert (database["HOST"], database["PORT"], database["NAME"]) == (host, port, "inbox")
    assert database["OPTIONS"] == {"target_session_attrs": "read-write"}


def test_everything_may_be_in_a_service_file() -> None:
    database = parse_database_url("postgres:///?service=inbox")
    assert [database[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [""] * 5
    assert database["OPTIONS"] == {"service": "inbox"}


@pytest.mark.parametrize(
    "url",
    [
        "postgres://ann:s3c/ret@host/inbox",
        "postgres://ann:s3c/ret@one,two/inbox",
        "postgres://ann:s3cret@one:x,two/inbox",
        "postgres://ann:s3cret@one,/inbox",
        "postgres://ann:s3cret@[::1,two/inbox",
        "postgres://ann:s3cret@host:99999/inbox",
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="it is no valid URL; ") as refused:
        parse_database_url(url)
    assert "s3c" not in str(refused.value)
