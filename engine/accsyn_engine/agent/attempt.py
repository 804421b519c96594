"""One transfer at this agent, from the first event about it to the engine's answer to its end: one thread's work.

The bytes do not depend on the engine: while it is away the transfer goes on, and its end is told until it is answered.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accsyn_engine.agent import outcome
from accsyn_engine.agent.beat import Beat
from accsyn_engine.agent.log import bytes_text, files_text
from accsyn_engine.agent.tasks import Tasks
from accsyn_engine.agent.tools import Tools
from accsyn_engine.transfer.errors import TransferError, TransferStopped
from accsyn_engine.transfer.meeting.channel import Ticket
from accsyn_engine.transfer.meeting.connecting import connect
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.meeting.gate import Expectation
from accsyn_engine.transfer.meeting.identity import Identity, make_identity
from accsyn_engine.transfer.probing import Probe, receive_probe, send_probe
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item, Outcome
from accsyn_plugins.errors import AccsynError

HANDSHAKE_S = 30.0  # from accepting to being connected
END_DEADLINE_S = 10.0

Data = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What the first event says of a transfer."""

    transfer: str
    job: str
    role: str  # sender | receiver
    streams: int
    is_fresh: bool  # nothing of this job lies at the receiver
    other: str  # the other agent
    is_by_content: bool  # what lies at the receiver is compared by its content
    probe: Probe | None  # the line is to be measured, and nothing moved

    @classmethod
    def of(cls, data: Data) -> Wanted:
        return cls(
            transfer=data["transfer"],
            job=data["job"],
            role=data["role"],
            streams=int(data["streams"]),
            is_fresh=bool(data.get("fresh")),
            is_by_content=data.get("compare") == "content",
            other=str(data.get("other") or ""),
            probe=Probe(float(probe["seconds"]), int(probe["bytes"])) if (probe := data.get("probe")) else None,
        )


class Attempt:
    """A running transfer. `start` begins it, `stop` ends it early, `gone` hears that it is over."""

    def __init__(self, data: Data, *, listens: bool, tools: Tools, gone: Callable[[str], None]) -> None:
        self._wanted = Wanted.of(data)
        self._first = data
        self._listens = listens
        self._tools = tools
        self._gone = gone
        self._control = Control(_limit_of(data))
        self._lock = threading.Lock()
        self._stopped: TransferStopped | None = None
        self._expectation: Expectation | None = None
        self._into: Item | None = None  # where the first file landed, for the log
        self._answers: queue.SimpleQueue[Data | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"transfer-{self._wanted.transfer}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    def connect(self, data: Data) -> None:
        """The listener is ready; a second word of it is not heard."""
        self._control.limit(_limit_of(data))
        self._answers.put(data)

    def stop(self, reason: str, sentence: str) -> None:
        """End it early, wherever it stands."""
        with self._lock:
            if self._stopped is None:
                self._stopped = TransferStopped(sentence, reason=reason)
            expectation = self._expectation
        self._control.stop(reason, sentence)
        self._answers.put(None)
        if expectation is not None:
            expectation.cancel()

    def _run(self) -> None:
        try:
            ended = self._carried_out()
            self._tell_of_forgeries()
            self._tools.until_answered(
                f"transfers/{self._wanted.transfer}/end", ended, deadline_s=END_DEADLINE_S, is_over=lambda: False
            )
        except AccsynError as error:  # the agent ends, or the engine does not want to know any more
            self._tools.log.say(f"The end of transfer {self._wanted.transfer} was not told: {error.message}")
        finally:
            self._gone(self._wanted.transfer)

    def _carried_out(self) -> Data:
        """Do it; whatever happens becomes the report of its end."""
        try:
            result = self._transferred()
        except AccsynError as error:
            told = self._stopped or error
            self._tools.log.say(f"{self._name()} ended: {told.message}")
            return outcome.ended_by(told, self._control.progress())
        except Exception as error:
            fault = TransferError(f"The agent on {self._tools.machine} failed ({error!r}); its log has the details.")
            self._tools.log.fault(f"{self._name()} ended: {fault.message}", error)
            return outcome.ended_by(fault, self._control.progress())
        self._tools.log.say(self._summary(result))
        return outcome.ended_well(result)

    def _tell_of_forgeries(self) -> None:
        """Once, however many there were: a log that a stranger can fill is another hole."""
        if forged := self._control.progress().forged:
            self._tools.log.say(
                f"{self._name()}: {forged} datagrams came that the other side had not sealed; none of them was used."
            )

    def _transferred(self) -> Outcome:
        identity = make_identity(self._wanted.transfer)
        tasks = Tasks(
            self._wanted.transfer,
            self._tools.client,
            engine=self._tools.engine,
            roots=self._tools.roots,
            clock=self._tools.clock,
            ended=self._is_stopped,
        )
        connection = self._awaited(identity) if self._listens else self._connected(identity)
        with Beat(
            self._wanted.transfer,
            self._tools.who(),
            self._control,
            engine=self._tools.engine,
            clock=self._tools.clock,
        ):
            return self._moved(connection, tasks)

    def _moved(self, connection: Connection, tasks: Tasks) -> Outcome:
        job, clock, fresh = self._wanted.job, self._tools.clock, self._wanted.is_fresh
        by_content = self._wanted.is_by_content
        if (probe := self._wanted.probe) is not None:
            return self._probed(connection, probe)
        if self._wanted.role == "sender":
            line = self._tools.lines.to(self._wanted.other)
            sources = tasks.sources()
            return send(
                connection, sources, self._control, job=job, clock=clock, line=line, fresh=fresh, by_content=by_content
            )

        def destination(task: int) -> Item:
            item = tasks.destination(task)
            self._into = self._into or item
            return item

        return receive(connection, destination, self._control, job=job, clock=clock, fresh=fresh, by_content=by_content)

    def _probed(self, connection: Connection, probe: Probe) -> Outcome:
        """Measure the line instead of moving files."""
        job, clock = self._wanted.job, self._tools.clock
        if self._wanted.role == "sender":
            line = self._tools.lines.to(self._wanted.other)
            return send_probe(connection, probe, self._control, job=job, clock=clock, line=line)
        return receive_probe(connection, self._control, job=job, clock=clock)

    def _awaited(self, identity: Identity) -> Connection:
        """Open the port, say so, wait for the other side."""
        expectation = self._tools.gate.expect(self._ticket(identity, self._first), deadline_s=HANDSHAKE_S)
        with self._lock:
            self._expectation = expectation
        try:
            self._check_stopped()
            ready = {"certificate": identity.certificate, "addresses": list(self._tools.addresses)}
            self._told("listening", {**ready, "port": expectation.port, "datagrams": expectation.datagrams})
            return expectation.wait()
        except BaseException:
            expectation.cancel()
            raise

    def _connected(self, identity: Identity) -> Connection:
        """Accept, wait for the listener's word, connect."""
        self._told("accept", {"certificate": identity.certificate})
        try:
            answer = self._answers.get(timeout=HANDSHAKE_S)
        except queue.Empty:
            answer = None
        self._check_stopped()
        if answer is None:
            raise TransferError(f"The other side opened no port within {HANDSHAKE_S:g} s.", reason="peer-unreachable")
        return connect(
            self._ticket(identity, answer),
            answer["addresses"],
            int(answer["port"]),
            deadline_s=HANDSHAKE_S,
            clock=self._tools.clock,
            datagrams=int(answer.get("datagrams") or 0),
        )

    def _told(self, what: str, body: Data) -> None:
        self._tools.until_answered(
            f"transfers/{self._wanted.transfer}/{what}", body, deadline_s=END_DEADLINE_S, is_over=self._is_stopped
        )
        self._check_stopped()

    def _ticket(self, identity: Identity, data: Data) -> Ticket:
        return Ticket(
            transfer=self._wanted.transfer,
            identity=identity,
            peer_certificate=data["peer_certificate"],
            peer_addresses=tuple(data.get("peer_addresses") or ()),
            streams=self._wanted.streams,
        )

    def _is_stopped(self) -> bool:
        return self._stopped is not None

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    def _name(self) -> str:
        verb = "Sending" if self._wanted.role == "sender" else "Receiving"
        return f"{verb} job {self._first.get('job_name') or self._wanted.job}"

    def _summary(self, result: Outcome) -> str:
        if self._wanted.probe is not None:
            return f"measured the line {self._first['peer'] if self._first.get('peer') else 'to the other agent'}"
        verb, preposition = ("sent", "to") if self._wanted.role == "sender" else ("received", "from")
        count, size = files_text(result.progress.files_done), bytes_text(result.progress.size)
        peer = f" {preposition} {self._first['peer']}" if self._first.get("peer") else ""
        into = f" into {self._into.root / self._into.path}" if self._into else ""
        text = f"{verb} {count}, {size} of job {self._first.get('job_name') or self._wanted.job}{peer}{into}"
        failed = len(result.failures)
        return f"{text}; {files_text(failed)} failed: {result.failures[0].message}" if failed else text


def _limit_of(data: Data) -> int | None:
    """The cap an event brings, in bytes a second; 0 holds the bytes, None lets them go."""
    limit = data.get("limit")
    return None if limit is None else int(limit)
