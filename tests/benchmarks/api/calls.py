"""How many calls and how many connections a second the engine server answers, asked by light clients over TLS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.api.studio import ADMIN, JOBS, Studio
from tests.benchmarks.api.wire import Connection, serving, trusting
from tests.benchmarks.usage import Meter

CLIENTS = 4
SECONDS = 6.0


def measure(studio: Studio) -> dict[str, Any]:
    """Calls a second of `find_one` by id and by name on connections kept open; connections a second with one call each."""
    folder, ca = studio.folder, studio.folder / "ca.pem"
    with serving(folder) as (server, port):
        tls = trusting(ca)

        def connection() -> Connection:
            return Connection(port, ca, ADMIN, studio.key, tls)

        meter = Meter({"engine": server.process.pid})
        begun = time.perf_counter()
        found = {
            "find_one by id, a second": _kept_open(connection, lambda asked, number: _by_id(studio, asked, number)),
            "find_one by name, a second": _kept_open(connection, lambda asked, number: _by_name(studio, asked, number)),
            "new TLS connections, a second": _new(connection, studio),
        }
        return found | meter.read(time.perf_counter() - begun)


def _by_id(studio: Studio, asked: Connection, number: int) -> bytes:
    one = {"limit": 1, "single_entity_query": True}
    query = f"id={JOBS + number * 7919 % studio.size.every:024x}"
    return asked.written("GET", "transfer/find", data=one, query=query)


def _by_name(studio: Studio, asked: Connection, number: int) -> bytes:
    one = {"limit": 1, "single_entity_query": True}
    name = f"{JOBS + number * 7919 % studio.size.every:024x}"[9:]
    return asked.written("GET", "transfer/find", data=one, query=f'name="package {name}"')


def _kept_open(connection: Callable[[], Connection], written: Callable[[Connection, int], bytes]) -> float:
    def work(count: Callable[[], None], until: float, which: int) -> None:
        with connection() as asked:
            requests = [written(asked, which * 1000 + number) for number in range(500)]
            while time.perf_counter() < until:
                for request in requests[:20]:
                    asked.ask(request)
                    count()
                requests = requests[20:] + requests[:20]

    return _rate(work)


def _new(connection: Callable[[], Connection], studio: Studio) -> float:
    def work(count: Callable[[], None], until: float, which: int) -> None:
        number = which * 1000
        while time.perf_counter() < until:
            with connection() as asked:
                asked.ask(_by_id(studio, asked, number))
            number += 1
            count()

    return _rate(work)


def _rate(work: Callable[[Callable[[], None], float, int], None]) -> float:
    counts = [0] * CLIENTS
    begun = time.perf_counter()

    def run(which: int) -> None:
        def count() -> None:
            counts[which] += 1

        work(count, begun + SECONDS, which)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(counts) / (time.perf_counter() - begun), 1)
