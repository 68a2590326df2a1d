#!/bin/bash
# r0010 - what the gate, an ordinary user's, sees of processes, or does not: /proc with each hidepid, taken away under it, of another PID
# namespace. See procview.py.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need git nsenter unshare setpriv python3
exec /usr/bin/python3 "$(dirname "$0")/procview.py"
