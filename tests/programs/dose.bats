#!/usr/bin/env bats
# bin/dose, as a person types it. tests/faults/test_dosing.py and tests/programs/test_dose.py have
# what it does to trainings.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

dose() { # ARGUMENT ...
  "$ROOT/bin/dose" "$@"
}

is_stopped() { # PID
  local stat
  read -r stat <"/proc/$1/stat"
  [[ ${stat##*) } == T* ]]
}

@test "dose --help prints the header and exits 0" {
  run -0 --separate-stderr dose --help
  [[ ${lines[0]} == 'Dose a background: stop and continue its trainings'* ]]
  [[ $output == *'--period S'*'(0.5)'* ]]
  [[ -z $stderr ]]
}

@test "dose says what is missing on stderr and exits 2" {
  run -2 --separate-stderr dose --intensity 0.5 --keeper 1
  [[ -z $output ]]
  [[ ${stderr_lines[0]} == 'dose: error: give a folder for the files with --out' ]]
  run -2 --separate-stderr dose --out files --keeper 1
  [[ ${stderr_lines[0]} == 'dose: error: give --intensity or --target' ]]
  run -2 --separate-stderr dose --out files --target 30
  [[ ${stderr_lines[0]} == 'dose: error: give the process id of the background with --keeper' ]]
  [[ ! -e files ]]
}

@test "dose refuses what it cannot use, by name" {
  run -2 --separate-stderr dose --out files --intensity 0.5 --target 30 --keeper 1
  [[ ${stderr_lines[0]} == *'give one of --intensity and --target' ]]
  run -2 --separate-stderr dose --out files --keeper 1 --intensity half
  [[ ${stderr_lines[0]} == *'--intensity takes a number, not "half"' ]]
  run -2 --separate-stderr dose --out files --keeper 1 --intensity 0
  [[ ${stderr_lines[0]} == *'--intensity must be 0.05 to 1' ]]
  run -2 --separate-stderr dose --out files --keeper 1 --target 101
  [[ ${stderr_lines[0]} == *'--target must be above 0 and at most 100 percent' ]]
  run -2 --separate-stderr dose --out files --keeper 1 --target 30 --period 0.6
  [[ ${stderr_lines[0]} == *'--period must be 0.05 to 0.5 s' ]]
  run -2 --separate-stderr dose --out files --target 30 --keeper -1
  [[ ${stderr_lines[0]} == *'--keeper takes a process id, not "-1"' ]]
  run -2 --separate-stderr dose --colour
  [[ ${stderr_lines[0]} == *'unknown option "--colour"' ]]
}

@test "dose stops a training that bgrun loops, and lets it go on when interrupted" {
  "$ROOT/bin/bgrun" --no-namespace --logs logs -- bash -c "echo \$\$ >pid; exec sleep 1000" 3>&- 2>said &
  local load=$!
  (
    trap - INT # a background job ignores it unless told otherwise
    exec "$ROOT/bin/dose" --out files --intensity 0.05 --keeper "$load"
  ) 3>&- &
  local dose=$! training
  wait_until test -s pid
  training=$(<pid)
  wait_until is_stopped "$training"
  kill -INT "$dose"
  status=0
  wait "$dose" || status=$?
  ((status == 0))
  run ! is_stopped "$training"
  kill "$load"
  wait "$load" || true
  is_gone "$training"
}
