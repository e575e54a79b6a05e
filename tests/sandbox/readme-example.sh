# filed -rof /usr/bin/echo -ro /lib MDIR, as the README has it: what a job reaches there, and what it does not.
. "${0%/*}/../lib/test.sh"

start_filed -rof /usr/bin/echo -ro /lib

submit 1 "echo 'hello world'"
wait_in complete 1
assert_file "$q/complete/1" ">>> echo 'hello world'\nhello world\n"

submit 2 "/usr/bin/echo 'hello world'"
wait_in complete 2
assert_file "$q/complete/2" ">>> /usr/bin/echo 'hello world'\nhello world\n"

config retries=0
stop_filed
# Only the shell starts, also without a folder of libraries.
start_filed -rof /usr/bin/echo
submit 3 'echo a shell; /usr/bin/env || test -r /bin/sh && cat </etc/passwd || echo and nothing else'
wait_in complete 3
grep -q '^a shell$' "$q/complete/3"
grep -q '^and nothing else$' "$q/complete/3"
! grep -q '^root:' "$q/complete/3"
