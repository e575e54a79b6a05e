# The life of a job by one program. Sourced after test.sh; the queue must retry nothing.
# shellcheck shell=sh disable=SC2154

# cycle NAME PUT MOVE REMOVE: words of commands that put a local FILE at a path of the queue, move a job
# from one such path to another, and remove one. The paths begin with the mount, $base. A draft is
# submitted, edited and released, fails, is retried, succeeds and is removed. Whatever the program does on
# the way, no other text runs: each run leaves a line.
cycle() {
	runs=$tmp/runs-$1
	printf 'echo old >>%s' "$runs" >"$tmp/old"
	printf 'echo "$FILED_ID" >>%s; [ -e %s ]' "$runs" "$tmp/go-$1" >"$tmp/text"
	$2 "$tmp/old" "$base/pending/.$1" || fail "$1 cannot submit"
	cmp "$tmp/old" "$q/pending/.$1" || fail "$1 submits something else"
	$2 "$tmp/text" "$base/pending/.$1" || fail "$1 cannot edit"
	cmp "$tmp/text" "$q/pending/.$1" || fail "$1 writes something else"
	assert "a draft waits" [ ! -e "$runs" ]
	$3 "$base/pending/.$1" "$base/pending/$1" || fail "$1 cannot release"
	wait_in failed "$1"
	: >"$tmp/go-$1"
	$3 "$base/failed/$1" "$base/pending/$1" || fail "$1 cannot retry"
	wait_in complete "$1"
	assert_eq "$1 $1" "$(xargs <"$runs")" "runs by $1"
	$4 "$base/complete/$1" || fail "$1 cannot remove"
	assert_eq "" "$(where "$1")" "where $1 is"
}

# direct NAME PUT: puts a text into pending/ without a draft. It runs once, and what runs is the whole text.
direct() {
	printf ': %s\necho $FILED_ID' "$(seq 2000 | xargs)" >"$tmp/text"
	$2 "$tmp/text" "$base/pending/direct-$1" || fail "$1 cannot submit at once"
	wait_in complete "direct-$1"
	assert_eq "direct-$1" "$(tail -n 1 "$q/complete/direct-$1")" "output"
}

# No other job has run.
assert_nothing_else_ran() {
	assert_eq "" "$(ls "$q/pending" "$q/active" "$q/failed" "$q/complete" | grep -v -E '^(/.*:|direct-.*|)$')" \
		"what else ran"
}
base=$q
