"""A parsed query and a table of fields to one SQL expression; every value is bound.

All text compares without case. What is negated is true where the attribute is empty, as people expect: a job without a
description is found by `description != draft`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column as StoredColumn
from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_
from sqlalchemy import Text as SqlText

from accsyn_engine.query.errors import QueryError, UnknownAttributeError
from accsyn_engine.query.fields import Column, Date, Field, Fields, Flag, Number, Path, Reference, Text
from accsyn_engine.query.functions import fold, folded, search
from accsyn_engine.query.parser import And, Bareword, Comparison, Node, Operator, Or, parse

Condition = ColumnElement[bool]
Ordering = Callable[[Any, Any], Any]

_ORDERINGS: Mapping[Operator, Ordering] = {
    Operator.LESS: operator.lt,
    Operator.GREATER: operator.gt,
    Operator.AT_MOST: operator.le,
    Operator.AT_LEAST: operator.ge,
}


def compile_query(text: str, fields: Fields, *, bare: tuple[str, ...] = ()) -> Condition:
    """Compile query text; `bare` names the attributes one of which a bare word must equal. Raises QueryError."""
    return compile_tree(parse(text).where, fields, bare=bare)


def compile_tree(node: Node, fields: Fields, *, bare: tuple[str, ...] = ()) -> Condition:
    """Compile a parsed query. Raises QueryError, UnknownAttributeError."""
    match node:
        case And(parts):
            return and_(*(compile_tree(part, fields, bare=bare) for part in parts))
        case Or(parts):
            return or_(*(compile_tree(part, fields, bare=bare) for part in parts))
        case Bareword(text):
            return _bareword(text, fields, bare)
    return _comparison(node, fields)


def names_one(text: str, fields: Fields, *, bare: tuple[str, ...] = ()) -> bool:
    """Whether a query asks for one value of what an index finds, so that hardly a row is left to look at."""
    return _names_one(parse(text).where, fields, bare)


def _names_one(node: Node, fields: Fields, bare: tuple[str, ...]) -> bool:
    match node:
        case And(parts):
            return any(_names_one(part, fields, bare) for part in parts)
        case Or(parts):
            return all(_names_one(part, fields, bare) for part in parts)
        case Bareword():
            return all(_is_indexed(fields.get(name)) for name in bare)
    is_value = node.operator in {Operator.EQUAL, Operator.IN} and not node.is_negated
    return (
        is_value and all(node.items or (node.value,)) and "*" not in node.value and _is_indexed(fields[node.attribute])
    )


def _is_indexed(field: Field | None) -> bool:
    return isinstance(field, Text) and (field.folded is not None or _is_id(field.column))


def _bareword(text: str, fields: Fields, bare: tuple[str, ...]) -> Condition:
    if not bare:
        raise QueryError(reason=f"{text!r} is a value by itself; write an attribute and an operator before it")
    return or_(*(_comparison(Comparison(name, Operator.EQUAL, text), fields) for name in bare))


def _comparison(asked: Comparison, fields: Fields) -> Condition:
    field = fields.get(asked.attribute)
    if field is None:
        raise UnknownAttributeError(attribute=asked.attribute, known=", ".join(sorted(fields)))
    found = _COMPILERS[type(field)](field, asked)
    return not_(func.coalesce(found, false())) if asked.is_negated else found


def _text(field: Text, asked: Comparison) -> Condition:
    return _text_column(field.column, _translated(asked, field.words), field.folded)


def _path(field: Path, asked: Comparison) -> Condition:
    """Compare after the spellings of a path are made one; a regular expression stays as it is."""
    if asked.operator is Operator.MATCHES:
        return _text_column(field.column, asked)
    spell = _slashes if asked.operator is Operator.CONTAINS else _place
    items = tuple(spell(item) for item in asked.items)
    return _text_column(field.column, _with(asked, spell(asked.value), items))


def _slashes(value: str) -> str:
    return value.replace("\\", "/")


def _place(value: str) -> str:
    return "/".join(name for name in _slashes(value).split("/") if name not in {"", "."})


def _translated(asked: Comparison, words: Mapping[str, Any]) -> Comparison:
    """Put what is stored in the place of another spelling of it."""
    if not words or asked.operator in {Operator.CONTAINS, Operator.MATCHES}:
        return asked
    items = tuple(str(words.get(item.lower(), item)) for item in asked.items)
    return _with(asked, str(words.get(asked.value.lower(), asked.value)), items)


def _with(asked: Comparison, value: str, items: tuple[str, ...]) -> Comparison:
    return Comparison(asked.attribute, asked.operator, value, asked.is_negated, items)


def _text_column(column: Column, asked: Comparison, stored: Column | None = None) -> Condition:
    """Compare text; `stored` is the column that holds it without case, where there is one."""
    match asked.operator:
        case Operator.EQUAL:
            return _equals(column, asked.value, stored)
        case Operator.IN:
            return _in(column, asked.items, stored)
        case Operator.CONTAINS:
            return _like(column, f"%{_escaped(asked.value)}%", stored)
        case Operator.MATCHES:
            return search(column, asked.value)
        case ordering:
            left, right = _without_case(column, asked.value, stored)
            return _as_condition(_ORDERINGS[ordering](left, right))


def _equals(column: Column, value: str, stored: Column | None = None) -> Condition:
    if not value:
        return func.coalesce(column, "") == ""
    if "*" in value:
        return _like(column, re.sub("[*]+", "%", _escaped(value)), stored)
    return _in(column, (value,), stored)


def _in(column: Column, items: tuple[str, ...], stored: Column | None = None) -> Condition:
    named = [item for item in items if item]
    listed: Condition
    if _is_id(column):
        listed = column.in_([item.lower() for item in named])
    elif stored is not None:
        listed = stored.in_([folded(item) for item in named]) if len(named) != 1 else stored == folded(named[0])
    else:
        listed = fold(column).in_([_folded(item) for item in named])
    return or_(listed, _equals(column, "")) if "" in items else listed


def _is_id(column: Column) -> bool:
    """Whether ids stand there: they are in lower case, and only the column as it is has an index."""
    return isinstance(column, StoredColumn) and (column.primary_key or bool(column.foreign_keys))


def _like(column: Column, pattern: str, stored: Column | None = None) -> Condition:
    left, right = _without_case(column, pattern, stored)
    return left.like(right, escape="!")


def _without_case(column: Column, value: str, stored: Column | None) -> tuple[Column, Column]:
    """Both sides of a comparison: what is stored without case is compared with what was folded the same way."""
    if stored is None:
        return fold(column), _folded(value)
    return stored, literal(folded(value), SqlText)


def _escaped(value: str) -> str:
    return re.sub("[!%_]", r"!\g<0>", value)


def _folded(value: str) -> Column:
    return fold(literal(value, SqlText))


def _as_condition(expression: Any) -> Condition:
    condition: Condition = expression
    return condition


def _values(asked: Comparison) -> tuple[str, ...]:
    return asked.items if asked.operator is Operator.IN else (asked.value,)


def _each(asked: Comparison, column: Column, equals: Callable[[str], Condition]) -> Condition:
    """Equality with the value or any of the values; an empty one or `null` is what is not set, `*` what is."""
    special: Mapping[str, Condition] = {"": column.is_(None), "null": column.is_(None), "*": column.is_not(None)}
    found = [special[value] if value in special else equals(value) for value in _values(asked)]
    return or_(*found)


def _refuse(asked: Comparison, kind: str, operators: str) -> QueryError:
    return QueryError(reason=f'"{asked.attribute}" is {kind} and cannot be used with {asked.operator}; use {operators}')


def _number(field: Number, asked: Comparison) -> Condition:
    read = _translated(asked, field.words)
    if read.operator in {Operator.EQUAL, Operator.IN}:
        return _each(read, field.column, lambda value: field.column == _as_number(asked, value))
    if read.operator in _ORDERINGS:
        return _as_condition(_ORDERINGS[read.operator](field.column, _as_number(asked, read.value)))
    raise _refuse(asked, "a number", "=, !=, <, >, <=, >= or in")


def _as_number(asked: Comparison, value: str) -> int | float:
    if not re.fullmatch(r"[+-]?\d{1,100}(\.\d{1,100})?", value, re.ASCII):
        raise QueryError(reason=f'"{asked.attribute}" is a number and {value!r:.60} is none')
    number = float(value)
    # Beyond 64 bits a database takes no integer.
    return int(value) if "." not in value and abs(number) < 2**63 else number


def _flag(field: Flag, asked: Comparison) -> Condition:
    if asked.operator not in {Operator.EQUAL, Operator.IN}:
        raise _refuse(asked, "true or false", "= or !=")
    return _each(asked, field.column, lambda value: field.column.is_(_as_flag(asked, value)))


_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _as_flag(asked: Comparison, value: str) -> bool:
    flag = _FLAGS.get(value.lower())
    if flag is None:
        raise QueryError(reason=f'"{asked.attribute}" is true or false and {value!r:.60} is neither')
    return flag


_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?P<seconds>:\d\d(?P<thousandths>\.\d{1,6})?)?(?:z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _date(field: Date, asked: Comparison) -> Condition:
    """Compare with the whole of what was written: a date is all of that day, a time all of that second."""
    column = field.column
    if asked.operator in {Operator.EQUAL, Operator.IN}:
        return _each(asked, column, lambda value: and_(*_within(column, *_as_span(asked, value))))
    if asked.operator not in _ORDERINGS:
        raise _refuse(asked, "a date", "=, !=, <, >, <=, >= or in")
    begin, end = _as_span(asked, asked.value)
    spans: Mapping[Operator, Condition] = {
        Operator.LESS: column < begin,
        Operator.GREATER: column >= end,
        Operator.AT_MOST: column < end,
        Operator.AT_LEAST: column >= begin,
    }
    return spans[asked.operator]


def _within(column: Column, begin: int, end: int) -> tuple[Condition, Condition]:
    return column >= begin, column < end


def _as_span(asked: Comparison, value: str) -> tuple[int, int]:
    """The milliseconds a written date or time stands for, the last one excluded."""
    written = _DATE.fullmatch(value.lower())
    try:
        if written is None:
            raise ValueError
        at = datetime.fromisoformat(value.upper())
    except ValueError:
        reason = (
            f'"{asked.attribute}" is a date and {value!r:.60} is none; write it like 2026-11-24 or 2026-11-24T03:36:48'
        )
        raise QueryError(reason=reason) from None
    begin = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
    return begin, begin + _length(written)


def _length(written: re.Match[str]) -> int:
    if written["thousandths"]:
        return 1
    if written["seconds"]:
        return 1000
    return 60_000 if ":" in written[0] else 86_400_000


_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KINDED = re.compile(r"([a-z_]+):(.*)", re.DOTALL)
_READABLE = re.compile(r".*\(([0-9a-f]{24})\)")  # user:lisa@x.com[standard](6b05...)
_KINDS = {"organization": "workspace"}


def _reference(field: Reference, asked: Comparison) -> Condition:
    if asked.operator in {Operator.EQUAL, Operator.IN}:
        return _each(asked, field.column, lambda value: _refers(field, asked, value.lower()))
    if asked.operator in _ORDERINGS:
        raise _refuse(asked, "a reference", "=, !=, in, contains or matches")
    return _spelled(field, asked)


def _refers(field: Reference, asked: Comparison, value: str) -> Condition:
    kinded = _KINDED.fullmatch(value)
    kind, name = kinded.groups() if kinded else (None, value)
    found = _names(field, asked, name)
    if kind is None or field.kind is None:
        return found
    return and_(field.kind == _KINDS.get(kind, kind), found)


def _names(field: Reference, asked: Comparison, name: str) -> Condition:
    if name == "*":
        return field.column.is_not(None)
    readable = _READABLE.fullmatch(name)
    bare = readable[1] if readable else name
    if _ID.fullmatch(bare):
        return field.column == bare
    spelled = Comparison(
        asked.attribute, Operator.EQUAL if asked.operator is Operator.EQUAL else Operator.IN, name, items=(name,)
    )
    return _spelled(field, spelled)


def _spelled(field: Reference, asked: Comparison) -> Condition:
    # By itself: the list that is searched may be of the same table.
    ids = field.spelled(lambda column, stored=None: _text_column(column, asked, stored)).correlate(None)
    return field.column.in_(ids)


_COMPILERS: Mapping[type[Field], Callable[[Any, Comparison], Condition]] = {
    Text: _text,
    Number: _number,
    Date: _date,
    Flag: _flag,
    Path: _path,
    Reference: _reference,
}
