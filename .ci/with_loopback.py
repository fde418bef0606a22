"""Enable the loopback interface in a new network namespace and run a command there.

    unshare --map-root-user --net python3 .ci/with_loopback.py COMMAND ...

Tests without a network still need loopback, as the test of the HTTP example does.
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
