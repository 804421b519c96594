"""How rows are found, named and shown: what every use case needs to speak of an entity."""

from __future__ import annotations
