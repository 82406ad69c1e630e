#!/usr/bin/env python3
"""Measures a path by UDP. `path_meter.py echo ADDRESS` sends back what comes and prints its port; `path_meter.py measure ADDRESS
PORT COUNT` sends that many datagrams, 2 ms apart, and prints the median round trip in ms and how many did not come back, as JSON."""
import contextlib
import json
import os
import select
import socket
import statistics
import struct
import sys
import time

GAP_S = 0.002
PATIENCE_S = 1.5  # after the last one was sent


def hurry():
    """What is measured is the path, not how busy the machine is."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def echo(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind((address, 0))
        print(sock.getsockname()[1], flush=True)
        while True:
            data, sender = sock.recvfrom(2048)
            sock.sendto(data, sender)


def measure(address, port, count):
    sent, trips = {}, []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.connect((address, port))
        sock.setblocking(False)
        next_at, number, ends = time.monotonic(), 0, None
        while ends is None or (sent and time.monotonic() < ends):
            now = time.monotonic()
            if number < count and now >= next_at:
                sent[number] = time.monotonic()
                sock.send(struct.pack("!I", number) + bytes(100))
                number, next_at = number + 1, next_at + GAP_S
                if number == count:
                    ends = time.monotonic() + PATIENCE_S
            wait = next_at - time.monotonic() if number < count else ends - time.monotonic()
            if select.select([sock], [], [], max(0.0, wait))[0]:
                back = struct.unpack_from("!I", sock.recv(2048))[0]
                trips.append((time.monotonic() - sent.pop(back)) * 1000)
    return {"median_ms": statistics.median(trips) if trips else None, "sent": count, "lost": len(sent)}


if __name__ == "__main__":
    hurry()
    if sys.argv[1] == "echo":
        echo(sys.argv[2])
    else:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
