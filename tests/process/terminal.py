"""A terminal for tests: a program on a pty, and what its screen shows."""
import fcntl
import pty
import re
import struct
import termios

from gate import *


class Terminal:
    """A program with a terminal of its own. Reads in a thread, so that the program never waits for us."""

    LAST = b"\x1b[?9999h"

    def __init__(self, args, columns=80, rows=24, env=None, cwd=None):
        self.columns, self.rows = columns, rows
        self.raw = b""                  # all that came
        self.main, self.modes, self.pages = [[" "] * columns for _ in range(rows)], set(), 0
        self.cells, self.at = [[" "] * columns for _ in range(rows)], (0, 0)
        self.wrapped = []               # characters that stood beyond the right end
        self.lock = threading.Lock()
        self.fd, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave              # kept, so that the modes can be looked at after the program's end
        self.process = popen(args, stdin=slave, stdout=slave, stderr=slave, cwd=cwd or TMP, start_new_session=True,
                             env={**ENV, "TERM": "xterm", **(env or {})}, preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def resize(self, columns, rows):
        with self.lock:
            self.columns, self.rows = columns, rows
            self.cells = [(r + [" "] * columns)[:columns] for r in (self.cells + [[]] * rows)[:rows]]
            self.wrapped = []
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        rest = b""
        while True:
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                return
            with self.lock:
                self.raw += got
                rest = self.feed(rest + got)

    def feed(self, data):
        """Show it; returns what is not whole yet."""
        while data:
            m = re.match(rb"\x1b\[(\??)([\d;]*)([A-Za-z])", data)
            if data[:1] == b"\x1b":
                if not m:
                    return data
                self.control(m[1], m[2].decode(), m[3].decode())
                data = data[m.end():]
                continue
            n = 1 if data[0] < 0x80 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
            if len(data) < n:
                return data
            self.put(data[:n].decode(errors="replace"))
            data = data[n:]
        return data

    def control(self, private, parameter, letter):
        y, x = self.at
        if private:
            self.modes = self.modes | {parameter} if letter == "h" else self.modes - {parameter}
        elif letter == "H":
            self.at = 0, 0
            self.pages += 1
        elif letter == "K":
            self.cells[y][x:] = [" "] * (self.columns - x)
        elif letter == "J":
            if parameter != "2":
                self.cells[y][x:] = [" "] * (self.columns - x)
            for row in range(0 if parameter == "2" else y + 1, self.rows):
                self.cells[row] = [" "] * self.columns
        elif letter != "m":
            self.wrapped.append("?%s" % letter)

    def put(self, c):
        y, x = self.at
        if c == "\r":
            x = 0
        elif c == "\n":
            if y == self.rows - 1:
                self.cells = self.cells[1:] + [[" "] * self.columns]
                self.wrapped += ["scrolled"] if "?1049" in self.modes or "1049" in self.modes else []
            y = min(y + 1, self.rows - 1)
        elif x < self.columns:
            self.cells[y][x] = c
            x += 1
        else:
            self.wrapped.append(c)
        self.at = y, x

    def lines(self):
        with self.lock:
            return ["".join(r).rstrip() for r in self.cells]

    def text(self):
        return "\n".join(self.lines())

    def shows(self, pattern, what=None, patience=PATIENCE):
        """Wait until it is on the screen."""
        try:
            return wait_for(lambda: re.search(pattern, self.text()), what or "%r on the screen" % pattern, patience)
        except TimeoutError:
            note(self.text())
            raise

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def as_it_was(self):
        """Whether the terminal is given back: the modes of before, the first page, a cursor. What was written may still be on its way."""
        try:
            return bool(wait_for(lambda: termios.tcgetattr(self.slave) == self.before and b"\x1b[?25h\x1b[?1049l" in self.raw[-200:] and "1049" not in self.modes,
                                 "the terminal to be given back", 20))
        except TimeoutError:
            return False

    def end(self, patience=PATIENCE):
        """Wait for the program; its exit code."""
        code = self.process.wait(patience)
        # the kernel hands on what was written when it has time: a mode that there is not comes behind all of it
        os.write(self.slave, self.LAST)
        wait_for(lambda: self.raw.endswith(self.LAST) and "9999" in self.modes, "all its output to be read")
        with self.lock:
            self.raw = self.raw[:-len(self.LAST)]
            self.modes = self.modes - {"9999"}
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        self.thread.join(PATIENCE)
        os.close(self.fd)
