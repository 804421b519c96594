"""Comparison by content as people ask for it: real programs, real files, judged by what lies at the vendor."""

from __future__ import annotations

import os

import pytest

from tests.system.test_cli_schemas import ENGINE, check
from tests.system.world import SENT, VENDOR, World, tree


@pytest.fixture(scope="module")
def sent(studio: World) -> World:
    """A package that has arrived once; then a file there is spoilt unseen, and another loses its time of change."""
    studio.share_with_vendor()
    studio.agent(VENDOR)
    studio.finished(studio.send(name="first")["id"])
    there = sorted(path for path in (studio.vendor_volume / SENT).rglob("*") if path.is_file() and path.stat().st_size)
    facts = there[0].stat()
    there[0].write_bytes(bytes(facts.st_size))
    os.utime(there[0], ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.utime(there[1], ns=(1, 1))
    return studio


def test_a_job_that_compares_by_content_mends_what_time_of_change_hides(sent: World) -> None:
    spoilt = tree(sent.vendor_volume / SENT)
    by_time = sent.finished(sent.send(name="by time")["id"])
    assert tree(sent.vendor_volume / SENT) != tree(sent.volume / SENT)
    os.utime(next(path for path in (sent.vendor_volume / SENT).rglob("*") if path.is_file()), ns=(1, 1))
    job = sent.send(name="by content", status="paused")["id"]
    check(ENGINE, "compare", sent.engine("compare", "job", job, "--by", "content", "--json").json)
    sent.engine("job", "resume", job)
    by_content = sent.finished(job)
    assert tree(sent.vendor_volume / SENT) == tree(sent.volume / SENT) != spoilt
    assert 0 < by_content["moved"] < by_content["size"]
    assert by_time["moved"] > 0  # the one whose time of change alone was another
