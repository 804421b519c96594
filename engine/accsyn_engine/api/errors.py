"""What can be wrong with a call before a use case sees it, one class a mistake."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class BadEnvelopeError(AccsynError):
    """The bytes are no accsyn event."""

    code = "bad-envelope"
    status = 400
    sentence = (
        "This is no accsyn event: {why}. Send it as one JSON object, in the body or percent-encoded as the query."
    )


class BadFieldError(AccsynError):
    """A field that the route itself needs is missing or of the wrong kind."""

    code = "bad-field"
    status = 400
    sentence = '"{field}" must be {kind}; correct the call and send it again.'


class UnknownPathError(AccsynError):
    """Nothing answers at this address."""

    code = "unknown-path"
    status = 404
    sentence = 'Nothing answers at "{path}"; the accsyn protocol lives below /api/v3 and /api/v1.0.'


class WrongMethodError(AccsynError):
    """The address exists, but not for this verb."""

    code = "wrong-method"
    status = 405
    sentence = '"{path}" does not take {method}; use {allowed}.'


class UnknownEventError(AccsynError):
    """The uri of an event is not in the table."""

    code = "unknown-event"
    status = 404
    sentence = 'This engine does not offer {method} "{uri}"; check the entity type and the operation.'


class UnknownOperationError(AccsynError):
    """A file operation that is none, or that another method carries."""

    code = "unknown-operation"
    status = 400
    sentence = '{method} carries out no file operation "{operation}", only {known}; check its name and the method.'


class TooLargeError(AccsynError):
    """A body above the limit."""

    code = "too-large"
    status = 413
    sentence = "The call is larger than the {limit_mib} MiB that are taken at once; send it in several calls."


class BadCredentialsHeaderError(AccsynError):
    """The Authorization header is missing or of no known form."""

    code = "bad-authorization"
    status = 401
    sentence = (
        "The Authorization header is {what}; send 'basic <base64 of the user>:<base64 of the API key>' "
        "(/api/v3) or 'ASCredentials <base64 of JSON>' (/api/v1.0)."
    )


class WrongWorkspaceError(AccsynError):
    """The caller means another workspace than the one that lives here."""

    code = "wrong-workspace"
    status = 404
    sentence = 'There is no workspace "{workspace}" here; check ACCSYN_WORKSPACE (or ACCSYN_DOMAIN).'


class TooManyStreamsError(AccsynError):
    """The engine keeps only so many event streams open."""

    code = "too-many-streams"
    status = 503
    sentence = "The engine already keeps {limit} event streams open; try again in a minute."


class EngineFaultError(AccsynError):
    """A bug: the trace is in the engine's log, never in an answer."""

    code = "engine-fault"
    status = 500
    sentence = "The engine failed in this call and nothing was changed; its log has the details under {reference}."
