"""Which stacks a test runs on: the tests here look at themselves."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from tests.stacks.plugin import only_stack


def test_without_a_database_it_runs_on_one(request: pytest.FixtureRequest) -> None:
    assert only_stack(request.node) == "embedded"


@pytest.mark.django_db
def test_with_a_database_it_runs_on_both(request: pytest.FixtureRequest) -> None:
    assert only_stack(request.node) is None


def test_with_a_fixture_that_has_a_database_too(
    request: pytest.FixtureRequest, django_user_model: type[User], alice: User
) -> None:
    assert alice in django_user_model.objects.all()
    assert only_stack(request.node) is None


@pytest.mark.django_db
@pytest.mark.stack("production")
def test_with_a_mark_it_runs_where_that_says(request: pytest.FixtureRequest) -> None:
    assert only_stack(request.node) == "production"


class TestDjangosTestCase(TestCase):
    @pytest.fixture(autouse=True)
    def _item(self, request: pytest.FixtureRequest) -> None:
        self.item = request.node

    def test_it_runs_on_both(self) -> None:
        assert only_stack(self.item) is None


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")
