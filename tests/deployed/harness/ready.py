"""Waits until something listens at every one of the ports: `ready.py <seconds> <port>...`."""

import socket
import sys
import time

until = time.monotonic() + float(sys.argv[1])
for port in map(int, sys.argv[2:]):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            if time.monotonic() > until:
                sys.exit(f"nothing listens at port {port}")
            time.sleep(0.05)
