"""PROTOCOL.md says what the code does; where they part, this prints what the page should say."""

from __future__ import annotations

import re
from pathlib import Path

from accsyn_engine.wire import codec
from accsyn_engine.wire.messages import NUMBERS
from accsyn_engine.wire.session import FOLLOWS, NEXT
from tests.engine.wire.examples import EXAMPLES

PAGE = (Path(__file__).parents[3] / "engine/PROTOCOL.md").read_text()


def part(start: str, end: str) -> str:
    return PAGE.split(start, 1)[1].split(end, 1)[0].strip()


def states() -> str:
    rows = ["| state | may say | then |", "|---|---|---|"]
    for state, row in NEXT.items():
        for after in dict.fromkeys(row.values()):
            said = ", ".join(kind.__name__ for kind, then in row.items() if then is after)
            rows.append(f"| {state.name} | {said} | {after.name} |")
        if not row:
            rows.append(f"| {state.name} | nothing | |")
    return "\n".join(rows)


def follows() -> str:
    rows = ["| one side enters | the other moves from | to |", "|---|---|---|"]
    rows += [
        f"| {entered.name} | {before.name} | {after.name} |"
        for entered, moves in FOLLOWS.items()
        for before, after in moves.items()
    ]
    return "\n".join(rows)


def vectors() -> str:
    return "\n".join(f"{kind.__name__} {codec.encode(EXAMPLES[kind]).hex()}" for kind in NUMBERS)


def test_the_state_table_is_the_codes() -> None:
    assert part("<!-- states -->", "<!-- /states -->") == states()


def test_the_moves_of_the_other_side_are_the_codes() -> None:
    assert part("<!-- follows -->", "<!-- /follows -->") == follows()


def test_the_vectors_are_what_the_code_writes_and_reads() -> None:
    assert part("```vectors", "```") == vectors()


def test_every_vector_is_read_as_the_event_it_names() -> None:
    for line in part("```vectors", "```").splitlines():
        name, frame = line.split()
        data = bytes.fromhex(frame)
        length, number = codec.HEADER.unpack_from(data)
        event = codec.decode(number, memoryview(data)[codec.HEADER.size :])
        assert length == len(data) - codec.HEADER.size
        assert type(event).__name__ == name
        assert event == EXAMPLES[type(event)]


def test_the_messages_are_listed_with_their_numbers() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(str(number), kind.__name__) for kind, number in NUMBERS.items()]
