"""Process numbers under a test's control, in a PID namespace of its own: a process that begins with a chosen number, and a process of the gate's that is
held at the moment before it opens a chosen file of /proc. For tests of what happens when a number becomes another's between two looks."""
import atexit
import ctypes
import os
import shutil
import subprocess
import sys

WITHIN = "GIT_GATE_TEST_NAMESPACE"
UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
CLONE3 = 435            # on every architecture
HELD = 6                # seconds for which one is held: what is done meanwhile takes some milliseconds


def enter():
    """Run the test again in a PID namespace of its own, where it may choose numbers; or skip it, saying why."""
    if WITHIN in os.environ:
        return
    why = "strace is not installed" if not shutil.which("strace") else ""
    r = subprocess.run(UNSHARE + ["true"], capture_output=True, text=True)
    if r.returncode:
        why = "no PID namespace can be made here: " + r.stderr.strip()
    if why:
        print("1..0 # SKIP " + why)
        sys.exit(0)
    os.execvpe(UNSHARE[0], UNSHARE + [sys.executable] + [os.path.abspath(sys.argv[0])] + sys.argv[1:], {**os.environ, WITHIN: "1"})


enter()

from gate import *                              # noqa: E402

libc = ctypes.PyDLL(None, use_errno=True)       # which keeps the interpreter's lock over the call: the child has it, too


def at_number(pid, *argv):
    """A process with that number, a child of the test's."""
    numbers = (ctypes.c_int * 1)(pid)
    args = (ctypes.c_uint64 * 11)()
    args[4], args[8], args[9] = signal.SIGCHLD, ctypes.addressof(numbers), 1
    r = libc.syscall(ctypes.c_long(CLONE3), args, ctypes.c_size_t(88))
    if r == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    if r < 0:
        raise OSError(ctypes.get_errno(), "clone3 with the number %d: %s" % (pid, os.strerror(ctypes.get_errno())))
    atexit.register(os.kill, pid, signal.SIGKILL)      # it is waited for by nobody, so the number stays its own
    return pid


def next_number(pid):
    """The next process that anybody in this namespace starts has it, if it is free."""
    with open("/proc/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(pid - 1))


class Held:
    """The process stands still before it opens the file, once, from when the file is opened until HELD seconds later."""

    def __init__(self, pid, file):
        self.pid, self.file = pid, file
        self.strace = popen(["strace", "-qq", "-o", path("held.trace"), "-p", str(pid), "-e", "signal=none", "-P", file, "-e", "trace=openat",
                             "-e", "inject=openat:delay_enter=%d:when=1" % (HELD * 1000000)])
        wait_for(lambda: "TracerPid:\t0" not in read("/proc/%d/status" % pid), "strace to have it")

    def arrived(self):
        """Wait until it stands there."""
        wait_for(self.at_file, "%d to come to %s" % (self.pid, self.file))

    def at_file(self):
        """Whether the call that it is in is about the file."""
        call = read("/proc/%d/syscall" % self.pid).split()
        if len(call) < 3:
            return False
        try:
            with open("/proc/%d/mem" % self.pid, "rb", buffering=0) as f:
                f.seek(int(call[2], 16))
                return f.read(len(self.file) + 1) == self.file.encode() + b"\0" and state(self.pid) == "t"
        except (OSError, ValueError):
            return False

    def over(self):
        """Wait until it goes on, and let it run free; whether it was held until now."""
        was = self.at_file()
        wait_for(lambda: not self.at_file(), "%d to go on" % self.pid)
        self.strace.send_signal(signal.SIGINT)
        self.strace.wait(PATIENCE)
        return was


def cannot_hold(pid):
    """Why strace may not have a process that runs; '' if it may."""
    p = popen(["strace", "-qq", "-o", os.devnull, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: p.poll() is not None or "TracerPid:\t0" not in read("/proc/%d/status" % pid), "strace to have it, or not")
    if p.poll() is None:
        p.send_signal(signal.SIGINT)
        p.wait(PATIENCE)
        return ""
    return p.stderr.read().strip() or "it ends"


def need_numbers():
    """Skip where no number can be chosen, or strace cannot hold who has one."""
    try:
        why = cannot_hold(at_number(20000, "/bin/sleep", "1000"))
    except OSError as e:
        skip_all("no number can be chosen here: %s" % e)
    if why:
        skip_all("strace cannot hold a process here: %s" % why)


def gone(pid):
    return not os.path.exists("/proc/%d" % pid)


def replace(pid, *argv):
    """End a process of a number, and give that to another one, as soon as whoever waits for it has."""
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: gone(pid), "%d to be waited for" % pid)
    return at_number(pid, *argv)
