# The man pages are sound: mandoc finds nothing in them but the empty paragraphs that scdoc writes. They fit a
# terminal of 80 columns, but for the values of settings, which cannot be broken into lines. And they name every
# option, key, counter, variable and errno that the programs know.
. "${0%/*}/../lib/test.sh"
needs scdoc mandoc

for page in "$top"/man/*.scd; do
	name=${page##*/}
	name=${name%.scd}
	scdoc <"$page" >"$tmp/$name" || fail "scdoc does not read $name"
	mandoc -T ascii -O width=80 "$tmp/$name" | sed "s/.$(printf '\b')//g" >"$tmp/shown"
	awk 'length > 80 && !/^ *[a-z_]+ = /' "$tmp/shown" >"$tmp/wide"
	assert_eq "" "$(cat "$tmp/wide")" "lines of $name over 80 columns"
	mandoc -T lint -W warning "$tmp/$name" | grep -v 'skipping paragraph macro' >"$tmp/said" || continue
	fail "$(cat "$tmp/said")"
done

# named_in PAGE WORD…: the page has each of these words.
named_in() {
	page=$1
	shift
	[ $# -gt 3 ] || fail "too few words for $page: $*"
	for word in "$@"; do
		grep -q -E -e "(^|[^a-zA-Z_-])$word([^a-zA-Z_]|\$)" "$top/man/$page.scd" || fail "$page does not name $word"
	done
}
cd "$top/src"
# shellcheck disable=SC2046
{
	named_in filed.8 $(filed -help | sed -n 's/^  \(-[a-z]*\).*/\1/p')
	named_in filed-launch.1 $(filed-launch -help | sed -n 's/^  \(-[a-z]*\).*/\1/p')
	named_in filed.conf.5 $(grep -oE '"[a-z_]+", \{"' config/keys.cc | tr -dc 'a-z_\n')
	named_in filed.conf.5 $(grep -ohE 'FILED_[A-Z]+' queue/hooks.cc)
	named_in filed.5 $(grep -ohE '"(FILED_)?[A-Z]+"' launcher/environment.cc launcher/environment.h | tr -d '"')
	named_in filed.5 $(grep -oE 'line\("[a-z_]+"' mount/status_text.cc | sed 's/.*"\(.*\)"/\1/')
	named_in filed.5 $(grep -ohwE 'E[A-Z]{3,}' queue/transitions.cc queue/moves.cc queue/uploads.cc \
		queue/attributes.cc queue/jobs.cc queue/queue.cc queue/user_quota.h mount/xattr.cc |
		grep -v -e EBADF -e ERANGE)
}
