"""GraphQL over HTTP for requests with a token, straight from ASGI: without Django's request, middleware and signals.

Django takes longer for an empty request than the inbox for a list. What these requests need of it is here: the check of
the host, CORS, the security headers, and the limit of a body. Everything else goes on to Django, where `view.py` serves
it: other methods, requests without a token, and whatever is unusual.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from graphql import GraphQLError

from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.authenticators import Credentials, caller_of
from live_inbox.identity.callers import Caller, caller_with_known, known_token
from live_inbox.identity.credentials import token_from_headers
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.identity.known_tokens import KnownToken
from live_inbox.identity.scopes import Right, allows
from live_inbox.log_context import note_request
from live_inbox.sockets.asgi import Application, Receive, Scope, Send, announced_length
from live_inbox.sockets.forwarding import apply_forwarded
from live_inbox.sockets.handshakes import page_of
from live_inbox_graphql.context import Context, ScopeRequest
from live_inbox_graphql.cross_origin import cors_headers
from live_inbox_graphql.errors import client_error
from live_inbox_graphql.http_answers import (
    VARY,
    Answer,
    HttpError,
    answer_result,
    server_error,
    unauthenticated,
    within_limit,
)
from live_inbox_graphql.http_operations import (
    answer_operation,
    refused,
    requested_document,
)
from live_inbox_graphql.http_request import (
    Parameters,
    body_too_large,
    check_content_type,
    negotiated_type,
    parameters_of_body,
)
from live_inbox_graphql.media_types import ANYTHING
from live_inbox_graphql.mutation_results import may_mutate, mutated_with_known
from live_inbox_graphql.operation_rate import take_operation_of
from live_inbox_graphql.query_results import result_with_known
from live_inbox_graphql.schema import configured_schema
from live_inbox_graphql.served_schema import ServedSchema

T = TypeVar("T")

Headers = Sequence[tuple[bytes, bytes]]

_READ = frozenset(
    {b"accept", b"authorization", b"content-length", b"content-type", b"host", b"origin"}
)


class Disconnected(Exception):
    """Raised when the client has gone before its request was complete."""


@dataclass(frozen=True, slots=True)
class TokenPost:
    """A POST with a token: what is read of its header."""

    scope: Scope
    token: str
    fields: dict[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope) -> TokenPost | None:
        """Return the request; None for any other, and for one that repeats a field."""
        if scope["method"] != "POST":
            return None
        fields = single_fields(scope)
        authorization = None if fields is None else fields.get(b"authorization")
        if fields is None or authorization is None or b"host" not in fields:
            return None
        token = token_from_headers([(b"authorization", authorization)])
        return None if token is None else cls(scope, token, fields)

    def text(self, name: bytes, default: str = "") -> str:
        """Return the value of a field."""
        value = self.fields.get(name)
        return default if value is None else value.decode("latin-1")

    @property
    def credentials(self) -> Credentials:
        """What the client has presented."""
        return Credentials(token=self.token, headers=self.scope["headers"])

    @property
    def length(self) -> float:
        """The bytes of the body by its Content-Length; 0 if that says nothing."""
        return announced_length(self.fields.get(b"content-length", b"")) or 0


def single_fields(scope: Scope, names: Collection[bytes] = _READ) -> dict[bytes, bytes] | None:
    """Return those fields of a header that are read; None if one of them is repeated."""
    fields: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in names:
            if name in fields:
                return None
            fields[name] = value
    return fields


class TokenRequests:
    """An ASGI application: GraphQL for requests with a token, and another application for everything else.

    `serves` says whether a request at this address is for the inbox's GraphQL, and may be served past the other
    application; `more_headers` returns the headers that the other application adds to all of its answers.
    """

    def __init__(
        self,
        application: Application,
        *,
        serves: Callable[[Scope], bool],
        more_headers: Callable[[Scope], Headers],
    ) -> None:
        self._application = application
        self._serves = serves
        self._more_headers = more_headers

    # A coroutine function, by which others tell an application of ASGI 3 from one of ASGI 2.
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        post = TokenPost.of(scope) if scope["type"] == "http" else None
        if post is not None and self._serves(scope):
            await self._serve(post, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _serve(self, post: TokenPost, receive: Receive, send: Send) -> None:
        apply_forwarded(post.scope, inbox_settings().proxies)
        accept = post.text(b"accept", ANYTHING)
        try:
            answer = await _answer(post, accept, receive)
        except Disconnected:
            return
        except HttpError as error:
            answer = error.answer(accept)
        except Exception as error:
            answer = server_error(client_error(error)).answer(accept)
        await send_answer(send, answer, post, self._more_headers(post.scope))


async def send_answer(send: Send, answer: Answer, post: TokenPost, more: Headers) -> None:
    """Send an answer with these headers, and those that every answer has."""
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *_encoded(answer.headers),
        *common_headers(post),
        *more,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def common_headers(post: TokenPost) -> Headers:
    """Return the headers of every answer to a request, whatever it is."""
    if b"origin" not in post.fields:
        return (_VARY,)
    page = page_of(post.scope, inbox_settings().origins)
    return (_VARY, *_encoded(cors_headers(page, post.text(b"origin"))))


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


_VARY = (b"vary", VARY.encode())


async def _answer(post: TokenPost, accept: str, receive: Receive) -> Answer:
    media_type = negotiated_type(accept)
    known = known_token(post.token)
    # A token that is not known is authenticated before anything of its request is looked at.
    caller = None if known is not None else await _authenticated(caller_of(post.credentials))
    check_content_type(post.text(b"content-type"))
    parameters = parameters_of_body(await read_body(post, receive))
    user_id = caller.user_id if caller is not None else known.user_id if known else None
    note_request(user_id, parameters.operation_name, parameters.query)
    schema = configured_schema()
    if caller is None and known is not None:
        caller, answer = await _answer_known(post, known, schema, parameters, media_type)
        if answer is not None:
            return answer
    context = Context(caller=caller, request=ScopeRequest(post.scope, caller))
    return await answer_operation(
        schema, "POST", parameters, context, media_type, is_paid=known is not None
    )


async def _answer_known(
    post: TokenPost,
    known: KnownToken,
    schema: ServedSchema,
    parameters: Parameters,
    media_type: str,
) -> tuple[Caller | None, Answer | None]:
    """Take an operation of the caller's allowance; if it is compiled, answer it.

    Its account is then read with what it asks for. Else return the caller alone.
    """
    scopes = known.verified.scopes
    mutation = None
    try:
        query = requested_document(schema, parameters, is_anonymous=False)
        asked = query, parameters.operation_name, parameters.variables
        # A new document is paid before it is parsed.
        is_known = schema.has_checked(query)
        compiled = schema.compiled_query(*asked) if is_known else None
        # What the scopes forbid is left to graphql-core.
        if compiled is not None and not allows(scopes, Right.READ):
            compiled = None
        elif compiled is None and is_known:
            mutation = schema.compiled_mutation(*asked)
            if mutation is not None and not (mutation.calls and may_mutate(mutation, scopes)):
                mutation = None
        chosen = compiled or mutation
        weight = schema.weight(query) + (chosen.extra_weight if chosen else 0)
        take_operation_of(known.user_id, scopes, weight)
    except (GraphQLError, RateLimited) as error:
        return None, answer_result(refused(error), media_type)
    if mutation is not None:
        changed = await _authenticated(mutated_with_known(mutation, post.token, known))
        return None, Answer(within_limit(changed), media_type)
    if compiled is None:
        return await _authenticated(caller_with_known(post.token, known)), None
    caller, body = await _authenticated(result_with_known(compiled, post.token, known))
    return caller, None if body is None else Answer(within_limit(body), media_type)


async def _authenticated(looking_up: Awaitable[T]) -> T:
    """Return what is looked up. Raises HttpError (401, 503) for a token that is not accepted."""
    try:
        return await looking_up
    except AuthenticationFailed as failure:
        raise unauthenticated(client_error(failure)) from failure


def _longest_body() -> int:
    """Return the limit of a body in bytes: also that of Django, whose requests have it."""
    longest = inbox_settings().max_request_bytes
    of_django: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return longest if of_django is None else min(longest, of_django)


async def read_body(post: TokenPost, receive: Receive) -> bytes:
    """Return the body. Raises HttpError for one that is too large, and Disconnected."""
    longest = _longest_body()
    if post.length > longest:
        raise body_too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        if len(body) > longest:
            raise body_too_large()
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise Disconnected
    if len(body) > longest:
        raise body_too_large()
    return body
