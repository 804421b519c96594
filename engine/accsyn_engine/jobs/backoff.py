"""When a job whose transfer broke off is tried again: 1, 2, 4 ... 60 seconds, and when to give up.

As long as an attempt brings bytes across, there is no limit; ten attempts in a row that bring none fail the job.
"""

from __future__ import annotations

LONGEST_S = 60
MOST_LOSSES = 10


def delay_s(losses: int) -> int:
    """Seconds to wait after the `losses`th attempt in a row that brought nothing; 0 means the last one brought some."""
    return min(LONGEST_S, 1 << min(max(losses - 1, 0), 6))


def losses_after(losses: int, *, has_progressed: bool) -> int:
    """Count one more lost attempt; progress starts the count again."""
    return 0 if has_progressed else losses + 1


def gives_up(losses: int) -> bool:
    """Whether the job fails now."""
    return losses >= MOST_LOSSES
