"""How an event's fields become the arguments of a use case; one small function for each way of calling.

Each takes the call apart, calls one use case, and hands back what it answered. The table that says which event goes
where is in `events`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accsyn_engine.api.errors import BadFieldError
from accsyn_engine.api.protocol import Envelope
from accsyn_engine.api.words import attribute_today, inward
from accsyn_engine.services import settings
from accsyn_engine.services.context import Caller, Context, Find
from accsyn_engine.services.records.fields import flag, number, reference, text
from accsyn_engine.services.scripts import hooks
from accsyn_engine.services.work import tasks

UseCase = Callable[..., Any]

FLAGS: dict[str, tuple[str, ...]] = {  # the field of Find: its names over the years
    "finished": ("finished",),
    "inactive": ("inactive", "offline"),
    "archived": ("archived", "archive"),
    "single": ("single_entity_query",),
}


DUPLICATES = frozenset({"allow_duplicates", "replace_duplicates"})


@dataclass(frozen=True)
class Call:
    """One event on its way to a use case."""

    context: Context
    caller: Caller
    envelope: Envelope
    kind: str  # which vocabulary its attributes have: user, share, acl, job ...

    @property
    def data(self) -> dict[str, Any]:
        """The event's data as an object; absent is empty."""
        data = self.envelope.data
        if data is None:
            return {}
        if isinstance(data, dict):
            return data
        raise BadFieldError(field="data", kind="an object")

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names a find shall show, as the caller spells them; empty for all."""
        names = self.data.get("attributes") or ()
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            return tuple(names)
        raise BadFieldError(field="attributes", kind="a list of names")

    @property
    def id(self) -> str:
        """The entity the event is about."""
        if self.envelope.id:
            return self.envelope.id
        raise BadFieldError(field="id", kind=f"the id of the {self.kind}")

    @property
    def id_or_query(self) -> str:
        """Some generations put an id or a code where the query stands."""
        named = self.envelope.id or (self.envelope.query or "").strip()
        if named:
            return named
        raise BadFieldError(field="id", kind=f"the id or code of the {self.kind}")


def read_find(call: Call, *, query: str | None = None) -> Find:
    """A find's words: which entities, which of their attributes, and which part of the past."""
    data = call.data
    return Find(
        query=(query if query is not None else call.envelope.query) or None,
        id=call.envelope.id or None,
        attributes=tuple(attribute_today(call.kind, name) for name in call.attributes),
        limit=_count(data, "limit"),
        skip=_count(data, "skip") or 0,
        parent=_parent(data),
        **{field: any(_flag(data, name) for name in names) for field, names in FLAGS.items()},
    )


def _count(data: Mapping[str, Any], field: str) -> int | None:
    value = data.get(field)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise BadFieldError(field=field, kind="a number, 0 or more")


def _flag(data: Mapping[str, Any], field: str) -> bool:
    value = data.get(field)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise BadFieldError(field=field, kind="true or false")


def _parent(data: Mapping[str, Any]) -> str | None:
    value = data.get("parent")
    if value is None or isinstance(value, str):
        return value
    raise BadFieldError(field="parent", kind="an id")


def find(use_case: UseCase, *fixed: Any) -> Callable[[Call], Any]:
    """Entities by expression or id."""
    return lambda call: use_case(call.context, call.caller, *fixed, read_find(call))


def find_only(use_case: UseCase, condition: str) -> Callable[[Call], Any]:
    """Entities by expression, of one sort only."""

    def carry_out(call: Call) -> Any:
        given = (call.envelope.query or "").strip()
        query = None if call.envelope.id else f"{condition} and ({given})" if given else condition
        return use_case(call.context, call.caller, read_find(call, query=query))

    return carry_out


def create(use_case: UseCase, *fixed: Any) -> Callable[[Call], Any]:
    """A new entity from the event's data."""
    return lambda call: use_case(call.context, call.caller, *fixed, new_entity(call, call.kind))


def new_entity(call: Call, kind: str) -> dict[str, Any]:
    """What an entity shall be; what is to happen to duplicates, official clients say of any kind."""
    return inward(kind, {name: value for name, value in call.data.items() if name not in DUPLICATES})


def update(use_case: UseCase) -> Callable[[Call], Any]:
    """Changed attributes of one entity."""
    return lambda call: use_case(call.context, call.caller, call.id, inward(call.kind, call.data))


def by_id(use_case: UseCase) -> Callable[[Call], Any]:
    """Something done to one entity, with no further words."""
    return lambda call: use_case(call.context, call.caller, call.id)


def by_id_or_code(use_case: UseCase) -> Callable[[Call], Any]:
    """Something done to one entity that newest clients name by its code."""
    return lambda call: use_case(call.context, call.caller, call.id_or_query)


def delete(use_case: UseCase) -> Callable[[Call], Any]:
    """An entity removed, by force when asked."""
    return lambda call: use_case(call.context, call.caller, call.id, force=_flag(call.data, "force"))


Read = Callable[[Mapping[str, Any], str], Any]


def plain(use_case: UseCase, **fields: Read) -> Callable[[Call], Any]:
    """A use case whose arguments are fields of the data, under their own names, each read as the right kind."""
    return lambda call: use_case(call.context, call.caller, **chosen(call.data, fields))


def chosen(data: Mapping[str, Any], fields: Mapping[str, Read]) -> dict[str, Any]:
    """Those of the fields that the data has, each read as the right kind; raises BadValueError or BadFieldError."""
    read = {name: of_kind(data, name) for name, of_kind in fields.items()}
    return {name: value for name, value in read.items() if value is not None}


def needed(read: Read) -> Read:
    """The same field, but one that may not be left out."""

    def read_needed(data: Mapping[str, Any], name: str) -> Any:
        value = read(data, name)
        if value is None:
            raise BadFieldError(field=name, kind="given")
        return value

    return read_needed


def short_text(data: Mapping[str, Any], name: str) -> str | None:
    """A text of at most 254 characters."""
    return text(data, name, longest=254)


def integration_name(data: Mapping[str, Any], name: str) -> str | None:
    """The name of an integration."""
    return text(data, name, longest=64)


def yes_or_no(data: Mapping[str, Any], name: str) -> bool | None:
    """A boolean; None when absent."""
    return None if data.get(name) is None else flag(data, name, default=False)


def count(least: int, most: int) -> Read:
    """A whole number within bounds."""
    return lambda data, name: (
        None if data.get(name) is None else number(data, name, default=least, least=least, most=most)
    )


def assign(use_case: UseCase) -> Callable[[Call], Any]:
    """A server joined to, or taken from, the share whose id the event carries."""
    return lambda call: use_case(call.context, call.caller, call.id, _needed(call, "client"))


def _needed(call: Call, field: str) -> str:
    value = short_text(call.data, field)
    if value:
        return value
    raise BadFieldError(field=field, kind="text, and not empty")


def create_job(use_case: UseCase) -> Callable[[Call], Any]:
    """A job, and what to do about one that is there already."""

    def carry_out(call: Call) -> Any:
        data = inward("job", call.data)
        return use_case(call.context, call.caller, data, **_duplicates(data))

    return carry_out


def _duplicates(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "allow_duplicates": data.pop("allow_duplicates", None),
        "replace_duplicates": _flag({"replace_duplicates": data.pop("replace_duplicates", None)}, "replace_duplicates"),
    }


def create_tasks(call: Call) -> Any:
    """Tasks added to a job: its id stands in `id` or, until 3.1, in `query`; until 1.2.4 the data is the bare list."""
    bare = call.envelope.data
    data: dict[str, Any] = {"tasks": bare} if isinstance(bare, list) else dict(call.data)
    duplicates = _duplicates(data)
    return tasks.create(call.context, call.caller, call.id_or_query, data, **duplicates)


def update_tasks(call: Call) -> Any:
    """One task by its own id, or many of the job whose id the event carries."""
    changes = call.envelope.data
    if isinstance(changes, list):
        return tasks.update_many(call.context, call.caller, call.id, changes)
    return tasks.update(call.context, call.caller, call.id, inward("task", call.data))


def with_data(use_case: UseCase) -> Callable[[Call], Any]:
    """A use case that takes the data as it came."""
    return lambda call: use_case(call.context, call.caller, call.data)


SCOPES: dict[str, str] = {  # entity types whose settings are kept together
    "organization": "workspace",
    **dict.fromkeys(("volume", "folder", "home", "collection", "workarea"), "share"),
    "transfer": "job",
    **dict.fromkeys(("app", "server", "userserver"), "client"),
}


def _setting(call: Call) -> dict[str, Any]:
    written = short_text(call.data, "entitytype") or short_text(call.data, "scope")
    word = (written or "workspace").lower()
    found = {"scope": SCOPES.get(word, word), "id": call.envelope.id or reference(call.data, "ident")}
    return found | chosen(call.data, {"integration": integration_name})


def get_setting(call: Call) -> Any:
    """One setting's value, or all of an entity."""
    flags = chosen(call.data, {"upstream": yes_or_no, "omit_defaults": yes_or_no})
    name = short_text(call.data, "name")
    return settings.get(call.context, call.caller, name=name, default=call.data.get("data"), **_setting(call), **flags)


def put_setting(call: Call) -> Any:
    """Give a setting a value; old clients call it `data`."""
    value = call.data["value"] if "value" in call.data else call.data.get("data")
    platform = chosen(call.data, {"os": short_text})
    name = _needed(call, "name")
    if settings.is_command(name) and call.caller.is_admin:
        for os, command in (value if isinstance(value, dict) else {platform.get("os", ""): value}).items():
            if isinstance(command, str) and command.strip():
                hooks.approve(call.context, call.caller, name, command, str(os))
    return settings.put(call.context, call.caller, name=name, value=value, **_setting(call), **platform)


def delete_setting(call: Call) -> Any:
    """Take a setting away, so that the inherited value counts again."""
    return settings.delete(call.context, call.caller, name=_needed(call, "name"), **_setting(call))
