#!/usr/bin/env bats
# bin/bgrun, as a person types it.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

# Starts bgrun in the background; its pid is in $bgrun, its messages in said.
start_bgrun() { # ARGUMENT ...
  "$ROOT/bin/bgrun" "$@" >said 2>&1 3>&- &
  bgrun=$!
}

stop_bgrun() { # SIGNAL
  kill "-$1" "$bgrun"
  status=0
  wait "$bgrun" || status=$?
}

@test "bgrun --help prints the header and exits 0" {
  run -0 --separate-stderr "$ROOT/bin/bgrun" --help
  [[ ${lines[0]} == 'Loop a background training until told to stop'* ]]
  [[ $output == *'--restart-delay S'* ]]
  [[ -z $stderr ]]
}

@test "bgrun without a command says so on stderr and exits 2" {
  run -2 --separate-stderr "$ROOT/bin/bgrun" --logs logs
  [[ -z $output ]]
  [[ ${stderr_lines[0]} == 'bgrun: error: give a script, or a command after --' ]]
}

@test "bgrun refuses what it cannot use, by name" {
  run -2 --separate-stderr "$ROOT/bin/bgrun" --logs logs --grace soon -- true
  [[ ${stderr_lines[0]} == *'--grace takes a number of seconds, not "soon"' ]]
  for count in 0 -1 08 x 1.5; do
    run -2 --separate-stderr "$ROOT/bin/bgrun" --logs logs --max-rounds "$count" -- true
    [[ ${stderr_lines[0]} == *"--max-rounds takes a number from 1 on, not \"$count\"" ]]
  done
  run -2 --separate-stderr "$ROOT/bin/bgrun" -- true
  [[ ${stderr_lines[0]} == *'give a folder for the logs with --logs' ]]
  run -2 --separate-stderr "$ROOT/bin/bgrun" --logs logs -C nowhere -- true
  [[ ${stderr_lines[0]} == *'there is no folder "nowhere"' ]]
  run -2 --separate-stderr "$ROOT/bin/bgrun" nowhere.sh
  [[ ${stderr_lines[0]} == *'there is no script "nowhere.sh"'* ]]
  run -2 --separate-stderr "$ROOT/bin/bgrun" --colour -- true
  [[ ${stderr_lines[0]} == *'unknown option "--colour"'* ]]
  [[ ! -e logs ]]
}

@test "bgrun loops a command, and TERM ends it with 143" {
  start_bgrun --logs logs --restart-delay 0 -- bash -c 'echo round; exit 0'
  wait_until has_line logs/rounds.tsv $'start\t4'
  stop_bgrun TERM
  ((status == 143))
  [[ $(cat logs/run_1.log) == round ]]
  grep -q $'^end\t1\t[0-9.]*\t0\tended$' logs/rounds.tsv
  grep -q 'stopped (signal SIGTERM)' said
  grep -q '"reason": "signal SIGTERM"' logs/keeper.json
}

@test "Ctrl-C on a terminal stops everything and says what was stopped" {
  local sleeper
  ctrl_c() {
    {
      wait_until test -s logs/run_1.log
      wait_until is_called "$(cat logs/run_1.log)" sleep
    } || true
    printf '\003' # in any case, or bgrun would go on for ever
  }
  ctrl_c | script --quiet --return typescript --command \
    "exec $ROOT/bin/bgrun --logs logs --no-namespace -- bash -c 'echo \$\$; exec sleep 1000'" \
    >/dev/null || status=$?
  ((status == 130))
  has_line typescript 'stopped (signal SIGINT)'
  sleeper=$(cat logs/run_1.log)
  has_line typescript "sleep $sleeper"
  is_gone "$sleeper"
}

@test "a failing command is tried again, later and later, and the failures are on file" {
  start_bgrun --logs logs -- bash -c 'echo why >&2; exit 7'
  wait_until has_line said 'round 2 ended with exit code 7, the next in 2 s'
  stop_bgrun TERM
  has_line said 'round 1 ended with exit code 7, the next in 1 s'
  (($(grep -c $'\t7\tended$' logs/rounds.tsv) == 2))
  [[ $(cat logs/run_2.log) == why ]]
}

@test "a round that fails leaves the judge of the one before alone" {
  start_bgrun --logs logs --restart-delay 0 -- \
    bash -c 'if [[ -e big ]]; then exit 7; fi; touch big; yes | head -c 30000000'
  wait_until has_line logs/rounds.tsv $'judged\t1'
  stop_bgrun TERM
  has_line said 'round 2 ended with exit code 7'
  [[ $(<said) != *Killed* ]]
}

@test "a command that is not found, or cannot be run, ends the loop with its code" {
  touch plain
  local option
  for option in '' --no-namespace; do
    run -127 --separate-stderr "$ROOT/bin/bgrun" --logs "none$option" $option -- ./no-such-training
    [[ ${stderr_lines[0]} == "bgrun: error: cannot start the command: "*"No such file or directory"* ]]
    grep -q $'^end\t1\t[0-9.]*\t127\tnot started$' "none$option/rounds.tsv"
    [[ $(wc -l <"none$option/rounds.tsv") == 2 ]]
  done
  run -126 --separate-stderr "$ROOT/bin/bgrun" --logs plain_logs -- ./plain
  [[ ${stderr_lines[0]} == *'Permission denied'* ]]
}

@test "a command that is gone later, or says 127 itself, is a failed round and not the end" {
  printf '#!/bin/bash\nrm -- "$0"; exit 127\n' >once
  chmod +x once
  start_bgrun --logs logs -- ./once
  wait_until has_line logs/rounds.tsv $'end\t2'
  stop_bgrun TERM
  ((status == 143))
  grep -q $'^end\t2\t[0-9.]*\t127\tnot started$' logs/rounds.tsv
}

@test "who had to be killed is counted, and only trainings are named" {
  local option
  for option in '' --no-namespace; do
    start_bgrun --logs "logs$option" --grace 0.2 $option -- \
      bash -c 'trap "" TERM; echo $$; while true; do sleep 1000; done'
    wait_until test -s "logs$option/run_1.log"
    stop_bgrun TERM
    grep -Eq ': 2 processes \((bash [0-9]+, sleep|sleep [0-9]+, bash) [0-9]+\), 2 had to be killed' said
    [[ ! -e logs$option/killed.tsv ]]
  done
}

@test "Ctrl-Z is refused, with a word" {
  start_bgrun --logs logs --restart-delay 0 -- true
  wait_until has_line logs/rounds.tsv $'start\t1'
  kill -TSTP "$bgrun"
  wait_until has_line said 'bgrun: warning: Ctrl-Z is ignored while trainings run: Ctrl-C ends them'
  [[ $(cat "/proc/$bgrun/stat") != *') T '* ]]
  stop_bgrun TERM
  ((status == 143))
}

@test "a rendered script runs again by hand, and its logs go elsewhere" {
  start_bgrun --logs logs --restart-delay 0 -- bash -c 'echo round'
  wait_until has_line logs/rounds.tsv $'start\t2'
  stop_bgrun TERM
  cp logs/rounds.tsv before
  start_bgrun logs/bg_loop.sh
  wait_until compgen -G 'logs/by_hand/*_bg/rounds.tsv'
  stop_bgrun TERM
  cmp before logs/rounds.tsv
}

# Succeeds when somebody below a process sleeps without end.
rests() { # PID
  local child
  local -a children
  read -r -a children < <(cat "/proc/$1/task/"*/children)
  for child in "${children[@]}"; do
    if [[ $(tr '\0' ' ' <"/proc/$child/cmdline") == 'sleep infinity ' ]] || rests "$child"; then
      return 0
    fi
  done
  return 1
}

@test "after --max-rounds the loop rests until it is told to stop" {
  start_bgrun --logs logs --restart-delay 0 --max-rounds 2 -- true
  wait_until has_line logs/rounds.tsv $'end\t2'
  wait_until rests "$bgrun"
  run ! has_line logs/rounds.tsv $'start\t3'
  stop_bgrun TERM
  ((status == 143))
  grep -q 'stopped (signal SIGTERM)' said
}

@test "options that the script fixes are refused beside a script" {
  start_bgrun --logs logs -- true
  wait_until has_line logs/rounds.tsv $'start\t1'
  stop_bgrun TERM
  run -2 --separate-stderr "$ROOT/bin/bgrun" --grace 3 logs/bg_loop.sh
  [[ ${stderr_lines[0]} == *'--grace is fixed in the script' ]]
  run -2 --separate-stderr "$ROOT/bin/fgrun" logs/bg_loop.sh
  [[ ${stderr_lines[0]} == *'was not rendered from templates/fg_run.sh.j2'* ]]
}

@test "a stop in the instant before a round starts is not lost" {
  start_bgrun --logs logs --no-namespace -- true
  wait_until has_line logs/rounds.tsv $'start\t1'
  stop_bgrun TERM
  # The worst instant: the loop is past its last look at the flag, the round is not yet begun.
  sed 's/^  "\$@" &$/  kill -TERM $$\n&/; s/^readonly -a COMMAND=.*/readonly -a COMMAND=(sleep 1000)/' \
    logs/bg_loop.sh >worst.sh
  (($(grep -c 'kill -TERM \$\$$' worst.sh) == 1))
  run -143 timeout 30 bash worst.sh worst_logs
}

@test "killed itself, bgrun leaves nothing, with and without a namespace" {
  local option word=1000.25$$ # of nobody else's
  with_word() { grep -lsz "$word" /proc/[0-9]*/cmdline | sed -n 's|^/proc/\([0-9]*\)/.*|\1|p'; }
  has_sleep() {
    local pid
    for pid in $(with_word); do
      if is_called "$pid" sleep; then return; fi
    done
    return 1
  }
  for option in --no-namespace ''; do
    start_bgrun --logs "logs$option" ${option:+"$option"} -- bash -c "exec sleep $word"
    wait_until has_sleep
    local training
    training=$(with_word)
    kill -KILL "$bgrun"
    for pid in $training; do wait_until is_gone "$pid"; done
  done
}

@test "bgrun ends when whoever started it ends" {
  mkfifo fifo
  bash -c "'$ROOT/bin/bgrun' --logs logs -- sleep 1000 & echo \$! >pid; read -r _ <fifo" \
    >said 2>&1 3>&- &
  local owner=$!
  wait_until has_line logs/rounds.tsv $'start\t1'
  kill -KILL "$owner"
  wait_until is_gone "$(cat pid)"
  has_line logs/keeper.json '"reason": "owner gone"'
}

@test "an owner that ends while bgrun is still starting is missed by nobody" {
  # The owner ends once the first Python has begun, which is slow and gives it the time for that.
  mkdir slow
  printf '#!/bin/bash\ntouch started\nsleep 1\nexec python3 "$@"\n' >slow/python3
  chmod +x slow/python3
  start_bgrun --logs logs --no-namespace -- true
  wait_until has_line logs/rounds.tsv $'start\t1'
  stop_bgrun TERM
  sed "s|^readonly PYTHON=.*|readonly PYTHON=$PWD/slow/python3|" logs/bg_loop.sh >slow.sh
  timeout 60 bash -c "bash slow.sh late & echo \$! >pid; until [[ -e started ]]; do sleep 0.01; done" >said 2>&1 3>&-
  wait_until is_gone "$(cat pid)"
  [[ ! -e late/rounds.tsv ]]
}

@test "arguments reach the training exactly, whatever is in them" {
  local odd=$'a b\n"c" $(touch pwned) `id` \\ \x27; -x é'
  start_bgrun --logs 'odd $(touch pwned) logs' -- printf '%s|' "$odd" -- '' '-n'
  wait_until has_line 'odd $(touch pwned) logs/rounds.tsv' $'end\t1'
  stop_bgrun TERM
  printf '%s|' "$odd" -- '' '-n' >expected
  cmp expected 'odd $(touch pwned) logs/run_1.log'
  [[ ! -e pwned ]]
}
