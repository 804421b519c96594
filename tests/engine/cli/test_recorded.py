"""Requests as unmodified official clients sent them, byte for byte but for the key, against a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.engine.cli.engines import ADMIN, Running, init, serving

LOGIN_1_4_1 = """PUT /api/v1.0/user/login/auth HTTP/1.1
Host: 127.0.0.1:18443
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*
Connection: close
Authorization: ASCredentials {credentials}
ASDevice: PythonAPI v1.4.1-1 @ linux vm(posix)
Content-Length: 51

{{"session": "af6fc188-9d1f-4472-937f-b238d80d4b3d"}}"""

FIND_1_4_1 = """GET /api/v1.0/event?%7B%22audience%22%3A%20%22api%22%2C%20%22domain%22%3A%20%22geoscan%22%2C%20%22eid%22%3A%20%22\
673467a7-594d-4235-b59c-f359b3e2c3da%22%2C%20%22session%22%3A%20%22af6fc188-9d1f-4472-937f-b238d80d4b3d%22%2C%20%22uri\
%22%3A%20%22acl/find%22%2C%20%22ident%22%3A%20%22workflow%40geoscan.org%22%2C%20%22created%22%3A%20%222026-11-24T03\
%3A36%3A48%22%2C%20%22hostname%22%3A%20%22vm%22%2C%20%22data%22%3A%20%7B%7D%2C%20%22query%22%3A%20%22%28ident%3Duser\
%3A{user}%20and%20target%3Dshare%3A{share}%20and%20path%3Ddataset_001_1203%29%22%7D HTTP/1.1
Host: 127.0.0.1:18443
Connection: close
Authorization: ASSession {session}
ASDevice: PythonAPI v1.4.1-1 @ linux vm(posix)

"""

CREATE_2_2_1 = """POST /api/v1.0/event HTTP/1.1
Host: 127.0.0.1:18443
Connection: close
Authorization: ASSession {session}
ASDevice: PythonAPI v1.4.1-1 @ linux vm(posix)
Content-Length: {length}

{body}"""
CREATE_BODY = (
    '{"audience": "api", "domain": "geoscan", "eid": "94ea3035-4e7d-418e-9fae-ca7438e255cb", '
    '"session": "f32e09a8-7cb2-4cc2-ad1b-aa7c7a77d757", "uri": "user/create", "ident": "workflow@geoscan.org", '
    '"created": "2026-11-24T03:36:50", "hostname": "vm", "data": {"code": "jennifer@gda.com", "clearance": "user"}}'
)

LOGIN_3_4_0 = """PUT /api/v3/api/login HTTP/1.1
Host: 127.0.0.1:18443
Connection: close
Authorization: {basic}
X-Accsyn-Workspace: geoscan
X-Accsyn-Device: PythonAPI v3.4.0 @ linux vm(posix)
Content-Length: 2

{{}}"""

LOOKUP_3 = """GET /api/v3/J3PKTtDvolDMBtTy6AFGA?%7B%22ident%22%3A%20%22geoscan%22%7D HTTP/1.1
Host: master.accsyn.com
Connection: close
X-Accsyn-Device: PythonAPI v3.4.0 @ linux vm(posix)

"""

LOOKUP_3_0_0 = """PUT /api/v3/workspace/J3PKTtDvolDMBtTy6AFGA HTTP/1.1
Host: master.accsyn.com
Connection: close
Authorization: {basic}
Content-Length: 20

{{"ident": "geoscan"}}"""

LOOKUP_1 = """PUT /api/v1.0/registry/organization/domain HTTP/1.1
Host: registry.accsyn.com
Connection: close
Content-Length: 27

{"organization": "geoscan"}"""

DELETE_3_4_0 = """DELETE /api/v3/event?{envelope} HTTP/1.1
Host: 127.0.0.1:18443
Connection: close
Authorization: {basic}
X-Accsyn-Workspace: geoscan
X-Accsyn-Device: PythonAPI v3.4.0 @ linux vm(posix)
Content-Length: 0

"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


def send(engine: Running, request: str) -> Any:
    """Headers end with CRLF, as on the wire; the body stays as it is."""
    head, _blank, body = request.partition("\n\n")
    _status, answer = engine.raw((head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode())
    assert isinstance(answer, dict)
    return answer


def claims(**more: str) -> str:
    return base64.b64encode(json.dumps({"domain": "geoscan", "username": ADMIN, **more}).encode()).decode()


@pytest.fixture(scope="module")
def session(engine: Running) -> str:
    answer = send(engine, LOGIN_1_4_1.format(credentials=claims(api_key=engine.key)))
    return claims(session_key=answer["session_key"])


def test_the_old_family_logs_in_with_its_three_keys_at_the_top(engine: Running) -> None:
    answer = send(engine, LOGIN_1_4_1.format(credentials=claims(api_key=engine.key)))
    assert answer["clearance"] == "admin"
    assert set(answer) == {"session_key", "clearance", "id"}


def test_the_new_family_logs_in_with_a_result(engine: Running) -> None:
    answer = send(engine, LOGIN_3_4_0.format(basic=engine.headers()["Authorization"]))
    assert set(answer) == {"result"}
    assert set(answer["result"]) == {"id", "role", "session_id"}
    assert answer["result"]["role"] == "admin"


def test_a_wrong_key_gets_a_sentence_in_either_family(engine: Running) -> None:
    for answer in (
        send(engine, LOGIN_1_4_1.format(credentials=claims(api_key="KEY-123"))),
        send(engine, LOGIN_3_4_0.format(basic=engine.headers(key="KEY-123")["Authorization"])),
    ):
        assert answer["code"] == "wrong-credentials"
        assert "key" in answer["message"]
        assert "result" not in answer
        assert "session_expired" not in answer


def test_the_lookups_answer_in_both_shapes(engine: Running) -> None:
    here = {"hostname": "127.0.0.1", "port": engine.port}
    assert send(engine, LOOKUP_3) == {"result": here, **here}
    assert send(engine, LOOKUP_3_0_0.format(basic=engine.headers()["Authorization"])) == {"result": here, **here}
    assert send(engine, LOOKUP_1) == {"domain": "geoscan"}


def test_an_unknown_workspace_gets_a_sentence(engine: Running) -> None:
    for lookup in (LOOKUP_1, LOOKUP_3):
        answer = send(engine, lookup.replace("geoscan", "acmefil"))
        assert "acmefil" in answer["message"]


def test_the_tutorials_first_steps_in_the_old_family(engine: Running, session: str) -> None:
    create = CREATE_2_2_1.format(session=session, length=len(CREATE_BODY), body=CREATE_BODY)
    created = send(engine, create)
    assert "message" not in created, created
    vendor = created["result"][0]
    assert (vendor["code"], vendor["clearance"], vendor["role"]) == ("jennifer@gda.com", "user", "user")
    assert send(engine, create) == created, "the same eid again gets the same answer"

    share = engine.event("POST", "share/create", data={"code": "p2", "parent": "production", "path": "proj002"})
    (folder,) = share["result"]
    find = FIND_1_4_1.format(user=vendor["id"], share=folder["id"], session=session)
    assert send(engine, find) == {"result": []}
    grant = {
        "ident": f"user:{vendor['id']}",
        "target": f"share:{folder['id']}",
        "path": "DATASET_001_1203",
        "read": True,
    }
    engine.event("POST", "acl/create", data={**grant, "write": False})
    (found,) = send(engine, find)["result"]
    assert (found["ident"], found["path"], found["read"]) == (grant["ident"], "DATASET_001_1203", True)


def test_an_expired_session_says_so_and_a_renewal_keeps_the_key(engine: Running, session: str) -> None:
    dead = send(engine, FIND_1_4_1.format(user="0" * 24, share="0" * 24, session=claims(session_key="15e150e5")))
    assert dead["session_expired"] is True
    key = json.loads(base64.b64decode(session))["session_key"]
    body = json.dumps({"session": "af6fc188", "session_key_reuse": key})
    request = LOGIN_1_4_1.format(credentials=claims(api_key=engine.key)).partition("Content-Length")[0]
    answer = send(engine, f"{request}Content-Length: {len(body)}\n\n{body}")
    assert answer["session_key"] == key


def test_deletes_answer_true_and_a_list_to_the_oldest(engine: Running) -> None:
    answers: list[Any] = []
    for device in ("PythonAPI v3.4.0 @ linux vm(posix)", "PythonAPI v1.2.4-2 @ linux vm(posix)"):
        (queue,) = engine.event("POST", "queue/create", data={"code": f"q{len(answers)}", "priority": 7})["result"]
        envelope = json.dumps(
            {"audience": "api", "workspace": "geoscan", "uri": "queue/delete", "data": None, "id": queue["id"]}
        )
        request = DELETE_3_4_0.format(envelope=quote(envelope), basic=engine.headers()["Authorization"])
        answers.append(send(engine, request.replace("PythonAPI v3.4.0 @ linux vm(posix)", device)))
    assert answers == [{"result": True}, {"result": [True]}]
