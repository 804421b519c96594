"""Jobs, tasks and queues: what is to be moved, from where to where."""

from __future__ import annotations
