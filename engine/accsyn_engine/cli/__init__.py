"""`accsyn-engine`: the command line of the engine, one file a group of commands."""

from __future__ import annotations

from accsyn_engine.cli.main import main

__all__ = ["main"]
