"""A studio and a vendor as the tests need them: a real database, a clock that stands still, agents that say their lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accsyn_engine.ids import Ids
from accsyn_engine.services import setup
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Context, Find
from accsyn_engine.services.moving import agents, dispatch
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.work import job_lists, jobs, tasks

START_MS = 1_764_000_000_000
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DATASET = "DATASET_001_1203"
VENDOR_FOLDER = "FROM_VENDORS/jennifer@gda.com"


class StandingClock:
    """Time goes on only when a test says so."""

    def __init__(self) -> None:
        self.at = START_MS

    def now_ms(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000

    def sleep(self, seconds: float) -> None:
        self.pass_s(seconds)

    def pass_s(self, seconds: float) -> None:
        self.at += int(seconds * 1000)


@dataclass
class Agent:
    """One agent: says hello, hears its events, reports."""

    context: Context
    caller: Caller
    hostname: str
    role: str = "client"
    boot: str = "boot-1"
    maps: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    downloads: bool = True
    volumes: tuple[str, ...] = ()
    cursor: int = 0
    id: str = ""

    def hello(self) -> dict[str, Any]:
        answer = agents.hello(
            self.context,
            self.caller,
            {
                "instance": f"instance-{self.hostname}",
                "boot": self.boot,
                "hostname": self.hostname,
                "os": "linux",
                "version": "0.1.0",
                "role": self.role,
                "maps": [{"code": code, "read": code in self.readable, "write": True} for code in self.maps],
                "downloads": self.downloads,
                "volumes": list(self.volumes),
                "advertise": [],
            },
        )
        self.id, self.cursor = answer["client"], answer["cursor"]
        return answer

    def restart(self) -> None:
        self.boot = f"{self.boot}+"
        self.hello()

    def hear(self, kind: str | None = None) -> list[dict[str, Any]]:
        """New events' data, of one kind or all; they are acknowledged by the next call."""
        heard = agents.events(self.context, self.caller, self.id, self.cursor)
        if heard:
            self.cursor = heard[-1]["seq"]
        return [event["data"] for event in heard if kind in {None, event["kind"]}]

    def checkin(self) -> None:
        agents.checkin(self.context, self.caller, self.id)

    def say(self, verb: Any, about: str, **data: Any) -> dict[str, Any]:
        answer: dict[str, Any] = verb(self.context, self.caller, about, {"client": self.id, "boot": self.boot, **data})
        return answer

    def progress(self, transfer: str, *, size: int = 100, acked: int = 0) -> dict[str, Any]:
        return self.say(agents.progress, transfer, speed=1_000_000, **numbers(size, acked))

    def end(self, transfer: str, outcome: str = "done", **data: Any) -> dict[str, Any]:
        told = {"error": None, "failures": [], "progress": numbers(100, 100), "receipt": {"root": "ab"}} | data
        return self.say(agents.end, transfer, outcome=outcome, **told)

    def lose(self, transfer: str) -> dict[str, Any]:
        return self.end(
            transfer, "lost", error={"code": "peer-lost", "message": "The line is cut."}, progress=numbers(100, 0)
        )


def numbers(size: int, acked: int) -> dict[str, int]:
    return {"size": size, "acked": acked, "moved": acked, "files": 3, "files_done": 3 if size == acked else 0}


@dataclass
class World:
    """Workspace geoscan with its people; nothing shared, no agent running."""

    context: Context
    clock: StandingClock
    admin: Caller
    people: dict[str, Caller] = field(default_factory=dict)

    @property
    def workflow(self) -> Caller:
        return self._person("workflow@geoscan.org", "employee")

    @property
    def jennifer(self) -> Caller:
        return self._person("jennifer@gda.com", "standard")

    def _person(self, code: str, role: str) -> Caller:
        if code not in self.people:
            made = users.create(self.context, self.admin, {"code": code, "role": role})
            self.people[code] = Caller(made["id"], code, role, address="10.0.0.7", device="test")
        return self.people[code]

    def share(self) -> dict[str, Any]:
        """The share of the tutorial with its three grants."""
        data = {"code": "proj002-outsourcing", "parent": "production", "path": "proj002"}
        made = shares.create(self.context, self.workflow, "share", data)
        for path, write in ((DATASET, False), ("TO_VENDORS", False), (VENDOR_FOLDER, True)):
            self.grant(made["id"], path, write=write)
        return made

    def grant(self, share_id: str, path: str, *, write: bool) -> dict[str, Any]:
        given = {"entity": f"user:{self.jennifer.user_id}", "target": f"share:{share_id}", "path": path}
        return acls.grant(self.context, self.workflow, given | {"read": True, "write": write})

    def alpha(self, **kinds: Any) -> Agent:
        """The studio's server, online."""
        agent = Agent(
            self.context,
            replace(self.admin, address="127.0.0.1"),
            "alpha",
            role="server",
            downloads=False,
            volumes=("production",),
            **kinds,
        )
        agent.hello()
        return agent

    def workstation(self, hostname: str = "gda-ws1", **kinds: Any) -> Agent:
        """Jennifer's machine, online."""
        agent = Agent(self.context, self.jennifer, hostname, **kinds)
        agent.hello()
        return agent

    def send(self, **data: Any) -> dict[str, Any]:
        """The studio's package to jennifer."""
        to_vendor = {
            "0": {
                "source": f"share=proj002-outsourcing/{DATASET}",
                "destination": f"jennifer@gda.com:proj002/{DATASET}",
            },
            "1": {"source": "share=proj002-outsourcing/TO_VENDORS", "dest": "jennifer@gda.com:proj002/TO_VENDORS"},
        }
        return jobs.create(self.context, self.workflow, {"code": "package", "tasks": to_vendor} | data)

    def publish(self, *names: str, **data: Any) -> dict[str, Any]:
        """Jennifer sends files back under her own key."""
        back = [
            {
                "source": f"E:\\WORK\\proj002\\{name}",
                "destination": f"geoscan:share=proj002-outsourcing/{VENDOR_FOLDER}/{name}",
            }
            for name in names or ("cleaned_set.dat",)
        ]
        return jobs.create(self.context, self.jennifer, {"code": "result", "tasks": back} | data)

    def tick(self) -> float:
        return dispatch.tick(self.context)

    def job(self, made: dict[str, Any]) -> dict[str, Any]:
        return job_lists.find(self.context, self.admin, Find(id=made["id"]))[0]

    def tasks(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        return tasks.find(self.context, self.admin, Find(parent=made["id"]))

    def met(self, connector: Agent, listener: Agent) -> str:
        """Dispatch, and let the two agents find each other; gives the transfer's id."""
        self.tick()
        offer = connector.hear("transfer.offer")[-1]
        connector.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
        listener.hear("transfer.listen")
        listener.say(agents.listening, offer["transfer"], certificate=CERTIFICATE, addresses=["127.0.0.1"], port=45190)
        connector.hear("transfer.connect")
        return str(offer["transfer"])


def make_engine(folder: Path, database: str = "") -> Path:
    """Make an engine the way `init` does."""
    setup.initialise(
        data=folder,
        workspace="geoscan",
        admin="andrea@geoscan.org",
        volumes=[("production", "/mnt/production")],
        clock=StandingClock(),
        ids=Ids(),
        database=database,
    )
    return folder


def open_world(folder: Path) -> World:
    """Open an engine for a test."""
    clock = StandingClock()
    context = setup.open_engine(folder, clock=clock, ids=Ids())
    return World(context, clock, replace(accounts.local_admin(context), address="10.0.0.1"))
