#!/usr/bin/python3
"""A minute of mixed traffic over both transports, healthy, rough and stuck, while children of the gate are killed from a seed: tests/load/soak in its short
form. `make soak` is the long one."""
import os
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# at a rate that leaves the processors to others
os.execv("/usr/bin/python3", ["python3", os.path.join(root, "tests/load/soak"), "--tap", "--seconds", "60", "--workers", "3", "--pause", "4", *sys.argv[1:]])
