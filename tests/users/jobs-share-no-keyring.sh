# Jobs inherit a session keyring without rights: those of different users cannot exchange keys through it, and none can
# revoke it or fill it. A job that needs keys begins a session keyring of its own. Also in the sandbox and with `user`.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

mkdir "$tmp/tools"
cp "$(command -v inherit)" "$tmp/tools"
inherit=$tmp/tools/inherit
case $("$inherit" own) in
done) ;;
*) skip "no keyrings here" ;;
esac
daemon=$(command -v filed)
# In a session keyring that all users may use, with a key in it.
filed() { exec "$inherit" keyring "$daemon" "$@"; }

says() { # WHO WORD...
	who=$1
	shift
	by "$who" key "$inherit $*"
	wait_for '[ "$(where key)" = complete ] || [ "$(where key)" = failed ]'
	sed 1d "$q/$(where key)/key"
	rm "$q/$(where key)/key"
}

for words in '' "[daemon] user=$carol"; do
	for box in '' "[sandbox] ro=$tmp/tools ro=/lib ro=/usr"; do
		# shellcheck disable=SC2086
		config workers=1 retries=0 '[mount]' mode=1777 $words $box
		start_filed
		assert_eq 'Permission denied' "$(says "$alice" read starters)" "the key of the one that has started filed"
		assert_eq 'Permission denied' "$(says "$alice" add gift)" "a key for others"
		says "$bob" read gift | grep -q -v '^done' || fail "bob has read it"
		for way in revoke clear; do
			assert_eq 'Permission denied' "$(says "$bob" "$way")" "$way"
		done
		assert_eq "done" "$(says "$bob" own)" "a keyring of its own"
		stop_filed
	done
done
