"""Comparison by content as people ask for it: real programs, real files, judged by what lies at the vendor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.test_cli_schemas import ENGINE, check
from tests.system.world import SENT, VENDOR, World, tree


@pytest.fixture(scope="module")
def sent(studio: World) -> World:
    """A package that has arrived once."""
    studio.share_with_vendor()
    studio.agent(VENDOR)
    studio.finished(studio.send(name="first")["id"])
    return studio


def arrived(world: World) -> list[Path]:
    return sorted(path for path in (world.vendor_volume / SENT).rglob("*") if path.is_file() and path.stat().st_size)


def test_a_job_that_compares_by_content_mends_what_size_and_time_hide(sent: World) -> None:
    path = arrived(sent)[0]
    facts = path.stat()
    path.write_bytes(bytes(facts.st_size))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert sent.finished(sent.send(name="by time")["id"])["moved"] == 0
    assert tree(sent.vendor_volume / SENT) != tree(sent.volume / SENT)
    job = sent.send(name="by content", status="paused")["id"]
    check(ENGINE, "compare", sent.engine("compare", "job", job, "--by", "content", "--json").json)
    sent.engine("job", "resume", job)
    assert sent.finished(job)["moved"] == facts.st_size
    assert tree(sent.vendor_volume / SENT) == tree(sent.volume / SENT)


def test_a_job_that_compares_by_content_sends_nothing_where_only_times_are_others(sent: World) -> None:
    for path in arrived(sent):
        os.utime(path, ns=(1, 1))
    done = sent.finished(sent.send(name="times", settings={"transfer_compare": "content"})["id"])
    assert done["moved"] == 0
    assert done["bytes"] == done["size"] > 0
    assert tree(sent.vendor_volume / SENT) == tree(sent.volume / SENT)
