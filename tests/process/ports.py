"""Ports for servers that cannot be asked for one of the kernel's choice, or that start later than their address is needed."""
import random
import socket

FIRST = 10000           # below are the ports of well-known services
TRIES = 10000
claims = []             # sockets, while this process lives


def candidates():
    """What no client of this machine is given as its own: one that was free a moment ago would else be some connection's by now, or connect to itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low, high = map(int, f.read().split())
    outside = [p for p in range(FIRST, 65536) if not low <= p <= high]
    return outside or list(range(FIRST, 65536))


def claimed(port):
    """Is it ours from now on, among all tests of this network? The kernel forgets a name of this kind with the process that bound it."""
    s = socket.socket(socket.AF_UNIX)
    try:
        s.bind("\0git-gate-test-port-%d" % port)
    except OSError:
        s.close()
        return False
    claims.append(s)
    return True


def free_port(family=socket.AF_INET):
    """A port of the loopback that nobody has, and that no other test is given while this one lives."""
    choice, chance = candidates(), random.SystemRandom()
    for _ in range(TRIES):
        port = chance.choice(choice)
        with socket.socket(family) as s:
            try:
                s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
            except OSError:
                continue
        if claimed(port):
            return port
    raise RuntimeError("no port is free outside ip_local_port_range, from %d up" % FIRST)
