"""Answers what the engine asks about files on this machine: list, measure, make, rename, move, delete."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from accsyn_engine.agent.errors import AgentError, RequestInvalidError, TooManyEntriesError
from accsyn_engine.agent.filters import make_filter
from accsyn_engine.agent.listing import MOST_ENTRIES, list_folder, read_wish
from accsyn_engine.agent.tools import Tools
from accsyn_engine.agent.workers import Workers
from accsyn_engine.clock import Clock
from accsyn_engine.transfer.disk.files import FILE, Root
from accsyn_engine.transfer.disk.frames import find_frames
from accsyn_engine.transfer.errors import FramesMissing, TransferError
from accsyn_plugins.errors import AccsynError

THREADS = 4
DEADLINE_S = 20.0
REMEMBERED = 10_000
PATIENCE_S = 60.0  # nobody waits longer for an answer
ANSWER_LIMIT = 15 * 1024 * 1024  # bytes; the engine takes 16 MiB

Data = dict[str, Any]
Operation = Callable[[Root, str, Data, Clock], Any]


def _ls(root: Root, path: str, data: Data, clock: Clock) -> Any:
    return list_folder(root, path, read_wish(data), clock)


def _getsize(root: Root, path: str, data: Data, _clock: Clock) -> Any:
    frames = find_frames(root, path) if data.get("sequence") else None
    if frames is None:
        wanted = make_filter(data.get("include"), data.get("exclude"))
        return sum(found.size for found in root.walk(path) if found.kind == FILE and wanted.shows(found.name))
    if frames.missing:
        raise FramesMissing(path=path, frames=frames.missing)
    return sum(found.size for found in frames.there)


def _exists(root: Root, path: str, data: Data, _clock: Clock) -> Any:
    """A sequence exists when its folder has all frames of its range, or any where none is written."""
    try:
        frames = find_frames(root, path) if data.get("sequence") else None
    except TransferError:
        return False
    return root.exists(path) if frames is None else not frames.missing


def _mkdir(root: Root, path: str, _data: Data, _clock: Clock) -> Any:
    root.mkdir(path, exist_ok=False)
    return True


def _rename(root: Root, path: str, data: Data, _clock: Clock) -> Any:
    # The new name alone, or the whole new path in the same folder.
    target = _target(data)
    folder, _, name = target.rpartition("/")
    if folder and folder != path.rpartition("/")[0]:
        raise RequestInvalidError(what=f'A rename stays in its folder; move "{path}" to reach another one.')
    root.rename(path, name)
    return True


def _move(root: Root, path: str, data: Data, _clock: Clock) -> Any:
    if data.get("to_root", data["root"]) != data["root"]:
        raise RequestInvalidError(
            what="A move stays in its volume; send the files to another one and delete them then."
        )
    root.move(path, _target(data))
    return True


def _delete(root: Root, path: str, data: Data, _clock: Clock) -> Any:
    root.delete(path, force=bool(data.get("force")))
    return True


OPERATIONS: dict[str, Operation] = {
    "ls": _ls,
    "getsize": _getsize,
    "exists": _exists,
    "mkdir": _mkdir,
    "rename": _rename,
    "move": _move,
    "delete": _delete,
}


def _target(data: Data) -> str:
    target = data.get("to")
    if not isinstance(target, str) or not target:
        raise RequestInvalidError(what="The engine did not say where to; `to` is missing.")
    return target


class Questions:
    """Takes `request` events; a few at a time are worked on, the rest wait."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._workers = Workers(
            "question", THREADS, lambda error: tools.log.fault("A question was not answered.", error)
        )

    def ask(self, data: Data) -> None:
        """Answer this soon; a question that comes again is not answered again, since it may change something."""
        if data["request"] in self._asked:
            return
        self._asked[data["request"]] = None
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        self._workers.add(lambda: self._tell(data["request"], self._answer(data)))

    def close(self) -> None:
        """Leave what has not begun."""
        self._workers.close(wait_s=0)

    def _answer(self, data: Data) -> Data:
        operation = str(data.get("operation"))
        try:
            answer = {"answer": self._carry_out(operation, data["data"])}
        except AccsynError as error:
            return _refusal(error)
        except Exception as error:
            self._tools.log.fault(f"The question {operation} failed on an unexpected error.", error)
            return _refusal(AgentError(f"The agent on {self._tools.machine} failed in {operation}; see its log."))
        if len(json.dumps(answer)) > ANSWER_LIMIT:
            path = data["data"].get("path") or "/"
            return _refusal(TooManyEntriesError(path=path, limit=MOST_ENTRIES))
        return answer

    def _carry_out(self, operation: str, data: Data) -> Any:
        if operation not in OPERATIONS:
            raise RequestInvalidError(what=f"The agent on {self._tools.machine} does not know {operation}; update it.")
        place = self._tools.roots.place(data["root"], data["path"])
        with Root(place.root) as root:
            return OPERATIONS[operation](root, place.path, data, self._tools.clock)

    def _tell(self, request: str, answer: Data) -> None:
        until = self._tools.clock.monotonic() + PATIENCE_S
        try:
            self._tools.until_answered(
                f"requests/{request}",
                answer,
                deadline_s=DEADLINE_S,
                is_over=lambda: self._tools.clock.monotonic() > until,
            )
        except AccsynError as error:
            self._tools.log.say(f"An answer was not delivered: {error.message}")


def _refusal(error: AccsynError) -> Data:
    return {"error": {"code": error.code, "message": error.message}}
