"""Hooks run, mails sent, settings, the log, what was measured, and calls already answered."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from accsyn_engine.store.schema.base import ID, metadata, primary_id

hook_run = Table(
    "hook_run",
    metadata,
    primary_id(),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE"), index=True),  # null: pre-publish
    Column("client_id", ID, ForeignKey("client.id"), index=True),
    Column("hook", String(64), nullable=False),  # without the prefixes hook- and job-: post-done-server
    Column("level", String(16), nullable=False, server_default="workspace"),  # workspace | queue | job: where it is set
    Column("key", String(64), nullable=False),  # ACCSYN_HOOK_KEY: the same for every run of one effect
    Column("attempt", Integer, nullable=False),
    Column("command", Text, nullable=False),
    Column("idempotent", Boolean, nullable=False, server_default=text("false")),
    Column("data", JSON, nullable=False),  # the hook's input
    Column("answer", JSON),  # pre-publish: its output
    Column("state", String(16), nullable=False),  # queued | started | done | failed | unknown
    Column("boot", String(64)),  # of the agent that started it
    Column("exit_code", Integer),
    Column("output", Text, nullable=False, server_default=""),
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger),
)

outbox = Table(  # effects that leave the engine, written with the change that causes them
    "outbox",
    metadata,
    primary_id(),
    Column("kind", String(16), nullable=False),  # mail
    Column("key", String(128), nullable=False, unique=True),
    Column("data", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # queued | sent | failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", BigInteger),  # null once it has left or is given up
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Index("ix_outbox_due", "due_at"),
)

setting = Table(
    "setting",
    metadata,
    Column("scope", String(32), primary_key=True),  # workspace | user | share | job ...
    Column("entity_id", ID, primary_key=True),
    Column("integration", String(64), primary_key=True, server_default=""),  # "": the engine's own
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_setting_name", "name"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", String(254), nullable=False),
    Column("address", String(64), nullable=False, server_default=""),
    Column("action", String(64), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("entity_id", String(36), nullable=False),
    Column("about", String(8)),  # job | share | user: whoever sees this one may hear of it; null: admins only
    Column("about_id", ID),
    # PostgreSQL's number of the transaction, for rows become visible in another order than they are numbered; else 0.
    Column("transaction", BigInteger, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_entity", "entity", "entity_id", "seq"),
    Index("ix_audit_feed", "transaction", "seq"),
)

answered = Table(  # calls already carried out, by the caller's `eid`: the same call again gets the same answer
    "answered",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("eid", String(64), primary_key=True),
    Column("call", String(64), nullable=False),  # digest of operation and arguments
    Column("answer", JSON, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
)
