#!/usr/bin/env bats
# bin/powermon, as a person types it. Here it measures no GPU: tests/programs/test_powermon.py does.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

# Starts powermon in the background; its pid is in $powermon, its messages in said.
start_powermon() { # ARGUMENT ...
  # A background job ignores INT and QUIT unless told otherwise.
  (
    trap - INT QUIT
    exec "$ROOT/bin/powermon" --gpus none --powercap "$PWD" "$@"
  ) >said 2>&1 3>&- &
  powermon=$!
}

stop_powermon() { # SIGNAL
  kill "-$1" "$powermon"
  status=0
  wait "$powermon" || status=$?
}

@test "powermon --help prints the header and exits 0" {
  run -0 --separate-stderr "$ROOT/bin/powermon" --help
  [[ ${lines[0]} == 'Sample power, energy, memory and use of the GPUs and CPUs'* ]]
  [[ $output == *'--interval S'*'(0.1)'* ]]
  [[ -z $stderr ]]
}

@test "powermon without a folder says so on stderr and exits 2" {
  run -2 --separate-stderr "$ROOT/bin/powermon"
  [[ -z $output ]]
  [[ ${stderr_lines[0]} == 'powermon: error: give a folder for the files with --out' ]]
}

@test "powermon refuses what it cannot use, by name" {
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --interval often
  [[ ${stderr_lines[0]} == *'--interval takes a number of seconds, not "often"' ]]
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --foreground -1
  [[ ${stderr_lines[0]} == *'--foreground takes a process id, not "-1"' ]]
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --colour
  [[ ${stderr_lines[0]} == *'unknown option "--colour"'* ]]
  run -2 --separate-stderr "$ROOT/bin/powermon" --out
  [[ ${stderr_lines[0]} == *'--out takes a value'* ]]
  [[ ! -e energy ]]
  : >file
  run -2 --separate-stderr "$ROOT/bin/powermon" --out file
  [[ ${stderr_lines[0]} == *"--out: cannot create directory"* ]]
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --interval 0
  [[ ${stderr_lines[0]} == 'powermon: error: --interval must be at least 0.01 s' ]]
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --interval 2
  [[ ${stderr_lines[0]} == 'powermon: error: --row must not be shorter than --interval' ]]
}

@test "powermon never mixes with the files of another monitor" {
  start_powermon --out energy
  wait_until test -e energy/monitor.json
  stop_powermon TERM
  cp energy/cpu.csv before
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy
  [[ ${stderr_lines[0]} == *'"'*'/energy" holds the files of a monitor already'* ]]
  rm energy/monitor.json # as if it had been killed before its first sample
  run -2 --separate-stderr "$ROOT/bin/powermon" --out energy --gpus none
  [[ ${stderr_lines[*]} == *'is there already; choose another folder'* ]]
  cmp before energy/cpu.csv
}

@test "each signal that asks it to stop gives a last row and exit code 0" {
  local signal
  for signal in TERM INT HUP QUIT; do
    start_powermon --out "$signal"
    wait_until test -e "$signal/monitor.json"
    stop_powermon "$signal"
    ((status == 0))
    tail -n 1 "$signal/cpu.csv" | grep -q ',last,'
    grep -q '"end_boottime_s": [0-9]' "$signal/monitor.json"
  done
}

@test "USR1 makes it write a row at once" {
  start_powermon --out energy --interval 60 --row 60
  wait_until test -e energy/monitor.json
  kill -USR1 "$powermon"
  wait_until has_line energy/cpu.csv ,mark,
  stop_powermon TERM
}

@test "under nohup HUP does not stop it" {
  trap '' HUP # as nohup does
  start_powermon --out energy
  wait_until test -e energy/monitor.json
  kill -HUP "$powermon"
  kill -USR1 "$powermon"
  wait_until has_line energy/cpu.csv ,mark,
  is_running "$powermon"
  stop_powermon TERM
}

@test "powermon ends, with a last row, when whoever started it ends" {
  mkfifo fifo
  bash -c "'$ROOT/bin/powermon' --gpus none --out energy & echo \$! >pid; read -r _ <fifo" \
    >said 2>&1 3>&- &
  local owner=$!
  wait_until test -e energy/monitor.json
  kill -KILL "$owner"
  wait_until is_gone "$(cat pid)"
  has_line energy/cpu.csv ,last,
}

@test "powermon ends when the other end of its lifeline closes" {
  mkfifo fifo
  exec 8<>fifo # so that opening either end does not wait
  exec 9<fifo
  TANDEM_LIFELINE_FD=9 start_powermon --out energy 8>&-
  exec 9<&-
  wait_until test -e energy/monitor.json
  exec 8>&-
  wait "$powermon"
  has_line energy/cpu.csv ,last,
}

@test "an owner that ends while powermon is still starting is missed by nobody" {
  # The owner starts powermon and ends at once; a slow Python gives it all the time for that.
  printf '#!/bin/bash\nsleep 0.3\nexec python3 "$@"\n' >slow
  chmod +x slow
  TANDEM_PYTHON=$PWD/slow bash -c \
    "'$ROOT/bin/powermon' --gpus none --out energy & echo \$! >pid; sleep 0.1" >said 2>&1 3>&-
  wait_until is_gone "$(cat pid)"
  has_line said 'whoever started this has ended already'
  [[ ! -e energy/monitor.json ]]
}

@test "a process below the one that was named counts, one that is gone is warned of" {
  bash -c 'sleep 1000 & echo $! >child; wait' 3>&- &
  local training=$!
  wait_until test -s child
  start_powermon --out energy --row 0.2 --foreground "$training" --background 99999999
  wait_until test -e energy/monitor.json
  stop_powermon TERM
  kill "$(cat child)"
  has_line said 'background: there is no process 99999999 (any more): what it uses is not known'
  # boottime_s,kind,suspended_s,foreground_cpu_s,foreground_pss_mib,foreground_largest_rss_mib,background_cpu_s,background_pss_mib,background_largest_rss_mib
  tail -n 1 energy/cpu.csv | grep -Eq ',last,[0-9.]+,[0-9.]+,[0-9.]*,[1-9][0-9.]*,,,$'
}
