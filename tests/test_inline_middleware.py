"""The site's middleware runs on the event loop, and does what Django's does in threads."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import AsyncClient, override_settings
from django.utils.module_loading import import_string

DJANGOS = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "live_inbox.web.session_middleware.RevocableAuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def test_each_is_one_of_djangos() -> None:
    classes = [import_string(name) for name in settings.MIDDLEWARE]
    assert all(
        issubclass(ours, import_string(theirs))
        for ours, theirs in zip(classes, DJANGOS, strict=True)
    )
    # As Django names them: whether a project has sessions is found by the ends of these names.
    assert [name.rpartition(".")[2] for name in settings.MIDDLEWARE] == [
        name.rpartition(".")[2] for name in DJANGOS
    ]


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
    ours = await responses(AsyncClient())
    with override_settings(MIDDLEWARE=DJANGOS):
        theirs = await responses(AsyncClient())
    assert ours == theirs
    assert [status for status, *_ in ours] == [200, 302, 200, 200, 404, 301, 200, 200]
    assert await Session.objects.acount() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.stack("embedded")
async def test_posts_without_a_csrf_token_are_refused() -> None:
    client = AsyncClient(enforce_csrf_checks=True)
    response = await client.post("/admin/login/", {"username": "alice", "password": "right"})
    assert response.status_code == 403
