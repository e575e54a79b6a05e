# What the notifier has yet to repeat is told to watchers late, and to nobody else: not the size that a log
# had back then, and not the directories' times of then where a user has moved the job on before.
. "${0%/*}/../../lib/test.sh"
needs python3
config workers=0 retries=0
start_filed
for pid in $(tree "$filed_pid"); do
	if [ "$(cat "/proc/$pid/comm")" = filed-notifier ]; then notifier=$pid; fi
done

cat >"$tmp/sizes.py" <<'END'
import os, signal, sys, time
queue, notifier = sys.argv[1], int(sys.argv[2])
for n in range(6):
    os.kill(notifier, signal.SIGSTOP)
    with open(f"{queue}/pending/s{n}", "w") as file:
        file.write("echo " + "x" * 700 + "; sleep 1000")
    path = f"{queue}/active/s{n}"
    deadline = time.monotonic() + 20
    while not os.path.exists(path) or os.stat(path).st_size < 1400:
        assert time.monotonic() < deadline, f"s{n} does not print"
        time.sleep(0.01)
    with open(path) as file:
        os.kill(notifier, signal.SIGCONT)
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            size = os.lseek(file.fileno(), 0, os.SEEK_END)
            assert size >= 1400, f"s{n} seems to have {size} bytes"
    os.unlink(path)
END
echo "workers = 1" >"$q/config.ini"
python3 "$tmp/sizes.py" "$q" "$notifier" || fail "sizes"

echo "workers = 0" >"$q/config.ini"
submit m "sleep 1000"
stat "$q/pending" "$q/active" >"$tmp/times"
sleep 1.1
kill -STOP "$notifier"
claimed=$(date +%s)
echo "workers = 1" >"$q/config.ini"
wait_in active m
assert_fails EBUSY mv "$q/active/m" "$q/active/n"
rm "$q/active/m"
kill -CONT "$notifier"
wait_for '[ "$(stat -c %Y "$q/pending")" -ge "$claimed" ]'
