"""The table of events, held against the table of permissions."""

from __future__ import annotations

import pytest

from accsyn_engine.api.errors import UnknownEventError
from accsyn_engine.api.events import TABLE, row_of
from accsyn_engine.api.protocol import Envelope, Family
from accsyn_engine.api.tables.files import FILE_OPERATIONS
from accsyn_engine.services.permissions import PERMISSIONS

ON_ANOTHER_ROUTE = {  # operations no event leads to: why
    "account.logout": "nothing on the wire ends a session yet",
    **{name: "the agent API" for name in PERMISSIONS if name.startswith("agent.")},
    **{name: "the event stream" for name in PERMISSIONS if name.startswith("event.")},
}


@pytest.mark.parametrize("row", TABLE.items(), ids=lambda row: f"{row[0][0]} {row[0][1]}")
def test_each_event_names_an_operation_of_the_permission_table(row: tuple[tuple[str, str], object]) -> None:
    assert row[1].operation in PERMISSIONS  # type: ignore[attr-defined]


def test_each_operation_is_reached_by_an_event_or_stands_on_the_list() -> None:
    reached = {row.operation for row in TABLE.values()}
    reached |= {f"file.{name}" for names in FILE_OPERATIONS.values() for name in names}
    assert set(PERMISSIONS) - reached == set(ON_ANOTHER_ROUTE)


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("GET", "acl/find"),
        ("GET", "job/task/find"),
        ("GET", "organization/site/find"),
        ("GET", "organization/file"),
        ("POST", "job/task/create"),
        ("PUT", "task/edit"),
        ("GET", "transfer/find"),
        ("DELETE", "volume/server"),
        ("GET", "workarea/find"),
        ("PUT", "organization/publish/preprocess"),
    ],
)
def test_uris_of_every_generation_have_a_row(method: str, uri: str) -> None:
    assert row_of(Envelope(Family.V1, method, uri)).operation in PERMISSIONS


@pytest.mark.parametrize(("method", "uri"), [("GET", "spaceship/find"), ("POST", "user/find"), ("GET", "user/create")])
def test_an_event_that_is_not_offered_gets_a_sentence_with_its_name(method: str, uri: str) -> None:
    with pytest.raises(UnknownEventError, match=f'{method} "{uri}"'):
        row_of(Envelope(Family.V3, method, uri))
