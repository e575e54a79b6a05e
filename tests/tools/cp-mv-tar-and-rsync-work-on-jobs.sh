# Programs that copy, move and remove files can submit, edit, retry and remove jobs: cp, mv from another file system,
# install, tar, rsync, split, dd, tee and xargs, those of busybox, and Python.
# limit: 300
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/cycle.sh"
needs rsync busybox python3
python="$(python3 -c 'import sys; print(sys.executable)') -S" # itself, where python3 is a wrapper
config workers=2 retries=0
start_filed

mv_here() { # a mv from another filesystem takes its source away
	cp "$1" "$tmp/moved"
	${box-} mv "$tmp/moved" "$2"
}
tar_x() {
	rm -rf "$tmp/tar"
	mkdir "$tmp/tar"
	cp "$1" "$tmp/tar/${2##*/}"
	tar -C "$tmp/tar" -cf "$tmp/a.tar" "${2##*/}"
	${box-} tar -C "${2%/*}" -xf "$tmp/a.tar"
}
split_to() { # into one piece; its name ends with 0
	split -b 1M -a 1 -d "$1" "${2%0}"
}
dd_to() { # by seven bytes, and what follows them over what there was
	${box-} dd if="$1" of="$2" bs=7 2>/dev/null
}
tee_to() { ${box-} tee "$2" <"$1" >"$tmp/tee"; }
mv_f() { mv -f "$1" "$2"; }
python() {
	$python -c '
import os, shutil, sys
how, old, new = sys.argv[1:]
if how == "open":
    with open(new, "w") as file: file.write(open(old).read())
elif how == "move": shutil.move(old, new)
elif how == "remove": os.remove(old)
else: getattr(shutil if how.startswith("copy") else os, how)(old, new)' "$1" "$2" "${3-}"
}

cycle cp 'cp -p' mv rm
cycle mv mv_here mv_f 'rm -f'
cycle install 'install -m 600' mv unlink
cycle tar tar_x mv rm
cycle rsync 'rsync -t --checksum' mv rm
cycle inplace 'rsync -t --checksum --inplace' mv rm
cycle split0 split_to mv rm
cycle dd dd_to mv rm
cycle tee tee_to mv rm
cycle python 'python open' 'python replace' 'python remove'
cycle shutil 'python copy2' 'python move' rm
box='busybox'
cycle bcp 'busybox cp -p' 'busybox mv' 'busybox rm'
cycle bmv mv_here 'busybox mv' 'busybox rm'
cycle btar tar_x 'busybox mv' 'busybox rm'
cycle bdd dd_to 'busybox mv' 'busybox rm'
cycle btee tee_to 'busybox mv' 'busybox rm'

# Without a draft. (What sets the mode or the times by name after it has closed the file may come too late.)
unset box
for put in 'cp -p' mv_here tar_x 'rsync -t' dd_to tee_to 'python open' 'python copyfile'; do
	direct "$(echo "$put" | tr ' ' -)" "$put"
done
box=busybox
for put in 'busybox cp' dd_to tee_to; do direct "busybox-$(echo "$put" | tr ' ' -)" "$put"; done

# Many at once: each piece of a split list is a job, and each line of a list.
seq 100 | sed 's/.*/echo line &/' | split -l 20 - "$q/pending/direct-piece-"
seq 12 | busybox xargs -I{} sh -c 'echo echo {} | busybox tee "$1/pending/direct-x{}" >/dev/null' - "$q"
seq 12 | xargs -P 4 -I{} cp "$tmp/text" "$q/pending/direct-p{}"
wait_for '[ "$(ls "$q/complete" | grep -c -E "^direct-(piece-|x[0-9]|p[0-9])")" = 29 ]'
assert_eq "line 100" "$(tail -n 1 "$q/complete/direct-piece-ae")" "the last piece's last line"
assert_nothing_else_ran
find "$q/complete" -name 'direct-x*' -delete
busybox find "$q/complete" -name 'direct-p*' -exec busybox rm {} +
find "$q/complete" -type f -print0 | xargs -0 rm
assert_eq "" "$(ls -A "$q/complete" "$q/pending" | grep -v :)" "what is left"
