"""The accsyn query language: text to a tree to an SQL expression with bound values.

Services hand in a table of fields: `{"code": Text(user.c.code), "created": Date(user.c.created)}`.
"""

from __future__ import annotations

from accsyn_engine.query.compile import compile_query, compile_tree, names_one
from accsyn_engine.query.errors import QueryError, UnknownAttributeError
from accsyn_engine.query.fields import Date, Field, Fields, Flag, Number, Path, Reference, Text
from accsyn_engine.query.functions import fold, register_functions
from accsyn_engine.query.parser import And, Bareword, Comparison, Node, Operator, Or, Query, parse

__all__ = [
    "And",
    "Bareword",
    "Comparison",
    "Date",
    "Field",
    "Fields",
    "Flag",
    "Node",
    "Number",
    "Operator",
    "Or",
    "Path",
    "Query",
    "QueryError",
    "Reference",
    "Text",
    "UnknownAttributeError",
    "compile_query",
    "compile_tree",
    "fold",
    "names_one",
    "parse",
    "register_functions",
]
