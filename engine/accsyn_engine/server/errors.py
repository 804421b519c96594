"""What keeps a server from starting, one class a reason."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class FolderInUseError(AccsynError):
    """Another process holds the data folder."""

    code = "folder-in-use"
    status = 409
    sentence = 'An engine already works on "{folder}"{who}; stop it first, or use --server to talk to it.'


class PortInUseError(AccsynError):
    """The port cannot be had."""

    code = "port-in-use"
    status = 409
    sentence = "Port {port} on {host} is in use by another program; choose another with --port."


class CannotListenError(AccsynError):
    """The address is none of this machine's, or may not be used."""

    code = "cannot-listen"
    status = 409
    sentence = "This machine cannot listen on {host}:{port} ({why}); choose another --host or --port."


class BadCertificateError(AccsynError):
    """The certificate and key given do not work."""

    code = "bad-certificate"
    sentence = 'The certificate "{certificate}" with the key "{key}" cannot be used ({why}); check both files.'


class SocketPathError(AccsynError):
    """The control socket cannot be made."""

    code = "control-socket"
    sentence = 'The control socket in "{folder}" cannot be made ({why}); use a data folder on a local disk.'
