"""What can be wrong with a written path."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class PathError(AccsynError):
    """A path that cannot be understood or is not allowed; `text` among the facts is what was written."""

    code = "path-invalid"
    sentence = "The path {text!r} cannot be used: {reason}."


class LeavesFolderError(PathError):
    """A path with `..` in it."""

    code = "path-leaves-folder"
    sentence = 'The path {text!r} contains ".."; write the folder it leads to instead.'


class UnknownPartyError(PathError):
    """What stands before the colon names nobody."""

    code = "party-unknown"
    sentence = (
        "There is no party {party!r} as in {text!r}; write the workspace code, hq, a site, site=CODE, client=ID "
        "or a user's address before the colon."
    )


class PlaceholderError(PathError):
    """`null`, which once made a job without files."""

    code = "path-placeholder"
    sentence = "The path {text!r} is a placeholder and moves nothing; name a file or a folder."
