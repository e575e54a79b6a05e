# kill -9 of the daemon while its launcher stands still: a start waits until the launcher has ended its jobs, and
# kills a launcher that goes on standing still. No job runs twice at once.
# limit: 120
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hidden.sh"
config workers=1 retries=0
start_filed
needs_cgroups
mkdir "$tmp/runs"
submit x "for pid in \$(ls $tmp/runs); do
	case \$(sed 's/.*) //' /proc/\$pid/stat) in '' | Z*) ;; *) echo \$pid >>$tmp/twice ;; esac
done 2>/dev/null
: >$tmp/runs/\$\$; exec sleep 98765"

runs() { ls "$tmp/runs" | wc -l; }

crash() {
	launcher=$(process filed-launcher)
	kill -STOP "$launcher"
	kill9
	umount -l "$q"
}

start_again() {
	start_filed
	if running "$launcher"; then fail "the launcher of the filed before runs"; fi
}

wait_for '[ "$(runs)" = 1 ]'
crash
(sleep 1 && kill -CONT "$launcher") &
start_again
wait_for '[ "$(runs)" = 2 ]'
crash
start_again
grep -q "does not end: it is killed" "$log" || fail "it is not told that the launcher was killed"
wait_for '[ "$(runs)" = 3 ]'
assert "no job runs twice at once" [ ! -e "$tmp/twice" ]
