from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsyn_engine.paths import (
    Endpoint,
    KnownNames,
    LeavesFolderError,
    Party,
    PartyKind,
    Path,
    PathError,
    PathKind,
    PlaceholderError,
    UnknownPartyError,
    inside,
    is_plain,
    parse,
)

KNOWN = KnownNames("geoscan", frozenset({"Oslo"}))
ID = "6b05064f4b49521bdcf83837"

NOBODY = Party(PartyKind.NONE)
STUDIO = Party(PartyKind.WORKSPACE)
JENNIFER = Party(PartyKind.USER, "jennifer@gda.com")
MIRROR = Path(PathKind.MIRROR)

ROWS: list[tuple[str, Party, Path]] = [
    # Without a party.
    ("C:\\x\\y.dat", NOBODY, Path(PathKind.WINDOWS, "C:", "x/y.dat")),
    ("d:/x/", NOBODY, Path(PathKind.WINDOWS, "D:", "x", is_folder=True)),
    ("E:", NOBODY, Path(PathKind.WINDOWS, "E:", "", is_folder=True)),
    ("\\\\srv\\share\\x", NOBODY, Path(PathKind.UNC, "srv/share", "x")),
    ("//srv/share", NOBODY, Path(PathKind.UNC, "srv/share", "", is_folder=True)),
    ("/abs/x", NOBODY, Path(PathKind.POSIX, "", "abs/x")),
    ("/abs/a\\b:c", NOBODY, Path(PathKind.POSIX, "", "abs/a\\b:c")),
    ("/nas/TEMP/", NOBODY, Path(PathKind.POSIX, "", "nas/TEMP", is_folder=True)),
    ("/", NOBODY, Path(PathKind.POSIX, "", "", is_folder=True)),
    ("/x/jennifer@gda.com:y", NOBODY, Path(PathKind.POSIX, "", "x/jennifer@gda.com:y")),
    ("a/b", NOBODY, Path(PathKind.RELATIVE, "", "a/b")),
    ("a\\b\\", NOBODY, Path(PathKind.RELATIVE, "", "a/b", is_folder=True)),
    (".", NOBODY, Path(PathKind.RELATIVE, "", "", is_folder=True)),
    ("FROM_VENDORS/jennifer@gda.com", NOBODY, Path(PathKind.RELATIVE, "", "FROM_VENDORS/jennifer@gda.com")),
    ("share=proj/a b/x:y", NOBODY, Path(PathKind.SHARE, "proj", "a b/x:y")),
    (f"share={ID}/x", NOBODY, Path(PathKind.SHARE, ID, "x")),
    ("share=proj", NOBODY, Path(PathKind.SHARE, "proj", "", is_folder=True)),
    ("Share=proj\\x\\y", NOBODY, Path(PathKind.SHARE, "proj", "x/y")),
    ("workarea=proj/x", NOBODY, Path(PathKind.SHARE, "proj", "x")),
    ("volume=production/x", NOBODY, Path(PathKind.VOLUME, "production", "x")),
    ("folder=proj/x", NOBODY, Path(PathKind.FOLDER, "proj", "x")),
    ("home=jennifer@gda.com/x", NOBODY, Path(PathKind.HOME, "jennifer@gda.com", "x")),
    ("share=jennifer@gda.com/x", NOBODY, Path(PathKind.HOME, "jennifer@gda.com", "x")),
    ("collection=set/x", NOBODY, Path(PathKind.COLLECTION, "set", "x")),
    ("volume=(default)/x", NOBODY, Path(PathKind.VOLUME, "", "x")),
    ("share=(Default)/x", NOBODY, Path(PathKind.SHARE, "", "x")),
    ("~", NOBODY, Path(PathKind.OWN_HOME, "", "", is_folder=True, is_dated=True)),
    ("~/", NOBODY, Path(PathKind.OWN_HOME, "", "", is_folder=True)),
    ("~\\p\\x", NOBODY, Path(PathKind.OWN_HOME, "", "p/x")),
    # A party alone mirrors.
    ("geoscan", STUDIO, MIRROR),
    ("HQ", STUDIO, MIRROR),
    ("geoscan:", STUDIO, MIRROR),
    ("organization:", STUDIO, MIRROR),
    ("oslo", Party(PartyKind.SITE, "oslo"), MIRROR),
    ("jennifer@gda.com", JENNIFER, MIRROR),
    ("Jennifer@GDA.com:", JENNIFER, MIRROR),
    ("site=Oslo", Party(PartyKind.SITE, "Oslo"), MIRROR),
    ("client=abc", Party(PartyKind.CLIENT, "abc"), MIRROR),
    # A party and a path.
    ("GeoScan:share=proj002-outsourcing/x", STUDIO, Path(PathKind.SHARE, "proj002-outsourcing", "x")),
    ("geoscan:share=proj002:x\\y", STUDIO, Path(PathKind.SHARE, "proj002", "x/y")),
    (
        "geoscan:share=proj002-outsourcing/FROM_VENDORS\\jennifer@gda.com\\a.dat",
        STUDIO,
        Path(PathKind.SHARE, "proj002-outsourcing", "FROM_VENDORS/jennifer@gda.com/a.dat"),
    ),
    ("geoscan:proj002/x", STUDIO, Path(PathKind.RELATIVE, "", "proj002/x")),
    ("geoscan:12:30.txt", STUDIO, Path(PathKind.RELATIVE, "", "12:30.txt")),
    ("geoscan:\\\\alpha\\production\\x", STUDIO, Path(PathKind.UNC, "alpha/production", "x")),
    ("hq:~/x", STUDIO, Path(PathKind.OWN_HOME, "", "x")),
    ("oslo:volume=production/x", Party(PartyKind.SITE, "oslo"), Path(PathKind.VOLUME, "production", "x")),
    ("site=hq:/mnt/x", STUDIO, Path(PathKind.POSIX, "", "mnt/x")),
    (f"site={ID}:x", Party(PartyKind.SITE, ID), Path(PathKind.RELATIVE, "", "x")),
    ("client=abc:share=proj/x", Party(PartyKind.CLIENT, "abc"), Path(PathKind.SHARE, "proj", "x")),
    ("jennifer@gda.com:proj002/x/", JENNIFER, Path(PathKind.RELATIVE, "", "proj002/x", is_folder=True)),
    ("jennifer@gda.com:E:\\WORK\\x", JENNIFER, Path(PathKind.WINDOWS, "E:", "WORK/x")),
    ("jennifer@gda.com:/work/x", JENNIFER, Path(PathKind.POSIX, "", "work/x")),
    ("jennifer@gda.com:share=proj/x", JENNIFER, Path(PathKind.SHARE, "proj", "x")),
    ("jennifer@gda.com@PC-1:x", Party(PartyKind.USER, "jennifer@gda.com", "PC-1"), Path(PathKind.RELATIVE, "", "x")),
    ("jennifer@gda.com@PC-1", Party(PartyKind.USER, "jennifer@gda.com", "PC-1"), MIRROR),
    # Sequences.
    ("geoscan:s/n.%04d.exr[100-167]", STUDIO, Path(PathKind.RELATIVE, "", "s/n.%04d.exr[100-167]", is_sequence=True)),
    ("/s/n.%d.exr", NOBODY, Path(PathKind.POSIX, "", "s/n.%d.exr", is_sequence=True)),
    ("s/n.####.exr", NOBODY, Path(PathKind.RELATIVE, "", "s/n.####.exr", is_sequence=True)),
    ("s/##/C#.txt", NOBODY, Path(PathKind.RELATIVE, "", "s/##/C#.txt")),
]


@pytest.mark.parametrize(("text", "party", "path"), ROWS, ids=[row[0] for row in ROWS])
def test_each_row_of_the_notation_has_one_reading(text: str, party: Party, path: Path) -> None:
    assert parse(text, KNOWN) == Endpoint(party, path)


def test_a_drive_letter_comes_before_a_party_of_one_letter() -> None:
    assert parse("d:/x", KnownNames("d")).path.kind is PathKind.WINDOWS
    assert parse("d:x", KnownNames("d")).party == STUDIO


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("acmefilme:share=proj/x", "acmefilme"),
        ("D:x", "D"),
        ("a/b:c", "a/b"),
        (":x", ""),
        ("site=paris:x", "site=paris"),
        ("site=paris", "site=paris"),
        ("client=:x", "client="),
        ("@gda.com:x", "@gda.com"),
        ("jennifer@:x", "jennifer@"),
        ("jennifer@gda.com@:x", "jennifer@gda.com@"),
        ("a@b@c@d:x", "a@b@c@d"),
        ("jen nifer@gda.com:x", "jen nifer@gda.com"),
        ("user=x:y", "user=x"),
    ],
)
def test_an_unknown_party_is_named(text: str, party: str) -> None:
    with pytest.raises(UnknownPartyError) as caught:
        parse(text, KNOWN)
    assert caught.value.facts["party"] == party
    assert caught.value.message.startswith(f"There is no party {party!r} as in {text!r}; write the workspace code")


@pytest.mark.parametrize("text", ["null", "geoscan:null"])
def test_a_placeholder_is_refused(text: str) -> None:
    with pytest.raises(PlaceholderError, match="is a placeholder"):
        parse(text, KNOWN)


@pytest.mark.parametrize(
    "text", ["..", "geoscan:share=p/a/../b", "/a/../b", "C:\\a\\..\\b", "~/../x", "share=p:..\\x", "\\\\s\\t\\..\\x"]
)
def test_two_dots_are_refused_everywhere(text: str) -> None:
    with pytest.raises(LeavesFolderError) as caught:
        parse(text, KNOWN)
    assert caught.value.facts["text"] == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("geoscan:a\0b", r"U\+0000"),
        ("share=/x", "no share is named after share="),
        ("folder=(default)/x", "only a volume can be the default"),
        ("\\\\srv", "needs a server and its share"),
        ("\\\\?\\C:\\x", "needs a server and its share"),
        ("\\\\srv\\..\\x", "needs a server and its share"),
        ("C:\\a.txt:stream", "only the drive"),
        ("~lisa/x", "write home=ADDRESS"),
        ("\\x", "starts with one backslash"),
        ("geoscan:\\x", "starts with one backslash"),
        ("jennifer@gda.com:share=proj/inter:rel/file", "on the way to a user"),
        ("jennifer@gda.com:share=(default):rel", "on the way to a user"),
    ],
)
def test_what_cannot_be_understood_says_why(text: str, reason: str) -> None:
    with pytest.raises(PathError, match=reason) as caught:
        parse(text, KNOWN)
    assert caught.value.code == "path-invalid"


@pytest.mark.parametrize(
    ("text", "native"),
    [("c:/a/b", "C:\\a\\b"), ("C:", "C:\\"), ("//srv/share/x", "\\\\srv\\share\\x"), ("/a/b/", "/a/b"), ("/", "/")],
)
def test_a_local_path_is_written_as_its_platform_does(text: str, native: str) -> None:
    path = parse(text, KNOWN).path
    assert path.is_local
    assert path.native == native


def test_a_path_knows_its_last_name() -> None:
    assert parse("share=p/a/b", KNOWN).path.name == "b"
    assert parse("share=p", KNOWN).path.name == ""
    assert not parse("share=p", KNOWN).path.is_local


FOLDERS = st.lists(
    st.sampled_from(
        [
            "geoscan",
            "a@b.com",
            "hq",
            ":",
            "/",
            "\\",
            "share=x",
            "C:",
            "client=c",
            "site=hq",
            "~",
            "x",
            ".",
            "..",
            "null",
        ]
    ),
    min_size=1,
    max_size=5,
).map("".join)
NAMES_BELOW = st.sampled_from(
    ["plate.0001.exr", "x", "a b", "null", "geoscan", "-", "_x.", "1-2", "%04d", ".", "..", "~", "x:y", ""]
)


@given(folder=FOLDERS, name=NAMES_BELOW)
def test_a_plain_name_below_a_folder_reads_as_both_written_together(folder: str, name: str) -> None:
    try:
        found = parse(f"{folder}/", KNOWN)
    except PathError:
        return
    if is_plain(name) and found.path.kind is not PathKind.MIRROR:
        assert inside(found, name) == parse(f"{folder}/{name}", KNOWN)
