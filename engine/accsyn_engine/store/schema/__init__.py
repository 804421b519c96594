"""The tables, in SQLAlchemy Core, for SQLite and PostgreSQL alike.

Times are integers, milliseconds since 1970 UTC. Ids are 24 hex digits, but for tasks (UUID) and sequences (integers).
JSON columns hold what the protocol calls metadata, settings and parties; nothing is ever looked up inside them.
"""

from __future__ import annotations

from accsyn_engine.store.schema.access import acl, share, volume_server
from accsyn_engine.store.schema.base import metadata
from accsyn_engine.store.schema.moving import agent_request, client, client_event, line, transfer
from accsyn_engine.store.schema.people import api_key, login_failure, session_key, site, user, workspace
from accsyn_engine.store.schema.records import answered, audit, hook_run, outbox, setting
from accsyn_engine.store.schema.work import job, job_recipient, job_volume, queue, task

__all__ = [
    "acl",
    "agent_request",
    "answered",
    "api_key",
    "audit",
    "client",
    "client_event",
    "hook_run",
    "job",
    "job_recipient",
    "job_volume",
    "line",
    "login_failure",
    "metadata",
    "outbox",
    "queue",
    "session_key",
    "setting",
    "share",
    "site",
    "task",
    "transfer",
    "user",
    "volume_server",
    "workspace",
]
