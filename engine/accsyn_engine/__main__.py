"""`python -m accsyn_engine` is `accsyn-engine`."""

from __future__ import annotations

import sys

from accsyn_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
