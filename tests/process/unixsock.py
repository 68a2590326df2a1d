"""What the tests of unix sockets share: a connection, and a way for real git, which speaks to none."""
import socket

from relay import Relay


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(path)
    return s


def relay(path):
    """For real git."""
    return Relay(lambda: connect(path))
