"""Both wire families: how bytes become events, and what an error looks like to a client."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from accsyn_engine.api import protocol
from accsyn_engine.api.errors import BadEnvelopeError, BadFieldError
from accsyn_engine.api.protocol import (
    Family,
    client_version,
    encode,
    error_answer,
    read_envelope,
    read_json,
    read_query,
    unpack,
)
from accsyn_engine.services.errors import NotFoundError, SessionExpiredError
from accsyn_plugins.errors import AccsynError

# Recorded from accsyn-python-api 1.4.1: what stands behind the question mark of a find.
FIND_1_4_1 = (
    b"%7B%22audience%22%3A%20%22api%22%2C%20%22domain%22%3A%20%22geoscan%22%2C%20%22eid%22%3A%20%22"
    b"673467a7-594d-4235-b59c-f359b3e2c3da%22%2C%20%22session%22%3A%20%22af6fc188-9d1f-4472-937f-b238d80d4b3d%22%2C%20%22uri"
    b"%22%3A%20%22acl/find%22%2C%20%22ident%22%3A%20%22workflow%40geoscan.org%22%2C%20%22created%22%3A%20%222026-11-24T03"
    b"%3A36%3A48%22%2C%20%22hostname%22%3A%20%22vm%22%2C%20%22data%22%3A%20%7B%7D%2C%20%22query%22%3A%20%22%28ident%3Duser"
    b"%3A6b0506507f5b3cf7339a4a1b%20and%20target%3Dshare%3A6b0506501f2c29707e30492a%20and%20path%3Ddataset_001_1203%29%22%7D"
)


def event(**fields: object) -> dict[str, object]:
    return {"uri": "user/find", **fields}


def test_a_recorded_find_is_read_from_the_bare_query_string() -> None:
    envelope = read_envelope(Family.V1, "GET", read_query(FIND_1_4_1), device="PythonAPI v1.4.1-1 @ linux vm(posix)")
    assert envelope.uri == "acl/find"
    assert envelope.query == (
        "(ident=user:6b0506507f5b3cf7339a4a1b and target=share:6b0506501f2c29707e30492a and path=dataset_001_1203)"
    )
    assert envelope.eid == "673467a7-594d-4235-b59c-f359b3e2c3da"
    assert envelope.workspace == "geoscan"
    assert envelope.data == {}
    assert envelope.client_version == (1, 4, 1)


def test_a_plus_in_the_query_string_stays_a_plus() -> None:
    assert read_query(b"%7B%22query%22%3A%22a+b%20c%22%7D") == {"query": "a+b c"}


def test_an_absent_query_string_is_an_empty_object() -> None:
    assert read_query(b"") == {}


def test_uris_are_matched_without_regard_to_case() -> None:
    assert read_envelope(Family.V3, "GET", event(uri="/Transfer/Find/")).uri == "transfer/find"


def test_the_id_loses_the_prefix_that_3_3_scripts_may_leave() -> None:
    assert read_envelope(Family.V3, "GET", event(id="ObjectId:6b05")).id == "6b05"
    assert read_envelope(Family.V3, "GET", event()).id is None


def test_compressed_data_is_unpacked() -> None:
    packed = base64.b64encode(gzip.compress(json.dumps({"tasks": [{"source": "Höhe.raw"}]}).encode())).decode()
    assert read_envelope(Family.V3, "POST", event(gz_data=packed)).data == {"tasks": [{"source": "Höhe.raw"}]}


@pytest.mark.parametrize(
    "packed",
    [
        "no base64!",
        base64.b64encode(b"no gzip").decode(),
        base64.b64encode(gzip.compress(b"[1, 2, 3]")[:-12]).decode(),
    ],
    ids=["no base64", "no gzip", "cut off"],  # never the time in a gzip header: two workers must collect the same names
)
def test_compressed_data_that_cannot_be_unpacked_gets_a_sentence(packed: str) -> None:
    with pytest.raises(BadEnvelopeError, match="gz_data"):
        unpack(packed)


def test_compressed_data_that_is_no_text_gets_a_sentence() -> None:
    with pytest.raises(BadFieldError, match="gz_data"):
        unpack(17)


def test_compressed_data_cannot_grow_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNPACKED_LIMIT", 1000)
    bomb = base64.b64encode(gzip.compress(json.dumps("0" * 100_000).encode())).decode()
    with pytest.raises(BadEnvelopeError, match="more than this engine takes"):
        unpack(bomb)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_bytes_that_are_no_json_get_a_sentence(raw: bytes, why: str) -> None:
    with pytest.raises(BadEnvelopeError, match=why):
        read_json(raw)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "uri"),
        ({"uri": ""}, "uri"),
        ({"uri": 3}, "uri"),
        (event(query={}), "query"),
        (event(id=7), "id"),
        (event(eid="x" * 65), "eid"),
        (event(workspace=[]), "workspace"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(document: dict[str, object], field: str) -> None:
    with pytest.raises(BadFieldError) as caught:
        read_envelope(Family.V3, "GET", document)
    assert caught.value.facts["field"] == field


def test_an_envelope_that_is_no_object_gets_a_sentence() -> None:
    with pytest.raises(BadEnvelopeError, match="no JSON object"):
        read_envelope(Family.V3, "POST", ["user/find"])


@pytest.mark.parametrize(
    ("device", "version"),
    [
        ("PythonAPI v1.2.4-2 @ linux vm(posix)", (1, 2, 4)),
        ("PythonAPI v3.4.0 @ linux vm(posix)", (3, 4, 0)),
        ("PythonAPI v3.4.0 @ linux vm(posix) accsyn-plugins", ()),
        ("something else", ()),
    ],
)
def test_the_clients_version_is_read_from_its_device(device: str, version: tuple[int, ...]) -> None:
    assert client_version(device) == version


def test_an_error_has_a_message_and_never_a_null_one() -> None:
    class NamelessError(AccsynError):
        code = "nameless"

    assert error_answer(NotFoundError(kind="user", name="x"))["message"].startswith('There is no user "x"')
    assert error_answer(NamelessError(""))["message"] == "nameless"


def test_only_an_expired_session_asks_for_a_new_login() -> None:
    assert error_answer(SessionExpiredError())["session_expired"] is True
    assert "session_expired" not in error_answer(NotFoundError(kind="user", name="x"))


def test_an_answer_keeps_letters_as_they_are() -> None:
    assert encode({"result": ["Höhe"]}) == '{"result":["Höhe"]}'.encode()
