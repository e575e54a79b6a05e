# Editors and sed -i edit jobs that are held, that are due later, and that wait for a worker: their
# temporary files, swap files and backups do not run, and what runs in the end is the last text.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/cycle.sh"
needs vim nano python3 perl busybox
python="$(python3 -c 'import sys; print(sys.executable)') -S" # itself, where python3 is a wrapper
type="$python $top/tests/lib/type.py"
config workers=2 retries=0
start_filed
HOME=$tmp
EDITOR=
TERM=xterm
export HOME TERM

cat >"$tmp/nano.keys" <<'EOF2'
Exit	\x1c
Search	one\r
Replace with	two\r
this instance	A
Replaced 1	\x0f
Name to Write	\r
Wrote 1	\x18
EOF2

# Each editor replaces the word "one" by "two" in a file.
by_vim() { vim -es -u NONE -i NONE "$1" -c 's/one/two/' -c wq; }
# Without backupskip, vim makes no backups in /tmp.
by_vim_with_backup() {
	vim -es -N -u NONE -i NONE -c 'set backup backupskip= backupcopy=no' "$1" -c 's/one/two/' -c wq
}
by_vim_with_copy() {
	vim -es -N -u NONE -i NONE -c 'set backup backupskip= backupcopy=yes' "$1" -c 's/one/two/' -c wq
}
by_nano_with_backup() { $type nano --ignorercfiles --backup "$1" <"$tmp/nano.keys"; }
by_cp() {
	echo 'echo two' >"$tmp/new"
	cp -b "$tmp/new" "$1"
}
by_busybox_vi() { # wants a short name: a long message has to be confirmed
	(cd "${1%/*}" && $type busybox vi -c s/one/two/ -c wq "${1##*/}" </dev/null)
}
by_nano() { $type nano --ignorercfiles "$1" <"$tmp/nano.keys"; }
by_sed() { sed -i 's/one/two/' "$1"; }
by_sed_with_backup() { sed -i.bak 's/one/two/' "$1"; }
by_busybox_sed() { busybox sed -i 's/one/two/' "$1"; }
by_perl() { perl -pi -e 's/one/two/' "$1"; }
by_python() {
	$python - "$1" <<-'EOF2'
		import os, sys, tempfile
		text = open(sys.argv[1]).read()
		with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(sys.argv[1]), delete=False) as file:
		    file.write(text.replace("one", "two"))
		os.replace(file.name, sys.argv[1])
	EOF2
}
editors='vim busybox_vi nano sed busybox_sed perl python'
with_backup='vim_with_backup vim_with_copy nano_with_backup cp'

for editor in $editors $with_backup sed_with_backup; do
	# A held job.
	echo 'echo one' >"$q/pending/.direct-$editor"
	"by_$editor" "$q/pending/.direct-$editor" || fail "$editor: status $?"
	assert_eq 'echo two' "$(cat "$q/pending/.direct-$editor")" "draft after $editor"
	assert "nothing has run" [ -z "$(ls "$q/active" "$q/failed" "$q/complete" | grep -v :)" ]
	rm -f "$q/pending/.direct-$editor"?*
	mv "$q/pending/.direct-$editor" "$q/pending/direct-$editor"
	wait_in complete "direct-$editor"
	assert_file "$q/complete/direct-$editor" '>>> echo two\ntwo\n'
	rm "$q/complete/direct-$editor"
done
for editor in $editors $with_backup; do
	# A job that is due later; edited, it is due now.
	echo 'echo one' >"$q/pending/.direct-$editor"
	touch -d @4000000000 "$q/pending/.direct-$editor"
	mv "$q/pending/.direct-$editor" "$q/pending/direct-$editor"
	"by_$editor" "$q/pending/direct-$editor" || fail "$editor: status $?"
	wait_in complete "direct-$editor"
	assert_file "$q/complete/direct-$editor" '>>> echo two\ntwo\n'
done
# The backups have the old text, and have not run.
for editor in $with_backup; do assert_file "$q/pending/direct-$editor~" 'echo one\n'; done
assert_nothing_else_ran
rm "$q/complete"/* "$q/pending/"*~

# Jobs that wait for a worker.
echo 'workers = 0' >"$q/config.ini"
for editor in $editors $with_backup; do
	echo 'echo one' >"$q/pending/direct-$editor"
	"by_$editor" "$q/pending/direct-$editor" || fail "$editor: status $?"
	assert_eq 'echo two' "$(cat "$q/pending/direct-$editor")" "job after $editor"
done
echo 'workers = 2' >"$q/config.ini"
for editor in $editors $with_backup; do wait_in complete "direct-$editor"; done
assert_nothing_else_ran
