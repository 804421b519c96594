"""Agents as people see and manage them, and which of them serve what."""

from __future__ import annotations

import pytest

from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import (
    BadValueError,
    ForbiddenError,
    NotAllowedNowError,
    NotFoundError,
    StaleAgentError,
)
from accsyn_engine.services.moving import agents, clients
from accsyn_engine.services.people import users
from accsyn_engine.services.records.fields import choice, flag, mapping, number, slug, text
from accsyn_engine.store.schema import client
from tests.engine.services.world import CERTIFICATE, Agent, World


def test_only_an_admin_runs_a_server(world: World) -> None:
    agent = Agent(world.context, world.workflow, "beta", role="server", volumes=("production",))
    with pytest.raises(ForbiddenError, match="server"):
        agent.hello()


def test_a_server_of_a_volume_nobody_knows_is_told_so(world: World) -> None:
    agent = Agent(world.context, world.admin, "beta", role="server", volumes=("nosuch",))
    with pytest.raises(NotFoundError, match="nosuch"):
        agent.hello()
    assert clients.find(world.context, world.admin, Find()) == []


def test_people_see_the_agents_their_role_allows(world: World) -> None:
    world.alpha()
    world.workstation()
    seen = [len(clients.find(world.context, who, Find())) for who in (world.admin, world.workflow, world.jennifer)]
    assert seen == [2, 2, 1]
    [daemon] = clients.find(world.context, world.workflow, Find(query="(type=1 or type=2) and code=gda-ws1"))
    assert (daemon["user_hr"], daemon["status"]) == ("jennifer@gda.com", "online")


def test_a_disabled_agent_stays_disabled_when_it_says_hello(world: World) -> None:
    workstation = world.workstation()
    clients.update(world.context, world.jennifer, workstation.id, {"status": "disabled"})
    workstation.hello()
    workstation.checkin()
    assert clients.find(world.context, world.admin, Find(query="status=disabled"))[0]["status"] == "disabled"
    clients.update(world.context, world.jennifer, workstation.id, {"status": "enabled", "metadata": {"room": 3}})
    [shown] = clients.find(world.context, world.admin, Find())
    assert (shown["status"], shown["metadata"]) == ("online", {"room": 3})


def test_whether_an_agent_is_there_and_whether_it_may_be_used_are_told_apart(world: World) -> None:
    workstation = world.workstation()
    world.clock.pass_s(50)
    world.tick()
    seen = []
    for status in ("disabled", "online", "disabled"):
        clients.update(world.context, world.jennifer, workstation.id, {"status": status})
        seen.append(clients.find(world.context, world.jennifer, Find())[0]["status"])
    assert seen == ["disabled-offline", "offline", "disabled-offline"]
    assert len(clients.find(world.context, world.jennifer, Find(query="status=disabled-offline"))) == 1


def test_a_job_goes_on_at_once_when_its_connected_agent_is_enabled_again(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    for agent in (workstation, alpha):
        world.met(workstation, alpha)
        clients.deactivate(world.context, world.admin, agent.id)
        world.clock.pass_s(2)
        world.tick()
        assert world.job(job)["status"] == "waiting"
        clients.activate(world.context, world.admin, agent.id)
        world.tick()
        assert world.job(job)["status"] == "running"
        transfer = workstation.hear("transfer.offer")[-1]["transfer"]
        workstation.lose(transfer)
        world.clock.pass_s(120)
        alpha.checkin()
        workstation.checkin()


def test_what_a_client_may_not_have_written_is_named(world: World) -> None:
    workstation = world.workstation()
    with pytest.raises(BadValueError, match='"wan_ip"'):
        clients.update(world.context, world.jennifer, workstation.id, {"wan_ip": "10.0.0.1"})


def test_a_client_shows_what_it_said_of_itself(world: World) -> None:
    told = {
        "instance": "i",
        "boot": "b",
        "hostname": "h",
        "host_ident": "0242ac110002",
        "username": "jen",
        "role": "app",
    }
    agents.hello(world.context, world.jennifer, told)
    [shown] = clients.find(world.context, world.jennifer, Find(query="type=app and username=jen"))
    assert (shown["type"], shown["host_ident"], shown["username"]) == (0, "0242ac110002", "jen")
    assert {"parent", "metrics", "benchmark", "roles", "site_hr"} <= set(shown)


def test_many_agents_are_checked_in_at_once_and_strangers_are_told_apart(world: World) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    world.clock.pass_s(50)
    world.tick()
    assert agents.seen(world.context, (alpha.id, workstation.id, "0" * 24)) == {alpha.id, workstation.id}
    assert {found["status"] for found in clients.find(world.context, world.admin, Find())} == {"online"}
    users.update(world.context, world.admin, world.jennifer.user_id, {"status": "disabled"})
    assert agents.seen(world.context, (alpha.id, workstation.id)) == {alpha.id}
    assert set(agents.last_events(world.context, (alpha.id, "0" * 24))) == {alpha.id}


def test_an_agent_is_forgotten_only_when_it_is_away_and_nothing_of_it_runs(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation("gda-ws2")
    with pytest.raises(NotAllowedNowError, match="online"):
        clients.delete(world.context, world.jennifer, workstation.id)
    job = world.send()
    transfer = world.met(workstation, alpha)
    world.clock.pass_s(50)
    with world.context.changing() as work:
        work.connection.execute(client.update().values(status="offline"))
    with pytest.raises(NotAllowedNowError, match="not over yet"):
        clients.delete(world.context, world.jennifer, workstation.id)
    workstation.end(transfer)
    alpha.end(transfer)
    assert clients.delete(world.context, world.jennifer, workstation.id)
    assert world.job(job)["status"] == "done"
    with pytest.raises(NotFoundError):
        clients.delete(world.context, world.jennifer, alpha.id)


def test_servers_are_assigned_to_volumes_and_taken_away(world: World) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    archive = shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    shares.assign(world.context, world.admin, archive["id"], alpha.id)
    assert [client["code"] for client in shares.servers(world.context, world.admin, "archive")] == ["alpha"]
    shares.deassign(world.context, world.admin, "archive", f"client:{alpha.id}")
    assert shares.servers(world.context, world.admin, "archive") == []
    shares.update(world.context, world.admin, archive["id"], {"server": alpha.id})
    assert len(shares.servers(world.context, world.admin, "archive")) == 1
    with pytest.raises(BadValueError, match="no server"):
        shares.assign(world.context, world.admin, "archive", workstation.id)
    with pytest.raises(NotFoundError):
        shares.assign(world.context, world.admin, "archive", "0" * 24)


def test_an_agent_of_another_user_or_of_nobody_is_refused_alike(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    transfer = (world.send(), world.met(workstation, alpha))[1]
    for stranger, about in ((alpha.id, transfer), ("0" * 24, transfer)):
        with pytest.raises(NotFoundError):
            agents.tasks(world.context, workstation.caller, about, stranger)
    with pytest.raises(NotFoundError):
        workstation.progress("0" * 24)


def test_each_side_speaks_only_its_own_lines(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    world.send()
    world.tick()
    [offer] = workstation.hear("transfer.offer")
    ready = {"certificate": CERTIFICATE, "addresses": [], "port": 45190}
    with pytest.raises(StaleAgentError, match="not the connector"):
        alpha.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    with pytest.raises(BadValueError, match="PEM"):
        workstation.say(agents.accept, offer["transfer"], certificate="trust me")
    workstation.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    assert workstation.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)["state"] == "running"
    with pytest.raises(StaleAgentError, match="not the listener"):
        workstation.say(agents.listening, offer["transfer"], **ready)
    with pytest.raises(BadValueError, match="port"):
        alpha.say(agents.listening, offer["transfer"], **(ready | {"port": 0}))
    for wrong in (-1, 65536, "45191"):
        with pytest.raises(BadValueError, match="UDP port"):
            alpha.say(agents.listening, offer["transfer"], **(ready | {"datagrams": wrong}))
    alpha.say(agents.listening, offer["transfer"], **(ready | {"datagrams": 45191}))
    assert alpha.say(agents.listening, offer["transfer"], **ready)["state"] == "running"
    [connect] = workstation.hear("transfer.connect")
    assert (connect["addresses"], connect["port"], connect["datagrams"]) == (["127.0.0.1"], 45190, 45191)
    with pytest.raises(BadValueError, match="outcome"):
        workstation.end(offer["transfer"], "fine")


def test_an_admin_gets_no_grants_and_an_employee_the_volumes_named(world: World) -> None:
    shares.create(world.context, world.admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    named = {"role": "employee", "give_default_volume_access": False}
    counts = []
    for code, extra in (
        ("a@geoscan.org", {"role": "admin"}),
        ("b@geoscan.org", named | {"volumes": ["archive"]}),
        ("c@geoscan.org", named | {"give_all_volumes_access": True}),
    ):
        made = users.create(world.context, world.admin, {"code": code} | extra)
        counts.append(len(acls.find(world.context, world.admin, Find(query=f"entity=user:{made['id']}"))))
    assert counts == [0, 1, 2]


def test_a_vendor_may_go_without_a_home_and_get_one_later(world: World) -> None:
    users.create(world.context, world.admin, {"code": "new@gda.com", "create_home_share": False})
    assert shares.find(world.context, world.admin, "home", Find()) == []
    made = shares.create(world.context, world.workflow, "home", {"user": "new@gda.com"})
    assert (made["path"], made["user_hr"]) == ("accsyn/new@gda.com", "new@gda.com")


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (lambda data: text(data, "a"), {"a": 1}),
        (lambda data: text(data, "a", longest=2), {"a": "abc"}),
        (lambda data: text(data, "a"), {"a": "\x00"}),
        (lambda data: flag(data, "a", default=True), {"a": "maybe"}),
        (lambda data: number(data, "a", default=1, least=0, most=2), {"a": 3}),
        (lambda data: number(data, "a", default=1, least=0, most=2), {"a": True}),
        (lambda data: choice(data, ("a",), {"x": "x"}), {"a": "y"}),
        (lambda data: choice(data, ("a",), {"x": "x"}), {}),
        (lambda data: mapping(data, "a"), {"a": []}),
        (lambda data: mapping(data, "a"), {"a": {"b": "x" * 1_000_001}}),
    ],
)
def test_a_field_of_the_wrong_kind_is_named_in_the_sentence(read: object, data: dict[str, object]) -> None:
    with pytest.raises(BadValueError, match='"a"'):
        read(data)  # type: ignore[operator]


def test_fields_may_be_written_as_text() -> None:
    assert (flag({"a": "FALSE"}, "a", default=True), flag({"a": 1}, "a", default=False)) == (False, True)
    assert number({"a": " 7"}, "a", default=1, least=0, most=9) == 7
    assert slug("Project 002: Outsourcing / ÅÄ") == "project-002-outsourcing-åä"
