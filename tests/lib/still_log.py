"""Runs a program whose stderr stands still.

still_log.py pipe|socket|terminal READ TEXT COMMAND...

Nobody reads the stderr of COMMAND until the file READ is there; from then on what comes is appended to TEXT, until
COMMAND has ended. Ends with its status, or with 3 if its end of the log has become non-blocking.
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

kind, read_when, text = sys.argv[1:4]
if kind == "pipe":
    reader, writer = os.pipe()
elif kind == "socket":
    reader, writer = (end.detach() for end in socket.socketpair())
else:
    reader, writer = pty.openpty()
    tty.setraw(writer)

program = subprocess.Popen(sys.argv[4:], stderr=writer)
while not os.path.exists(read_when) and program.poll() is None:
    time.sleep(0.05)
with open(text, "ab", buffering=0) as out:
    while True:
        ended = program.poll() is not None
        ready = select.select([reader], [], [], 0 if ended else 0.05)[0]
        if ready:
            out.write(os.read(reader, 65536))
        elif ended:
            break
sys.exit(3 if fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK else program.returncode)
