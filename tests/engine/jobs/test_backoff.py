"""When a job is tried again."""

from __future__ import annotations

from accsyn_engine.jobs.backoff import delay_s, gives_up, losses_after


def test_the_wait_doubles_from_one_second_to_a_minute() -> None:
    assert [delay_s(losses) for losses in range(9)] == [1, 1, 2, 4, 8, 16, 32, 60, 60]
    assert delay_s(10_000) == 60


def test_progress_starts_the_count_again() -> None:
    assert losses_after(9, has_progressed=True) == 0
    assert losses_after(9, has_progressed=False) == 10


def test_ten_attempts_without_a_byte_give_up_and_nine_do_not() -> None:
    assert not gives_up(9)
    assert gives_up(10)
