"""What a pre-publish hook answered, held to its shape field by field; a fault is the hook's and nothing is uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import NotAllowedNowError
from accsyn_engine.services.work import places
from accsyn_plugins.errors import AccsynError

Check = Callable[[Any], bool]
MOST_FAULTS = 3  # told at once

VERDICTS = ("can_publish", "can_upload", "rejected")
QUESTIONS = ("comment", "time_report", "metadata")
FILE_TEXTS = ("ident", "warning", "info", "comment_label", "path")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


ANSWER: dict[str, tuple[Check, str]] = {
    "guidelines": (_is_text, "text"),
    **dict.fromkeys(QUESTIONS, (_is_flag, "true or false")),
    "tasks": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of names"),
}
FILE: dict[str, tuple[Check, str]] = {
    **dict.fromkeys(FILE_TEXTS, (_is_text, "text")),
    **dict.fromkeys(VERDICTS, (_is_flag, "true or false")),
}


def check(work: Work, caller: Caller, files: list[dict[str, Any]], answer: Any) -> dict[str, Any]:
    """Give the answer as it is, or raise NotAllowedNowError with a sentence for each of its first faults."""
    faults = list(_faults(work, caller, [str(entry["id"]) for entry in files], answer))
    if faults:
        told = " ".join(faults[:MOST_FAULTS])
        more = f" There are {len(faults) - MOST_FAULTS} more faults." if len(faults) > MOST_FAULTS else ""
        raise NotAllowedNowError(
            what=f"The answer of the pre-publish hook is wrong: {told}{more} An admin has to mend the hook. (E#J006)"
        )
    assert isinstance(answer, dict)  # noqa: S101 - else there was a fault
    return answer


def _faults(work: Work, caller: Caller, asked: list[str], answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict):
        yield "It is no JSON object."
        return
    yield from _kinds(ANSWER, answer, "")
    yield from _status_faults(answer.get("statuses"))
    entries = answer.get("files")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield '"files" must be a list of objects.'
        return
    yield from _id_faults(asked, [entry.get("id") for entry in entries])
    for entry in entries:
        yield from _file_faults(work, caller, entry)


def _kinds(fields: dict[str, tuple[Check, str]], data: dict[str, Any], where: str) -> Iterator[str]:
    for name, (is_right, kind) in fields.items():
        if data.get(name) is not None and not is_right(data[name]):
            yield f'"{name}"{where} must be {kind}.'


def _status_faults(statuses: Any) -> Iterator[str]:
    if statuses is None:
        return
    if not isinstance(statuses, list) or not all(_is_status(entry) for entry in statuses):
        yield '"statuses" must be a list of objects with "label" and "value", one of them with "default": true.'
    elif sum(entry.get("default") is True for entry in statuses) > 1:
        yield 'Only one of "statuses" can be the default.'


def _is_status(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and _is_text(entry.get("label"))
        and _is_text(entry.get("value"))
        and isinstance(entry.get("default", False), bool)
    )


def _id_faults(asked: list[str], ids: list[Any]) -> Iterator[str]:
    told = [str(known) for known in ids if known is not None]
    missing, unknown = set(asked) - set(told), set(told) - set(asked)
    if len(told) != len(ids):
        yield 'An entry of "files" has no "id".'
    if missing:
        yield f'"files" misses {len(missing)} of the files asked about, among them {min(missing)}.'
    if unknown:
        yield f'"files" has an "id" that nobody asked about: {min(unknown):.60}.'
    if len(set(told)) != len(told):
        yield '"files" has an "id" twice.'


def _file_faults(work: Work, caller: Caller, entry: dict[str, Any]) -> Iterator[str]:
    where = f" of the file {entry.get('id')!s:.60}"
    faults = list(_kinds(FILE, entry, where))
    yield from faults
    if faults:
        return
    if sum(entry.get(name) is True for name in VERDICTS) != 1:
        yield f'Exactly one of "can_publish", "can_upload" and "rejected"{where} must be true.'
    elif not entry.get("rejected"):
        yield from _path_faults(work, caller, entry.get("path"), where)


def _path_faults(work: Work, caller: Caller, path: str | None, where: str) -> Iterator[str]:
    if not path:
        yield f'"path"{where} is missing.'
        return
    try:
        places.place(work, caller, path)
    except AccsynError as error:
        yield f'"path"{where} is no place below a volume: {error.message}'
