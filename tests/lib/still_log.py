"""Runs a program whose stderr is full, and stands still.

still_log.py pipe|socket|terminal READ TEXT COMMAND...

The stderr of COMMAND is filled to the last byte before COMMAND starts. Nobody reads it until the file READ is there.
Then the file TEXT is made, and what COMMAND writes is appended to it, until COMMAND has ended. Ends with its status,
or with 3 if this side's descriptor of the log has become non-blocking.
"""
import fcntl
import os
import pty
import select
import socket
import subprocess
import sys
import time
import tty


def fill(writer):
    """Writes until there is no room for one byte more. Returns the number of bytes."""
    filled = 0
    refusals = 0
    os.set_blocking(writer, False)
    while refusals < 3:
        for piece in (b"." * 4096, b"."):
            try:
                while True:
                    filled += os.write(writer, piece)
                    refusals = 0
            except BlockingIOError:
                pass
        # A terminal moves what it has got to a second buffer a moment later.
        refusals += 1
        time.sleep(0.1)
    os.set_blocking(writer, True)
    return filled


kind, read_when, text = sys.argv[1:4]
if kind == "pipe":
    reader, writer = os.pipe()
elif kind == "socket":
    reader, writer = (end.detach() for end in socket.socketpair())
else:
    reader, writer = pty.openpty()
    tty.setraw(writer)
filler = fill(writer)

program = subprocess.Popen(sys.argv[4:], stderr=writer)
while not os.path.exists(read_when) and program.poll() is None:
    time.sleep(0.05)
while filler > 0:
    filler -= len(os.read(reader, min(filler, 65536)))
with open(text, "ab", buffering=0) as out:
    while True:
        ended = program.poll() is not None
        ready = select.select([reader], [], [], 0 if ended else 0.05)[0]
        if ready:
            out.write(os.read(reader, 65536))
        elif ended:
            break
sys.exit(3 if fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK else program.returncode)
