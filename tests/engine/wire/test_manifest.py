from __future__ import annotations

from accsyn_engine.wire.manifest import Entry, Kind, Outcome, Root

ENTRY = Entry(Kind.FILE, 1, b"a", 1, 2)


def root_of(*settled: tuple[Entry, Outcome, bytes]) -> bytes:
    root = Root()
    for entry, outcome, digest in settled:
        root.add(entry, outcome, digest)
    return root.digest()


def test_the_root_changes_with_content_outcome_name_and_order() -> None:
    other = Entry(Kind.FILE, 1, b"b", 1, 2)
    landed = (ENTRY, Outcome.LANDED, b"x" * 32)
    roots = [
        root_of(),
        root_of(landed),
        root_of((ENTRY, Outcome.LANDED, b"y" * 32)),
        root_of((ENTRY, Outcome.PRESENT, b"x" * 32)),
        root_of((other, Outcome.LANDED, b"x" * 32)),
        root_of(landed, (other, Outcome.LANDED, b"x" * 32)),
        root_of((other, Outcome.LANDED, b"x" * 32), landed),
    ]
    assert len(set(roots)) == len(roots)


def test_a_digest_counts_only_for_what_was_read() -> None:
    assert root_of((ENTRY, Outcome.PRESENT, b"x" * 32)) == root_of((ENTRY, Outcome.PRESENT, b""))
