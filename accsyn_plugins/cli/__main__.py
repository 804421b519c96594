"""`python -m accsyn_plugins.cli` for those who start programs by module."""

from __future__ import annotations

import sys

from accsyn_plugins.cli import main

sys.exit(main())
