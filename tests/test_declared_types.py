"""The declaration of types: in the settings or in code, and every mistake with an id and a hint of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.functional import lazy
from django.utils.translation import get_language, gettext_lazy

from live_inbox import selectors
from live_inbox.checks import check_settings
from live_inbox.declared_types import NotificationType, declared_type, declared_types
from live_inbox.notification_channels import IN_APP
from tests.changed_settings import changed_settings

MAPPING = {"news": {"label": "News"}}
NO_MAPPING = ["news"]


def from_code() -> dict[str, Any]:
    return {"news": NotificationType(label="News from code")}


def failing() -> dict[str, Any]:
    raise ZeroDivisionError("no types today")


@pytest.mark.parametrize(
    ("types", "label"),
    [
        ({"news": {"label": "News of the settings"}}, "News of the settings"),
        ("tests.test_declared_types.MAPPING", "News"),
        ("tests.test_declared_types.from_code", "News from code"),
    ],
)
def test_types_are_declared_in_the_settings_or_in_code(types: Any, label: str) -> None:
    with changed_settings(TYPES=types):
        assert declared_types()["news"].label == label
        assert check_settings(None) == []
    assert "news" not in declared_types()


def test_what_is_not_declared_is_on_and_may_be_turned_off() -> None:
    undeclared = declared_type("news")
    assert (undeclared.is_on, undeclared.is_required, undeclared.templates) == (True, False, {})


@pytest.mark.parametrize(
    ("declared", "is_on", "is_required"),
    [
        ({}, True, False),
        ({"default": False}, False, False),
        ({"default": []}, False, False),
        ({"default": [IN_APP]}, True, False),
        ({"required": True}, True, True),
        ({"required": [IN_APP]}, True, True),
        ({"default": True, "required": False}, True, False),
    ],
)
def test_channels(declared: Any, is_on: bool, is_required: bool) -> None:
    with changed_settings(TYPES={"news": declared}):
        news = declared_type("news")
        assert check_settings(None) == []
    assert (news.is_on, news.is_required) == (is_on, is_required)


@pytest.mark.parametrize(
    ("declared", "on", "required"),
    [
        ({}, set(), set()),
        ({"default": True, "required": True}, set(), set()),
        ({"default": ["in_app", "email"]}, {"email"}, set()),
        ({"default": {"email"}, "required": ["email"]}, {"email"}, {"email"}),
        ({"required": ["push"]}, {"push"}, {"push"}),
    ],
)
def test_what_is_declared_of_the_channels_of_the_project(
    declared: Any, on: set[str], required: set[str]
) -> None:
    names = {"email", "push"}
    with changed_settings(TYPES={"news": declared}, CHANNELS={name: {} for name in names}):
        news = declared_type("news")
        assert check_settings(None) == []
    assert {name for name in names if news.is_on_by(name)} == on
    assert {name for name in names if news.is_required_by(name)} == required


@pytest.mark.parametrize(
    ("channels", "text"),
    [
        ({"e mail": {}}, "CHANNELS: 'e mail' is not a channel, such as email."),
        ({"email": {"lable": "E-mail"}}, "CHANNELS.email.lable: Extra inputs are not permitted."),
        ({"email": {"label": 5}}, "CHANNELS.email.label: it is a string, or a lazy translation."),
        ({"email": None}, "CHANNELS.email: Input should be"),
        (["email"], "CHANNELS: Input should be a valid dictionary."),
        ("email", "CHANNELS: it is not JSON"),
    ],
)
def test_a_mistake_in_the_channels_is_named_by_the_check(channels: Any, text: str) -> None:
    with changed_settings(CHANNELS=channels):
        (found,) = check_settings(None)
    assert found.id == "live_inbox.E001"
    assert text in found.msg


def test_channels_are_declared_as_json_too() -> None:
    """As an environment variable has them."""
    with changed_settings(CHANNELS='{"email": {"label": "E-mail"}, "in_app": {"label": "Bell"}}'):
        assert selectors.channels() == [
            selectors.ChannelName("in_app", "Bell"),
            selectors.ChannelName("email", "E-mail"),
        ]


@pytest.mark.parametrize(
    "declared",
    [
        {"icon": "receipt"},
        {"icon": "https://example.com/icon.png"},
        {"category": "billing"},
        {"retention_days": 0.5},
        {"title": gettext_lazy("Yes")},
        {"title": {"en": "Invoice {{ number }}", "de": "Rechnung {{ number }}"}},
        {"title": {"EN_us": "a"}},
        {"message": '{% load humanize %}{{ n|intcomma }}{{ due|moment|date:"c" }}'},
    ],
)
def test_what_may_be_declared(declared: Any) -> None:
    apps = [*settings.INSTALLED_APPS, "django.contrib.humanize"]
    with changed_settings(TYPES={"news": declared}), override_settings(INSTALLED_APPS=apps):
        assert check_settings(None) == []


@pytest.mark.parametrize(
    ("types", "id", "text"),
    [
        ("no.such.types", "E040", "TYPES cannot be read from no.such.types: ModuleNotFoundError: "),
        (
            "tests.test_declared_types.failing",
            "E040",
            "TYPES cannot be read from tests.test_declared_types.failing: ZeroDivisionError: no types today.",
        ),
        (
            "tests.test_declared_types.NO_MAPPING",
            "E040",
            "TYPES: tests.test_declared_types.NO_MAPPING is a list, and no mapping.",
        ),
        ({"no slug": {}}, "E041", "TYPES: 'no slug' is not a type, such as billing.invoice."),
        ({5: {}}, "E041", "TYPES: 5 is not a type, such as billing.invoice."),
        ({"news": {"lable": ""}}, "E042", "TYPES.news: lable is not declared about a type."),
        ({"news": 5}, "E042", "TYPES.news: "),
        (
            {"news": {"label": 5}},
            "E043",
            "TYPES.news.label: it is a string, or a lazy translation.",
        ),
        ({"news": {"description": None}}, "E043", "TYPES.news.description: it is a string, or"),
        (
            {"news": {"category": "no slug"}},
            "E044",
            "TYPES.news.category: it has the form of a type",
        ),
        (
            {"news": {"icon": "http://example.com/i.png"}},
            "E045",
            "TYPES.news.icon: it is a name, or",
        ),
        ({"news": {"icon": "javascript:alert(1)"}}, "E045", "TYPES.news.icon: it is a name, or"),
        ({"news": {"icon": "https://"}}, "E045", "TYPES.news.icon: it is a name, or"),
        (
            {"news": {"icon": "https://example.com/a b"}},
            "E045",
            "TYPES.news.icon: it is a name, or",
        ),
        ({"news": {"icon": "https://[example"}}, "E045", "TYPES.news.icon: it is a name, or"),
        (
            {"news": {"icon": "https://a.b/" + "x" * 500}},
            "E045",
            "TYPES.news.icon: it is a name, or",
        ),
        (
            {"news": {"default": ["sms"]}},
            "E046",
            "TYPES.news.default: there is no channel 'sms'; CHANNELS and this app have in_app, email.",
        ),
        (
            {"news": {"required": [["email"]]}},
            "E046",
            "TYPES.news.required: there is no channel ['email']; ",
        ),
        (
            {"news": {"required": "in_app"}},
            "E046",
            "TYPES.news.required: it is true, false, or a list",
        ),
        (
            {"news": {"default": False, "required": True}},
            "E046",
            "TYPES.news.default: what is required cannot be off.",
        ),
        ({"news": {"format": "html"}}, "E049", "TYPES.news.format: Input should be 'plain' or"),
        ({"news": {"title": ""}}, "E047", "TYPES.news.title: it is a text, a lazy translation, or"),
        ({"news": {"title": {}}}, "E047", "TYPES.news.title: it is a text, a lazy translation, or"),
        (
            {"news": {"title": {"en": 5}}},
            "E047",
            "TYPES.news.title: it is a text, a lazy translation",
        ),
        (
            {"news": {"title": "{% if %}"}},
            "E047",
            "TYPES.news.title: Unexpected end of expression in if tag.",
        ),
        (
            {"news": {"message": {"en": "a", "de": "{{ a|nope }}"}}},
            "E047",
            "TYPES.news.message: Inval",
        ),
        (
            {"news": {"title": {"de": "a"}}},
            "E047",
            "TYPES.news.title: it has no text in 'en-us', the project's LANGUAGE_CODE.",
        ),
        (
            {"news": {"title": {"en": "a", "xx": "b"}}},
            "E047",
            "TYPES.news.title: LANGUAGES has no 'xx'.",
        ),
        (
            {"news": {"retention_days": 0}},
            "E048",
            "TYPES.news.retention_days: Input should be greater",
        ),
        (
            {"news": {"retention_days": True}},
            "E048",
            "TYPES.news.retention_days: it is a number of days",
        ),
        (
            {"news": {"retention_days": "soon"}},
            "E048",
            "TYPES.news.retention_days: Input should be a",
        ),
    ],
)
def test_a_mistake_is_named_by_the_check(types: Any, id: str, text: str) -> None:
    with changed_settings(TYPES=types, CHANNELS={"email": {}}):
        (found,) = check_settings(None)
    assert found.id == f"live_inbox.{id}"
    assert found.msg.startswith(text)
    assert found.hint


@pytest.mark.parametrize(("languages", "count"), [([("en", ""), ("de", "")], 1), (None, 0)])
def test_a_lazy_template_is_checked_in_the_languages_of_the_project(
    languages: Any, count: int
) -> None:
    text = lazy(lambda: "{% if %}" if get_language() == "de" else "{{ a }}", str)()
    chosen = {} if languages is None else {"LANGUAGES": languages}
    with changed_settings(TYPES={"news": {"title": text}}), override_settings(**chosen):
        assert [found.id for found in check_settings(None)] == ["live_inbox.E047"] * count


def test_every_mistake_is_named_and_nothing_is_read_from_a_wrong_declaration() -> None:
    types = {"news": {"icon": "a b", "retention_days": -1}, "no slug": {}}
    with changed_settings(TYPES=types):
        assert sorted(str(found.id) for found in check_settings(None)) == [
            "live_inbox.E041",
            "live_inbox.E045",
            "live_inbox.E048",
        ]
        with pytest.raises(ImproperlyConfigured, match=r"TYPES\.news\.icon: .*; TYPES\.news\.ret"):
            declared_types()
