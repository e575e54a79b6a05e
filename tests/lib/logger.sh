# The system's logger, by busybox, in a /dev of the test's own. Sourced after test.sh, in a mount namespace of the
# test's own. What is logged goes to $tmp/messages.
# shellcheck shell=sh

mkdir "$tmp/dev"
mount -t tmpfs -o mode=755 none "$tmp/dev"
for device in null zero urandom fuse; do
	: >"$tmp/dev/$device"
	mount --bind /dev/$device "$tmp/dev/$device"
done
mount --rbind "$tmp/dev" /dev

start_logger() {
	busybox syslogd -n -O "$tmp/messages" &
	logger_pid=$!
	wait_for '[ -S /dev/log ]'
}
end_logger() {
	kill "$logger_pid"
	wait "$logger_pid" || :
	rm -f /dev/log
}
