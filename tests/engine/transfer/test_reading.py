"""How the stream is cut into blocks."""

from __future__ import annotations

import pytest

from accsyn_engine.transfer.sending.reading import Blocks
from accsyn_engine.transfer.transport.outlet import Filled
from accsyn_engine.transfer.transport.pool import Pool


def cut(*files: int, size: int = 1000) -> list[tuple[int, int]]:
    """Positions and lengths of the blocks that small files of these sizes make."""
    found: list[Filled] = []
    blocks, position = Blocks(Pool(1 << 24), found.append, lambda: size), 0
    for file in files:
        end, whole = position + file, file
        while position < end:
            count = min(end - position, len(blocks.room(position, whole)))
            blocks.took(count)
            position, whole = position + count, 0
    blocks.flush()
    return [(filled.position, filled.length) for filled in found]


@pytest.mark.parametrize(
    ("files", "blocks"),
    [
        ((400, 400, 200, 100), [(0, 1000), (1000, 100)]),  # fits
        ((400, 400, 201, 100), [(0, 800), (800, 301)]),  # is not cut for the sake of a fifth of a block
        ((400, 300, 400), [(0, 1000), (1000, 100)]),  # is cut rather than to waste more than a quarter
        ((900, 2000), [(0, 900), (900, 1000), (1900, 1000)]),  # larger than a block
    ],
)
def test_a_small_file_is_cut_only_where_a_quarter_of_a_block_would_stay_empty(
    files: tuple[int, ...], blocks: list[tuple[int, int]]
) -> None:
    assert cut(*files) == blocks
