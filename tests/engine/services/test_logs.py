"""The log of changes: who reads which rows, in which order."""

from __future__ import annotations

import pytest

from accsyn_engine.services import logs, settings
from accsyn_engine.services.errors import BadValueError, ForbiddenError
from accsyn_engine.services.people import users
from tests.engine.services.world import World


def test_the_log_of_the_workspace_is_all_that_happened_in_it(world: World) -> None:
    world.share()
    everything = logs.find(world.context, world.admin)
    assert logs.find(world.context, world.admin, entitytype="workspace") == everything
    assert {"share.create", "acl.grant", "user.create"} <= {row["action"] for row in everything}


def test_an_employee_reads_what_is_about_things_he_sees_and_nothing_else(world: World) -> None:
    world.share()
    users.create(world.context, world.admin, {"code": "boss@geoscan.org", "role": "admin"})
    settings.put(world.context, world.admin, name="post-done-server", value="python3 /srv/secret.py")
    seen = logs.find(world.context, world.workflow)
    assert "share.create" in {row["action"] for row in seen}
    assert "setting.put" not in {row["action"] for row in seen}
    assert "boss@geoscan.org" not in str(seen)
    with pytest.raises(ForbiddenError):
        logs.find(world.context, world.jennifer)


def test_pages_are_counted_from_one_and_meet_without_a_gap(world: World) -> None:
    world.share()
    every = [row["seq"] for row in logs.find(world.context, world.admin)]
    pages = [logs.find(world.context, world.admin, limit=2, page=page) for page in range(1, len(every) // 2 + 2)]
    assert [row["seq"] for page in pages for row in page] == every == sorted(every, reverse=True)
    assert [row["seq"] for row in logs.find(world.context, world.admin, sort_reverse=True)] == every[::-1]


def test_another_column_sorts_from_a_to_z_and_an_unknown_one_is_refused(world: World) -> None:
    world.share()
    actions = [row["action"] for row in logs.find(world.context, world.admin, sort="action")]
    assert actions == sorted(actions)
    with pytest.raises(BadValueError, match="sorted by one of"):
        logs.find(world.context, world.admin, sort="banana")


def test_a_percent_sign_is_searched_for_as_such(world: World) -> None:
    world.share()
    assert logs.find(world.context, world.admin, search="%") == []
