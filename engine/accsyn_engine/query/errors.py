"""What can be wrong with a query."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class QueryError(AccsynError):
    """A query that cannot be read or asks for what cannot be compared."""

    code = "query-invalid"
    sentence = "The query cannot be understood: {reason}."


class UnknownAttributeError(QueryError):
    """An attribute that this kind of entity does not have."""

    code = "query-attribute-unknown"
    sentence = 'There is no attribute "{attribute}" to search by; the known ones are {known}.'
