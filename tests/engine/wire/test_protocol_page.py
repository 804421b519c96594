"""PROTOCOL.md says what the code does; where they part, this prints what the page should say."""

from __future__ import annotations

import re
from pathlib import Path

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accsyn_engine.transfer.meeting.channel import ALPN
from accsyn_engine.transfer.meeting.identity import AGREEMENT, secret_from
from accsyn_engine.transfer.transport.sealing import EPOCH_BITS, Keys
from accsyn_engine.wire import codec, datagram
from accsyn_engine.wire.control import CONTROL_WINDOW
from accsyn_engine.wire.datagram import (
    ANSWER,
    DATA,
    DATA_HEAD,
    FEEDBACK,
    NONCE,
    PROBE,
    read_feedback,
    read_probe,
)
from accsyn_engine.wire.messages import NUMBERS, VERSION
from accsyn_engine.wire.session import FOLLOWS, NEXT
from tests.engine.wire.examples import DATAGRAMS, EXAMPLE_FEEDBACK, EXAMPLE_PROBE, EXAMPLES, SECRET

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
    rows = ["| while one side is | the other moves from | to |", "|---|---|---|"]
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
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", part("## 4. Frames", "## 5."), re.MULTILINE)
    assert rows == [(str(number), kind.__name__) for kind, number in NUMBERS.items()]


def constants() -> str:
    rows = {
        "sizes of datagrams probed, with header and tag": ", ".join(str(size) for size in datagram.SIZES),
        "probe to a new place": datagram.PLACE_PROBE,
        "content of a block": datagram.BLOCK,
        "segments of a block": datagram.SEGMENTS,
        "blocks before the first feedback": datagram.FIRST_LIMIT,
        "numbers one feedback speaks of": datagram.WINDOW,
        "blocks one feedback speaks of, and that may be unfinished": datagram.MOST_DONE,
        "datagrams sealed with one key": 1 << EPOCH_BITS,
        "bytes of the control stream not heard yet": CONTROL_WINDOW,
    }
    return "\n".join(["| what | value |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows.items())])


def key_of(direction: str, epoch: int) -> bytes:
    """As the page has it, without the product's code."""
    key: bytes = blake3(f"accsyn datagrams 2 {direction}".encode() + epoch.to_bytes(8, "big"), key=SECRET).digest()
    return key


def datagrams() -> str:
    keys = [("connector", 0), ("listener", 0), ("connector", 1)]
    rows = [f"key {direction} {epoch} {key_of(direction, epoch).hex()}" for direction, epoch in keys]
    for kind, direction, number, head, body in DATAGRAMS:
        sealed = AESGCM(key_of(direction, number >> 22)).encrypt(head[4:16], body, head)
        rows.append(f"{kind} {direction} {head.hex()} {body.hex()} {(head + sealed).hex()}")
    return "\n".join(rows)


def test_the_constants_are_the_codes() -> None:
    assert part("<!-- constants -->", "<!-- /constants -->") == constants()


def test_the_datagrams_are_those_of_the_page() -> None:
    assert part("```datagrams", "```") == datagrams()


def test_the_code_opens_every_datagram_of_the_page() -> None:
    rows = [line.split() for line in part("```datagrams", "```").splitlines() if not line.startswith("key")]
    bodies = {}
    for kind, direction, head, body, whole in rows:
        frame, size = bytes.fromhex(whole), len(head) // 2
        number = datagram.NUMBER_AT.unpack_from(frame, 8)[0]
        key = Keys(SECRET, by_connector=direction == "connector").of(number)
        bodies[kind] = key.decrypt(frame[NONCE], frame[size:], frame[:size])
        assert bodies[kind].hex() == body
    assert read_feedback(bodies["Feedback"]) == EXAMPLE_FEEDBACK
    assert read_probe(bodies["Probe"]) == read_probe(bodies["Answer"]) == EXAMPLE_PROBE
    assert DATA_HEAD.unpack(bytes.fromhex(rows[2][2])) == (DATA, 1, 8, 2, 1 << 22, 24, 15)


def test_the_secret_of_the_page_is_what_both_ends_make_of_their_keys() -> None:
    rows = dict(line.split(" ", 1) for line in part("```secret", "```").splitlines())
    keys = [X25519PrivateKey.from_private_bytes(bytes.fromhex(rows[end])) for end in ("listener", "connector")]
    for own, other in (keys, keys[::-1]):
        assert own.exchange(other.public_key()).hex() == rows["shared"]
    assert secret_from(bytes.fromhex(rows["shared"]), *rows["certificates"].split()).hex() == rows["secret"]
    ends = bytes.fromhex(rows["certificates"].replace(" ", ""))
    as_written = blake3(b"accsyn datagrams 2 secret\n" + ends, key=bytes.fromhex(rows["shared"])).hexdigest()
    assert as_written == rows["secret"]


def test_the_page_names_the_version_and_the_extension() -> None:
    assert PAGE.startswith(f"# The transfer protocol, version {VERSION}\n")
    assert f"ALPN is `{ALPN}`" in PAGE
    assert f"the extension {AGREEMENT.dotted_string}," in PAGE


def test_the_kinds_of_datagrams_are_listed_with_their_numbers() -> None:
    rows = re.findall(r"^\| (\d) \| (\w+) \| \w+ \| (?:kind|as)", PAGE, re.MULTILINE)
    assert rows == [(str(DATA), "Data"), (str(FEEDBACK), "Feedback"), (str(PROBE), "Probe"), (str(ANSWER), "Answer")]
