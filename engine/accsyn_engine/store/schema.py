"""The tables, in SQLAlchemy Core, for SQLite and PostgreSQL alike.

Times are integers, milliseconds since 1970 UTC. Ids are 24 hex digits, but for tasks (UUID) and sequences (integers).
JSON columns hold what the protocol calls metadata, settings and parties; nothing is ever looked up inside them.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(24)


def _id() -> Column[str]:
    return Column("id", ID, primary_key=True)


def _created() -> list[Column[object]]:
    return [
        Column("created", BigInteger, nullable=False),
        Column("creator", String(254), nullable=False, server_default=""),
        Column("modified", BigInteger),
        Column("modifier", String(254)),
    ]


workspace = Table(
    "workspace",
    metadata,
    _id(),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    *_created(),
)

user = Table(
    "user",
    metadata,
    _id(),
    Column("code", String(254), nullable=False, unique=True),  # the e-mail address, lower case
    Column("name", String(254), nullable=False),
    Column("role", String(16), nullable=False),  # admin | employee | standard
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("active", Boolean, nullable=False, server_default=text("true")),  # false once deactivated
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False),
    Column("logged_in", BigInteger),
    *_created(),
)

api_key = Table(
    "api_key",
    metadata,
    _id(),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True),  # keyed BLAKE2b of the key; the key is shown once
    Column("label", String(64), nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger),
    Column("revoked", BigInteger),
)

session_key = Table(
    "session_key",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("device", String(254), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
)

share = Table(
    "share",
    metadata,
    _id(),
    Column("code", String(254), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("type", String(16), nullable=False),  # volume | folder | home | collection
    Column("parent_id", ID, ForeignKey("share.id"), index=True),  # the volume of a folder or home
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), index=True),  # the owner of a home
    Column("path", Text, nullable=False, server_default=""),  # a volume: on its server; else relative to the volume
    Column("case_sensitive", Boolean, nullable=False, server_default=text("true")),  # volumes
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("description", Text, nullable=False, server_default=""),
    Column("metadata", JSON, nullable=False),
    *_created(),
)

volume_server = Table(
    "volume_server",
    metadata,
    Column("volume_id", ID, ForeignKey("share.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
)

acl = Table(
    "acl",
    metadata,
    _id(),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("share_id", ID, ForeignKey("share.id", ondelete="CASCADE"), nullable=False, index=True),
    Column(
        "path", Text, nullable=False
    ),  # relative to the share, "/" separators, no leading "/"; "" is the share itself
    Column("read", Boolean, nullable=False),
    Column("write", Boolean, nullable=False),
    Column("status", String(16), nullable=False),  # enabled | disabled
    Column("acknowledged", Boolean, nullable=False, server_default=text("false")),
    Column("description", Text, nullable=False, server_default=""),
    *_created(),
    UniqueConstraint("user_id", "share_id", "path"),
)

client = Table(
    "client",
    metadata,
    _id(),
    Column("code", String(254), nullable=False),  # host name, not unique
    Column("type", Integer, nullable=False),  # 0 app, 1 server, 2 user server
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("instance", String(64), nullable=False),  # made once per data folder of an agent
    Column("boot", String(64), nullable=False),  # made at each start of the agent
    Column("status", String(16), nullable=False),  # online | offline | disabled
    Column("os", String(64), nullable=False, server_default=""),
    Column("version", String(64), nullable=False, server_default=""),
    Column("address", String(64), nullable=False, server_default=""),  # as the engine saw it
    Column("maps", JSON, nullable=False),  # [{"code": volume code, "read": bool, "write": bool}]
    Column("downloads", Boolean, nullable=False, server_default=text("false")),  # has a folder for what is not mapped
    Column("advertise", JSON, nullable=False),  # addresses at which it can be reached
    Column("event_seq", BigInteger, nullable=False, server_default=text("0")),  # the last number given in client_event
    Column("last_checkin", BigInteger, nullable=False),
    Column("metadata", JSON, nullable=False),
    *_created(),
    UniqueConstraint("user_id", "instance"),
)

queue = Table(
    "queue",
    metadata,
    _id(),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(254), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("status", String(16), nullable=False),  # waiting | paused
    *_created(),
)

job = Table(
    "job",
    metadata,
    _id(),
    Column("code", String(254), nullable=False, index=True),
    Column("name", String(254), nullable=False),
    Column("type", Integer, nullable=False),  # 1 transfer
    Column("status", String(16), nullable=False),  # init | waiting | running | paused | failed | aborted | done
    Column("phase", String(16), nullable=False),  # transfer | hook: where a retry starts
    Column("user_id", ID, ForeignKey("user.id"), nullable=False, index=True),
    Column("queue_id", ID, ForeignKey("queue.id"), nullable=False),
    Column("source_type", String(16), nullable=False),  # workspace | user | client
    Column("source_id", ID, nullable=False),
    Column("destination_type", String(16), nullable=False),
    Column("destination_id", ID, nullable=False),
    Column(
        "sender_user_id", ID, index=True
    ),  # the person on either side, for permissions and lists; null: the workspace
    Column("receiver_user_id", ID, index=True),
    Column("priority", Integer, nullable=False),
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
    Column("ready_at", BigInteger),  # null: not to be dispatched; else not before this time
    Column("attempts", Integer, nullable=False),
    Column("losses", Integer, nullable=False, server_default=text("0")),  # transfers lost in a row without progress
    Column("receipt", JSON),  # the signed statement of what arrived
    Column("metadata", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("hooks", JSON, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    *_created(),
    Index("ix_job_ready", "ready_at", "priority", "created"),
    Index("ix_job_waiting_for", "waiting_for"),
    Index("ix_job_scope", "archived", "status", "created"),
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
    Column("status", String(16), nullable=False),  # pending queued executing failed onhold excluded done
    Column("source", JSON, nullable=False),  # party dict, see services.parties
    Column("destination", JSON, nullable=False),
    Column("endpoints", String(64), nullable=False),  # digest of source and destination, to find duplicates
    Column("priority", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("error", Text),
    Column("metadata", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger),
    UniqueConstraint("job_id", "seq"),
    UniqueConstraint("job_id", "uri"),
    Index("ix_task_endpoints", "job_id", "endpoints"),
)

transfer = Table(  # one attempt of a job: two agents, one session between them, one lease
    "transfer",
    metadata,
    _id(),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE")),  # null: a probe of the line
    Column("probe", JSON),  # a probe's {"seconds", "bytes"}
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # offered | accepted | listening | running | ended
    Column("sender_id", ID, ForeignKey("client.id"), nullable=False),
    Column("receiver_id", ID, ForeignKey("client.id"), nullable=False),
    Column("sender_boot", String(64), nullable=False),
    Column("receiver_boot", String(64), nullable=False),
    Column("listener", String(16), nullable=False),  # sender | receiver: the side that opens a port
    Column("connector_certificate", Text),
    Column("listener_certificate", Text),
    Column("addresses", JSON),
    Column("port", Integer),
    Column("streams", Integer, nullable=False),
    Column("acked_before", BigInteger, nullable=False),  # the job's bytes_done and bytes_moved when this attempt began
    Column("moved_before", BigInteger, nullable=False),
    Column("rate", BigInteger),  # bytes a second that arrive now; null before the first report
    Column("sender_line", JSON),  # what each end last told of the line, see services.moving.lines
    Column("receiver_line", JSON),
    Column("failures", JSON),  # what the sender reported at its end, kept until the receiver's
    Column("lease_until", BigInteger),  # null once ended
    Column("outcome", String(16)),  # done | failed | lost | stopped
    Column("error_code", String(64)),
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Column("ended", BigInteger),
    UniqueConstraint("job_id", "attempt"),
    Index("ix_transfer_lease", "lease_until"),
    Index("ix_transfer_sender", "sender_id", "state"),
    Index("ix_transfer_receiver", "receiver_id", "state"),
)

line = Table(  # what the last transfer or probe from one agent to another found out about the way between them
    "line",
    metadata,
    Column("sender_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
    Column("receiver_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("transport", String(8), nullable=False),  # udp | tcp
    Column("rtt_us", BigInteger),  # the shortest round trip, microseconds
    Column("capacity", BigInteger),  # bytes per second
    Column("loss_ppm", BigInteger),  # lost datagrams of a million sent
    Column("measured", BigInteger, nullable=False),
)

client_event = Table(  # what an agent is told, numbered per agent without gaps
    "client_event",
    metadata,
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
)

agent_request = Table(  # a question to an agent: list a folder, size of a file, ...
    "agent_request",
    metadata,
    _id(),
    Column("client_id", ID, ForeignKey("client.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("operation", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # asked | answered | refused
    Column("answer", JSON),
    Column("deadline", BigInteger, nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
)

hook_run = Table(
    "hook_run",
    metadata,
    _id(),
    Column("job_id", ID, ForeignKey("job.id", ondelete="CASCADE"), index=True),  # null: pre-publish
    Column("client_id", ID, ForeignKey("client.id"), index=True),
    Column("hook", String(64), nullable=False),  # without the prefixes hook- and job-: post-done-server
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
    _id(),
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
    Column("entity_id", String(36), nullable=False, index=True),
    Column("detail", JSON, nullable=False),
)

answered = Table(  # calls already carried out, by the caller's `eid`: the same call again gets the same answer
    "answered",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("eid", String(64), primary_key=True),
    Column("answer", JSON, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
)
