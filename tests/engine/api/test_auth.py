"""Authorization headers of both families, recorded and broken."""

from __future__ import annotations

import base64

import pytest

from accsyn_engine.api.auth import Credentials, Proof, read_authorization
from accsyn_engine.api.errors import BadCredentialsHeaderError

# Recorded from 3.4.0 and 1.4.1.
BASIC = "basic d29ya2Zsb3dAZ2Vvc2Nhbi5vcmc=:S0VZLTEyMw=="
CREDENTIALS = (
    "ASCredentials eyJkb21haW4iOiJnZW9zY2FuIiwidXNlcm5hbWUiOiJ3b3JrZmxvd0BnZW9zY2FuLm9yZyIsImFwaV9rZXkiOiJLRVktMTIzIn0="
)
SESSION = (
    "ASSession eyJkb21haW4iOiJnZW9zY2FuIiwidXNlcm5hbWUiOiJ3b3JrZmxvd0BnZW9zY2FuLm9yZyIsInNlc3Npb25fa2V5IjoiMTVlMTUwZTU3"
    "N2U5NTlkODQxMjJiMmIzZDZkYjI0ZDkifQ=="
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_recorded_headers_are_read() -> None:
    assert read_authorization(BASIC) == Credentials("workflow@geoscan.org", "KEY-123", Proof.API_KEY)
    assert read_authorization(CREDENTIALS) == Credentials("workflow@geoscan.org", "KEY-123", Proof.API_KEY, "geoscan")
    session = read_authorization(SESSION)
    assert session == Credentials(
        "workflow@geoscan.org", "15e150e577e959d84122b2b3d6db24d9", Proof.SESSION_KEY, "geoscan"
    )


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (None, "missing"),
        ("", "missing"),
        ("Bearer abc", "unknown scheme"),
        ("basic " + b64("user:key"), "colon"),
        ("basic !!!:" + b64("key"), "not base64"),
        ("basic " + base64.b64encode(b"\xff").decode() + ":" + b64("key"), "not base64"),
        ("ASCredentials " + b64('{"username": "a"b"}'), "base64 of JSON"),
        ("ASCredentials " + b64("[]"), "JSON object"),
        ("ASCredentials " + b64('{"username": "a"}'), "api_key"),
        ("ASCredentials " + b64('{"username": 1, "api_key": "k"}'), "username"),
        ("ASCredentials " + b64('{"username": "a", "pwd": "cA=="}'), "a password"),
        ("ASSession " + b64('{"username": "a", "api_key": "k"}'), "session_key"),
    ],
)
def test_a_header_that_cannot_be_read_gets_a_sentence(header: str | None, what: str) -> None:
    with pytest.raises(BadCredentialsHeaderError, match=what):
        read_authorization(header)


def test_a_refused_header_never_repeats_the_secret() -> None:
    with pytest.raises(BadCredentialsHeaderError) as caught:
        read_authorization("basic c2VjcmV0LWtleQ==")
    assert "secret" not in caught.value.message
    assert "c2Vj" not in caught.value.message
