"""Queues, jobs, their tasks and their recipients."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from accsyn_engine.store.schema.base import ID, metadata, primary_id, stamps

queue = Table(
    "queue",
    metadata,
    primary_id(),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", String(16), nullable=False),  # waiting | paused
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False, server_default=text("'{}'")),
    *stamps(),
)

job = Table(
    "job",
    metadata,
    primary_id(),
    Column("code", String(254), nullable=False),
    Column("name", String(254), nullable=False),
    Column("code_folded", String(254), nullable=False),  # as compared by searches
    Column("name_folded", String(254), nullable=False),
    Column("type", Integer, nullable=False),  # 1 transfer | 7 delivery | 8 request
    Column("status", String(16), nullable=False),  # init | waiting | running | paused | failed | aborted | done
    Column("is_over", Boolean, Computed("status IN ('done', 'aborted')", persisted=True)),  # lists leave it out
    Column("phase", String(16), nullable=False),  # submit | measure | transfer | hook: where a retry starts
    Column("parent_id", ID, ForeignKey("job.id", ondelete="CASCADE"), index=True),  # the delivery or request it serves
    Column("user_id", ID, ForeignKey("user.id"), nullable=False),
    Column("queue_id", ID, ForeignKey("queue.id"), nullable=False),
    Column("source_type", String(16), nullable=False),  # workspace | site | user | client
    Column("source_id", ID, nullable=False),
    Column("destination_type", String(16), nullable=False),
    Column("destination_id", ID, nullable=False),
    Column("sender_user_id", ID),  # the person on either side, for permissions and lists; null: the workspace
    Column("receiver_user_id", ID),
    Column("priority", Integer, nullable=False),  # 0 to 1000, among the jobs of its queue
    Column("rank", Integer, nullable=False),  # dispatch goes by it
    Column("size", BigInteger, nullable=False),  # bytes; -1 until measured
    Column("bytes_done", BigInteger, nullable=False),  # bytes the receiver has or has acknowledged
    Column("bytes_moved", BigInteger, nullable=False),  # bytes that crossed the line, over all attempts
    Column("files", BigInteger, nullable=False),
    Column("files_done", BigInteger, nullable=False),
    Column("speed", BigInteger, nullable=False),  # bytes per second; -1 while idle
    Column("error_code", String(64)),
    Column("error", Text),  # one sentence, when failed; everybody who sees the job may read it
    Column("error_detail", Text),  # the same with what only the studio's people may read: commands, paths, output
    Column("reason", Text),  # one sentence, while waiting
    Column("waiting_for", ID),  # the user, client or volume whose coming online makes it ready again
    Column("is_pending", Boolean, nullable=False, server_default=text("false")),  # the receiver must choose a folder
    Column("ready_at", BigInteger),  # null: not to be dispatched; else not before this time
    Column("attempts", Integer, nullable=False),
    Column("losses", Integer, nullable=False, server_default=text("0")),  # transfers lost in a row without progress
    Column("mirror", Boolean, nullable=False, server_default=text("false")),  # both sides have the same paths
    Column("folder", JSON),  # deliveries and requests: the volume `v` their files lie on, and `rel`, the folder there
    Column("public", Boolean, nullable=False, server_default=text("false")),  # anybody with its address
    Column("expires_at", BigInteger, index=True),
    Column("receipt", JSON),  # the signed statement of what arrived
    Column("metadata", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("hooks", JSON, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("archived_at", BigInteger),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    *stamps(),
    Index("ix_job_ready", "ready_at", "rank", "created"),
    Index("ix_job_waiting_for", "waiting_for", "status", "rank", "created"),
    Index("ix_job_scope", "archived", "is_over", "created", "id"),
    # The scope and the order of lists stand in every index a list may go by, so that it reads no row it does not show.
    Index("ix_job_code", "code_folded", "archived", "is_over", "created", "id"),
    Index("ix_job_name", "name_folded", "archived", "is_over", "created", "id"),
    Index("ix_job_finished", "is_over", "archived", "finished"),
    Index("ix_job_submitter", "user_id", "archived", "is_over", "created", "id"),
    Index("ix_job_sender", "sender_user_id", "archived", "is_over", "created", "id"),
    Index("ix_job_receiver", "receiver_user_id", "archived", "is_over", "created", "id"),
    Index("ix_job_queue", "queue_id", "is_over"),
)

job_recipient = Table(  # to whom a delivery or request goes
    "job_recipient",
    metadata,
    primary_id(),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), index=True),  # null: somebody without an account
    Column("address", String(254), nullable=False),
    Column("actioned", BigInteger),  # when the package was fetched, or the upload made
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("job_id", "address"),
)

job_volume = Table(  # the volumes a job touches, for permissions, lists and dispatch
    "job_volume",
    metadata,
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("volume_id", ID, ForeignKey("share.id", ondelete="CASCADE"), primary_key=True, index=True),
)

task = Table(
    "task",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),  # 0, 1, 2 ... within the job; what the wire calls the task's number
    Column("uri", String(254), nullable=False),
    Column("status", String(16), nullable=False),  # queued failed onhold excluded done; see services.work.tasks.STATUS
    Column("source", JSON, nullable=False),  # party dict, see services.parties
    Column("destination", JSON, nullable=False),
    Column("endpoints", String(64), nullable=False),  # digest of source and destination, to find duplicates
    Column("priority", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("error", Text),
    Column("metadata", JSON, nullable=False),
    Column("settings", JSON, nullable=False, server_default=text("'{}'")),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger),
    UniqueConstraint("job_id", "seq"),
    UniqueConstraint("job_id", "uri"),
    Index("ix_task_endpoints", "job_id", "endpoints"),
    Index("ix_task_status", "job_id", "status", "seq"),
)
