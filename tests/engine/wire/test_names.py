from __future__ import annotations

import pytest

from accsyn_engine.wire import names


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (b"/etc/passwd", "absolute"),
        (b"a//b", "empty part"),
        (b"a/", "empty part"),
        (b"./a", "empty part"),
        (b"a/../b", "climbs"),
        (b"..", "climbs"),
        (b"a\0b", "NUL"),
        (b"a" * 256, "255"),
        (b"a/" * 2048 + b"b", "4095"),
    ],
)
def test_a_name_that_is_no_plain_path_is_refused_with_its_fault(path: bytes, fault: str) -> None:
    assert fault in str(names.fault_of(path))


@pytest.mark.parametrize(
    "path", [b"", b"a", b"a b/\xff\xfe", "ä/日本".encode(), b"...", b"a/..b", b"-rf", b"~", b"a\nb"]
)
def test_any_other_name_passes_and_survives_the_way(path: bytes) -> None:
    assert names.fault_of(path) is None
    assert names.to_bytes(names.to_text(path)) == path


def test_names_that_differ_in_case_or_form_meet_when_folded() -> None:
    assert names.fold("Straße/É") == names.fold("STRASSE/E\u0301".lower())
    assert names.fold("a") != names.fold("b")


def test_a_name_in_a_sentence_has_no_control_characters() -> None:
    assert names.shown("a\x1b[31m\udcff ä") == "a\\x1b[31m\\xff ä"
