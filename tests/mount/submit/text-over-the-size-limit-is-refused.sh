# Text of job_size_limit runs; one byte more is EFBIG, nothing of it runs, and what was there stays but does not run.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

{
	printf 'echo it runs; exit\n'
	head -c 1048557 /dev/zero | tr '\0' x
} >"$tmp/fits"
assert_eq 1048576 "$(stat -c %s "$tmp/fits")" "size of what fits"
cp "$tmp/fits" "$tmp/large"
printf x >>"$tmp/large"

cp "$tmp/fits" "$q/pending/fits"
submit old "echo old"
assert_fails EFBIG sh -c 'call put "$1" <"$2"' - "$q/pending/new" "$tmp/large"
assert_fails EFBIG cp "$tmp/large" "$q/pending/copy"
assert_fails EFBIG sh -c 'call put "$1" <"$2"' - "$q/pending/old" "$tmp/large"
assert_fails EFBIG sh -c 'call put "$1" append <"$2"' - "$q/pending/old" "$tmp/fits"
assert_fails EFBIG call size "$q/pending/old" 1048577
assert_file "$q/pending/old" 'echo old'
assert "the job of just that size is there" cmp -s "$tmp/fits" "$q/pending/fits"

# A job that did not fit leaves at most an empty job.
for id in new copy; do assert "$id is empty or missing" [ ! -s "$q/pending/$id" ]; done
echo "workers = 1" >"$q/config.ini"
wait_in complete fits
assert_eq pending "$(where old)" "where a job is that was to get another text"
mv "$q/pending/old" "$q/pending/old-is-good"
wait_in complete old-is-good
assert_eq "it runs" "$(tail -n 1 "$q/complete/fits")" "output"
assert_eq 2 "$(counter total_started)" "started"

# A lower limit counts for what is written from now on.
printf "workers = 1\njob_size_limit = 100\n" >"$q/config.ini"
assert_fails EFBIG sh -c 'head -c 101 "$2" | call put "$1"' - "$q/pending/more" "$tmp/fits"
submit less "echo less"
wait_in complete less
