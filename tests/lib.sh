# The library of the shell tests is lib/test.sh; this is its former name.
# shellcheck shell=sh
. "${0%/*}/../lib/test.sh"
