#!/usr/bin/env bats
# bin/fgrun, as a person types it.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

@test "fgrun shows the output, logs it, and exits as the training did" {
  run -7 --separate-stderr "$ROOT/bin/fgrun" --out out -- bash -c 'echo one; echo two >&2; exit 7'
  [[ $output == $'one\ntwo' ]]
  [[ $(cat out/training.log) == $'one\ntwo' ]]
  grep -q '"exit_code": 7' out/keeper.json
}

@test "fgrun --quiet logs without showing" {
  run -0 --separate-stderr "$ROOT/bin/fgrun" --quiet --out out -- echo hello
  [[ -z $output ]]
  [[ $(cat out/training.log) == hello ]]
}

@test "fgrun exits 124 after the timeout, and kills what ignores TERM" {
  run -124 --separate-stderr "$ROOT/bin/fgrun" --out out --timeout 0.3 --grace 0.2 -- \
    bash -c 'trap "" TERM; echo $$; while true; do sleep 1; done'
  is_gone "$output"
  [[ $stderr == *'stopped (timeout)'* ]]
  grep -q '"reason": "timeout"' out/keeper.json
  grep -q '"signal": 9' out/keeper.json
}

@test "a training that a signal ended gives 128+N" {
  run -137 --separate-stderr "$ROOT/bin/fgrun" --out out -- bash -c 'kill -KILL $$'
  grep -q '"signal": 9' out/keeper.json
  grep -q '"exit_code": null' out/keeper.json
}

@test "what the training leaves behind is stopped and named" {
  run -0 --separate-stderr "$ROOT/bin/fgrun" --out out -- \
    bash -c 'setsid sleep 1000 & echo $!'
  is_gone "$output"
  [[ $stderr == *"stopped (ended)"*"$output"* ]]
}

@test "a command that does not exist gives 127, one that cannot run 126" {
  run -127 --separate-stderr "$ROOT/bin/fgrun" --out out -- ./nowhere
  [[ $stderr == *"cannot start the command"*"No such file or directory: './nowhere'"* ]]
  touch plain
  run -126 --separate-stderr "$ROOT/bin/fgrun" --out out -- ./plain
  [[ $stderr == *"Permission denied: './plain'"* ]]
}

@test "a rendered script runs again by hand, and its results go elsewhere" {
  run -0 "$ROOT/bin/fgrun" --out out -- echo again
  run -0 --separate-stderr "$ROOT/bin/fgrun" out/fg_run.sh
  [[ $output == again ]]
  [[ $(cat out/training.log) == again ]]
  [[ $(cat out/by_hand/*_fg/training.log) == again ]]
}

@test "two trainings never share a log" {
  run -0 "$ROOT/bin/fgrun" --out out -- echo one
  run -2 --separate-stderr "$ROOT/bin/fgrun" --out out -- echo two
  [[ $stderr == 'fgrun: error: --out: '*'holds the log of a training already'* ]]
  [[ $(cat out/training.log) == one ]]
}

@test "a rendered script started without its folder says how, and runs nothing" {
  run -0 "$ROOT/bin/fgrun" --out out -- touch ran
  rm ran
  run -2 --separate-stderr bash out/fg_run.sh --help
  [[ $stderr == *'give the folder for the results, or use bin/fgrun out/fg_run.sh'* ]]
  [[ ! -e ran ]]
}

@test "TERM to fgrun stops the training, and says so" {
  "$ROOT/bin/fgrun" --out out -- bash -c 'echo $$; sleep 1000' >shown 2>said 3>&- &
  local fgrun=$! status=0
  wait_until test -s shown
  kill -TERM "$fgrun"
  wait "$fgrun" || status=$?
  ((status == 143))
  is_gone "$(cat shown)"
  has_line said 'stopped (signal SIGTERM)'
}

@test "what goes on when the training has ended is named and ended" {
  run -3 --separate-stderr "$ROOT/bin/fgrun" --out out -- bash -c 'sleep 1000 & echo $!; exit 3'
  is_gone "$output"
  [[ $stderr == "fgrun: info: stopped (ended) in "*": 1 process (sleep $output), 0 had to be killed" ]]
  has_line out/keeper.json '"went_on"'
}

@test "Ctrl-Z is refused, with a word" {
  local fgrun status=0
  "$ROOT/bin/fgrun" --out out -- bash -c 'echo; while [[ ! -e go ]]; do sleep 0.05; done' >shown 2>said 3>&- &
  fgrun=$!
  wait_until test -s shown
  local -a below keeper
  read -r -a below <"/proc/$fgrun/task/$fgrun/children" || true
  read -r -a keeper <"/proc/${below[0]}/task/${below[0]}/children" || true
  kill -TSTP "$fgrun" "${below[@]}" "${keeper[@]}" # as a terminal does
  wait_until has_line said 'fgrun: warning: Ctrl-Z is ignored while trainings run: Ctrl-C ends them'
  touch go
  wait "$fgrun" || status=$?
  ((status == 0))
}

@test "fgrun ends the training when it is killed itself" {
  "$ROOT/bin/fgrun" --out out -- bash -c 'echo $$; sleep 1000' >shown 2>said 3>&- &
  local fgrun=$!
  wait_until test -s shown
  kill -KILL "$fgrun"
  wait_until is_gone "$(cat shown)"
}

@test "fgrun ends the training when whoever started it ends, shown or not" {
  local option owner
  mkfifo fifo
  for option in '' --quiet; do
    bash -c "'$ROOT/bin/fgrun' --out 'out$option' $option -- bash -c 'echo \$\$; exec sleep 1000' &
      read -r _ <fifo" >shown 2>said 3>&- &
    owner=$!
    wait_until test -s "out$option/training.log"
    kill -KILL "$owner"
    wait_until is_gone "$(cat "out$option/training.log")"
    wait_until has_line "out$option/keeper.json" '"reason": "owner gone"'
  done
}

@test "a folder that cannot be written is said before anything starts" {
  touch file
  run ! --separate-stderr "$ROOT/bin/fgrun" --out file/out -- touch started
  [[ ! -e started ]]
}
