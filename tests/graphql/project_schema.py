"""A project's own schema with the inbox's types in it, and types of its own whose names could clash."""

# mypy: allow-untyped-decorators

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any, ClassVar

import strawberry
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from strawberry import relay
from strawberry.django.views import AsyncGraphQLView, GraphQLView
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

import live_inbox_graphql


@strawberry.type
class User:
    """The project's user, which is not the inbox's."""

    email: str


@strawberry.type
class Article(relay.Node):
    """Something in a Relay connection, whose PageInfo is Strawberry's."""

    id: relay.NodeID[int]


@strawberry.type
class Query(live_inbox_graphql.Query):
    @strawberry.field
    def me(self, info: strawberry.Info[Any, Any]) -> User:
        return User(email=info.context.request.user.email)

    @strawberry.field
    def key(self, info: strawberry.Info[Any, Any]) -> str:
        return str(info.context["request"].user.pk)

    @strawberry.field
    async def usernames(self, info: strawberry.Info[Any, Any]) -> list[str]:
        """Whom the request names, by both of Django's ways to ask it."""
        request = info.context.request
        return [request.user.get_username(), (await request.auser()).get_username()]

    @strawberry.field
    def broken(self) -> str:
        raise LookupError("the project's own error")

    @relay.connection(relay.ListConnection[Article])
    def articles(self) -> list[Article]:
        return []

    @strawberry.field
    def drafts(self, first: int = 300) -> list[Article]:
        return []


@strawberry.type
class Mutation(live_inbox_graphql.Mutation):
    @strawberry.mutation
    def publish(self) -> bool:
        return True


@strawberry.type
class Subscription(live_inbox_graphql.Subscription):
    @strawberry.subscription
    async def ticks(self) -> AsyncGenerator[int, None]:
        yield 1


class Recording(SchemaExtension):
    """Records the documents of the operations that it runs for."""

    documents: ClassVar[list[str | None]] = []

    def on_operation(self) -> Iterator[None]:
        """Record an operation."""
        self.documents.append(self.execution_context.query)
        yield


def project_schema(**options: Any) -> strawberry.Schema:
    """Return a plain Strawberry schema, made as docs/graphql.md says."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=live_inbox_graphql.EVENT_TYPES,
        **options,
    )


schema = project_schema()
schema_with_extension = project_schema(extensions=[Recording])
prefixed = project_schema(
    config=StrawberryConfig(name_converter=live_inbox_graphql.name_converter(prefix="Inbox"))
)

urlpatterns = [
    path("async/", csrf_exempt(AsyncGraphQLView.as_view(schema=schema))),
    path("sync/", csrf_exempt(GraphQLView.as_view(schema=schema))),
]
