"""What the tests of unix sockets share: a connection, and a way for real git, which speaks to none."""
import socket
import threading


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(path)
    return s


class Relay:
    """Passes connections to a port of its own on to a unix socket."""

    def __init__(self, path):
        self.path, self.server = path, socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, scheme, repo):
        return "%s://127.0.0.1:%d/%s" % (scheme, self.port, repo)

    def serve(self):
        while True:
            near, _ = self.server.accept()
            far = connect(self.path)
            far.settimeout(None)
            for a, b in (near, far), (far, near):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
