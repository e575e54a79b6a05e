# nginx with its DAV module: PUT submits, MOVE releases and retries, DELETE removes, GET reads with ranges.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/cycle.sh"
needs nginx curl
nginx -V 2>&1 | grep -q http_dav_module || skip "this nginx has no DAV module"
config workers=2 retries=0
start_filed

mkdir "$tmp/www" "$tmp/www/body"
cat >"$tmp/nginx.conf" <<EOF2
user root root;
daemon off;
master_process off;
pid $tmp/www/pid;
error_log $tmp/www/errors;
events {}
http {
	access_log off;
	client_body_temp_path $tmp/www/body;
	proxy_temp_path $tmp/www/proxy;
	fastcgi_temp_path $tmp/www/fastcgi;
	uwsgi_temp_path $tmp/www/uwsgi;
	scgi_temp_path $tmp/www/scgi;
	sendfile on;
	server {
		listen unix:$tmp/www/socket;
		root $q;
		location / { dav_methods PUT DELETE MOVE; }
		location /direct/ { alias $q/pending/; dav_methods PUT; client_body_temp_path $q/pending; }
	}
}
EOF2
timeout 240 nginx -e "$tmp/www/errors" -p "$tmp/www" -c "$tmp/nginx.conf" >"$tmp/nginx.log" 2>&1 &
nginx=$!
wait_for '[ -S "$tmp/www/socket" ] || ! running "$nginx"'
running "$nginx" || fail "nginx did not start: $(cat "$tmp/nginx.log")"

http() { curl -sSf --unix-socket "$tmp/www/socket" "$@"; }
put() { http -T "$1" "http://localhost$2"; }
move() { http -X MOVE -H "Destination: http://localhost$2" "http://localhost$1"; }
delete() { http -X DELETE "http://localhost$1"; }

base=
cycle nginx put move delete
# A PUT to its place needs the server's temporary files to be in pending/, from where it renames them.
put_direct() { http -T "$1" "http://localhost/direct/${2##*/}"; }
direct put put_direct
assert_nothing_else_ran

http http://localhost/complete/direct-put -o "$tmp/got"
cmp "$q/complete/direct-put" "$tmp/got"
http -r 4-9 http://localhost/complete/direct-put -o "$tmp/got"
tail -c +5 "$q/complete/direct-put" | head -c 6 | cmp - "$tmp/got"
http -r -5 http://localhost/complete/direct-put -o "$tmp/got"
tail -c 5 "$q/complete/direct-put" | cmp - "$tmp/got"
# The special files, too. A client that has seen the present text gets 304.
http http://localhost/new-id -o "$tmp/got"
assert "an id" grep -q -E '^[0-9a-z]{8}$' "$tmp/got"
http http://localhost/config.ini -o "$tmp/got"
cmp "$q/config.ini" "$tmp/got"
status_of() { http -o "$tmp/got" -w '%{http_code}' --etag-save "$tmp/etag" --etag-compare "$tmp/etag" "$1"; }
assert_eq 200 "$(status_of http://localhost/config.ini)" "the first GET"
assert_eq 304 "$(status_of http://localhost/config.ini)" "the second GET"
sleep 1 # nginx tells time in seconds
echo 'workers = 2' >"$q/config.ini"
echo 'workers = 1' >"$q/config.ini"
assert_eq 200 "$(status_of http://localhost/config.ini)" "a GET after a change"
# Requests that the queue does not permit are refused.
if put "$tmp/text" /complete/x 2>"$tmp/said"; then fail "PUT into complete/ went well"; fi
if move /complete/direct-put /active/direct-put 2>"$tmp/said"; then fail "MOVE to active/ went well"; fi
assert_eq complete "$(where direct-put)" "where direct-put is"
kill "$nginx"
wait "$nginx" || true
