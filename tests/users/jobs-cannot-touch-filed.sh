# limit: 400
# A job can neither signal, slow down, limit, trace nor read one of filed's processes, nor reach the state: with
# `user`, in owner mode, also as nobody, and in the sandbox.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

mkdir "$tmp/tools" "$tmp/state"
cp "$(command -v meddle)" "$tmp/tools"
state=$tmp/state/filed.db
sandbox="ro=$tmp/tools ro=/lib ro=/usr ro=/proc rw=/dev"

# tries_as WHO: a job of that user tries all of it, and nothing works.
tries_as() {
	pids="$filed_pid $(process filed-launcher) $(process filed-notifier)"
	limits=$(for pid in $pids; do cat "/proc/$pid/limits"; done)
	by "$1" meddles "$tmp/tools/meddle $pids $state"
	wait_for '[ "$(where meddles)" = complete ] || [ "$(where meddles)" = failed ]'
	# To look at the limits of another user's process is no harm, and not possible either.
	done=$(sed '1d; /^filed: cannot enter the home/d' "$q/$(where meddles)/meddles")
	assert_eq tried "$done" "what a job of $1 can do"
	assert_eq "$limits" "$(for pid in $pids; do cat "/proc/$pid/limits"; done)" "limits"
	rm "$q/complete/meddles"
}

for confined in no yes; do
	boxes=
	[ "$confined" = no ] || boxes="[sandbox] $sandbox"

	# shellcheck disable=SC2086
	config workers=1 retries=0 '[mount]' mode=1777 $boxes
	start_filed
	for who in 65534:65534 "$alice"; do tries_as "$who"; done
	stop_filed

	# The directory of the state is the user's, as an older filed had it.
	chown "$alice" "$tmp/state"
	# shellcheck disable=SC2086
	config workers=1 retries=0 '[mount]' mode=1777 '[daemon]' "user=$alice" $boxes
	start_filed
	tries_as "$bob"
	stop_filed
done
