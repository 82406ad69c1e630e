"""CPU time and memory of another process."""
import os
import pathlib
import re
import time

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)[1])


def settled_kib(pid):
    """The most of a second, once everything is under way."""
    time.sleep(2)
    most = 0
    for _ in range(10):
        most = max(most, resident_kib(pid))
        time.sleep(0.1)
    return most
