"""Who the callers of tokens are, by one statement and without the ORM's objects where the user model is Django's way.

For requests that only ask who the caller is. Elsewhere an account is the ORM's object (`accounts.py`), which costs ten
times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.columns import SAME_IN_BINARY, Columns, is_plain
from live_inbox.events import Person
from live_inbox.identity.accounts import AccountConfig, account_result, accounts_for, field_of
from live_inbox.identity.errors import Reason
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.identity.user_lookup import has_plain_rows, is_compared_plainly, value_of
from live_inbox.models import TokenRevocation
from live_inbox.name_columns import fields_of_names, has_names_of_django, person_by_names
from live_inbox.snapshots import person
from live_inbox.sql_rows import table_of
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from live_inbox.statement_timing import Statement


@dataclass(frozen=True, slots=True)
class CallerName:
    """The key of a user, as text, and what the user is called."""

    user_id: str
    person: Person


NameResult = CallerName | Reason


@dataclass(frozen=True, slots=True)
class JoinedColumns:
    """Columns of other tables that are read with one account, by the same statement. In it, that is `account`."""

    columns: str
    joins: str
    parameters: tuple[Any, ...]
    """Of the joins."""
    is_same_in_binary: bool


@database.reading
def names_for(tokens: Sequence[VerifiedToken], config: AccountConfig) -> list[NameResult]:
    """Return for each token, in order, who its active user is, or the reason for a refusal, as `accounts_for` does."""
    reader = _reader_for(database.connection(), config)
    if reader is not None:
        return reader.read(tokens)
    return [
        result if isinstance(result, Reason) else CallerName(str(result.pk), person(result))
        for result in accounts_for(tokens, config)
    ]


@database.reading
def name_with(
    token: VerifiedToken, config: AccountConfig, joined: JoinedColumns
) -> tuple[NameResult, Sequence[Any] | None]:
    """Return the same for one token, and the columns that are joined; None where they have to be read on their own."""
    reader = _reader_for(database.connection(), config)
    if reader is None:
        (result,) = names_for([token], config)
        return result, None
    return reader.read_with(token, joined)


@dataclass(frozen=True, slots=True)
class _Revocation:
    """What `accounts.account_result` reads of a user's revocation."""

    not_before: datetime | None
    token_ids: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    """What it reads of a user."""

    is_active: bool
    live_inbox_token_revocation: _Revocation | None
    name: CallerName


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the rows of users that are found by one field."""

    field: models.Field[Any, Any]
    selected: str
    source: str
    condition: str
    """Three parts of the statement, which goes on with the values that are looked for."""
    columns: Columns
    """Of the user: what is looked for, whether active, then what the name is made of."""
    revocation: Columns
    person: Callable[[Sequence[Any]], Person]

    def read(self, tokens: Sequence[VerifiedToken]) -> list[NameResult]:
        connection = database.connection()
        values = [value_of(self.field, token.user_ref) for token in tokens]
        wanted = list({value for value in values if value is not None})
        rows = self._rows(connection, wanted) if wanted else {}
        found = [
            account_result(token, rows.get(value))
            for token, value in zip(tokens, values, strict=True)
        ]
        return [each if isinstance(each, Reason) else each.name for each in found]

    def _rows(self, connection: BaseDatabaseWrapper, wanted: Sequence[Any]) -> dict[Any, _Row]:
        parameters = [self.field.get_db_prep_value(value, connection) for value in wanted]
        # Few numbers of parameters, so that there are few statements.
        parameters += parameters[:1] * (_rounded(len(wanted)) - len(wanted))
        found = rows_of_statement(
            connection,
            f"{self.selected} {self.source} {self.condition} ({', '.join(['%s'] * len(parameters))})",
            parameters,
            is_binary=may_be_binary(connection),
        )
        return dict(map(self._row, found))

    def read_with(
        self, token: VerifiedToken, joined: JoinedColumns
    ) -> tuple[NameResult, Sequence[Any] | None]:
        connection = database.connection()
        value = value_of(self.field, token.user_ref)
        if value is None:
            return Reason.UNKNOWN_USER, None
        rows = rows_of_statement(
            connection,
            f"{self.selected}, {joined.columns} {self.source} {joined.joins} {self.condition} (%s)",
            [*joined.parameters, self.field.get_db_prep_value(value, connection)],
            is_binary=joined.is_same_in_binary and may_be_binary(connection),
        )
        if not rows:
            return Reason.UNKNOWN_USER, None
        width = len(self.columns.names) + len(self.revocation.names)
        _, account = self._row(rows[0][:width])
        result = account_result(token, account)
        return (result if isinstance(result, Reason) else result.name), rows[0][width:]

    def _row(self, row: Sequence[Any]) -> tuple[Any, _Row]:
        length = len(self.columns.names)
        value, is_active, *name = self.columns.values(row[:length])
        who, not_before, token_ids = self.revocation.values(row[length:])
        revocation = None if who is None else _Revocation(not_before, token_ids)
        shown = self.person(name)
        return value, _Row(is_active, revocation, CallerName(str(name[0]), shown))


def _rounded(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _reader_for(connection: BaseDatabaseWrapper, config: AccountConfig) -> _Reader | None:
    """Return what reads the users of tokens; None where only the ORM may."""
    model = get_user_model()
    if not (has_plain_rows(model._default_manager) and has_names_of_django()):
        return None
    reader = _reader(connection.alias, config.user_field)
    return reader if reader is not None and is_compared_plainly(reader.field) else None


@lru_cache(maxsize=8)
def _reader(alias: str, user_field: str) -> _Reader | None:
    connection = connections[alias]
    users: Any = get_user_model()._meta
    field = field_of(AccountConfig(user_field))
    names = fields_of_names(connection)
    active = next((each for each in users.concrete_fields if each.name == "is_active"), None)
    # Of these, each value is a row at most, and Python compares the values as the database does.
    is_exact = field.unique and isinstance(field, models.IntegerField | models.UUIDField)
    if names is None or not is_exact or type(active) is not models.BooleanField:
        return None
    read: list[Any] = [field, active, *names]
    if not all(map(is_plain, read)) or not all(isinstance(each, SAME_IN_BINARY) for each in read):
        return None
    columns = Columns.of(read, connection)
    options: Any = TokenRevocation._meta
    revoked = [options.get_field(name) for name in ("user", "not_before", "token_ids")]
    revocation = Columns.of(revoked, connection)
    selected = f"{Statement.ACCOUNTS.comment}SELECT {columns.sql('account')}, {revocation.sql('revocation')}"
    source = (
        f"FROM {table_of(connection, get_user_model())} AS account"
        f" LEFT JOIN {table_of(connection, TokenRevocation)} AS revocation"
        f' ON revocation."{options.pk.column}" = account."{users.pk.column}"'
    )
    return _Reader(
        field,
        selected,
        source,
        f'WHERE account."{field.column}" IN',
        columns,
        revocation,
        person_by_names(Columns.of(names, connection)),
    )
