"""Fetches a JWKS document within a deadline, which includes name resolution, connecting, TLS and the body."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from concurrent.futures import Future
from http.client import HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError

import jwt

MAX_BYTES = 1_000_000
_MOST_THREADS = 3
_PART = 65_536

_threads = threading.BoundedSemaphore(_MOST_THREADS)


class BoundedClient(jwt.PyJWKClient):
    """PyJWT's client, whose `fetch_data` ends within `timeout` seconds in all.

    A socket's timeout begins anew with each byte, and none ends name resolution. So the request is made in a daemon
    thread, which is left alone at the deadline, and ends itself soon after.
    """

    def fetch_data(self) -> Any:
        """Return the document. Raises PyJWKClientConnectionError if it does not come in time, or what went wrong."""
        if not _threads.acquire(blocking=False):
            raise jwt.PyJWKClientConnectionError("earlier requests to the issuer still hang")
        answer: Future[Any] = Future()
        threading.Thread(target=self._answer, args=(answer,), name="jwks", daemon=True).start()
        try:
            return answer.result(self.timeout)
        except TimeoutError:
            raise jwt.PyJWKClientConnectionError(
                f"the issuer did not answer within {self.timeout:.3g} s"
            ) from None

    def _answer(self, answer: Future[Any]) -> None:
        try:
            answer.set_result(json.loads(self._body()))
        except HTTPError as error:
            error.close()
            answer.set_exception(jwt.PyJWKClientConnectionError(str(error)))
        except Exception as error:
            answer.set_exception(error)
        finally:
            _threads.release()

    def _body(self) -> bytes:
        deadline = time.monotonic() + self.timeout
        request = urllib.request.Request(self.uri, headers=self.headers)
        opener = urllib.request.build_opener(_NoRedirects)
        body = bytearray()
        with opener.open(request, timeout=self.timeout) as response:
            while part := response.read1(_PART):
                body += part
                if len(body) > MAX_BYTES:
                    raise jwt.PyJWKClientError(f"the document has more than {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise jwt.PyJWKClientConnectionError("the issuer answers too slowly")
        return bytes(body)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for a failure: the keys come from where the settings say."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPResponse | Any,
        newurl: str,
    ) -> None:
        """Return no other request."""
