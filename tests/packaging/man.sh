# The man pages are sound: mandoc finds nothing in them but the empty paragraphs that scdoc writes.
. "${0%/*}/../lib.sh"
needs scdoc mandoc

for page in "$top"/man/*.scd; do
	name=${page##*/}
	name=${name%.scd}
	scdoc <"$page" >"$tmp/$name" || fail "scdoc does not read $name"
	mandoc -T lint -W warning "$tmp/$name" | grep -v 'skipping paragraph macro' >"$tmp/said" || continue
	fail "$(cat "$tmp/said")"
done
