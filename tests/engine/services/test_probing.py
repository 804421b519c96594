"""Measuring the line: two agents meet without a job, each tells what it found, the caller waits for both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotFoundError, PathNotMeasuredError
from accsyn_engine.services.moving import agents, clients, dispatch, probing
from tests.engine.cli.engines import check
from tests.engine.services.test_lines import SENT
from tests.engine.services.world import CERTIFICATE, Agent, World, numbers

PROBE = {"seconds": 2, "bytes": 268_435_456}


@pytest.fixture
def pool(world: World) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        world.clock.pass_s(1000)  # whoever still waits after a failure gives up


def measure(world: World, pool: ThreadPoolExecutor, **words: Any) -> Future[dict[str, Any]]:
    return pool.submit(
        probing.measure, world.context, world.workflow, **{"target": world.jennifer.code, "seconds": 2, **words}
    )


def heard(agent: Agent, kind: str) -> dict[str, Any]:
    """The next event of a kind; waits for it until a deadline."""
    clock = SystemClock()
    until = clock.monotonic() + 10
    while clock.monotonic() < until:
        seen = agent.context.bell.count(agent.id)
        found = agent.hear(kind)
        if found:
            return found[-1]
        agent.context.bell.wait(agent.id, seen, 1)
    raise AssertionError(f"{agent.hostname} never heard {kind}")


def meet(connector: Agent, listener: Agent) -> list[dict[str, Any]]:
    """Let the agents find each other; gives what each was told."""
    offer = heard(connector, "transfer.offer")
    connector.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    listen = heard(listener, "transfer.listen")
    ready = {"certificate": CERTIFICATE, "addresses": ["127.0.0.1"], "port": 45190}
    listener.say(agents.listening, offer["transfer"], **ready)
    return [offer, listen, heard(connector, "transfer.connect")]


def done(agent: Agent, transfer: str, line: Any) -> dict[str, Any]:
    return agent.end(transfer, progress=numbers(100, 100) | {"line": line}, receipt=None)


def test_both_agents_hear_of_the_probe_and_the_caller_what_they_found(world: World, pool: ThreadPoolExecutor) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    answer = measure(world, pool)
    told = meet(workstation, alpha)
    transfer = told[0]["transfer"]
    assert [words["probe"] for words in told] == [PROBE] * 3
    assert [words["role"] for words in told] == ["receiver", "sender", "receiver"]
    assert {words["job"] for words in told} == {transfer}
    page = agents.tasks(world.context, alpha.caller, transfer, alpha.id)
    assert page == {"tasks": [], "more": False}
    workstation.say(agents.progress, transfer, speed=91_000_000, **numbers(100, 90), line=SENT)
    assert done(alpha, transfer, SENT) == {"state": "running"}
    assert done(workstation, transfer, SENT | {"goodput": None}) == {"state": "ended"}
    found = answer.result(timeout=10)
    check("path", {"path": found})
    check("path", {"paths": probing.find(world.context, world.admin)})
    assert found.pop("measured") is not None
    assert found == SENT | {
        "source": "alpha",
        "source_id": alpha.id,
        "target": "gda-ws1",
        "target_id": workstation.id,
        "udp": True,
        "seconds": 2,
        "retransmitted_share": 10 / 110,
    }
    (kept,) = probing.find(world.context, world.admin)
    assert (kept["target"], kept["capacity"]) == ("gda-ws1", 119_000_000)


def test_a_line_between_two_agents_of_vendors_is_measured_from_the_named_one(
    world: World, pool: ThreadPoolExecutor
) -> None:
    first, second = world.workstation(), world.workstation("gda-ws2")
    answer = measure(world, pool, source="gda-ws1", target="gda-ws2")
    told = meet(second, first)
    done(second, told[0]["transfer"], SENT)
    done(first, told[0]["transfer"], SENT | {"transport": "tcp"})
    found = answer.result(timeout=10)
    assert (found["source"], found["target"], found["udp"]) == ("gda-ws1", "gda-ws2", False)


def test_the_server_listens_when_the_line_to_it_is_measured(world: World, pool: ThreadPoolExecutor) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    answer = measure(world, pool, source=workstation.id, target="alpha")
    told = meet(workstation, alpha)
    assert [words["role"] for words in told] == ["sender", "receiver", "sender"]
    done(alpha, told[0]["transfer"], SENT)
    done(workstation, told[0]["transfer"], SENT)
    assert answer.result(timeout=10)["source"] == "gda-ws1"


def test_an_agent_that_cannot_connect_ends_the_wait_with_its_reason(world: World, pool: ThreadPoolExecutor) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    answer = measure(world, pool)
    transfer = meet(workstation, alpha)[0]["transfer"]
    workstation.end(transfer, "lost", error={"code": "peer-unreachable", "message": "Port 45190 is closed."})
    with pytest.raises(PathNotMeasuredError, match=r"from alpha to gda-ws1 could not be measured: Port 45190 is clos"):
        answer.result(timeout=10)
    assert heard(alpha, "transfer.stop")["reason"] == "Port 45190 is closed."
    assert alpha.end(transfer) == {"state": "ended"}


def test_agents_that_fall_silent_or_start_again_or_are_disabled_end_the_wait(
    world: World, pool: ThreadPoolExecutor
) -> None:
    alpha, workstation = world.alpha(), world.workstation()

    def falls_silent() -> None:
        world.clock.pass_s(11)
        dispatch.tick(world.context)

    ways = (
        (falls_silent, "heard of"),
        (workstation.restart, "was restarted"),
        (
            lambda: clients.update(world.context, world.admin, workstation.id, {"status": "disabled"}),
            "was disabled",
        ),
    )
    for way, why in ways:
        answer = measure(world, pool)
        transfer = meet(workstation, alpha)[0]["transfer"]
        workstation.progress(transfer)
        way()
        with pytest.raises(PathNotMeasuredError, match=why):
            answer.result(timeout=10)


def test_agents_that_do_not_know_how_to_measure_are_to_be_updated(world: World, pool: ThreadPoolExecutor) -> None:
    alpha, workstation = world.alpha(), world.workstation()
    answer = measure(world, pool)
    transfer = meet(workstation, alpha)[0]["transfer"]
    alpha.end(transfer)
    workstation.end(transfer)
    with pytest.raises(PathNotMeasuredError, match="update them"):
        answer.result(timeout=10)


def test_a_probe_keeps_to_the_caps(world: World, pool: ThreadPoolExecutor) -> None:
    from accsyn_engine.services import settings

    alpha, workstation = world.alpha(), world.workstation()
    for scope, named in (("user", world.jennifer.code), ("client", alpha.id)):
        settings.put(world.context, world.admin, scope=scope, id=named, name="transfer_speedlimit", value="3")
        answer = measure(world, pool)
        transfer = meet(workstation, alpha)[0]["transfer"]
        assert alpha.progress(transfer)["limit"] == 3_000_000
        settings.delete(world.context, world.admin, scope=scope, id=named, name="transfer_speedlimit")
        done(alpha, transfer, SENT)
        done(workstation, transfer, SENT)
        answer.result(timeout=10)


def test_nobody_to_measure_to_gets_a_sentence_at_once(world: World) -> None:
    def ask(**words: Any) -> None:
        probing.measure(world.context, world.workflow, **words)

    with pytest.raises(PathNotMeasuredError, match="no agent of it is online"):
        ask(target=world.jennifer.code)
    workstation = world.workstation()
    with pytest.raises(PathNotMeasuredError, match="no server of the volume production is online"):
        ask(target=world.jennifer.code)
    with pytest.raises(NotFoundError, match=r"nobody@gda\.com"):
        ask(target="nobody@gda.com")
    with pytest.raises(BadValueError, match="to itself"):
        ask(target="gda-ws1", source=workstation.id)
    with pytest.raises(BadValueError, match="from 1 to 30"):
        ask(target="gda-ws1", source=workstation.id, seconds=600)


def test_a_vendor_may_not_measure(world: World) -> None:
    with pytest.raises(ForbiddenError):
        probing.measure(world.context, world.jennifer, target="alpha")
