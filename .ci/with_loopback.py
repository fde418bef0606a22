"""Run a command with the loopback interface up: a network namespace of its own begins without.

    unshare --map-root-user --net python3 .ci/with_loopback.py COMMAND ...

Without a network a program may still talk to itself, as the test of the HTTP example does.
"""

import fcntl
import os
import socket
import struct
import sys

SET_FLAGS = 0x8914  # SIOCSIFFLAGS, netdevice(7)
UP = 0x1  # IFF_UP

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
    fcntl.ioctl(anything, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))  # struct ifreq
os.execvp(sys.argv[1], sys.argv[1:])
