"""Answers the operations of HTTP requests: for Django's view, and for requests that bypass it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from live_inbox.errors import RateLimited
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox_graphql.compiled_results import compiled_result
from live_inbox_graphql.context import Context
from live_inbox_graphql.errors import as_clients_see_exception, client_error
from live_inbox_graphql.http_answers import (
    Answer,
    HttpError,
    answer_result,
    as_event_stream,
    unauthenticated,
    within_limit,
    wrong_method,
)
from live_inbox_graphql.http_request import Parameters
from live_inbox_graphql.media_types import PLAIN_JSON
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.operation_rate import take_operation
from live_inbox_graphql.operation_spans import OperationSpan, operation_span, parent_of_request
from live_inbox_graphql.request_limits import check_request
from live_inbox_graphql.served_schema import ServedSchema

OPERATIONS: Final = {
    "POST": {OperationType.QUERY, OperationType.MUTATION},
    "GET": {OperationType.QUERY},
}
"""What each method may do."""


def requested_document(schema: ServedSchema, parameters: Parameters, *, is_anonymous: bool) -> str:
    """Return the text of the document that a request asks for, within the limits. Raises GraphQLError."""
    query = schema.persisted.text(
        parameters.query, parameters.extensions, may_remember=not is_anonymous
    )
    check_request(query, parameters.variables)
    return query


def refused(error: Exception) -> ExecutionResult:
    """Return the result of a request that is not executed."""
    return PreExecutionError(data=None, errors=[as_clients_see_exception(error)])


async def answer_operation(
    schema: ServedSchema,
    method: str,
    parameters: Parameters,
    context: Context,
    media_type: str,
    *,
    is_paid: bool = False,
) -> Answer:
    """Return the answer to a request whose caller has just been authenticated.

    `is_paid`: whether its document has been taken of the caller's allowance.

    Raises HttpError for an operation that cannot be executed by this method.
    """
    parent = parent_of_request(context.request)
    with operation_span(parameters.operation_name, parent) as span:
        return await _answer(schema, method, parameters, context, media_type, span, is_paid=is_paid)


async def _answer(
    schema: ServedSchema,
    method: str,
    parameters: Parameters,
    context: Context,
    media_type: str,
    span: OperationSpan,
    *,
    is_paid: bool,
) -> Answer:
    try:
        query = requested_document(schema, parameters, is_anonymous=context.caller is None)
        if not is_paid:
            take_operation(context, schema.weight(query))
        await schema.examine(query)
        span.note_document(schema, query, parameters.operation_name)
        body = await compiled_result(
            schema,
            context,
            query,
            parameters.operation_name,
            parameters.variables,
            may_change=method == "POST",
            is_fresh=True,
        )
    except (GraphQLError, RateLimited) as error:
        result = refused(error)
    else:
        if body is not None:
            return Answer(within_limit(body), media_type)
        result = await _execute(schema, method, query, parameters, context)
    span.note_errors(result.errors or ())
    return answer_result(result, media_type)


async def subscription_or_answer(
    schema: ServedSchema, method: str, parameters: Parameters, context: Context
) -> OperationRequest | Answer:
    """Return the subscription that a request for an event stream asks for; of a query or a mutation, the answer.

    The caller's allowance has been taken, as in `answer_operation`. What GraphQL refuses is reported in the stream, as
    the protocol requires. Raises HttpError for an operation that cannot be executed by this method, and for a
    subscription without a caller.
    """
    try:
        query = requested_document(schema, parameters, is_anonymous=context.caller is None)
        request = OperationRequest("", query, parameters.variables, parameters.operation_name)
        # Before the document is parsed, if it is new.
        take_operation(context, schema.weight(query))
        await schema.examine(query)
        if schema.is_subscription(request):
            if context.caller is None:
                raise unauthenticated(client_error(AuthenticationFailed(Reason.MISSING)))
            return request
        answer = await answer_operation(
            schema, method, parameters, context, PLAIN_JSON, is_paid=True
        )
    except (GraphQLError, RateLimited) as error:
        answer = answer_result(refused(error), PLAIN_JSON)
    except HttpError as error:
        if error.status is not HTTPStatus.BAD_REQUEST:
            raise
        answer = error.answer(PLAIN_JSON)
    return answer if answer.status is HTTPStatus.TOO_MANY_REQUESTS else as_event_stream(answer)


async def _execute(
    schema: ServedSchema, method: str, query: str, parameters: Parameters, context: Context
) -> ExecutionResult:
    try:
        return await schema.execute(
            query,
            variable_values=parameters.variables,
            context_value=context,
            operation_name=parameters.operation_name,
            allowed_operation_types=OPERATIONS[method],
        )
    except InvalidOperationTypeError as error:
        raise wrong_method(error.operation_type) from error
    except CannotGetOperationTypeError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, client_error(error)) from error
