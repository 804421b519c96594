"""The session against a real HTTPS server."""

from __future__ import annotations

import base64
import socket
import uuid
from pathlib import Path
from typing import Any, Iterator

import pytest

from accsyn_plugins import client
from accsyn_plugins.client import (
    KEYS,
    LoginError,
    QueryError,
    RefusedError,
    Session,
    WorkspaceUnknownError,
    split_query,
)
from accsyn_plugins.transport import (
    AnswerError,
    CaFileError,
    CertificateError,
    ServerAddressError,
    TimedOutError,
    UnreachableError,
)
from tests.core.certificates import Certificates, make_certificates
from tests.core.tiny_engine import TinyEngine


@pytest.fixture
def session(engine: TinyEngine, certificates: Certificates) -> Iterator[Session]:
    with make_session(engine, ca=str(certificates.ca)) as made:
        yield made


def make_session(engine: TinyEngine, **trust: Any) -> Session:
    return Session("geoscan", "workflow@geoscan.org", "KEY-W", engine.url, **trust)


def test_a_call_looks_on_the_wire_as_the_official_client_sends_it(session: Session, engine: TinyEngine) -> None:
    session.find_one("acl WHERE (ident=user:1 AND path=DATASET_001_1203)")
    call, headers = engine.calls[-1], engine.headers[-1]
    first, second = headers["Authorization"][len("basic ") :].split(":")
    assert (base64.b64decode(first), base64.b64decode(second)) == (b"workflow@geoscan.org", b"KEY-W")
    assert headers["X-Accsyn-Workspace"] == "geoscan"
    assert "Content-Type" not in headers
    assert call["query"] == "(ident=user:1 and path=dataset_001_1203)"
    assert call["data"] == {"single_entity_query": True}
    assert (call["audience"], call["workspace"], call["ident"]) == ("api", "geoscan", "workflow@geoscan.org")
    assert call["session"] == "session of workflow@geoscan.org"
    assert len(call["created"]) == len("2026-11-24T03:36:52")


def test_one_connection_serves_many_calls(session: Session, engine: TinyEngine) -> None:
    for _ in range(5):
        session.find("user")
    assert engine.connections == 1


def test_each_call_has_its_own_eid_and_the_same_key_has_the_same_one(session: Session, engine: TinyEngine) -> None:
    session.find("user")
    session.find("user")
    session.create("user", {"code": "a@b.com"}, key="invite a")
    again = session.create("user", {"code": "a@b.com"}, key="invite a")
    eids = [call["eid"] for call in engine.calls]
    assert len(set(eids)) == 3
    assert eids[-1] == str(uuid.uuid5(KEYS, "invite a"))
    assert again["code"] == "a@b.com"
    assert engine.count("user") == 2


def test_what_is_not_there_is_none_and_not_an_error(session: Session) -> None:
    assert session.find_one("user WHERE code=jennifer@gda.com") is None
    assert session.get_entity("user", "0" * 24) is None


def test_the_engines_refusal_is_raised_with_its_own_sentence_and_code(session: Session) -> None:
    session.create("share", {"code": "x"})
    with pytest.raises(RefusedError, match=r"A share with the code x exists\.") as caught:
        session.create("share", {"code": "x"})
    assert caught.value.facts["code"] == "refused-by-test"


def test_a_big_payload_is_compressed_and_arrives_whole(session: Session, engine: TinyEngine) -> None:
    tasks = [{"source": f"share=x/{number:060d}", "destination": "d"} for number in range(2000)]
    made = session.create("task", tasks, "f" * 24)
    assert "gz_data" in engine.calls[-1]
    assert "data" not in engine.calls[-1]
    assert [task["source"] for task in made] == [task["source"] for task in tasks]


def test_a_listing_of_many_paths_fits_into_the_request_line(session: Session, engine: TinyEngine) -> None:
    session.find("user WHERE code=" + "å" * 2000)
    assert engine.calls[-1]["query"].endswith("å" * 2000)


def test_every_verb_has_the_uri_and_place_that_the_protocol_names(session: Session, engine: TinyEngine) -> None:
    user = session.create("user", {"code": "a@b.com"})["id"]
    share = session.create("share", {"code": "s", "path": "p"})["id"]
    job = session.create("job", {"name": "j", "tasks": {}})["id"]
    acl = session.grant("user", user, "folder", share, {"read": True, "path": "a"})
    assert (acl["read"], acl["write"], acl["path"]) == (True, False, "a")
    assert session.access("share", share, "user", user) == [acl]
    assert session.access("folder", share, "user") == [acl]
    assert session.access("delivery", job) == [{"user_hr": "jennifer@gda.com"}]
    assert session.grant("user", user, "delivery", job) is True
    assert session.revoke("user", user, "delivery", job) is True
    assert session.revoke("user", user, "folder", share) is True
    assert session.revoke("user", user, "folder", share) is False
    assert session.update("share", share, {"description": "d"})["description"] == "d"  # type: ignore[index]
    assert session.update_many("task", job, [{"uri": "0", "status": "queued"}])[0]["uri"] == "0"
    assert session.deactivate_one("share", share) is True
    assert session.activate_one("share", "s") is True
    assert session.activate_one("share", share) is True
    assert session.delete_one("share", share) is True
    assert session.set_setting("workspace", "n", "v") is True
    assert session.get_setting("n") == "v"
    assert session.delete_setting("workspace", "n") is True
    assert session.get_setting("n") is None
    uris = [call["uri"] for call in engine.calls]
    assert uris[:4] == ["user/create", "share/create", "job/create", "acl/create"]
    assert {"job/recipients", "job/recipient/add", "job/recipient", "task/edit", "share/deactivate"} <= set(uris)


def test_file_operations_go_to_the_workspace(session: Session) -> None:
    assert session.exists("proj002") is True
    assert session.exists("nowhere") is False
    assert session.getsize("volume=production/proj002/DATASET_001_1203/scan.dat") == 3000
    names = [row["filename"] for row in session.ls("proj002", recursive=True, getsize=True, files_only=True)]
    assert names == ["DATASET_001_1203", "TO_VENDORS"]
    done = (session.mkdir("a"), session.rename("a", "b"), session.mv("a", "b"), session.delete("a"))
    assert done == (True, True, True, True)


def test_prepublish_sums_the_sizes_and_gives_none_without_an_answer(session: Session, engine: TinyEngine) -> None:
    engine.prepublish = lambda data: {"seen": data["size"]}
    assert session.prepublish([{"filename": "a", "size": 3}, {"filename": "b"}]) == {"seen": 3}
    engine.prepublish = lambda data: None
    assert session.prepublish([{"filename": "a"}]) is None


def test_tasks_are_found_by_their_job(session: Session, engine: TinyEngine) -> None:
    session.create("task", {"source": "a", "destination": "b"}, "f" * 24)
    session.create("task", {"source": "c", "destination": "d"}, "e" * 24)
    assert [task["source"] for task in session.find("task", parent="f" * 24)] == ["a"]
    assert [task["source"] for task in session.find("task", entityid="e" * 24)] == ["c"]


def test_without_a_server_the_workspace_is_looked_up_and_no_key_is_sent_there(
    engine: TinyEngine, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's store is asked, so the test's authority is put in its place."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    monkeypatch.setattr(client, "LOOKUP_SERVER", engine.url)
    with Session("geoscan", "workflow@geoscan.org", "KEY-W") as session:
        assert len(session.find("user")) == 1
    assert "Authorization" not in engine.headers[0]
    with Session("nowhere", "u", "k") as session, pytest.raises(WorkspaceUnknownError, match="nowhere is not known"):
        session.find("user")


# --- trust ------------------------------------------------------------------------------------------------------------


def test_a_pinned_fingerprint_is_enough_in_any_spelling(engine: TinyEngine, certificates: Certificates) -> None:
    spelled = "SHA256:" + ":".join(certificates.fingerprint[i : i + 2].upper() for i in range(0, 64, 2))
    with make_session(engine, fingerprint=spelled) as session:
        assert len(session.find("user")) == 1


@pytest.mark.parametrize("kind", ["system store", "another authority", "another fingerprint"])
def test_a_certificate_that_is_not_the_trusted_one_stops_the_call(
    engine: TinyEngine, tmp_path: Path, kind: str
) -> None:
    other = make_certificates(tmp_path)
    trust = {"another authority": {"ca": str(other.ca)}, "another fingerprint": {"fingerprint": other.fingerprint}}
    with make_session(engine, **trust.get(kind, {})) as session, pytest.raises(CertificateError) as caught:
        session.find("user")
    assert "ACCSYN_CA" in caught.value.message
    assert engine.headers == []  # the key never left


def test_the_environment_cannot_switch_verification_off(
    engine: TinyEngine, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(certificates.ca))
    with make_session(engine) as session, pytest.raises(CertificateError):
        session.find("user")


def test_a_netrc_does_not_replace_the_key(
    session: Session, engine: TinyEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session.find("user")
    assert engine.headers[-1]["Authorization"].startswith("basic ")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert len(session.find("user")) == 1


@pytest.mark.parametrize("text", ["no certificate", None])
def test_a_ca_file_that_is_none_is_named(engine: TinyEngine, tmp_path: Path, text: Any) -> None:
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text, encoding="ascii")
    with make_session(engine, ca=str(path)) as session, pytest.raises(CaFileError, match=r"ca\.pem"):
        session.find("user")


def test_a_fingerprint_that_is_none_is_refused(engine: TinyEngine) -> None:
    with make_session(engine, fingerprint="12:34") as session, pytest.raises(CaFileError, match="64 hex digits"):
        session.find("user")


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_a_login_error_that_names_the_user(engine: TinyEngine, certificates: Certificates) -> None:
    sentence = r"refuses the login of workflow@geoscan\.org: The user or the key"
    session = Session("geoscan", "workflow@geoscan.org", "no", engine.url, ca=str(certificates.ca))
    with session, pytest.raises(LoginError, match=sentence):
        session.find("user")


def test_an_engine_that_is_down_gets_a_sentence_that_names_it(certificates: Certificates) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    sentence = rf"https://127\.0\.0\.1:{port} cannot be reached \(Connection ref"
    session = Session("g", "u", "k", f"https://127.0.0.1:{port}", ca=str(certificates.ca))
    with session, pytest.raises(UnreachableError, match=sentence):
        session.find("user")


def test_an_engine_that_says_nothing_is_given_up(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        session = Session("g", "u", "k", url, ca=str(certificates.ca), timeout_s=0.2, connect_timeout_s=0.2)
        with session, pytest.raises(TimedOutError, match=r"did not answer within 0\.2 s"):
            session.login()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"\xff"])
def test_an_answer_that_is_none_is_said_to_be_one(session: Session, engine: TinyEngine, body: bytes) -> None:
    engine.raw = body
    with pytest.raises(AnswerError, match="answered something that no engine says"):
        session.find("user")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": null}', "refused without a reason"),
        (b'{"message": "m", "message_hr": "for people"}', "for people"),
        (b'{"exception": "Traceback"}', "an error of its own"),
    ],
)
def test_every_shape_of_refusal_is_a_sentence(session: Session, engine: TinyEngine, body: bytes, words: str) -> None:
    session.login()
    engine.raw = body
    with pytest.raises(RefusedError, match=words):
        session.find("user")


def test_a_connection_that_the_engine_has_closed_is_replaced(session: Session, engine: TinyEngine) -> None:
    engine.hangs_up = True
    assert [len(session.find("user")) for _ in range(3)] == [1, 1, 1]
    assert engine.connections == 4


@pytest.mark.parametrize(
    "server", ["engine", "http://engine.example:80", "ftp://127.0.0.1", "https://", "https://a:b:c", "https://a:99999"]
)
def test_an_address_that_is_not_https_is_refused_before_anything_is_sent(server: str) -> None:
    with pytest.raises(ServerAddressError, match="write https://NAME:PORT"):
        Session("g", "u", "k", server).find("user")


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("User", ("user", "")),
        ('Job WHERE code="A b"', ("job", 'code="a b"')),
        ("  acl   where (a=1 AND b=2) ", ("acl", "(a=1 and b=2)")),
    ],
)
def test_a_query_is_parted_into_entity_and_folded_expression(query: str, parts: Any) -> None:
    assert split_query(query) == parts


@pytest.mark.parametrize("query", ["", "user code=1", "user WHERE", "WHERE code=1"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(QueryError, match="is no query"):
        split_query(query)
