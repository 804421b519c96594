"""Brings a database to the tables of this release, in one transaction, or leaves it as it was."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from accsyn_engine.store.database import Database
from accsyn_plugins.errors import AccsynError

FOLDER = Path(__file__).with_name("migrations")


class NewerDatabaseError(AccsynError):
    """A later release has written this database."""

    code = "newer-database"
    status = 409
    sentence = 'The database is of a later release ("{revision}"); install that release again, or restore a backup.'


def migrate(database: Database) -> None:
    """Run what is missing; a database that is up to date is left alone.

    Raises NewerDatabaseError for one that this release does not know.
    """
    with database.write() as connection:
        try:
            command.upgrade(alembic_config(connection), "head")
        except CommandError as error:
            raise NewerDatabaseError(revision=current(connection)) from error


def current(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The revision of this release."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings, made here so that no alembic.ini has to be found."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
