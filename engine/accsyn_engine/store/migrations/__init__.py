"""Steps from one released form of the tables to the next; `migrating.migrate` runs them."""

from __future__ import annotations
