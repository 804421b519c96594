"""`make fuzz`: minutes of spoilt bytes for every decoder. Prints the seed, so that a fall can be had again."""

from __future__ import annotations

import argparse
import secrets

from accsyn_engine.clock import SystemClock
from tests.engine.fuzz.run import fuzz
from tests.engine.fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz FUZZ_ARGS=...", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, help="another one each time if not given")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}", flush=True)
    for target in TARGETS:
        tries = fuzz(target, seed=seed, seconds=options.seconds, clock=SystemClock())
        print(f"{target.__name__}: {tries} inputs", flush=True)


if __name__ == "__main__":
    main()
