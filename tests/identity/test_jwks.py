"""Keys from a JWKS URL. A local HTTP server is the issuer."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.test import override_settings
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

from live_inbox.clock import clock as server_clock
from live_inbox.identity import jwks as jwks_module
from live_inbox.identity import tokens as tokens_module
from live_inbox.identity.callers import authenticate
from live_inbox.identity.config import check_identity_config
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.jwks import JwksKeys
from live_inbox.identity.jwks_document import MAX_BYTES, MAX_KEYS
from live_inbox.identity.tokens import TokenConfig, TokenVerifier
from tests.identity.issuer import NOW, SECRET, Clock, KeyPair
from tests.waiting import wait_until

TO_JWK: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


class Issuer:
    """A JWKS endpoint whose response the test sets."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.requests = 0
        self.headers: Message = Message()
        self.gate = threading.Event()
        self.gate.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                issuer.headers = self.headers
                issuer.gate.wait(30)
                body = issuer.body or json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def publish(self, pair: KeyPair, key_id: str | None, **changes: Any) -> None:
        """Add a public key to the document."""
        public = pair.private.public_key()
        key = TO_JWK[pair.algorithm].to_jwk(public, as_dict=True) | {"kid": key_id} | changes
        self.keys.append({name: value for name, value in key.items() if value is not None})


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, args=(0.01,))
    thread.start()
    yield issuer
    issuer.gate.set()
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


@pytest.fixture
def monotonic() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def verifier(
    issuer: Issuer, monotonic: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TokenVerifier]:
    """Make a verifier of the issuer's tokens, on clocks of the test."""

    def make(*algorithms: str, timeout_seconds: float = 30, **config: Any) -> TokenVerifier:
        def keys(url: str, names: tuple[str, ...], **options: Any) -> JwksKeys:
            return JwksKeys(url, names, clock=monotonic, timeout_seconds=timeout_seconds, **options)

        monkeypatch.setattr(tokens_module, "JwksKeys", keys)
        fetched = TokenConfig(algorithms=algorithms or ("RS256",), jwks_url=issuer.url, **config)
        return TokenVerifier(fetched, clock=Clock(NOW))

    return make


def token(pair: KeyPair, key_id: str | None, *, algorithm: str = "", exp: float = NOW + 300) -> str:
    headers = {"kid": key_id} if key_id is not None else None
    claims = {"sub": "alice", "exp": exp}
    return jwt.encode(claims, pair.private, algorithm=algorithm or pair.algorithm, headers=headers)


def refusal(checked: TokenVerifier, token: str, *, fetch: bool = True) -> Reason:
    with pytest.raises(AuthenticationFailed) as failure:
        checked.verify(token, fetch=fetch)
    return failure.value.reason


@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA"])
def test_each_algorithm_family(
    name: str, issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs[name], "one")
    assert verifier(name).verify(token(key_pairs[name], "one")).user_ref == "alice"


def test_the_keys_are_fetched_once(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    assert checked.may_block(genuine)
    assert refusal(checked, genuine, fetch=False) is Reason.KEYS_UNAVAILABLE
    assert issuer.requests == 0
    assert checked.verify(genuine).user_ref == "alice"
    assert not checked.may_block(genuine)
    assert checked.verify(genuine, fetch=False).user_ref == "alice"
    assert issuer.requests == 1


def test_a_token_without_key_id_is_tried_with_all_keys(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["ES256"], "one")
    issuer.publish(key_pairs["RS256"], "two")
    checked = verifier("RS256", "ES256")
    for name in ("RS256", "ES256"):
        assert checked.verify(token(key_pairs[name], None)).user_ref == "alice"
    assert refusal(checked, token(key_pairs["other"], None)) is Reason.WRONG_KEY
    assert issuer.requests == 1


def test_a_published_key_without_id_verifies_every_token(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], None)
    assert verifier().verify(token(key_pairs["RS256"], "one")).user_ref == "alice"


def test_rotation(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
) -> None:
    """A new key is found as soon as the cooldown allows, an old one is dropped with it."""
    issuer.publish(key_pairs["RS256"], "one")
    checked = verifier()
    old, new = token(key_pairs["RS256"], "one"), token(key_pairs["other"], "two")
    assert checked.verify(old).user_ref == "alice"
    issuer.keys.clear()
    issuer.publish(key_pairs["other"], "two")
    monotonic.now += 29
    assert not checked.may_block(new)
    # It may be a new key of the issuer: the client tries again.
    assert refusal(checked, new) is Reason.KEYS_UNAVAILABLE
    assert issuer.requests == 1
    monotonic.now += 1
    assert checked.may_block(new)
    assert not checked.may_block(old)
    assert checked.verify(new).user_ref == "alice"
    assert issuer.requests == 2
    assert refusal(checked, old) is Reason.WRONG_KEY


def test_unknown_key_ids_do_not_flood_the_issuer(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked = verifier()
    assert refusal(checked, token(key_pairs["other"], "no")) is Reason.WRONG_KEY
    for number in range(20):
        invented = token(key_pairs["other"], f"no {number}")
        assert refusal(checked, invented) is Reason.KEYS_UNAVAILABLE
    assert refusal(checked, token(key_pairs["other"], "n" * 300)) is Reason.WRONG_KEY
    assert issuer.requests == 1


def test_a_key_id_that_is_not_in_the_document_is_not_asked_for_again(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, unknown = verifier(), token(key_pairs["other"], "no")
    assert refusal(checked, unknown) is Reason.WRONG_KEY
    for _ in range(9):
        monotonic.now += 30
        assert not checked.may_block(unknown)
        assert refusal(checked, unknown) is Reason.WRONG_KEY
    assert issuer.requests == 1
    monotonic.now += 30
    assert checked.may_block(unknown)
    issuer.publish(key_pairs["other"], "no")
    assert checked.verify(unknown).user_ref == "alice"
    assert issuer.requests == 2


def test_an_issuer_that_is_down_at_startup(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer.status = 503
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    for _ in range(3):
        assert refusal(checked, genuine) is Reason.KEYS_UNAVAILABLE
    assert issuer.requests == 1
    monotonic.now += 5
    assert refusal(checked, genuine) is Reason.KEYS_UNAVAILABLE
    issuer.status = 200
    monotonic.now += 5
    assert checked.verify(genuine).user_ref == "alice"
    assert issuer.requests == 3
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Fetching the token keys failed",
        "Fetching the token keys works again.",
    ]


def test_an_issuer_that_goes_down_keeps_its_users_for_an_hour(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    assert checked.verify(genuine).user_ref == "alice"
    issuer.status = 503
    monotonic.now += 3599
    assert not checked.may_block(genuine)
    assert checked.verify(genuine).user_ref == "alice"
    assert refusal(checked, token(key_pairs["other"], "two")) is Reason.KEYS_UNAVAILABLE
    monotonic.now += 1
    assert refusal(checked, genuine) is Reason.KEYS_UNAVAILABLE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"keys": []}',
        b'{"keys": {"kty": "RSA"}}',
        b'{"keys": [5, {}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256"}]}',
    ],
)
def test_an_invalid_response_of_the_issuer_counts_as_an_outage(
    body: bytes,
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    assert checked.verify(genuine).user_ref == "alice"
    issuer.body = body or b" "
    monotonic.now += 300
    assert checked.verify(genuine).user_ref == "alice"
    assert refusal(checked, token(key_pairs["RS256"], "two")) is Reason.KEYS_UNAVAILABLE


def test_a_redirect_is_not_followed(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    issuer.status = 302
    assert refusal(verifier(), token(key_pairs["RS256"], "one")) is Reason.KEYS_UNAVAILABLE
    assert issuer.requests == 1


def test_an_issuer_that_refuses_connections(issuer: Issuer, key_pairs: dict[str, KeyPair]) -> None:
    config = TokenConfig(algorithms=("RS256",), jwks_url="http://127.0.0.1:1/jwks")
    checked = TokenVerifier(config, clock=Clock(NOW))
    assert refusal(checked, token(key_pairs["RS256"], "one")) is Reason.KEYS_UNAVAILABLE


def test_a_request_to_a_slow_issuer_times_out(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    issuer.gate.clear()
    checked = verifier(timeout_seconds=0.05)
    assert refusal(checked, token(key_pairs["RS256"], "one")) is Reason.KEYS_UNAVAILABLE


def test_concurrent_callers_make_one_request(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    issuer.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(checked.verify, genuine) for _ in range(8)]
        issuer.gate.set()
        assert {result.result(30).user_ref for result in results} == {"alice"}
    assert issuer.requests == 1


def test_a_caller_with_a_usable_key_does_not_wait_for_newer_keys(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    monotonic: Clock,
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    checked, genuine = verifier(), token(key_pairs["RS256"], "one")
    assert checked.verify(genuine).user_ref == "alice"
    monotonic.now += 300
    issuer.gate.clear()
    for _ in range(3):
        assert checked.verify(genuine).user_ref == "alice"  # while the issuer hangs
    pending = checked.pending_keys(token(key_pairs["RS256"], "new"))
    assert pending is not None
    issuer.gate.set()
    pending.result(30)
    assert issuer.requests == 2


def test_a_document_without_a_usable_key_counts_as_an_outage(
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer.publish(key_pairs["ES256"], "one")
    assert refusal(verifier("RS256"), token(key_pairs["RS256"], "one")) is Reason.KEYS_UNAVAILABLE
    assert caplog.messages == [
        f"Fetching the token keys failed: none at {issuer.url} fits JWT_ALGORITHMS"
    ]


def test_a_weak_key_does_not_verify(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    weak = KeyPair("RS256", rsa.generate_private_key(65537, 1024))
    issuer.publish(key_pairs["RS256"], "one")
    issuer.publish(weak, "weak")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        signed = token(weak, "weak")
    assert refusal(verifier(), signed) is Reason.WRONG_KEY


def test_keys_of_another_use_or_family_do_not_verify(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    """Least of all a symmetric key: a public document must not contain a secret."""
    secret = {
        "kty": "oct",
        "kid": "secret",
        "k": jwt.utils.base64url_encode(SECRET.encode()).decode(),
    }
    issuer.keys.append(secret)
    issuer.publish(key_pairs["ES256"], "curve")
    issuer.publish(key_pairs["other"], "encryption", use="enc")
    issuer.publish(key_pairs["RS256"], "one", use="sig", alg="RS256")
    checked = verifier("RS256", "PS256")
    assert checked.verify(token(key_pairs["RS256"], "one")).user_ref == "alice"
    for refused in (
        jwt.encode({"sub": "a", "exp": NOW + 9}, SECRET, "HS256", headers={"kid": "secret"}),
        token(key_pairs["ES256"], "curve"),
        token(key_pairs["other"], "encryption"),
        token(key_pairs["RS256"], "one", algorithm="PS256"),
    ):
        assert refusal(checked, refused) is Reason.WRONG_KEY


def unavailable(keys: JwksKeys) -> bool:
    """Wait for the keys; return whether they could not be fetched."""
    pending = keys.fetch("1")
    assert pending is not None
    pending.result(30)
    with pytest.raises(AuthenticationFailed) as failure:
        keys.candidates("1")
    return failure.value.reason is Reason.KEYS_UNAVAILABLE


class Dripping:
    """An issuer that sends a byte from time to time, for ever: of the status line, of the headers or of the body."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning = beginning
        self.stopped = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/jwks"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        accepted, _ = self.listening.accept()
        with accepted, suppress(OSError):
            accepted.sendall(self.beginning)
            while not self.stopped.wait(0.05):
                accepted.sendall(b"a")

    def close(self) -> None:
        self.stopped.set()
        self.thread.join()
        self.listening.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    ],
)
def test_an_issuer_that_drips_counts_as_unreachable(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A timeout for each read would never end the request."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    issuer = Dripping(beginning)
    keys = JwksKeys(issuer.url, ["RS256"], timeout_seconds=0.3)
    try:
        assert unavailable(keys)
        assert "within 0.3 s" in caplog.text or "comes too slowly" in caplog.text
        # The thread of the request ends with it, so that the next requests have one.
        wait_until(
            lambda: not any(t.name == "jwks-request" for t in threading.enumerate()), seconds=30
        )
    finally:
        issuer.close()


def test_name_resolution_that_hangs_counts_as_unreachable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resolved = threading.Event()

    def resolve(*args: Any, **kwargs: Any) -> Any:
        resolved.wait(30)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    keys = JwksKeys("https://issuer.example/jwks", ["RS256"], timeout_seconds=0.2)
    assert unavailable(keys)
    resolved.set()
    assert "0.2 s" in caplog.text


def test_a_document_without_end_is_refused(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.body = b" " * (MAX_BYTES + 1)
    assert refusal(verifier(), token(key_pairs["RS256"], "1")) is Reason.KEYS_UNAVAILABLE


def test_an_algorithm_that_is_not_accepted_causes_no_request(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    assert refusal(verifier("RS256"), token(key_pairs["ES256"], "new")) is Reason.WRONG_KEY
    assert issuer.requests == 0


@pytest.mark.parametrize("algorithms", [("RS256", "ES256"), ("RS512",), ("PS256", "RS256")])
def test_a_key_without_an_algorithm_has_the_first_that_fits(
    algorithms: tuple[str, ...],
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
) -> None:
    """And only that one: a key is not used with two kinds of padding."""
    issuer.publish(key_pairs["RS256"], "one", key_ops=["verify"])
    checked = verifier(*algorithms)
    first, others = algorithms[0], {"RS256", "RS512", "PS256"} - {algorithms[0]}
    assert checked.verify(token(key_pairs["RS256"], "one", algorithm=first)).user_ref == "alice"
    for other in others:
        refused = token(key_pairs["RS256"], "one", algorithm=other)
        assert refusal(checked, refused) is Reason.WRONG_KEY


@pytest.mark.parametrize(
    "changes", [{"key_ops": ["sign"]}, {"key_ops": 5}, {"use": "enc"}, {"alg": ["RS256"]}, {"n": 5}]
)
def test_a_key_that_is_not_for_signatures_does_not_verify(
    changes: Any,
    issuer: Issuer,
    verifier: Callable[..., TokenVerifier],
    key_pairs: dict[str, KeyPair],
) -> None:
    issuer.publish(key_pairs["other"], "two")
    issuer.publish(key_pairs["RS256"], "one", **changes)
    assert refusal(verifier(), token(key_pairs["RS256"], "one")) is Reason.WRONG_KEY


def test_a_document_of_very_many_keys_is_refused(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    for number in range(MAX_KEYS + 1):
        issuer.publish(key_pairs["RS256"], f"{number}")
    assert refusal(verifier(), token(key_pairs["RS256"], "1")) is Reason.KEYS_UNAVAILABLE


def test_the_request_names_the_product_and_has_the_headers_of_the_settings(
    issuer: Issuer, verifier: Callable[..., TokenVerifier], key_pairs: dict[str, KeyPair]
) -> None:
    issuer.publish(key_pairs["RS256"], "one")
    genuine = token(key_pairs["RS256"], "one")
    assert verifier().verify(genuine).user_ref == "alice"
    assert issuer.headers["User-Agent"].startswith("django-live-inbox/")
    assert "application/json" in issuer.headers["Accept"]
    own = verifier(jwks_headers=(("User-Agent", "shop/1"), ("X-Key", "k")))
    assert own.verify(genuine).user_ref == "alice"
    assert (issuer.headers["User-Agent"], issuer.headers["X-Key"]) == ("shop/1", "k")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://id.example/jwks", "must be an https address"),
        ("http://10.0.0.7/jwks", "must be an https address"),
        ("http://127.0.0.1.id.example/jwks", "must be an https address"),
        ("https://name:word@id.example/jwks", "a name and a password"),
        ("https:///jwks", "not an http"),
        ("https://[::1", "not an http"),
        ("file:///etc/passwd", "not an http"),
        ("https://id.example/jwks", None),
        ("http://localhost:8080/jwks", None),
        ("http://[::1]/jwks", None),
    ],
)
def test_keys_come_over_https(url: str, problem: str | None) -> None:
    """Whoever can change an answer on its way could sign tokens."""
    if problem is None:
        JwksKeys(url, ["RS256"])
        return
    with pytest.raises(InvalidIdentityConfig, match=problem) as failure:
        JwksKeys(url, ["RS256"])
    assert "word" not in str(failure.value).replace("password", "")


def test_in_development_keys_may_come_over_http(configure: Callable[..., Any]) -> None:
    configure(jwt_jwks_url="http://keycloak:8080/jwks", jwt_algorithms=["RS256"])
    with pytest.raises(InvalidIdentityConfig, match="https address in production"):
        check_identity_config()
    with override_settings(DEBUG=True):
        check_identity_config()


def test_invented_key_ids_with_an_issuer_that_hangs_disturb_nobody(
    issuer: Issuer,
    key_pairs: dict[str, KeyPair],
    configure: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    transactional_db: None,
) -> None:
    """Neither the event loop nor the threads that all share wait, and the issuer gets one request."""
    User.objects.create_user("alice")
    configure(jwt_jwks_url=issuer.url, jwt_algorithms=["RS256"], jwt_user_field="username")
    monkeypatch.setattr(jwks_module, "COOLDOWN_SECONDS", 0.0)
    issuer.publish(key_pairs["RS256"], "one")
    exp = server_clock.time() + 300
    genuine = token(key_pairs["RS256"], "one", exp=exp)
    invented = [token(key_pairs["other"], f"no {n}", exp=exp) for n in range(200)]

    async def scenario() -> list[Any]:
        await authenticate(genuine)
        issuer.gate.clear()
        waiting = [asyncio.create_task(authenticate(each)) for each in invented]
        for _ in range(20):
            await authenticate(genuine)
            await asyncio.to_thread(int)
        assert not any(task.done() for task in waiting)
        assert sum(thread.name.startswith("jwks") for thread in threading.enumerate()) == 2
        waiting.pop().cancel()
        issuer.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    refused = asyncio.run(scenario())
    assert {refusal.reason for refusal in refused} == {Reason.WRONG_KEY}
    assert issuer.requests == 2
