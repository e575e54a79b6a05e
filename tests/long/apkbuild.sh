# make dist gives the same bytes twice, and APKBUILD makes of them exactly the packages in filelist.
# alone
# limit: 1200
#
# There is no abuild here: what it does around the functions of an APKBUILD is imitated as far as this
# one needs it, with the names of its variables and helpers.
. "${0%/*}/../lib/test.sh"

case $out in */release) ;; *) skip "once, with the plain build, is enough" ;; esac
needs root git unshare file strace
[ -e "$top/.git" ] || skip "this is no git repository"

if [ -z "${boxed-}" ]; then
	unshare -m true 2>/dev/null || skip "no namespaces for mounts here"
	boxed=1 TEST_TMP=$tmp unshare -m sh "$0"
	exit
fi

# The users and groups of the package, in an /etc of its own.
mkdir "$tmp/box"
mount -t tmpfs -o mode=755 none "$tmp/box"
mkdir "$tmp/box/etc" "$tmp/box/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$tmp/box/etc,workdir=$tmp/box/work" none /etc ||
	skip "no overlay file system here"
make_filed_users

# --- make dist, of the files as they are now -------------------------------------------------------

cd "$top"
export GIT_INDEX_FILE="$tmp/index" GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test GIT_COMMITTER_NAME=test \
	GIT_COMMITTER_EMAIL=test GIT_AUTHOR_DATE=2001-01-01T00:00:00Z GIT_COMMITTER_DATE=2001-01-01T00:00:00Z
git read-tree HEAD
git add -A
commit=$(git commit-tree -m test "$(git write-tree)")
unset GIT_INDEX_FILE

make -s dist commit="$commit" || fail "make dist"
cp -R build/dist "$tmp/aport"
(umask 077 && TZ=Pacific/Apia make -s dist commit="$commit") || fail "make dist, again"
for file in "$tmp"/aport/*; do
	cmp "$file" "build/dist/${file##*/}" || fail "made twice, it differs"
done

# --- what abuild does ------------------------------------------------------------------------------

startdir=$tmp/aport
srcdir=$startdir/src
pkgbasedir=$startdir/pkg
default_prepare() { :; }
default_doc() { amove usr/share/man; }
default_openrc() { amove etc/init.d etc/conf.d; }
amove() { # moves the paths from the main package to the one that is being split off
	for path in "$@"; do
		mkdir -p "$subpkgdir/${path%/*}"
		mv "$pkgdir/$path" "$subpkgdir/${path%/*}"
		(cd "$pkgdir" && rmdir -p "${path%/*}" 2>/dev/null) || :
	done
}

umask 022
export MAKEFLAGS=-j2 CFLAGS="-Os -fstack-clash-protection -Wformat -Werror=format-security"
export CXXFLAGS="$CFLAGS -D_GLIBCXX_ASSERTIONS=1" LDFLAGS="-Wl,--as-needed,-O1,--sort-common"
with_fuse=${fuse-yes}
unset out fuse shells lint jobs
export total=900 # less than the limit of this test, so that the run ends with a list
cd "$startdir"
# shellcheck source=/dev/null
. ./APKBUILD
builddir=$srcdir/$pkgname-$pkgver
pkgdir=$pkgbasedir/$pkgname
for name in pkgname pkgver pkgrel pkgdesc url arch license makedepends source sha512sums; do
	eval "[ \"\${$name}\" ]" || fail "APKBUILD has no $name"
done
for file in $install $source; do
	assert "$file is in build/dist" [ -e "$file" ]
done
echo "$sha512sums" | grep . | sha512sum -c - >/dev/null || fail "checksums"
mkdir -p "$srcdir" "$pkgdir"
tar -xzf "$source" -C "$srcdir"

for step in prepare build check package; do
	command -v "$step" >/dev/null || continue
	set +e
	(set -e; cd "$builddir"; "$step") >"$tmp/$step" 2>&1
	status=$?
	set -e
	if [ "$status" != 0 ]; then
		# What failed, of a long list of tests; else the last words of the compiler.
		grep -A 40 '^FAIL' "$tmp/$step" | tail -n 150
		fail "$step: $(tail -n 30 "$tmp/$step")"
	fi
done
grep '^skip ' "$tmp/check" || :
grep -q ' passed, 0 failed' "$tmp/check" || fail "check ran no test: $(tail -n 30 "$tmp/check")"

for subpackage in $subpackages; do
	name=${subpackage%%:*}
	split=${subpackage#"$name"}
	split=${split#:}
	[ "$split" ] || split=default_${name##*-}
	subpkgdir=$pkgbasedir/$name
	mkdir "$subpkgdir"
	(cd "$builddir" && "$split") || fail "$name"
done

# --- what came out of it ---------------------------------------------------------------------------

cd "$pkgbasedir"
find . -mindepth 2 | sort | while read -r path; do
	package=${path#./}
	package=${package%%/*}
	echo "$package $(stat -c '%a %U:%G' "$path") ${path#./"$package"/}$([ ! -d "$path" ] || echo /)"
done >"$tmp/filelist"
grep -v '^#' "$top/tests/packaging/filelist" | sort >"$tmp/expected"
sort "$tmp/filelist" | diff "$tmp/expected" - || fail "the packages hold something else than filelist says"

file filed-static/usr/bin/filed.static | grep -q 'statically linked' || fail "the static filed is not static"
filed-static/usr/bin/filed.static -version | grep -q "$pkgver" || fail "it does not know its version"
size() {
	strip -o "$tmp/stripped" "$1"
	stat -c %s "$tmp/stripped"
}
dynamic=$(size filed/usr/bin/filed)
static=$(size filed-static/usr/bin/filed.static)
assert "filed has at most 600 KiB: $dynamic" [ "$dynamic" -le 614400 ]
assert "filed.static has at most 3.25 MiB: $static" [ "$static" -le 3407872 ]

# The static one loads nothing, whatever nsswitch.conf names, and runs a job.
printf 'passwd: files systemd\ngroup: files systemd\n' >/etc/nsswitch.conf
mkdir "$tmp/static"
ln -s "$PWD/filed-static/usr/bin/filed.static" "$tmp/static/filed"
PATH=$tmp/static:$PATH
strace -f -e trace=openat -o "$tmp/opened" filed -check -state "$state" "$q" 2>"$tmp/said" ||
	fail "the static filed: $(cat "$tmp/said")"
assert_eq "" "$(grep '\.so' "$tmp/opened" || :)" "libraries that the static filed opens"
if [ "$with_fuse" != no ] && [ -w /dev/fuse ]; then
	start_filed
	submit 1 'echo $USER'
	wait_in complete 1
	assert_file "$q/complete/1" '>>> echo $USER\nroot\n'
	stop_filed
fi

# The install scripts make the users and the groups, and do not mind when they exist.
mkdir "$tmp/bin"
for name in addgroup adduser; do
	printf '#!/bin/sh\necho "%s $*" >>"%s/called"\nexit ${result}\n' "$name" "$tmp" >"$tmp/bin/$name"
	chmod 755 "$tmp/bin/$name"
done
for script in $install; do
	: >"$tmp/called"
	PATH=$tmp/bin:$PATH result=0 sh "$startdir/$script" || fail "$script"
	PATH=$tmp/bin:$PATH result=1 sh "$startdir/$script" || fail "$script, a second time"
	assert_eq 8 "$(wc -l <"$tmp/called")" "calls of addgroup and adduser"
done
