"""The issuer of the tokens of a siege, whose endpoint can hang."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.stacks.ports import LOOPBACK

KEY_ID = "known"
TTL_SECONDS = 3600


def issue(user_id: int, secret: Any, *, algorithm: str = "HS256", scope: str = "") -> str:
    """Return an access token."""
    now = int(time.time())
    claims = {
        "user_id": user_id,
        "token_type": "access",
        "iat": now,
        "exp": now + TTL_SECONDS,
        **({"scope": scope} if scope else {}),
    }
    headers = {} if algorithm == "HS256" else {"kid": KEY_ID}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


class Issuer:
    """A JWKS endpoint with one key. After `hang`, it accepts requests and answers none."""

    def __init__(self) -> None:
        self.private_key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        key = RSAAlgorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        body = json.dumps({"keys": [key | {"kid": KEY_ID, "alg": "RS256"}]}).encode()
        self.requests = 0
        self._answers = threading.Event()
        self._answers.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                issuer._answers.wait()
                # The server may have given up meanwhile.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/jwks"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hang(self) -> None:
        """Answer no more."""
        self._answers.clear()

    def close(self) -> None:
        """End the server."""
        self._answers.set()
        self._server.shutdown()
        self._server.server_close()
