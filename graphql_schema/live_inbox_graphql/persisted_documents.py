"""Persisted documents: a client sends the hash of a document in place of its text, as Apollo's and urql's clients do.

    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "<hash>"}}}

A hash that is not known is answered with PERSISTED_QUERY_NOT_FOUND; the client then sends the text beside it, and from
then on the hash alone. Each process remembers the texts that it was sent last.

With ALLOWED_DOCUMENTS, a file of documents takes the place of that memory, and no other document is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from graphql import GraphQLError

from live_inbox.conf import inbox_settings
from live_inbox_graphql.errors import Code

MAX_REMEMBERED_CHARACTERS = 131_072
"""Length of all remembered documents together."""

_HASH_LENGTH = 64


class PersistedDocuments:
    """The texts of documents by their SHA-256, the most recently used ones."""

    def __init__(self, max_characters: int = MAX_REMEMBERED_CHARACTERS) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._max_characters = max_characters

    def __len__(self) -> int:
        return len(self._texts)

    def text(
        self, query: str | None, extensions: Mapping[str, Any] | None, *, may_remember: bool
    ) -> str:
        """Return the document that a request asks for: its `query`, or the text behind its hash.

        Raises GraphQLError, with a code that tells the client what to do: PERSISTED_QUERY_NOT_FOUND for a hash that is
        not known, PERSISTED_QUERY_NOT_SUPPORTED for another version of the protocol, PERSISTED_QUERY_NOT_IN_LIST for
        a document that is not allowed, BAD_REQUEST for a hash that is not the document's.
        """
        digest = _requested_hash(extensions)
        allowed = allowed_documents()
        if allowed is not None:
            return _allowed_text(allowed, query, digest)
        if digest is None:
            return query or ""
        if not query:
            return self._known(digest)
        if hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest() != digest:
            raise _error("The hash is not that of the document.", Code.BAD_REQUEST)
        if may_remember:
            self._remember(digest, query)
        return query

    def _known(self, digest: str) -> str:
        text = self._texts.get(digest)
        if text is None:
            # Clients compare this message.
            raise _error("PersistedQueryNotFound", Code.PERSISTED_QUERY_NOT_FOUND)
        self._texts.move_to_end(digest)
        return text

    def _remember(self, digest: str, text: str) -> None:
        if digest in self._texts or len(text) > inbox_settings().max_query_characters:
            return
        self._texts[digest] = text
        self._characters += len(text)
        while self._characters > self._max_characters:
            _, forgotten = self._texts.popitem(last=False)
            self._characters -= len(forgotten)


def is_persisted(extensions: Mapping[str, Any] | None) -> bool:
    """Return whether a request names its document by a hash, so that it need not have a `query`."""
    return bool(extensions) and extensions is not None and "persistedQuery" in extensions


def _requested_hash(extensions: Mapping[str, Any] | None) -> str | None:
    if not is_persisted(extensions):
        return None
    assert extensions is not None
    given = extensions["persistedQuery"]
    digest = given.get("sha256Hash") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or given.get("version") != 1 or not isinstance(digest, str):
        # Clients compare this message, and go on without hashes.
        raise _error("PersistedQueryNotSupported", Code.PERSISTED_QUERY_NOT_SUPPORTED)
    return digest[: _HASH_LENGTH + 1]


def _error(message: str, code: Code) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code.value})


def _allowed_text(allowed: Mapping[str, str], query: str | None, digest: str | None) -> str:
    if query:
        digest = hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest()
    text = allowed.get(digest or "")
    if text is None:
        message = "This server executes only the documents of its list, and this is none of them."
        raise _error(message, Code.PERSISTED_QUERY_NOT_IN_LIST)
    return text


def allowed_documents() -> Mapping[str, str] | None:
    """Return the texts of the allowed documents by their SHA-256; None if all are allowed.

    Raises ImproperlyConfigured for a file that cannot be used.
    """
    path = inbox_settings().allowed_documents
    if not path:
        return None
    try:
        return _read(path)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"ALLOWED_DOCUMENTS: {path} cannot be used: {error}.") from error


@lru_cache(maxsize=4)
def _read(path: str) -> Mapping[str, str]:
    """Read a file once. Raises OSError, and ValueError for what is not a list of documents.

    Apollo's manifest has `operations`, each with a `body`; others, as those of graphql-codegen, are an object of texts.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = list(content.values()) if isinstance(content, dict) else []
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        texts = [isinstance(each, dict) and each.get("body") for each in content["operations"]]
    if not texts or not all(isinstance(each, str) for each in texts):
        raise ValueError("it is neither an object of documents nor Apollo's manifest")
    return {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
