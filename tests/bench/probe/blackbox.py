"""Debian's prometheus-blackbox-exporter, asked for one POST after the other."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from cpu_time import cpu_seconds, settled_kib
from probe.target import ADDRESSES, HOST
from rows import CannotMeasure

THREADS = 32
WARM_UP_S = 0.5


def _module(request, tls, timeout):
    """One of its modules, which sends the headers and the body of `request`, a recorded POST."""
    head, body = request.split(b"\r\n\r\n", 1)
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    for field in "Host", "Content-Length", "Accept-Encoding":  # its own affair
        fields.pop(field, None)
    probe = {"method": "POST", "preferred_ip_protocol": "ip4", "headers": fields, "body": body.decode(),
             "valid_status_codes": [200], "fail_if_body_not_matches_regexp": ['"result"']}
    if tls:
        probe |= {"fail_if_not_ssl": True, "tls_config": tls}
    return {"prober": "http", "timeout": timeout, "http": probe}


def _path(module, url):
    return f"/probe?module={module}&target={urllib.parse.quote(url)}"


class Blackbox:
    """The exporter, pinned to `core`; whoever asks it runs on `other_core`, beside the target."""

    def __init__(self, directory, request, ca_file, core, other_core, timeout="10s"):
        directory = pathlib.Path(directory)
        config = {"modules": {
            "http": _module(request, None, timeout), "hang": _module(request, None, "60s"),
            "https": _module(request, {"ca_file": str(ca_file), "server_name": HOST}, timeout),
            "https_by_name": _module(request, {"ca_file": str(ca_file)}, timeout)}}
        path = directory / "blackbox.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self._other_core = other_core
        self._log = open(directory / "blackbox.log", "w+", encoding="utf-8")
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), "prometheus-blackbox-exporter", f"--config.file={path}",
             f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=error"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise CannotMeasure("prometheus-blackbox-exporter did not start")

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        self._log.close()

    def _cpu_s(self):
        return cpu_seconds(self._process.pid)

    def load(self, scheme, port, seconds, addresses=ADDRESSES):
        """CPU microseconds of the exporter per POST, as many at once as it has threads to ask it."""
        counts, failures, stopping = [0] * THREADS, [], threading.Event()
        threads = [threading.Thread(target=self._ask, args=(scheme, port, addresses, index, counts, failures, stopping))
                   for index in range(THREADS)]
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_S)
        cpu, count, began = self._cpu_s(), sum(counts), time.monotonic()
        time.sleep(seconds)
        cpu, count, took = self._cpu_s() - cpu, sum(counts) - count, time.monotonic() - began
        stopping.set()
        for thread in threads:
            thread.join(30)
        if failures or not count:
            raise CannotMeasure(f"blackbox exporter over {scheme}: {failures[:1] or 'no answer'}")
        return {"cpu_us": cpu * 1e6 / count, "per_s": count / took, "core_share": cpu / took}

    def page(self, scheme, url):
        """What it says of one endpoint, by the name in its URL."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", _path("https_by_name" if scheme == "https" else scheme, url))
            return connection.getresponse().read().decode()

    def hanging_kib(self, url, count):
        """Its resident memory with that many probes under way at a server that does not answer; it hangs afterwards."""
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                asked = stack.enter_context(socket.create_connection(("127.0.0.1", self._port), 10))
                asked.sendall(f"GET {_path('hang', url)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return settled_kib(self._process.pid)

    def _ask(self, scheme, port, addresses, index, counts, failures, stopping):
        os.sched_setaffinity(0, {self._other_core})  # of this thread
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while not stopping.is_set():
                address = (index + counts[index] * THREADS) % addresses
                host = f"127.0.1.{address + 1}" if addresses > 1 else "127.0.0.1"
                connection.request("GET", _path(scheme, f"{scheme}://{host}:{port}/mcp"))
                if b"\nprobe_success 1" not in connection.getresponse().read():
                    failures.append("a probe without success")
                    return
                counts[index] += 1
        except (OSError, http.client.HTTPException) as error:
            failures.append(str(error))
        finally:
            connection.close()
