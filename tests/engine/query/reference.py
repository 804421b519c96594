"""A second reading of the language in plain Python, value by value; the compiled SQL is held to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from accsyn_engine.query.parser import And, Bareword, Comparison, Node, Operator, Or

DAY = 86_400_000
UNSET = frozenset({"", "null", "*"})  # what is not set, and what is
Holds = Callable[[Comparison], bool]

ORDERINGS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: lambda a, b: a < b,
    Operator.GREATER: lambda a, b: a > b,
    Operator.AT_MOST: lambda a, b: a <= b,
    Operator.AT_LEAST: lambda a, b: a >= b,
}


def holds(node: Node, compared: Holds) -> bool:
    """Whether a query holds where `compared` answers its comparisons, negation left aside."""
    match node:
        case And(parts):
            return all(holds(part, compared) for part in parts)
        case Or(parts):
            return any(holds(part, compared) for part in parts)
        case Comparison():
            return compared(node) is not node.is_negated
        case Bareword():
            raise NotImplementedError


def values(asked: Comparison) -> tuple[str, ...]:
    """What is compared with: any of these will do."""
    return asked.items if asked.operator is Operator.IN else (asked.value,)


def text_compared(stored: str | None, operator: Operator, value: str) -> bool:
    if operator in {Operator.EQUAL, Operator.IN} and value == "":
        return not stored
    if stored is None:
        return False
    mine, theirs = stored.lower(), value.lower()
    if operator is Operator.EQUAL:
        wild = ".*".join(re.escape(part) for part in theirs.split("*"))
        return re.fullmatch(wild, mine, re.DOTALL) is not None
    if operator is Operator.IN:
        return mine == theirs
    if operator is Operator.CONTAINS:
        return theirs in mine
    if operator is Operator.MATCHES:
        return re.search(value, stored, re.IGNORECASE) is not None
    return ORDERINGS[operator](mine, theirs)


def path_compared(stored: str | None, operator: Operator, value: str) -> bool:
    value = value.replace("\\", "/")
    if operator is not Operator.CONTAINS:
        value = "/".join(part for part in value.split("/") if part)
    return text_compared(stored, operator, value)


def number_compared(stored: float | None, operator: Operator, value: str) -> bool:
    if value in UNSET:
        return (stored is None) is (value != "*")
    if stored is None:
        return False
    if operator in ORDERINGS:
        return ORDERINGS[operator](stored, float(value))
    return stored == float(value)


def date_compared(stored: int | None, operator: Operator, value: str) -> bool:
    if value in UNSET:
        return (stored is None) is (value != "*")
    if stored is None:
        return False
    begin = (datetime.fromisoformat(value).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
    end = begin + {10: DAY, 16: 60_000, 19: 1000}[len(value)]
    if operator in {Operator.LESS, Operator.AT_LEAST}:
        return ORDERINGS[operator](stored, begin)
    if operator in {Operator.GREATER, Operator.AT_MOST}:
        return (stored >= end) is (operator is Operator.GREATER)
    return begin <= stored < end


def flag_compared(stored: bool | None, _operator: Operator, value: str) -> bool:
    if value in UNSET:
        return (stored is None) is (value != "*")
    return stored is not None and str(stored).lower() == value


def written(node: Node) -> str:
    match node:
        case And(parts):
            return "(" + " and ".join(map(written, parts)) + ")"
        case Or(parts):
            return "(" + " or ".join(map(written, parts)) + ")"
        case Comparison(attribute, Operator.EQUAL, value, negated):
            return f"{attribute}{'!=' if negated else '='}'{value}'"
        case Comparison(attribute, operator, value, negated):
            return f"{attribute} {'not ' if negated else ''}{operator} '{value}'"
        case Bareword():
            raise NotImplementedError
