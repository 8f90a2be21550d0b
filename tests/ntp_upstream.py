"""A time server whose clock is a tenth of a second ahead: ``python ntp_upstream.py ADDRESS``."""

import socket
import struct
import sys
import time

AHEAD_S = 0.1
SINCE_1900_S = 2_208_988_800


def serve(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind((address, 123))
        while True:
            asked, asker = served.recvfrom(1000)
            now_s = time.time() + SINCE_1900_S + AHEAD_S
            now = struct.pack("!II", int(now_s), int(now_s % 1 * 2**32))
            head = struct.pack("!BBbb", 0x24, 1, 6, -20) + bytes(8) + b"GPS\0"
            served.sendto(head + now + asked[40:48] + now + now, asker)


if __name__ == "__main__":
    serve(sys.argv[1])
