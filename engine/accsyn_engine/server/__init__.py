"""The engine server as one process: `run.serve` goes from the lock on the data folder to a clean end.

Nothing is imported here, so that a command that only needs the folder's layout does not load the server.
"""

from __future__ import annotations
