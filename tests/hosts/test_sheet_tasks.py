"""The small rules of the sheet."""

from __future__ import annotations

import pytest

from accsyn_hosts.trackers.sheet.tasks import KEEP_EFFECTS, _effects, merge_comment, next_version
from accsyn_plugins.model import TaskUpdate


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "v001"), ("v001", "v002"), ("v009", "v010"), ("9", "10"), ("v999", "v1000"), ("final", "final_v002")],
)
def test_the_next_version_keeps_the_way_it_is_written(before: str, after: str) -> None:
    assert next_version(before) == after


@pytest.mark.parametrize(
    ("old", "update", "new"),
    [
        ("Mine", TaskUpdate(), None),
        ("", TaskUpdate(comment="New"), "New"),
        ("Mine", TaskUpdate(comment="New"), "Mine | New"),
        ("Mine | New", TaskUpdate(comment="New"), "Mine | New"),
        ("Mine", TaskUpdate(note="Bad."), "Mine | accsyn: Bad."),
        ("Mine | accsyn: Bad.", TaskUpdate(note="Worse."), "Mine | accsyn: Worse."),
        ("Mine | accsyn: Bad.", TaskUpdate(comment="New"), "Mine | New | accsyn: Bad."),
        ("Mine | accsyn: Bad.", TaskUpdate(comment="New", note=""), "Mine | New"),
        ("accsyn: Two\nlines | here", TaskUpdate(note=""), ""),
        ("About accsyn: nothing", TaskUpdate(note=""), "About accsyn: nothing"),
    ],
)
def test_a_comment_is_people_first_then_our_note(old: str, update: TaskUpdate, new: str) -> None:
    assert merge_comment(old, update) == new


def test_only_the_last_effects_are_remembered() -> None:
    effects = tuple(f"k-{number}" for number in range(KEEP_EFFECTS))
    assert _effects(effects, TaskUpdate(), "new") == [*effects[1:], "new"]
