#!/bin/bash
# r0011 - limits of the cgroup that a gate is in, as containers have them: pids.max reached while sessions begin and packs arrive, memory.max and the
# OOM killer. See cgrouplimits.py.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need git python3
exec /usr/bin/python3 "$(dirname "$0")/cgrouplimits.py"
