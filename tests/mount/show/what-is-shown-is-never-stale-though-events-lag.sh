# What the notifier repeats late is told to watchers only. Others see neither the size that a log had before, nor
# the times that directories had before a user moved the job on.
. "${0%/*}/../../lib/test.sh"
needs python3 strace
config workers=0 retries=0
start_filed
notifier=$(process filed-notifier)

# The sizes of jobs that filed has told the kernel, one a line, once the rename after it has been answered, too. A
# reply to a lookup is a fuse_out_header (16 bytes) and a fuse_entry_out (128 bytes), in which the size of the file
# is at byte 48. A reply to a rename is a header, in which the error is at byte 4.
cat >"$tmp/sizes.py" <<'END'
import re, struct, sys
sizes = []
for line in open(sys.argv[1], encoding="latin1"):
    hexes = re.findall(r'iov_base="((?:\\x[0-9a-f]{2})*)"', line)
    reply = bytes.fromhex("".join(hexes).replace("\\x", ""))
    if len(reply) == 144:
        sizes.append(struct.unpack_from("=Q", reply, 16 + 48)[0])
    if sizes and len(reply) == 16 and struct.unpack_from("=i", reply, 4)[0] == 0:
        print(*sizes, sep="\n")
        break
END

# The notifier learns of the claim when the job has printed more. Its lookup is the only one then.
text="printf %700s; exec sleep 1000"
submit s "$text"
kill -STOP "$notifier"
echo "workers = 1" >"$q/config.ini"
wait_for '[ "$(stat -c %s "$q/active/s")" -ge 700 ]'
strace -xx -s 200 -e trace=writev -o "$tmp/trace" -p "$filed_pid" 2>"$tmp/said" &
tracer=$!
wait_for 'grep -q "TracerPid:.*[1-9]" "/proc/$filed_pid/status" || ! running "$tracer"'
running "$tracer" || skip "strace may not attach here: $(cat "$tmp/said")"
kill -CONT "$notifier"
wait_for 'python3 "$tmp/sizes.py" "$tmp/trace" >"$tmp/sizes"; [ -s "$tmp/sizes" ]'
kill "$tracer"
wait "$tracer" || :
while read -r size; do
	assert "the size is not the one at the claim: $size" [ "$size" -ge 700 ]
done <"$tmp/sizes"
rm "$q/active/s"

echo "workers = 0" >"$q/config.ini"
submit m "sleep 1000"
wait_for '[ -e "$q/pending/m" ]'
before=$(call times "$q/pending")
kill -STOP "$notifier"
echo "workers = 1" >"$q/config.ini"
wait_in active m
assert_fails EBUSY mv "$q/active/m" "$q/active/n"
rm "$q/active/m"
kill -CONT "$notifier"
wait_for '[ "$(call times "$q/pending")" != "$before" ]'
