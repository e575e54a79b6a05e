# A command that filed-launch runs cannot get out of its sandbox in any known way.
# limit: 300
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/escapes.sh"

runner=launch

# Some ways need a terminal. The command also inherits a descriptor that must not be passed on.
run_free() {
	if has tty; then set -- in-terminal "$escape" "$@"; fi
	"$escape" "$@"
}

run_boxed() {
	options=$(options_of "$1")
	shift
	# shellcheck disable=SC2086
	set -- filed-launch $options -rof /bin/sh -- "$escape" "$@"
	if has tty; then set -- "$escape" in-terminal "$@"; fi
	"$@" 9<"$outside/secret"
}

prepare_attempts
attempt_all
