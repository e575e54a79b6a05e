# The state file: -state, else FILED_STATE_FILE, else the configuration's, else XDG_DATA_HOME, else HOME.
. "${0%/*}/../../lib/test.sh"
needs fuse
export HOME="$tmp/home" XDG_DATA_HOME="$tmp/xdg" FILED_STATE_FILE="$tmp/env.db"
mkdir "$HOME"

# keeps FILE OPTION…: started so, it keeps its state there.
keeps() {
	file=$1
	shift
	assert "$file is not there yet" [ ! -e "$file" ]
	filed "$@" "$q" 2>>"$log" &
	filed_pid=$!
	wait_for '[ -e "$q/status" ] || ! running "$filed_pid"' 20
	assert "it keeps its state in $file" [ -s "$file" ]
	stop_filed
	assert_eq 600 "$(stat -c %a "$file")" "mode of $file"
	rm -f "$file"
}
config workers=1 '[daemon]' "state_file=$tmp/config.db"
keeps "$tmp/option.db" -state "$tmp/option.db" -c "$conf"
keeps "$tmp/env.db" -c "$conf"
unset FILED_STATE_FILE
keeps "$tmp/config.db" -c "$conf"
keeps "$tmp/xdg/filed/filed.db"
assert_eq 700 "$(stat -c %a "$tmp/xdg/filed")" "mode of its directory"
unset XDG_DATA_HOME
keeps "$HOME/.local/share/filed/filed.db"

# Also below a symbolic link, with a directory that exists and with a new one.
rm -rf "$HOME/.local"
mkdir "$tmp/elsewhere"
ln -s "$tmp/elsewhere" "$HOME/.local"
keeps "$HOME/.local/share/filed/filed.db"
keeps "$HOME/.local/share/filed/filed.db"

# MDIR goes before the configuration's, and relative paths are right.
mkdir "$tmp/other"
config workers=1 '[mount]' "dir=$tmp/other"
cd "$tmp"
keeps "$tmp/relative.db" -state relative.db -c filed.conf
rm -rf other
