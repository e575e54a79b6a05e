# Programs that write in place edit config.ini: editors, and those that overwrite and cut it.
. "${0%/*}/../lib/test.sh"
needs vim nano python3 perl ed busybox
python="$(python3 -c 'import sys; print(sys.executable)') -S" # itself, where python3 is a wrapper
type="$python $top/tests/lib/type.py"
config workers=2 backoff=7s
start_filed
HOME=$tmp
EDITOR=
TERM=xterm
export HOME TERM

# Each changes the value of retries to that of its last argument.
by_vim() { vim -es -N -u NONE -i NONE -n "$1" -c "%s/^retries *= [0-9]*/retries = $2/" -c wq; }
by_ed() { printf '%s\n' "g/^retries/s/= [0-9]*/= $2/" w q | ed -s "$1" >"$tmp/ed"; }
by_nano() {
	sed "s/NUMBER/$2/" <<-'EOF2' >"$tmp/keys"
		Exit	\x1c
		Search	retries        = \r
		Replace with	retries=NUMBER ;\r
		this instance	A
		Replaced 1	\x0f
		Name to Write	\r
		Wrote	\x18
	EOF2
	$type nano --ignorercfiles "$1" <"$tmp/keys"
}
by_shell() { # as the manual says
	new=$(sed "s/^retries .*/retries = $2/" "$1")
	echo "$new" >"$1"
}
by_python() { # overwrites, and cuts the rest
	$python - "$1" "$2" <<-'EOF2'
		import re, sys
		with open(sys.argv[1], "r+") as file:
		    text = file.read()
		    file.seek(0)
		    file.write(re.sub(r"(?m)^retries .*", "retries=" + sys.argv[2], text))
		    file.truncate()
	EOF2
}
by_python_cut() { # cuts all, and writes at the end
	$python - "$1" "$2" <<-'EOF2'
		import os, sys
		file = os.open(sys.argv[1], os.O_RDWR)
		os.ftruncate(file, 0)
		assert os.lseek(file, 0, os.SEEK_END) == 0
		os.write(file, b"retries = ")
		os.write(file, sys.argv[2].encode() + b"\n")
		assert os.lseek(file, 0, os.SEEK_END) == 13
		os.close(file)
	EOF2
}
by_perl() { # appends without O_APPEND
	perl -e 'open(F, "+<", $ARGV[0]) && seek(F, 0, 2) && print(F "retries = $ARGV[1]\n") && close(F) or die $!' \
		"$1" "$2"
}

number=10
for editor in vim ed nano shell python python_cut perl; do
	number=$((number + 1))
	"by_$editor" "$q/config.ini" $number || fail "$editor: status $?"
	grep -q -E "^retries += $number +; set here" "$q/config.ini" ||
		fail "after $editor: $(cat "$q/config.ini")"
done
# What replaces the file by another one is refused, and changes nothing.
cp "$q/config.ini" "$tmp/before"
assert_fails EPERM sed -i 's/^retries .*/retries = 1/' "$q/config.ini"
assert_fails EPERM mv "$tmp/before" "$q/config.ini"
cmp "$tmp/before" "$q/config.ini"
