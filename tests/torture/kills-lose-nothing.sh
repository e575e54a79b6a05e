# filed's processes are killed 20 times while others use its queue: no job is lost or there twice, each
# runs, and no process outlives its attempt. `make torture` goes on for longer.
# limit: 300
. "${0%/*}/../lib/test.sh"
needs fuse python3
TEST_TMP=$tmp kills=20 python3 "$top/tests/torture/torture.py"
