"""The site's middleware runs on the event loop, and does what Django's does in threads."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import AsyncClient, override_settings
from django.utils.module_loading import import_string

from live_inbox_site.django_handler import django_handler
from live_inbox_site.inline_middleware import inline


def test_each_of_djangos_is_replaced_by_a_subclass() -> None:
    names = inline(settings.MIDDLEWARE)
    replaced = [pair for pair in zip(settings.MIDDLEWARE, names, strict=True) if pair[0] != pair[1]]
    assert len(replaced) == len(names) - 1
    for theirs, ours in replaced:
        assert issubclass(import_string(ours), import_string(theirs))
    # Whether a project has sessions is found by the ends of these names.
    assert [name.rpartition(".")[2] for name in names] == [
        name.rpartition(".")[2] for name in settings.MIDDLEWARE
    ]


def test_the_site_is_served_by_them() -> None:
    before = list(settings.MIDDLEWARE)
    handler = django_handler()
    assert before == settings.MIDDLEWARE
    names = set[str]()
    each: Any = handler._middleware_chain  # type: ignore[attr-defined]
    while each is not None:
        # Django wraps each of them in a function.
        middleware = each.__wrapped__
        names.add(type(middleware).__module__)
        each = getattr(middleware, "get_response", getattr(middleware, "_get_response", None))
    assert "live_inbox_site.inline_middleware" in names
    assert not names & {"django.middleware.csrf", "django.contrib.sessions.middleware"}


async def responses(client: AsyncClient) -> list[Any]:
    """Sign in and do other things; return what came back, without what is random."""
    wrong = await client.post("/admin/login/", {"username": "alice", "password": "wrong"})
    right = await client.post("/admin/login/", {"username": "alice", "password": "right"})
    page = await client.get("/admin/")
    change = await client.post("/admin/auth/user/add/", {"username": "bob"})
    missing, slash = await client.get("/nothing"), await client.get("/admin/auth/user")
    alive = await client.get("/healthz")
    query = await client.post(
        "/graphql/", {"query": "{ viewer { username } }"}, content_type="application/json"
    )
    return [
        (each.status_code, sorted(each.headers), sorted(each.cookies), len(each.content) // 100)
        for each in (wrong, right, page, change, missing, slash, alive, query)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.stack("embedded")
async def test_responses_are_those_of_djangos_own() -> None:
    await get_user_model().objects.acreate_superuser(username="alice", password="right")
    theirs = await responses(AsyncClient())
    with override_settings(MIDDLEWARE=inline(settings.MIDDLEWARE)):
        ours = await responses(AsyncClient())
    assert ours == theirs
    assert [status for status, *_ in ours] == [200, 302, 200, 200, 404, 301, 200, 200]
    assert await Session.objects.acount() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.stack("embedded")
@override_settings(MIDDLEWARE=inline(settings.MIDDLEWARE))
async def test_posts_without_a_csrf_token_are_refused() -> None:
    client = AsyncClient(enforce_csrf_checks=True)
    response = await client.post("/admin/login/", {"username": "alice", "password": "right"})
    assert response.status_code == 403
