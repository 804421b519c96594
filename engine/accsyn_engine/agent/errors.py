"""What an agent can meet, each a stable code and a sentence that says what to do."""

from __future__ import annotations

from accsyn_engine.transfer.errors import TransferError
from accsyn_plugins.errors import AccsynError


class AgentError(AccsynError):
    """The base of the agent's errors."""

    code = "agent"


class OptionsError(AgentError):
    """The agent cannot be started with these options."""

    code = "agent-options"
    sentence = "{what}"


class FolderInUseError(AgentError):
    """Another agent works with this data folder."""

    code = "agent-runs-already"
    status = 409
    sentence = (
        'Another agent (process {pid}) works with the folder "{folder}"; stop that one, or give this one a folder of '
        "its own with --data."
    )


class FolderRefusedError(AgentError):
    """The data folder cannot be written."""

    code = "agent-folder-refused"
    sentence = 'The folder "{folder}" cannot be used for the agent\'s data ({why}); give another one with --data.'


class WrongKeyError(AgentError):
    """The engine does not accept the key."""

    code = "wrong-key"
    status = 401
    sentence = (
        "The engine at {server} does not accept the API key of {user}; check both, or ask an admin of the "
        "workspace for a new key."
    )


class UnreachableError(AgentError):
    """Nobody answers, or something in between answers for the engine; worth trying again."""

    code = "engine-unreachable"
    status = 503
    sentence = "engine at {server} is not reachable ({why})"


class SilentError(UnreachableError):
    """The engine took the call and did not answer within the deadline."""

    code = "engine-silent"
    status = 504


class UntrustedError(AgentError):
    """The engine's certificate is not vouched for."""

    code = "engine-untrusted"
    status = 495
    sentence = (
        "The certificate of the engine at {server} is not to be trusted ({why}); give the engine's ca.pem with --ca, "
        "and use the name for which its certificate was made."
    )


class RefusedError(AgentError):
    """The engine answered that it will not; `facts` hold its `http` status and its own `reason` code."""

    code = "engine-refused"
    sentence = "{sentence}"


class PlaceError(TransferError):
    """Where a file comes from or lands cannot be found out; it ends the transfer, and both ends hear why."""


class NoMapError(PlaceError):
    """A volume that has no folder on this machine."""

    code = "missing-map"
    status = 409
    sentence = (
        'The volume "{volume}" has no folder on {machine}; set {variable} or start the agent there with '
        "--map {volume}=FOLDER."
    )


class NoVolumeError(PlaceError):
    """A volume that this server does not serve."""

    code = "missing-volume"
    status = 409
    sentence = 'The server {machine} does not serve the volume "{volume}"; start its agent with that volume.'


class NoDownloadFolderError(PlaceError):
    """Something came that belongs to no mapped volume, and there is no folder for it."""

    code = "missing-download-folder"
    status = 409
    sentence = "There is no folder for downloads on {machine}; start the agent there with --download FOLDER."


class FolderMissingError(PlaceError):
    """The folder behind a volume or a map is not there: not mounted, or deleted."""

    code = "missing-folder"
    status = 409
    sentence = 'The folder "{folder}" for {what} is not there on {machine}; mount or make it, then retry.'


class NotLocalError(PlaceError):
    """A path that is not absolute by the rules of this machine."""

    code = "not-absolute"
    sentence = 'The path "{path}" is not an absolute path on {machine}; write it as it is written on that machine.'


class EngineAwayError(PlaceError):
    """The engine went away while this agent still had to ask it what belongs to the transfer."""

    code = "engine-away"
    status = 503
    sentence = "The engine went away before it had named all tasks of the transfer; it is tried again when it is back."


class TaskUnknownError(PlaceError, LookupError):
    """The peer sends a task that the engine did not list for this transfer."""

    code = "unknown-task"
    sentence = "The other side sends task {task}, which does not belong to this transfer; submit the job again."


class RequestInvalidError(AgentError):
    """A question whose data makes no sense."""

    code = "bad-request"
    sentence = "{what}"


class TooManyEntriesError(AgentError):
    """A listing that nobody could take in."""

    code = "too-many-entries"
    status = 413
    sentence = (
        '"{path}" holds more than {limit} files and folders to list; list a folder below it, or give maxdepth, include '
        "or exclude."
    )


class TooLongError(AgentError):
    """A listing that takes longer than anybody waits for it."""

    code = "too-long"
    status = 504
    sentence = (
        '"{path}" could not be listed within {seconds:g} seconds; list a folder below it, give maxdepth, or ask '
        "without the sizes of folders."
    )
