"""The tables of moves, held to the rules people were told."""

from __future__ import annotations

import itertools

import pytest

from accsyn_engine.jobs.states import (
    FINISHED,
    JOB_MOVES,
    TASK_RETRIED,
    TASK_WANTED,
    TASK_WRITABLE,
    WRITABLE,
    Move,
    MoveRefusedError,
    Status,
    TaskStatus,
    after,
)

USER_MOVES = {Move.PAUSE, Move.RESUME, Move.ABORT, Move.FORCE}


@pytest.mark.parametrize(("status", "move"), list(itertools.product(Status, Move)))
def test_every_move_from_every_state_is_either_in_the_table_or_refused_with_a_sentence(
    status: Status, move: Move
) -> None:
    allowed, target = JOB_MOVES[move]
    if status in allowed:
        assert after(status.value, move, job="package") is target
    else:
        with pytest.raises(MoveRefusedError, match=f'"package" is {status.value}'):
            after(status.value, move, job="package")


def test_every_state_can_be_left_by_a_user() -> None:
    assert all(any(status in JOB_MOVES[move][0] for move in USER_MOVES) for status in Status)


def test_any_job_can_be_resumed_or_declared_done() -> None:
    assert JOB_MOVES[Move.RESUME][0] == JOB_MOVES[Move.FORCE][0] == frozenset(Status)


def test_only_the_engine_starts_loses_fails_or_finishes() -> None:
    assert set(WRITABLE.values()) == USER_MOVES


def test_what_is_finished_neither_runs_nor_fails() -> None:
    assert {status for status in FINISHED for move in (Move.START, Move.FAIL) if status in JOB_MOVES[move][0]} == set()


def test_a_task_is_wanted_retried_or_left_alone_never_two_of_them_by_hand() -> None:
    assert TaskStatus.EXCLUDED not in {*TASK_WANTED, *TASK_RETRIED}
    assert TaskStatus.DONE not in {*TASK_WANTED, *TASK_RETRIED}
    assert TaskStatus.EXECUTING not in TASK_WRITABLE
