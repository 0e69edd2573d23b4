from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from datetime import timezone as fixed_offset
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.conf import inbox_settings
from live_inbox.content import (
    CONTENT_FIELDS,
    Content,
    ContentFields,
    clean_content,
    clean_created_at,
    clean_key,
    clean_type,
)
from live_inbox.errors import InvalidInput

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VALID: dict[str, Any] = {
    "type": "general",
    "title": "Hello",
    "message": "",
    "link": "",
    "data": None,
    "expires_at": None,
    "now": NOW,
}
NO_PARTS: dict[str, Any] = {
    "icon": "",
    "actor": None,
    "target": None,
    "actions": None,
    "format": "plain",
    "group_key": None,
}


def clean(**changes: Any) -> Content:
    return clean_content(**{**VALID, **changes})


def refusal(**changes: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        clean(**changes)
    assert caught.value.code == "BAD_USER_INPUT"
    return caught.value.field, caught.value.message


def test_what_is_acceptable_stays_as_it_is() -> None:
    data = {"a": [1, 2.5, None, True, {"b": "c"}]}
    ends = NOW + timedelta(microseconds=1)
    content = clean(
        type="billing.invoice",
        title=" Hi ",
        message="\n",
        link="/x",
        data=data,
        expires_at=ends,
        priority="high",
    )
    assert content == Content(
        type="billing.invoice",
        title=" Hi ",
        message="\n",
        link="/x",
        data=data,
        expires_at=ends,
        priority="high",
        **NO_PARTS,
    )


def test_only_the_title_is_required() -> None:
    assert clean_content(now=NOW, title="Hi") == Content(
        type="general",
        title="Hi",
        message="",
        link="",
        data={},
        expires_at=None,
        priority="normal",
        **NO_PARTS,
    )


def test_the_keyword_arguments_are_the_declared_fields() -> None:
    assert ContentFields.__annotations__.keys() == CONTENT_FIELDS.keys()


def test_content_comes_back_from_an_object_with_its_fields() -> None:
    content = clean(type="news", data={"a": 1})
    assert Content.of(content) == content
    assert Content(**content.values()) == content


def test_no_data_is_an_empty_object() -> None:
    assert clean(data=None).data == {}


# -- texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "longest"), [("type", 64), ("title", 200), ("message", 4000), ("link", 2000)]
)
def test_each_text_has_a_longest(field: str, longest: int) -> None:
    text = "/" + "x" * (longest - 1) if field == "link" else "x" * longest
    assert getattr(clean(**{field: text}), field) == text
    assert refusal(**{field: text + "x"}) == (
        field,
        f"{field} must have {longest} characters at most.",
    )


@pytest.mark.parametrize("field", ["type", "title", "message", "link"])
@pytest.mark.parametrize("value", [7, 1.5, True, b"x", ["x"], {"x": 1}])
def test_each_text_must_be_one(field: str, value: object) -> None:
    assert refusal(**{field: value}) == (field, f"{field} must be a string.")


def test_none_stands_for_the_default() -> None:
    assert clean(type=None, message=None, link=None, data=None) == clean()
    assert refusal(title=None) == ("title", "title must be a string.")


@pytest.mark.parametrize("field", ["type", "title", "message", "link"])
def test_no_text_has_what_cannot_be_stored(field: str) -> None:
    assert refusal(**{field: "a\x00b"}) == (field, f"{field} must not contain NUL characters.")
    assert refusal(**{field: "a\ud800b"}) == (field, f"{field} must be valid Unicode.")


@pytest.mark.parametrize("title", ["", " ", "\n\t", "\u3000"])
def test_a_title_is_not_blank(title: str) -> None:
    assert refusal(title=title) == ("title", "title must not be blank.")


@pytest.mark.parametrize(
    ("title", "stored"),
    [
        ("Invoice\npaid", "Invoice paid"),
        ("Invoice paid\n", "Invoice paid"),
        ("\r\n  Invoice\r\n\tpaid \n\n", "Invoice paid"),
        ("a\tb\x0bc\x0cd\x85e\u2028f\u2029g\x1fh", "a b c d e f g h"),
        ("  two  blanks  ", "  two  blanks  "),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_a_title_is_one_line(title: str, stored: str) -> None:
    assert clean(title=title).title == stored


@pytest.mark.parametrize("control", ["\x01", "\x08", "\x1b", "\x7f", "\x80", "\x9b"])
def test_a_title_has_no_control_characters(control: str) -> None:
    message = "title must not contain control characters."
    assert refusal(title=f"a{control}b") == ("title", message)
    assert clean(message=f"a{control}b").message == f"a{control}b"


@pytest.mark.parametrize("field", ["title", "message"])
@pytest.mark.parametrize("override", ["\u202d", "\u202e"])
def test_the_direction_of_text_is_not_overridden(field: str, override: str) -> None:
    message = f"{field} must not override the direction of text (U+202D, U+202E)."
    assert refusal(**{field: f"photo_{override}gpj.exe"}) == (field, message)


@pytest.mark.parametrize("field", ["title", "message"])
@pytest.mark.parametrize(
    "text",
    [
        "\u05e9\u05dc\u05d5\u05dd \u200fC++\u200f",
        "\u0645\u0631\u062d\u0628\u0627 \u200e(1)\u061c",
        "from \u2068\u05d3\u05e0\u05d9\u2069",
        "\u202b\u05e9\u05dc\u05d5\u05dd\u202c, \u202aAlice\u202c",
        "\u2067\u05d0\u2069 \u2066b\u2069",
        "👩\u200d👩\u200d👧 a\u200cb",
    ],
)
def test_texts_of_both_directions_stay_as_they_are(field: str, text: str) -> None:
    assert getattr(clean(**{field: text}), field) == text


@pytest.mark.parametrize("type", ["a", "A", "7", "general", "a-b_c.d", "Z" * 64, "0.0"])
def test_a_type_is_a_slug(type: str) -> None:
    assert clean_type(type) == type


@pytest.mark.parametrize(
    "type", ["", " ", "a b", "-a", "_a", ".a", "a/b", "a:b", "é", "a\n", "\na", "а"]
)
def test_what_is_not_a_slug_is_no_type(type: str) -> None:
    with pytest.raises(InvalidInput, match=r"^A type consists of letters, digits, ") as caught:
        clean_type(type)
    assert caught.value.field == "type"


def test_the_field_of_a_type_can_be_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_type("a b", field="types")
    assert caught.value.field == "types"


# -- keys ----------------------------------------------------------------------------------------------------


def test_a_key_may_be_missing() -> None:
    assert clean_key(None) is None


@pytest.mark.parametrize("key", ["a", " a ", "x" * 200, "order:1/2", "🔑"])
def test_a_key_is_any_text(key: str) -> None:
    assert clean_key(key) == key


@pytest.mark.parametrize("key", ["", "  ", "x" * 201, "a\x00", "\ud800", 7, b"a"])
def test_a_key_is_neither_blank_nor_too_long_nor_unstorable(key: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_key(key)
    assert caught.value.field == "idempotency_key"


# -- expiry --------------------------------------------------------------------------------------------------


def test_a_moment_of_expiry_may_be_missing() -> None:
    assert clean(expires_at=None).expires_at is None


def test_a_moment_of_expiry_is_kept_in_utc() -> None:
    local = datetime(2026, 3, 1, 14, 0, 1, tzinfo=fixed_offset(timedelta(hours=2)))
    ends = clean(expires_at=local).expires_at
    assert ends == datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
    assert ends.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    ["2027-01-01T00:00:00Z", 1.0, True, datetime(2027, 1, 1), date(2027, 1, 1), time(12)],  # noqa: DTZ001
)
def test_a_moment_of_expiry_is_one(value: object) -> None:
    assert refusal(expires_at=value) == (
        "expires_at",
        "expires_at must be a moment with a time zone.",
    )


@pytest.mark.parametrize(
    "value", [NOW, NOW - timedelta(microseconds=1), datetime.min.replace(tzinfo=UTC)]
)
def test_a_moment_of_expiry_is_yet_to_come(value: datetime) -> None:
    assert refusal(expires_at=value) == ("expires_at", "expires_at must be later than now.")


@pytest.mark.parametrize(
    "value",
    [
        datetime.max.replace(tzinfo=fixed_offset(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=fixed_offset(timedelta(hours=1))),
    ],
)
def test_a_moment_of_expiry_is_in_the_calendar(value: datetime) -> None:
    assert refusal(expires_at=value) == ("expires_at", "expires_at is out of range.")


# -- creation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (datetime(2027, 1, 1, 0, 30), datetime(2026, 12, 31, 23, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2027, 7, 1, 0, 30), datetime(2027, 6, 30, 22, 30, tzinfo=UTC)),  # noqa: DTZ001
        (date(2027, 1, 1), datetime(2026, 12, 31, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_creation_without_a_time_zone_is_in_the_default_one(
    settings: Any, given: date, stored: datetime
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Asia/Tokyo"):
        assert clean_created_at(given) == stored


@pytest.mark.parametrize("value", ["2020-01-01", 1577836800, True])
def test_a_creation_is_a_datetime_or_a_date(value: object) -> None:
    with pytest.raises(
        InvalidInput, match=r"^created_at must be a datetime or a date\.$"
    ) as caught:
        clean_created_at(value)
    assert caught.value.field == "created_at"


def test_a_creation_may_have_passed() -> None:
    assert clean_created_at(None) is None
    assert clean_created_at(datetime(1970, 1, 1, tzinfo=UTC)) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [datetime.min, date.min])  # noqa: DTZ901
def test_a_creation_is_in_the_calendar(settings: Any, value: date) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    with pytest.raises(InvalidInput, match=r"^created_at is out of range\.$"):
        clean_created_at(value)


# -- links ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/",
        "/a",
        "/a/b?c=d#e",
        "/?next=javascript:alert(1)",
        "/a:b",
        "/.//x",
        "/%0a/x",
        "/été",
        "http://example.com",
        "https://example.com/a?b=c#d",
        "HTTPS://EXAMPLE.COM",
        "https://user@example.com:8443/",
        "https://[::1]/",
        "https://münchen.example/",
    ],
)
def test_a_link_is_a_path_or_an_address(link: str) -> None:
    assert clean(link=link).link == link


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.com",
        "mailto:a@example.com",
        "//example.com",
        "///example.com",
        "//",
        "example.com",
        "a/b",
        "?a",
        "#a",
        "http:",
        "http://",
        "http:///a",
        "http:/example.com",
        "http:example.com",
        "https://:80",
        "https://@",
        "https://[::1",
        "https://[x]/",
        "https://a\u2100b/",
        "ｊavascript:alert(1)",
        "://x",
    ],
)
def test_nothing_else_is_a_link(link: str) -> None:
    assert refusal(link=link) == ("link", "link must be a path or an http(s) address.")


@pytest.mark.parametrize(
    "link",
    [
        " javascript:alert(1)",
        "\tjavascript:alert(1)",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "/\\example.com",
        "\\/example.com",
        "\\\\example.com",
        "/\t/example.com",
        "/\n/example.com",
        "http://a b",
        "/a b",
        "/a\x7f",
        "/a\r\nSet-Cookie: x",
        "https:\\\\example.com",
        "https://example.com/\u202egpj.exe",
        "https://example.com\u200f",
        "https://\u2066example.com\u2069/",
        "/a\u061c",
        "/a\x85",
        "/a\u2028b",
        "https://example.com/\u3000",
        "/\u00a0",
    ],
)
def test_a_link_cannot_be_disguised(link: str) -> None:
    assert refusal(link=link) == ("link", "link must not contain blanks, controls or backslashes.")


@given(st.text(max_size=40) | st.from_regex(r"[jJ]ava[sS]cript\s*:.*", fullmatch=True))
def test_any_link_that_is_accepted_leads_here_or_to_a_web_server(link: str) -> None:
    try:
        accepted = clean(link=link).link
    except InvalidInput:
        return
    assert accepted == link
    assert not link or link.lower().startswith(("/", "http://", "https://"))
    assert not link.startswith(("//", "/\\"))


# -- data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"": ""},
        {"a": 2**64 - 1, "b": -(2**63)},
        {"a": 2.0**53 - 1, "b": 5e-324, "c": -0.0},
        {"a": [[[]]], "b": {}},
        {"é": "☀"},
    ],
)
def test_data_is_any_json_object(data: dict[str, Any]) -> None:
    assert clean(data=data).data == data


@pytest.mark.parametrize("data", [[], "x", 7, True, 1.5, b"{}", [("a", 1)]])
def test_data_is_not_anything_else(data: object) -> None:
    assert refusal(data=data) == ("data", "data must be a JSON object.")


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"a": data}
    return data


def endless() -> dict[str, Any]:
    data: dict[str, Any] = {}
    data["a"] = data
    return data


@dataclass
class Entry:
    """A dataclass: its objects are accepted, the class is not."""

    name: object


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({1: "a"}, "The keys of data must be strings."),
        ({None: "a"}, "The keys of data must be strings."),
        ({"a": {2: 1}}, "The keys of data must be strings."),
        ({"a": float("nan")}, "data must not contain NaN or infinite numbers."),
        ({"a": [float("-inf")]}, "data must not contain NaN or infinite numbers."),
        ({"a": 2.0**53}, "data must not contain floating-point numbers from 2^53."),
        ({"a": -1e300}, "data must not contain floating-point numbers from 2^53."),
        ({"a": {1, 2}}, "data must consist of JSON values only."),
        ({"a": b"x"}, "data must consist of JSON values only."),
        ({"a": object}, "data must consist of JSON values only."),
        ({"a": User(pk=1)}, "data must consist of JSON values only."),
        ({"a": deque()}, "data must consist of JSON values only."),
        ({"a": Entry}, "data must consist of JSON values only."),
        (
            {uuid.UUID(int=1): 1, "00000000-0000-0000-0000-000000000001": 2},
            "data must not contain a key twice.",
        ),
        ({"a": "\x00"}, "data must not contain NUL characters."),
        ({"\x00": "a"}, "data must not contain NUL characters."),
        ({"a": ["\udfff"]}, "data must be valid Unicode."),
        ({"\ud800": 1}, "data must be valid Unicode."),
        (nested(33), "data must be nested 32 levels deep at most."),
        (endless(), "data must be nested 32 levels deep at most."),
        ({"a": 2**64}, "data cannot be written as JSON: Integer exceeds 64-bit range."),
        ({"a": -(2**63) - 1}, "data cannot be written as JSON: Integer exceeds 64-bit range."),
        ({"a": 10**400}, "data cannot be written as JSON: Integer exceeds 64-bit range."),
    ],
)
def test_data_that_would_not_come_back_as_it_was_is_refused(data: object, message: str) -> None:
    assert refusal(data=data) == ("data", message)


def test_data_may_be_nested_so_deep() -> None:
    assert clean(data=nested(32)).data == nested(32)


def test_data_has_a_largest_size_in_bytes() -> None:
    limit = inbox_settings().max_data_bytes
    assert limit == 8192
    fits = {"a": "x" * (limit - len('{"a":""}'))}
    assert clean(data=fits).data == fits
    message = ("data", "data must have 8192 bytes of JSON at most.")
    assert refusal(data={"a": fits["a"] + "x"}) == message
    assert refusal(data={"a": "☀" * (limit // 3)}) == message


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_data_that_is_accepted_survives_json(data: object) -> None:
    try:
        accepted = clean(data=data).data
    except InvalidInput as error:
        assert error.field == "data"
        return
    assert orjson.loads(orjson.dumps(accepted)) == accepted
