"""What a person may have done wrong, one class a mistake."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class ForbiddenError(AccsynError):
    """The caller's role, or the object, does not allow it."""

    code = "forbidden"
    status = 403
    sentence = "{who} may not {what}; ask an admin of the workspace."


class WrongCredentialsError(AccsynError):
    """Unknown user, wrong key or disabled account: on purpose one sentence for all three."""

    code = "wrong-credentials"
    status = 401
    sentence = 'The API key of "{user}" is wrong or the user is unknown or disabled; check the user name and the key.'


class TooManyWrongKeysError(AccsynError):
    """Keys are being guessed, or a script has an old one."""

    code = "too-many-wrong-keys"
    status = 429
    sentence = "Too many wrong keys came for this account or from this address; correct the key and wait {seconds} s."


class SessionExpiredError(AccsynError):
    """A family A session key that is unknown or too old."""

    code = "session-expired"
    status = 401
    sentence = "The session has expired; log in again."


class NotFoundError(AccsynError):
    """Absent or not to be seen: the same answer for both."""

    code = "not-found"
    status = 404
    sentence = 'There is no {kind} "{name}" that you may see; check the spelling or ask an admin.'


class ExistsError(AccsynError):
    """A name that must be unique is taken."""

    code = "exists"
    status = 409
    sentence = 'The {kind} "{name}" exists already; find it instead of creating it again.'


class BadValueError(AccsynError):
    """A field of the caller's data is missing, of the wrong kind, or makes no sense."""

    code = "bad-value"
    status = 400
    sentence = "{what}"


class NotAllowedNowError(AccsynError):
    """The thing asked for is not possible in the state the object is in."""

    code = "not-now"
    status = 409
    sentence = "{what}"


class ConflictError(AccsynError):
    """Two people changed the same thing at the same moment."""

    code = "conflict"
    status = 409
    sentence = "Somebody changed the same thing at this moment; look at it and try again."


class ReusedEidError(AccsynError):
    """Two different calls came under one `eid`."""

    code = "eid-reused"
    status = 409
    sentence = 'Another call was carried out under the eid "{eid:.80}"; give every call an eid of its own.'


class PathRefusedError(AccsynError):
    """A path the caller may not read or write; the whole job is refused with it."""

    code = "path-refused"
    status = 403
    sentence = (
        '{user} has no {right} access to "{path}", so nothing was done; ask an admin for access or take the path out.'
    )


class NobodyAnswersError(AccsynError):
    """The agent that would have to answer is offline or did not answer in time."""

    code = "agent-silent"
    status = 503
    sentence = "The server {server} does not answer ({why}); start its agent and try again. (W#J061)"


class AgentRefusedError(AccsynError):
    """The agent answered with an error of its own."""

    code = "agent-refused"
    status = 409
    sentence = "{message}"


class PathNotMeasuredError(AccsynError):
    """The line between two agents could not be measured."""

    code = "path-not-measured"
    status = 409
    sentence = "The line from {source} to {target} could not be measured: {why}"


class StaleAgentError(AccsynError):
    """An agent speaks for a client or transfer it has no part in."""

    code = "stale-agent"
    status = 409
    sentence = "{what}"
