# A job that is renamed while a program still has it open is stored when the rename returns. The rename gives the error
# of a write.
. "${0%/*}/../../lib/test.sh"
needs python3
config workers=0 job_size_limit=100
start_filed

# It ends without a close: it is killed after the rename.
cat >"$tmp/rename.py" <<'EOF2'
import os, signal, sys
directory, text = sys.argv[1], sys.argv[2].encode()
file = os.open(directory + "/.part", os.O_WRONLY | os.O_CREAT, 0o644)
try:
    os.write(file, text)
except OSError as error:
    print("write:", error.strerror)
try:
    os.rename(directory + "/.part", directory + "/whole")
    print("renamed")
except OSError as error:
    print("rename:", error.strerror)
sys.stdout.flush()
signal.pause()
EOF2
# renames TEXT: until it says what its rename gave.
renames() {
	python3 "$tmp/rename.py" "$q/pending" "$1" >"$tmp/said" &
	writer=$!
	wait_for 'grep -q rename "$tmp/said"'
}
renames 'echo whole'
assert_eq renamed "$(cat "$tmp/said")" "what rename gave"
kill9
kill "$writer"
wait "$writer" || true
start_filed
assert_file "$q/pending/whole" 'echo whole'

mv "$q/pending/whole" "$q/pending/before"
renames "echo $(printf '%0100d' 0)"
assert_eq "rename: File too large" "$(tail -n 1 "$tmp/said")" "what rename gave"
kill "$writer"
wait "$writer" || true
assert_eq before "$(ls -A "$q/pending")" "pending"
