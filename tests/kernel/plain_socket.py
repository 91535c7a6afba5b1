"""A way to a port that does nothing about the kernel's habits: what is acknowledged without TCP_QUICKACK, is late.

vpcd sends a length, and waits for its acknowledgement before it sends what is so long. A card behind this way waits with it.
"""

import socket
import threading
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector


@contextmanager
def plain_socket(port):
    """A port of this machine that leads to that one, for one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, port), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # whoever accepts there wakes up


def _serve(listener, port):
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with near, socket.create_connection(("127.0.0.1", port)) as far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _pass_on(near, far)


def _pass_on(near, far):
    """Until one of them is closed."""
    with DefaultSelector() as ends:
        ends.register(near, EVENT_READ, far)
        ends.register(far, EVENT_READ, near)
        while True:
            for end, _ in ends.select():
                try:
                    said = end.fileobj.recv(65536)
                    end.data.sendall(said)
                except OSError:
                    return
                if not said:
                    return
