# type.py COMMAND...: runs it on a terminal. Each line of its input is what to wait for on the screen, and what
# to type then, with a tab between them.
import os, pty, select, sys
steps = [line.rstrip("\n").split("\t") for line in sys.stdin]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def read_more():
    global seen
    if not select.select([terminal], [], [], 20)[0]:
        sys.exit(f"{sys.argv[1]} stands still: {seen[-500:]}")
    try:
        seen += os.read(terminal, 4096)
        return True
    except OSError:
        return False
for expected, keys in steps:
    while expected.encode() not in seen:
        if not read_more():
            sys.exit(f"{sys.argv[1]} has ended: {seen[-500:]}")
    seen = b""
    os.write(terminal, keys.encode().decode("unicode_escape").encode())
while read_more(): pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
