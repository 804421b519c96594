"""What the rest of the engine relies on, of both databases alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from accsyn_engine.store import schema
from accsyn_engine.store.database import Database, DatabaseUnusableError
from accsyn_engine.store.migrating import NewerDatabaseError, alembic_config, current, migrate, newest

SETTING = {"scope": "workspace", "entity_id": "0" * 24, "name": "counter"}


def _count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(schema.setting.c.value)).scalar_one())


def test_the_migrations_make_exactly_the_tables_of_the_schema(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert current(connection) == newest()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.setting).values(**SETTING, value="7"))
    migrate(database)
    assert _count(database) == 7


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_database: Database) -> None:
    with empty_database.write() as connection:
        connection.execute(text("CREATE TABLE task (id INTEGER)"))
    with pytest.raises((OperationalError, ProgrammingError)):
        migrate(empty_database)
    with empty_database.read() as connection:
        assert inspect(connection).get_table_names() == ["task"]


def test_a_database_of_a_later_release_is_refused_with_a_sentence(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabaseError, match="later release"):
        migrate(database)


def test_going_back_leaves_no_table_of_ours(database: Database) -> None:
    with database.write() as connection:
        command.downgrade(alembic_config(connection), "base")
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]


def test_a_transaction_that_raises_leaves_nothing_behind(database: Database) -> None:
    def change_and_fail() -> None:
        with database.write() as connection:
            connection.execute(insert(schema.setting).values(**SETTING, value="1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    with database.read() as connection:
        assert connection.execute(select(schema.setting)).all() == []


def test_a_reader_cannot_change_anything(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(insert(schema.setting).values(**SETTING, value="1"))


def test_a_reader_keeps_the_view_it_began_with(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.setting).values(**SETTING, value="1"))
    with database.read() as reader:
        before = reader.execute(select(schema.setting.c.value)).scalar_one()
        with database.write() as connection:
            connection.execute(update(schema.setting).values(value="2"))
        assert reader.execute(select(schema.setting.c.value)).scalar_one() == before
    assert _count(database) == 2


def test_no_increment_of_many_threads_is_lost(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.setting).values(**SETTING, value="0"))

    def add_ten() -> None:
        for _ in range(10):
            with database.write() as connection:
                value = connection.execute(select(schema.setting.c.value).with_for_update()).scalar_one()
                connection.execute(update(schema.setting).values(value=str(int(value) + 1)))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(add_ten) for _ in range(8)]:
            future.result()
    assert _count(database) == 80


def test_a_foreign_key_to_nowhere_is_refused(database: Database) -> None:
    values = {"id": "k" * 24, "user_id": "nobody", "digest": "d", "created": 0}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(schema.api_key).values(**values))


def test_a_lease_is_given_to_one_worker_only(database: Database) -> None:
    with database.write() as connection:
        rows = [
            {"id": f"{n:024x}", "kind": "mail", "key": str(n), "data": {}, "state": "queued", "due_at": 0, "created": 0}
            for n in range(20)
        ]
        connection.execute(insert(schema.outbox), rows)
    taken: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with database.write() as connection:
                query = select(schema.outbox.c.id).where(schema.outbox.c.due_at == 0).limit(1)
                row = connection.execute(query.with_for_update(skip_locked=True)).scalar()
                if row is None:
                    return
                connection.execute(update(schema.outbox).where(schema.outbox.c.id == row).values(due_at=1))
            with lock:
                taken.append(row)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result()
    assert len(taken) == len(set(taken)) == 20


def test_sqlite_in_memory_is_refused_because_a_restart_would_lose_everything() -> None:
    with pytest.raises(DatabaseUnusableError, match="needs a file"):
        Database("sqlite://")


def test_a_committed_row_of_sqlite_waits_for_the_disk(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/engine.sqlite")
    with database.write() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    database.close()


def test_a_transaction_inside_a_transaction_is_a_mistake_that_says_so(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/engine.sqlite")
    with database.write(), pytest.raises(RuntimeError, match="already"), database.write():
        pass
    database.close()
