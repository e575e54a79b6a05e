# alone
# limit: 300
# The table of rights in filed(5), cell by cell: what the owner, a member of the file's group, another user and
# root may do to a job, in directories without and with the sticky bit.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=200 retries=0 '[mount]' mode=0777
start_filed

# op NAME ID: how it is done. The job is a draft, or is called after the state it needs.
op() {
	case $1 in
	submit) call put "$q/pending/.new-$2" </dev/null ;;
	read-text) cat "$q/pending/.$2" ;;
	edit) sh -c 'printf x >>"$1"' - "$q/pending/.$2" ;;
	truncate) call size "$q/pending/.$2" 1 ;;
	schedule) call touch "$q/pending/.$2" 1999999999 ;;
	schedule-now) call touch "$q/pending/.$2" ;;
	chmod) chmod 600 "$q/pending/.$2" ;;
	chown) chown "$carol" "$q/pending/.$2" ;;
	cancel) call rename "$q/pending/.$2" "$q/failed/.$2" ;;
	remove-pending) call unlink "$q/pending/.$2" ;;
	read-log) cat "$q/complete/$2" ;;
	again) call rename "$q/complete/$2" "$q/pending/.$2" ;;
	remove-complete) call unlink "$q/complete/$2" ;;
	retry) call rename "$q/failed/$2" "$q/pending/.$2" ;;
	remove-failed) call unlink "$q/failed/$2" ;;
	stop) call rename "$q/active/$2" "$q/failed/$2" ;;
	kill) call unlink "$q/active/$2" ;;
	settings) sh -c 'echo "workers = 200" >"$1"' - "$q/config.ini" ;;
	esac
}

# expect MODE OP OWNER GROUP OTHER ROOT [JOB'S-MODE]
n=0
expect() {
	sticky=$1 name=$2 job_mode=${7:-640}
	shift 2
	for who in "$alice" "$bob" "$carol" root; do
		wanted=$1
		shift
		n=$((n + 1))
		case $name in
		read-log | again | remove-complete) by "$alice" "$n" true "$job_mode" && wait_in complete "$n" ;;
		retry | remove-failed) by "$alice" "$n" false "$job_mode" && wait_in failed "$n" ;;
		stop | kill) by "$alice" "$n" 'sleep 1000' "$job_mode" && wait_in active "$n" ;;
		*) by "$alice" ".$n" 'echo text' "$job_mode" ;;
		esac
		{
			echo "q='$q' carol='$carol'"
			sed -n '/^op() {/,/^}/p' "$self"
			echo "op $name $n"
		} >"$tmp/op"
		got=$(outcome as_user "$who" sh "$tmp/op")
		assert_eq "$wanted" "$got" "$name of a job of mode $job_mode in a directory of mode $sticky by $who"
		if [ "$wanted" = yes ]; then
			case $name in
			stop) wait_in failed "$n" ;;
			kill | remove-*) assert_eq '' "$(where "$n")$(where ".$n")" "where $n is" ;;
			retry | again) assert_eq "$alice" "$(stat -c %U "$q/pending/.$n")" "owner after a retry" ;;
			esac
		else
			rm -f "$q"/*/"$n" "$q"/*/".$n"
		fi
	done
}
self=$0

#                        owner group  other  root
expect 0777 submit       yes   yes    yes    yes
expect 0777 read-text    yes   yes    EACCES yes
expect 0777 read-text    yes   yes    yes    yes    644
expect 0777 read-text    yes   EACCES EACCES yes    600
expect 0777 edit         yes   EACCES EACCES yes
expect 0777 edit         yes   EACCES EACCES yes    666
expect 0777 truncate     yes   EACCES EACCES yes    666
expect 0777 schedule     yes   EPERM  EPERM  yes    666
expect 0777 schedule-now yes  EACCES EACCES yes    666
expect 0777 chmod        yes   EPERM  EPERM  yes    666
expect 0777 chown        EPERM EPERM  EPERM  yes    666
expect 0777 read-log     yes   yes    EACCES yes
expect 0777 read-log     yes   EACCES EACCES yes    600
expect 0777 settings     EACCES EACCES EACCES yes

# Without the sticky bit, a user who may write the directories may do anything with all jobs.
for name in cancel remove-pending again remove-complete retry remove-failed stop kill; do
	expect 0777 $name yes yes yes yes
done
# With the sticky bit, only with the user's own jobs.
chmod 1777 "$q/pending" "$q/active" "$q/failed" "$q/complete"
for name in cancel remove-pending again remove-complete retry remove-failed stop kill; do
	expect 1777 $name yes EPERM EPERM yes
done
expect 1777 submit yes yes yes yes
# The owner of the directories may do it with all jobs in them.
chown "$bob" "$q/pending" "$q/active" "$q/failed" "$q/complete"
for name in cancel remove-pending again retry stop kill; do
	expect 1777 $name yes yes EPERM yes
done
# In a directory that only root may write, only root may do it, not even the owner of the job.
chown root "$q/pending" "$q/active" "$q/failed" "$q/complete"
expect 1777 read-log yes yes EACCES yes
chmod 0755 "$q/active" "$q/failed" "$q/complete"
for name in stop kill remove-failed remove-complete retry again; do
	expect 0755 $name EACCES EACCES EACCES yes
done
# A queue for a group: other users have no access.
chgrp "$team" "$q" "$q/pending" "$q/active" "$q/failed" "$q/complete"
chmod 3770 "$q/pending" "$q/active" "$q/failed" "$q/complete"
chmod 0750 "$q"
expect 3770 submit yes yes EACCES yes
expect 3770 read-text yes yes EACCES yes
expect 3770 kill yes EPERM EACCES yes
