"""The words of the eras: what 2019's clients call things, and what they are called inside.

Inside, everything carries the newest names. A call's old names are replaced on the way in for every family, since
scripts kept their words when they took a newer client; answers get the old words only where the old family asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accsyn_engine.api.protocol import Family

# The first word of a uri, and the two-word beginnings that moved.
URI_BEGINNINGS: dict[str, str] = {
    "organization/site/": "site/",
    "workspace/site/": "site/",
    "organization/": "workspace/",
    "workarea/": "share/",
    "job/task/": "task/",
}

# Names of attributes, by kind: old to new.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "acl": {"ident": "entity"},
    "user": {"clearance": "role"},
    "job": {"dest": "destination"},
}

# Values, by kind and attribute: old to new.
VALUES: dict[str, dict[str, dict[str, str]]] = {
    "user": {
        "role": {"user": "standard", "client": "standard"},
        "clearance": {"user": "standard", "client": "standard"},
    },
    "share": {"type": {"root": "volume", "standard": "folder", "user": "home"}},
}

# Answers to the old family: new to old.
OLD_VALUES: dict[str, dict[str, dict[str, str]]] = {
    "user": {"role": {"standard": "user"}, "clearance": {"standard": "user"}},
    "share": {"type": {"volume": "root", "folder": "standard", "home": "user"}},
}
OLD_PARTIES: dict[str, tuple[str, ...]] = {"job": ("source", "destination", "source_hr", "destination_hr")}


def uri_today(uri: str) -> str:
    """The uri as newest clients send it."""
    for old, new in URI_BEGINNINGS.items():
        if uri.startswith(old):
            return new + uri[len(old) :]
    return uri


def role_word(family: Family, role: str) -> str:
    """A role as this family's clients know it."""
    return OLD_VALUES["user"]["role"].get(role, role) if family is Family.V1 else role


def attribute_today(kind: str, name: str) -> str:
    """An attribute's name inside."""
    return ATTRIBUTES.get(kind, {}).get(name, name)


def inward(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's attributes under today's names and values; a new name that is also there wins over the old one."""
    names = ATTRIBUTES.get(kind, {})
    today = {names[name]: value for name, value in data.items() if name in names}
    today.update({name: value for name, value in data.items() if name not in names})
    for attribute, replaced in VALUES.get(kind, {}).items():
        word = today.get(attribute)
        if isinstance(word, str):
            today[attribute] = replaced.get(word.lower(), word)
    return today


def outward(family: Family, kind: str, entity: Any, asked: Iterable[str] = ()) -> Any:
    """An answer's entity in the family's words, under the names that were asked for."""
    if not isinstance(entity, dict):
        return entity
    answer = _era(kind, entity) if family is Family.V1 else dict(entity)
    names = ATTRIBUTES.get(kind, {})
    wanted = tuple(asked)
    for name in wanted:
        if name in names:
            answer[name] = answer.get(names[name])
    return {name: answer.get(name) for name in wanted} if wanted else answer


def _era(kind: str, entity: Mapping[str, Any]) -> dict[str, Any]:
    answer = dict(entity)
    for old, new in ATTRIBUTES.get(kind, {}).items():
        if new in answer:
            answer.setdefault(old, answer[new])
    for attribute, replaced in OLD_VALUES.get(kind, {}).items():
        if isinstance(answer.get(attribute), str):
            answer[attribute] = replaced.get(answer[attribute], answer[attribute])
    for attribute in OLD_PARTIES.get(kind, ()):
        party = answer.get(attribute)
        if isinstance(party, str) and party.startswith("workspace:"):
            answer[attribute] = "organization:" + party.removeprefix("workspace:")
    return answer
