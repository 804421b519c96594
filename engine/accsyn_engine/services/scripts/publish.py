"""Publishing with the studio's say: the pre-publish hook judges the files, and its answer says where they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.services.context import ENGINE, Caller, Context, Work
from accsyn_engine.services.errors import BadValueError, NotAllowedNowError
from accsyn_engine.services.permissions import waits
from accsyn_engine.services.scripts import hooking, machines, publish_answer, runs
from accsyn_engine.services.scripts.hook_phase import add_run
from accsyn_engine.services.work import places
from accsyn_engine.store.schema import client, hook_run

HOOK = hooking.PRE_PUBLISH
TIMEOUT_S = 110  # the official clients give up after 120
REMEMBERED = 50  # answers looked through for the destination of a published file


@waits("publish.preprocess")
def preprocess(context: Context, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Ask the pre-publish hook about files; raises AgentRefusedError with its words when it fails.

    With no such hook configured, NotAllowedNowError.
    """
    files = _files(data)
    with context.changing() as work:
        server = machines.hook_server(work)
        if not hooking.is_configured(work, HOOK):
            raise NotAllowedNowError(what="No pre-publish hook is configured in this workspace; an admin sets one.")
        if server is None or server.status != "online":
            raise NotAllowedNowError(
                what="The server that runs the pre-publish hook is offline; try again later. (W#J061)"
            )
        command = hooking.command(work, HOOK, server.os)
        if command is None:
            raise NotAllowedNowError(
                what=f"The pre-publish hook has no command for {hooking.os_word(server.os)}; an admin sets one."
            )
        hook_data = _input(work, caller, data, files)
        run = add_run(work, server, HOOK, command, key=work.context.ids.secret(), attempt=1, row=None, data=hook_data)
    answer = runs.wait_for(context, run, TIMEOUT_S, reader=caller)
    with context.reading() as work:
        return publish_answer.check(work, caller, files, answer.answer)


def _files(data: dict[str, Any]) -> list[dict[str, Any]]:
    files = data.get("files")
    if not isinstance(files, list) or not files or not all(isinstance(entry, dict) for entry in files):
        raise BadValueError(what='"files" must be a list of files with "id" and "filename".')
    ids = [entry.get("id") for entry in files]
    if None in ids or len(set(map(str, ids))) != len(ids):
        raise BadValueError(what='Every entry of "files" needs an "id" of its own.')
    return files


def _input(work: Work, caller: Caller, data: dict[str, Any], files: list[dict[str, Any]]) -> dict[str, Any]:
    own = work.connection.execute(
        select(client.c.id, client.c.code)
        .where(client.c.user_id == caller.user_id)
        .order_by(client.c.last_checkin.desc())
        .limit(1)
    ).first()
    return {
        "hook": HOOK,
        "hostname": own.code if own is not None else "",
        "ip": caller.address,
        "client": own.id if own is not None else None,
        "user": caller.user_id,
        "user_hr": caller.code,
        "metadata": data.get("metadata") or {},
        "files": files,
        "size": data.get("size") or 0,
    }


def entries(work: Work, caller: Caller) -> Callable[[str], str | None]:
    """Find where an accepted file goes: by its id, in what the hook last answered to this caller, never in the job."""
    paths: dict[str, str] = {}
    for row in _answers(work, caller.user_id):
        for entry in (row.answer or {}).get("files") or []:
            if isinstance(entry, dict) and (entry.get("can_publish") or entry.get("can_upload")) and entry.get("path"):
                paths.setdefault(str(entry.get("id")), str(entry["path"]))
    return paths.get


def _answers(work: Work, user_id: str) -> list[Row[Any]]:
    rows = work.connection.execute(
        select(hook_run)
        .where(hook_run.c.hook == HOOK, hook_run.c.state == "done")
        .order_by(hook_run.c.created.desc())
        .limit(REMEMBERED)
    )
    return [row for row in rows if row.data.get("user") == user_id]


def hook_files(work: Work, row: Row[Any]) -> list[dict[str, Any]]:
    """The entries of a published job with everything a publish hook reads unguarded."""
    asked = next(
        (entry.get("data") for entry in row.hooks if hooking.hook_name(str(entry.get("when", ""))) == "publish-server"),
        None,
    )
    files = (asked or {}).get("files") or []
    judged = {
        str(entry.get("id")): entry
        for answer in reversed(_answers(work, row.user_id))
        for entry in (answer.answer or {}).get("files") or []
        if isinstance(entry, dict)
    }
    blank = {"filename": "", "comment": "", "status": "", "time_report": 0, "is_dir": False, "metadata": {}}
    return [
        blank | entry | _judged(work, judged[str(entry.get("id"))])
        for entry in files
        if isinstance(entry, dict) and str(entry.get("id")) in judged
    ]


def _judged(work: Work, entry: dict[str, Any]) -> dict[str, Any]:
    """What the studio said of a file, its place written as the server knows it: never in the publisher's words."""
    said = {"ident": entry.get("ident") or "", "can_publish": entry.get("can_publish") is True}
    if not entry.get("path"):
        return said | {"path": None, "v": None, "v_hr": ""}
    on = places.place(work, ENGINE, entry["path"])
    return said | {"path": places.native(on.volume.path, on.path), "v": on.volume.id, "v_hr": on.volume.code}
