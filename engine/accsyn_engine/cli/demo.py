"""`demo`: the tutorial's whole story on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from accsyn_engine.cli.output import json_option


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where; else a temporary folder.")
@click.option("--keep", is_flag=True, help="Leave everything where it is at the end.")
@json_option
def demo(folder: Path | None, keep: bool, as_json: bool) -> int:
    """Send a dataset to a vendor, receive it, publish back: with real files and processes."""
    from accsyn_engine.demo import run

    return int(run(folder, keep, as_json) or 0)
