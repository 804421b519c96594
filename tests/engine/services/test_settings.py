"""Settings: one table of names, values held to it, inherited downwards, and shown to those who see the entity."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotFoundError
from accsyn_engine.services.settings_table import TABLE
from accsyn_engine.services.work import queues
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import World


def _put(world: World, name: str, value: Any, **scope: Any) -> Any:
    return settings.put(world.context, world.admin, name=name, value=value, **scope)


def _get(world: World, name: str | None = None, caller: Caller | None = None, **scope: Any) -> Any:
    return settings.get(world.context, caller or world.admin, name=name, **scope)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("transfer_mode", "banana", "none of copy, onewaysync"),
        ("transfer_moed", "copy", 'There is no setting "transfer_moed"'),
        ("transfer_concurrent", "-1", "no number of 0 or more"),
        ("transfer_exclude", "re('(')", "cannot be read"),
        ("job_max_retries", {"a": {}}, "no platform"),
        ("hooks_enabled", "perhaps", "none of"),
        ("transfer_mode", {"linux": "copy"}, "same on every platform"),
        ("task_bucketsize", "9" * 20_000, "longer than"),
    ],
)
def test_a_setting_that_could_mean_nothing_is_refused_and_not_kept(
    world: World, name: str, value: Any, words: str
) -> None:
    with pytest.raises(AccsynError) as caught:
        _put(world, name, value)
    assert words in caught.value.message
    assert _get(world) == {}


def test_a_setting_is_set_only_where_it_can_mean_something(world: World) -> None:
    made = world.share()
    with pytest.raises(BadValueError, match="not on a share"):
        _put(world, "job_max_retries", "3", scope="share", id=made["id"])


def test_a_setting_without_an_effect_says_so_and_is_kept_all_the_same(world: World) -> None:
    assert _put(world, "compute_avoid", "disable") == 'The setting "compute_avoid" is kept; it has no effect here.'
    assert _put(world, "transfer_speedlimit", "5") is True
    assert _get(world) == {"compute_avoid": "disable", "transfer_speedlimit": "5"}


def test_a_folder_inherits_from_its_volume_and_that_from_the_workspace(world: World) -> None:
    made = world.share()
    [volume] = shares.find(world.context, world.admin, "volume", Find())
    folder = {"scope": "folder", "id": made["id"]}
    _put(world, "transfer_mode", "copy")
    assert _get(world, "transfer_mode", **folder) == "copy"
    _put(world, "transfer_mode", "onewaysync", scope="volume", id=volume["id"])
    assert (_get(world, "transfer_mode", **folder), _get(world, **folder)) == ("onewaysync", {})
    assert _get(world, upstream=True, **folder) == {"transfer_mode": "onewaysync"}


def test_a_task_inherits_from_its_job_that_from_its_queue_and_that_from_the_workspace(world: World) -> None:
    world.share()
    world.workstation()
    late = queues.create(world.context, world.admin, {"name": "late"})
    job = world.publish(queue=late["id"])
    [task] = world.tasks(job)
    levels = [{}, {"scope": "queue", "id": late["id"]}, {"scope": "job", "id": job["id"]}]
    levels += [{"scope": "task", "id": task["id"]}]
    for number, level in enumerate(levels):
        _put(world, "transfer_concurrent", str(number), **level)
        assert _get(world, "transfer_concurrent", **levels[-1]) == str(number)
    settings.delete(world.context, world.admin, name="transfer_concurrent", **levels[-1])
    assert _get(world, "transfer_concurrent", **levels[-1]) == "2"


def test_filters_add_up_on_the_way_down(world: World) -> None:
    world.share()
    world.workstation()
    job = world.publish(settings={"transfer_exclude": "*.bak"})
    _put(world, "transfer_exclude", "*tmp")
    assert _get(world, "transfer_exclude", scope="job", id=job["id"]) == "*tmp,*.bak"


def test_defaults_are_shown_when_asked_for_and_a_callers_own_default_goes_last(world: World) -> None:
    assert _get(world, "transfer_mode", default="mine") == "mine"
    assert _get(world, "transfer_mode", omit_defaults=False, default="mine") == "copy"
    assert set(_get(world, omit_defaults=False)) >= {"transfer_mode", "hooks_enabled"}


def test_a_vendor_reads_nothing_of_what_he_does_not_see_and_cannot_tell_it_from_what_is_not_there(world: World) -> None:
    world.share()
    [volume] = shares.find(world.context, world.admin, "volume", Find())
    server = world.alpha()
    nowhere = "0" * 24
    for scope, known in (("user", world.admin.user_id), ("volume", volume["id"]), ("client", server.id)):
        said = []
        for wanted in (known, nowhere):
            with pytest.raises(NotFoundError) as caught:
                _get(world, caller=world.jennifer, scope=scope, id=wanted)
            said.append(caught.value.message.replace(wanted, "X"))
        assert said[0] == said[1]


def test_one_reads_the_settings_of_oneself_and_of_what_one_was_granted(world: World) -> None:
    made = world.share()
    for scope, known in (("user", world.jennifer.user_id), ("share", made["id"])):
        assert _get(world, caller=world.jennifer, scope=scope, id=known) == {}
        with pytest.raises(ForbiddenError):
            settings.put(world.context, world.jennifer, scope=scope, id=known, name="transfer_concurrent", value="2")


def test_an_integrations_settings_have_names_of_its_own_and_do_not_mix(world: World) -> None:
    _put(world, "anything_at_all", "x", integration="tracker")
    assert _get(world, integration="tracker") == {"anything_at_all": "x"}
    assert (_get(world), _get(world, "anything_at_all")) == ({}, None)


@pytest.mark.parametrize("written", [{"post-done-server": "evil"}, {"banana": "1"}, {"transfer_mode": {}}])
def test_a_submitter_writes_no_hook_and_no_unknown_setting_into_a_job(world: World, written: dict[str, Any]) -> None:
    world.share()
    world.workstation()
    with pytest.raises(BadValueError):
        world.publish(settings=written)


def test_every_default_passes_its_own_check() -> None:
    for row in TABLE.values():
        if row.default is not None:
            row.check(row.default)
