# Sourced after test.sh: filed with a disk that fails and a clock that steps, by the files $faults/disk and
# $faults/clock. See ../faults/preload/faults.c.
# shellcheck shell=sh disable=SC2154

case $out in *asan* | *tsan*) skip "sanitizers want to be loaded first" ;; esac
file -L "$out/filed" | grep -q 'dynamically linked' || skip "nothing can be loaded into a static binary"
faults=$tmp/faults
mkdir "$faults" "$tmp/bin"
cat >"$tmp/bin/filed" <<EOF2
#!/bin/sh
LD_PRELOAD=$out/tests/faults.so FILED_FAULTS=$faults exec $out/filed "\$@"
EOF2
chmod 755 "$tmp/bin/filed"
PATH=$tmp/bin:$PATH

# disk ERRNO|ok [reads]
disk() {
	if [ "$1" = ok ]; then
		rm "$faults/disk"
	else
		echo "$@" >"$faults/disk.new"
		mv "$faults/disk.new" "$faults/disk"
	fi
}

# step SECONDS: of the wall clock, from the right time.
step() {
	echo "$1" >"$faults/clock.new"
	mv "$faults/clock.new" "$faults/clock"
}
