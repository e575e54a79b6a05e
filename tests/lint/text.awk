# Prints FILE:LINE: WHAT for each finding of tests/lint/text; ends with status 1 if there are any.

function say(line, what) {
	print file ":" line ": " what
	found = 1
}

# Columns of a line in UTF-8: bytes that continue a character do not count, a tab counts as four.
function columns(text) {
	gsub(/[\200-\277]/, "", text)
	gsub(/\t/, "    ", text)
	return length(text)
}

function end_of_file() {
	if (file ~ /\.(cc|h|c|py|sh)$/ && !long && lines > limit) say(lines, "over " limit " lines")
}

# A function begins with a line that ends with "{", at the left or in a class or namespace, and ends
# with "}" in the same column. clang-format keeps it so.
function functions() {
	if (in_function) {
		if (index($0, indent "}") != 1) return
		in_function = 0
		if (FNR - began - 1 > 60 && !long) say(began, "a function of " FNR - began - 1 " lines, over 60")
		return
	}
	if ($0 !~ /[)a-z}>] \{$/ || $0 !~ /^(  |    )?[^ ]/) return
	if ($0 ~ /^ *(namespace|class|struct|enum|union|extern)/) return
	in_function = 1
	began = FNR
	match($0, /^ */)
	indent = substr($0, 1, RLENGTH)
	# The last line of a signature that is broken stands four further right than its end.
	if (RLENGTH >= 4) indent = substr(indent, 5)
}

FNR == 1 {
	if (file) end_of_file()
	file = FILENAME
	long = tabs = in_function = 0
	top = 1
	code = file ~ /\.(cc|h|c)$/
	limit = file ~ /^tests\// ? 600 : 500
	width = file ~ /^tests\// && !code ? 120 : 110
}
{ lines = FNR }
top && /^[^#\/ *\t]/ { top = 0 }
top && /Long because / { long = 1 }
/[ \t]$/ && !(file ~ /\.scd$/ && /^[:|\[\]] *$/) { say(FNR, "blanks at its end") }
/^ *\t/ && code && !tabs++ { say(FNR, "a tab") }
columns($0) > width && !/^[|:\[]/ && !(file ~ /scd$/ && /^\*filed/) { say(FNR, "over " width " columns") }
/design(\.md)? [0-9]\./ && file !~ /^tests\/lint\// { say(FNR, "a design that is not here") }
code { functions() }
END {
	end_of_file()
	exit found
}
