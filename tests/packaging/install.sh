# make install puts everything in its place with the right modes, and make uninstall takes it all away,
# but for a configuration that was edited.
. "${0%/*}/../lib/test.sh"

in_root() {
	make -s -C "$top" -o all out="$out" DESTDIR="$tmp/root" PREFIX=/opt/filed init="openrc systemd" "$1" ||
		fail "make $1"
}
etc=$tmp/root/etc

in_root install
assert_eq "755 755" "$(stat -c %a "$tmp/root/opt/filed/bin/filed" "$etc/init.d/filed" | xargs)" "modes of programs"
assert_eq "644 644" "$(stat -c %a "$etc/conf.d/filed" "$etc/filed/filed.conf" | xargs)" "modes of configuration"
assert "the service script knows the prefix" grep -q '^command=/opt/filed/bin/filed$' "$etc/init.d/filed"
for unit in filed filed@; do
	grep -q '^ExecStart=/opt/filed/bin/filed ' "$tmp/root/usr/lib/systemd/system/$unit.service" ||
		fail "$unit.service does not know the prefix"
done
for page in "$top"/man/*.scd; do
	[ -e "$page" ] || continue
	page=${page##*/}
	page=${page%.scd}
	assert "$page is there" [ -s "$tmp/root/opt/filed/share/man/man${page##*.}/$page" ]
done

in_root uninstall
assert_eq "" "$(cd "$tmp/root" && find . ! -name .)" "what uninstall leaves"

in_root install
echo "# mine" >>"$etc/filed/filed.conf"
in_root install
in_root uninstall
assert_eq "./etc
./etc/filed
./etc/filed/filed.conf" "$(cd "$tmp/root" && find . ! -name . | sort)" "what uninstall leaves"
assert_eq "# mine" "$(tail -n 1 "$etc/filed/filed.conf")" "the edited configuration"
