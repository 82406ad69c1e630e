"""A TCP gate before a Unix socket: it lets bytes through, or does to them what a broken network does."""
import contextlib
import selectors
import socket
import threading
import time

MODES = ("pass", "refuse", "blackhole", "delay", "cut")
CHUNK = 64 * 1024


class Pair:
    """A connection of a client, the one to the server, and what is on its way: (due, bytes) by receiver."""

    def __init__(self, client, server):
        self.ends = {client: server, server: client}
        self.client = client
        self.on_its_way = {client: [], server: []}


class Gate:
    """Listens on a free port of 127.0.0.1; one thread. `refuse` resets what is open and takes nothing new; `blackhole` takes
    connections and bytes and passes none; `delay` passes each byte `delay_s` later; `cut` passes half of the next answer of each
    connection and resets it, then all is well again."""

    def __init__(self, path, delay_s=2.0):
        self.path, self.delay_s = str(path), delay_s
        self.mode = "pass"
        self.cut = 0  # connections that were cut amid an answer
        self.pairs = set()
        self.to_cut = set()
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.listener = None
        self.port = 0
        self.listen()
        self.ends = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ)

    def set(self, mode):
        assert mode in MODES, mode
        with self.lock:
            self.mode = mode
            if mode == "cut":
                self.to_cut = set(self.pairs)
            self.wake.send(b"x")

    def close(self):
        self.ends = True
        self.wake.send(b"x")
        self.thread.join(10)

    # ---- the thread

    def serve(self):
        while not self.ends:
            soonest = min((queue[0][0] for pair in self.pairs for queue in pair.on_its_way.values() if queue), default=None)
            timeout = None if soonest is None else max(0.0, soonest - time.monotonic())
            for key, _ in self.selector.select(timeout):
                with self.lock:
                    if key.fileobj is self.woken:
                        self.woken.recv(CHUNK)
                    elif key.fileobj is self.listener:
                        self.accept()
                    elif key.data in self.pairs:
                        self.receive(key.data, key.fileobj)
            with self.lock:
                self.obey()
                self.pass_on()
        for pair in list(self.pairs):
            self.drop(pair)
        for end in (self.listener, self.wake, self.woken):
            if end:
                end.close()

    def obey(self):
        if self.mode == "refuse" and self.listener:
            self.selector.unregister(self.listener)
            self.listener.close()
            self.listener = None
            for pair in list(self.pairs):
                self.drop(pair)
        elif self.mode != "refuse" and not self.listener:
            self.listen()

    def accept(self):
        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.path)
        except OSError:
            client.close()  # as a server that is away; it was reached through us
            server.close()
            return
        pair = Pair(client, server)
        self.pairs.add(pair)
        for end in pair.ends:
            self.selector.register(end, selectors.EVENT_READ, pair)

    def receive(self, pair, end):
        try:
            data = end.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self.drop(pair)
        elif self.mode == "blackhole":
            pass
        elif pair in self.to_cut and end is not pair.client:
            with contextlib.suppress(OSError):
                pair.client.send(data[:len(data) // 2])
            self.cut += 1
            self.drop(pair)
        else:
            due = time.monotonic() + (self.delay_s if self.mode == "delay" else 0.0)
            pair.on_its_way[pair.ends[end]].append((due, data))

    def pass_on(self):
        now = time.monotonic()
        for pair in list(self.pairs):
            for end, queue in pair.on_its_way.items():
                while queue and queue[0][0] <= now and pair in self.pairs:
                    try:
                        end.sendall(queue.pop(0)[1])
                    except OSError:
                        self.drop(pair)

    def drop(self, pair):
        self.pairs.discard(pair)
        self.to_cut.discard(pair)
        for end in pair.ends:
            self.selector.unregister(end)
            # A reset, as of a path or a host that is gone, not an orderly end.
            with contextlib.suppress(OSError):
                if end is pair.client:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            end.close()
