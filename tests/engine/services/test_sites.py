"""Sites: made and found, parties of transfers, and where their servers come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accsyn_engine.paths import UnknownPartyError
from accsyn_engine.services.access import shares
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import (
    BadValueError,
    ExistsError,
    ForbiddenError,
    NotAllowedNowError,
    NotFoundError,
)
from accsyn_engine.services.moving import agents, clients
from accsyn_engine.services.people import users
from accsyn_engine.services.records import sites, workspaces
from accsyn_engine.services.work import job_lists, jobs, tasks
from tests.engine.services.world import Agent, World


def _site(world: World, code: str = "lyon", **data: Any) -> dict[str, Any]:
    return sites.create(world.context, world.admin, {"code": code} | data)


def _server_at(world: World, site: str) -> Agent:
    """A second server of the volume, given to a site."""
    agent = Agent(
        world.context,
        replace(world.admin, address="10.9.0.4"),
        f"server-{site}",
        role="server",
        downloads=False,
        volumes=("production",),
    )
    agent.hello()
    clients.update(world.context, world.admin, agent.id, {"site": site})
    return agent


def _mirror(world: World, source: str, destination: str, who: Any = None) -> dict[str, Any]:
    task = {"source": f"{source}:proj002/a", "destination": destination}
    return jobs.create(world.context, who or world.admin, {"tasks": [task]})


def test_a_new_workspace_has_its_main_site_and_roaming(world: World) -> None:
    found = {site["code"]: site for site in sites.find(world.context, world.workflow, Find())}
    assert {code: site["main"] for code, site in found.items()} == {"hq": True, "roaming": False}
    [workspace] = workspaces.find(world.context, world.admin, Find())
    assert len({workspace["id"], *(site["id"] for site in found.values())}) == 3


def test_a_site_is_made_found_changed_and_deleted(world: World) -> None:
    made = _site(world, "Lyon Studio", addresses=["10.9.0.7/16", "2001:db8::1"])
    assert (made["code"], made["addresses"]) == ("lyon-studio", ["10.9.0.0/16", "2001:db8::1/128"])
    changed = sites.update(world.context, world.admin, made["id"], {"name": "Lyon", "metadata": {"a": 1}})
    assert (changed["name"], changed["metadata"]) == ("Lyon", {"a": 1})
    assert sites.find(world.context, world.admin, Find(query="code=LYON* and main=false")) == [changed]
    assert sites.delete(world.context, world.admin, "lyon-studio")
    assert sites.find(world.context, world.admin, Find(query="code=lyon*")) == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"code": "hq"}, ExistsError),
        ({"code": "ROAMING"}, ExistsError),
        ({"code": "geoscan"}, ExistsError),
        ({"code": "organization"}, ExistsError),
        ({"code": " :/ "}, BadValueError),
        ({}, BadValueError),
        ({"code": "x", "addresses": ["10.0.0.0/99"]}, BadValueError),
        ({"code": "x", "addresses": "10.0.0.0/8"}, BadValueError),
        ({"code": "x", "main": True}, BadValueError),
        ({"code": "x", "name": "  "}, BadValueError),
    ],
)
def test_a_site_that_makes_no_sense_is_refused(world: World, data: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        sites.create(world.context, world.admin, data)
    assert len(sites.find(world.context, world.admin, Find())) == 2


@pytest.mark.parametrize(
    ("site", "data"),
    [
        ("hq", {"status": "disabled"}),
        ("hq", {"code": "main"}),
        ("roaming", {"code": "home"}),
        ("roaming", {"addresses": ["10.0.0.0/8"]}),
    ],
)
def test_the_built_in_sites_keep_what_scripts_rely_on(world: World, site: str, data: dict[str, Any]) -> None:
    with pytest.raises(NotAllowedNowError):
        sites.update(world.context, world.admin, site, data)
    with pytest.raises(NotAllowedNowError):
        sites.delete(world.context, world.admin, site)


def test_sites_are_the_admins_to_change_and_the_employees_to_read(world: World) -> None:
    with pytest.raises(ForbiddenError):
        sites.create(world.context, world.workflow, {"code": "lyon"})
    with pytest.raises(ForbiddenError):
        sites.find(world.context, world.jennifer, Find())


def test_a_site_with_servers_or_jobs_is_not_deleted(world: World) -> None:
    _site(world)
    world.alpha()
    lyon = _server_at(world, "lyon")
    with pytest.raises(NotAllowedNowError, match="servers"):
        sites.delete(world.context, world.admin, "lyon")
    job = _mirror(world, "site=lyon", "hq")
    clients.update(world.context, world.admin, lyon.id, {"site": "hq"})
    with pytest.raises(NotAllowedNowError, match="jobs"):
        sites.delete(world.context, world.admin, "lyon")
    jobs.update(world.context, world.admin, job["id"], {"status": "aborted"})
    assert sites.delete(world.context, world.admin, "lyon")


@pytest.mark.parametrize(("source", "destination"), [("site=lyon", "hq"), ("LYON", "geoscan:"), ("hq", "site=lyon:")])
def test_files_move_from_site_to_site_between_their_servers(world: World, source: str, destination: str) -> None:
    site = _site(world)
    alpha, lyon = world.alpha(), _server_at(world, "lyon")
    made = _mirror(world, source, destination)
    ends = {"site=lyon": f"site:{site['id']}", "LYON": f"site:{site['id']}"}
    assert made["source"] == ends.get(source, made["source"])
    assert {made["source_hr"], made["destination_hr"]} == {"site:lyon", "workspace:geoscan"}
    sender, receiver = (alpha, lyon) if source == "hq" else (lyon, alpha)
    transfer = world.met(sender, receiver)
    for agent in (sender, receiver):
        [told] = agents.tasks(world.context, agent.caller, transfer, agent.id)["tasks"]
        assert told["source"] == told["destination"] == {"root": {"volume": "production"}, "path": "proj002/a"}
        agent.end(transfer)
    assert world.job(made)["status"] == "done"
    assert [
        job["id"] for job in job_lists.find(world.context, world.admin, Find(query="source=lyon", finished=True))
    ] == ([] if source == "hq" else [made["id"]])


def test_a_site_is_a_party_of_a_person_as_the_workspace_is(world: World) -> None:
    _site(world)
    world.share()
    world.alpha()
    lyon, workstation = _server_at(world, "lyon"), world.workstation()
    task = {"source": "lyon:share=proj002-outsourcing/TO_VENDORS/a", "destination": "jennifer@gda.com"}
    made = jobs.create(world.context, world.admin, {"tasks": [task]})
    world.met(workstation, lyon)
    more = {"source": "share=proj002-outsourcing/TO_VENDORS/b", "destination": "jennifer@gda.com"}
    assert len(tasks.create(world.context, world.admin, made["id"], {"tasks": [more]})) == 1


def test_a_job_of_a_site_waits_for_a_server_of_that_site(world: World) -> None:
    _site(world)
    world.alpha()
    made = _mirror(world, "site=lyon", "hq")
    world.tick()
    assert "server of the volume production" in world.job(made)["status_reason"]
    _server_at(world, "lyon")
    world.tick()
    assert world.job(made)["status"] == "running"


def test_from_nowhere_in_particular_to_hq_means_from_where_the_caller_is(world: World) -> None:
    site = _site(world, addresses=["10.9.0.0/16"])
    world.alpha()
    caller = replace(world.admin, address="10.9.1.1")
    made = jobs.create(world.context, caller, {"tasks": [{"source": "proj002/a", "destination": "hq"}]})
    assert made["source"] == f"site:{site['id']}"
    with pytest.raises(BadValueError, match="two sites"):
        jobs.create(world.context, world.admin, {"tasks": [{"source": "proj002/a", "destination": "hq"}]})


def test_only_who_has_all_of_a_volume_moves_it_between_sites(world: World) -> None:
    _site(world)
    world.share()
    world.alpha()
    assert _mirror(world, "site=lyon", "hq", world.workflow)
    limited = users.create(
        world.context,
        world.admin,
        {"code": "intern@geoscan.org", "role": "employee", "give_default_volume_access": False},
    )
    intern = replace(world.workflow, user_id=limited["id"], code=limited["code"])
    task = {"source": "site=lyon:share=proj002-outsourcing/a", "destination": "hq"}
    for caller, error in ((intern, NotFoundError), (world.jennifer, ForbiddenError)):
        with pytest.raises(error):
            jobs.create(world.context, caller, {"tasks": [task]})


@pytest.mark.parametrize(
    ("party", "error"),
    [
        ("site=paris", UnknownPartyError),
        ("paris:x", UnknownPartyError),
        ("site=" + "0" * 24, NotFoundError),
        ("roaming", NotAllowedNowError),
    ],
)
def test_a_site_without_servers_or_that_nobody_knows_is_no_party(
    world: World, party: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _mirror(world, "hq", f"{party}:" if ":" not in party else party)


def test_a_client_is_at_the_site_whose_network_it_calls_from(world: World) -> None:
    _site(world, addresses=["10.0.0.0/8"])
    near = _site(world, "desk", addresses=["10.0.0.7"])
    world.workstation()
    [shown] = clients.find(world.context, world.jennifer, Find(query="site=desk"))
    assert (shown["site"], shown["site_hr"]) == (near["id"], "desk")
    sites.update(world.context, world.admin, "desk", {"status": "disabled"})
    world.workstation()
    [shown] = clients.find(world.context, world.jennifer, Find())
    assert shown["site_hr"] == "lyon"
    sites.update(world.context, world.admin, "lyon", {"addresses": []})
    world.workstation()
    assert clients.find(world.context, world.jennifer, Find(query="site=roaming"))[0]["site_hr"] == "roaming"
    world.alpha()
    assert [row["code"] for row in clients.find(world.context, world.admin, Find(query="site=hq"))] == ["alpha"]


def test_a_server_keeps_the_site_an_admin_gave_it(world: World) -> None:
    _site(world)
    lyon = _server_at(world, "lyon")
    lyon.hello()
    [shown] = clients.find(world.context, world.admin, Find(query="roles contains site"))
    assert (shown["site_hr"], shown["roles"]) == ("lyon", "storage,site")
    assert [row["site_hr"] for row in shares.servers(world.context, world.admin, "production")] == ["lyon"]
    with pytest.raises(BadValueError, match="roaming"):
        clients.update(world.context, world.admin, lyon.id, {"site": "roaming"})
    workstation = world.workstation()
    with pytest.raises(BadValueError, match="no server"):
        clients.update(world.context, world.admin, workstation.id, {"site": "lyon"})
    with pytest.raises(ForbiddenError):
        clients.update(world.context, world.jennifer, workstation.id, {"site": "lyon"})


def test_the_built_in_engines_are_found_by_code_and_keep_their_ids(world: World) -> None:
    both = workspaces.engines(world.context, world.admin, Find())
    [transfer] = workspaces.engines(world.context, world.admin, Find(query="code=builtin-accsyn-transfer"))
    assert transfer == both[0]
    assert workspaces.engines(world.context, world.admin, Find(id=both[1]["id"])) == [both[1]]
    assert workspaces.engines(world.context, world.admin, Find(limit=1, skip=1)) == [both[1]]


def test_the_workspace_is_described_by_an_admin(world: World) -> None:
    changed = workspaces.update(
        world.context, world.admin, "geoscan", {"description": "Maps", "metadata": {"a": 1}, "name": "Geoscan"}
    )
    assert (changed["description"], changed["metadata"], changed["name"]) == ("Maps", {"a": 1}, "Geoscan")
    for named, data, error in (("geoscan", {"code": "x"}, BadValueError), ("other", {}, NotFoundError)):
        with pytest.raises(error):
            workspaces.update(world.context, world.admin, named, data)
    with pytest.raises(ForbiddenError):
        workspaces.update(world.context, world.workflow, "geoscan", {"description": "x"})
