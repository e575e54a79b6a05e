# A text that starts with #! is run as that script: any interpreter, with its argument, and any bytes.
. "${0%/*}/../../lib/test.sh"
needs python3 perl
config workers=2 retries=0
start_filed

# $(...) and quotes mean nothing to a shell here, for there is none.
printf '#!/usr/bin/perl -w\nmy $x = q{a $(b) `c`}; print $x, qq{\\n$ENV{FILED_ID}\\n}; exit 3;\n' >"$q/pending/perl"
cat >"$q/pending/python" <<'EOF'
#!/usr/bin/env python3
import os, sys
print("héllo", len(sys.argv), os.environ["FILED_ID"])
EOF
printf '#!/bin/sh -e\nfalse\necho not reached\n' >"$q/pending/sh"
printf '#!/bin/cat\nit reads itself\n' >"$q/pending/cat"
printf '#! /bin/sh\necho blank\n' >"$q/pending/blank"
wait_in failed perl 20
assert_eq 'a $(b) `c`|perl|||' "$(sed '1,/^my/d' "$q/failed/perl" | head -n 4 | tr '\n' '|')" "perl"
assert_eq '[System Error]: exit status 3' "$(tail -n 1 "$q/failed/perl")" "perl's end"
wait_in complete python 20
assert_eq "héllo 1 python" "$(tail -n 1 "$q/complete/python")" "python"
wait_in failed sh 20
assert_file "$q/failed/sh" '>>> #!/bin/sh -e\nfalse\necho not reached\n\n\n[System Error]: exit status 1\n'
wait_in complete cat 20
assert_file "$q/complete/cat" '>>> #!/bin/cat\nit reads itself\n#!/bin/cat\nit reads itself\n'
wait_in complete blank 20

# Texts from Windows do not start, and the cause says why. No half of them runs.
printf '#!/bin/sh\r\necho ran\r\n' >"$q/pending/crlf"
printf '\357\273\277#!/bin/sh\necho ran\n' >"$q/pending/bom"
printf '\377\376echo ran\n' >"$q/pending/utf16"
for id in crlf bom utf16; do
	wait_in failed $id
	! grep -q '^ran' "$q/failed/$id" || fail "$id has run"
	tail -n 1 "$q/failed/$id"
done >"$tmp/causes"
assert_file "$tmp/causes" '%s\n' \
	'[System Error]: could not start: exec /bin/sh\r (Windows line end): No such file or directory' \
	'[System Error]: could not start: the text begins with a byte order mark: Exec format error' \
	'[System Error]: could not start: the text is UTF-16: Exec format error'

# Long ones, too: 300 KiB of Python.
{
	echo '#!/usr/bin/python3'
	awk 'BEGIN { for (i = 0; i < 20000; i++) print "x" i " = " i " # a line" }'
	echo 'print(x19999)'
} >"$tmp/long"
cp "$tmp/long" "$q/pending/long"
wait_in complete long 30
assert_eq 19999 "$(tail -n 1 "$q/complete/long")" "the long script's output"
