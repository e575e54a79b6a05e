# The last line of a failed log names the cause: an exit status, or a signal by Go's name.
. "${0%/*}/../../lib/test.sh"
config workers=4 retries=0
start_filed

# cause ID TEXT WORDS
cause() {
	submit "$1" "$2"
	wait_in failed "$1"
	assert_file "$q/failed/$1" '>>> %s\n\n\n[System Error]: %s\n' "$2" "$3"
}
cause 1 'exit 1' 'exit status 1'
cause 255 'exit 255' 'exit status 255'
cause hup 'kill -HUP $$' 'signal: hangup'
cause int 'kill -INT $$' 'signal: interrupt'
cause kill 'kill -KILL $$' 'signal: killed'
cause term 'kill -TERM $$' 'signal: terminated'
cause quit 'ulimit -c 0; kill -QUIT $$' 'signal: quit'
cause abrt 'ulimit -c 0; kill -ABRT $$' 'signal: aborted'
cause segv 'ulimit -c 0; kill -SEGV $$' 'signal: segmentation fault'
cause pipe 'kill -PIPE $$' 'signal: broken pipe'
cause usr1 'kill -USR1 $$' 'signal: user defined signal 1'
# Output without a newline at its end
submit bare 'printf bare; exit 2'
wait_in failed bare
assert_file "$q/failed/bare" '>>> printf bare; exit 2\nbare\n\n[System Error]: exit status 2\n'
