#!/usr/bin/env bats
# bin/nightly: how a night ends, or does not begin, and what the next one makes of it.

# What stands in single quotes must not expand; bats itself notices a failed cd; night.bash sets
# what is not set here.
# shellcheck disable=SC2016,SC2154,SC2164

setup() {
  load helpers.bash
  load night.bash
  night_setup
}

teardown() {
  night_teardown
}

@test "a night that was stopped is gone on with in the next one" {
  settings settings.json 3
  start_held_night settings.json
  echo go >hold
  wait_until has_lines held 2
  kill -TERM "$night"
  ended_with 143 "$night"
  train 'echo trained >>../../trained; echo Test Accuracy: 1'
  run -0 --separate-stderr nightly settings.json
  [[ $output == 'nightly: settings.json: 3 experiments: 3 valid; '* ]]
  has_lines trained 2
  has_lines results/run_*/summary.csv 4
}

@test "a driver that is killed is a failure, and the next settings run" {
  cp settings.json next.json
  start_held_night settings.json next.json
  kill -KILL "$(below "$night" | head -n 1)"
  wait_until has_lines held 2
  echo go >hold
  ended_with 137 "$night"
  has_line said 'settings.json: exit code 137, ended by SIGKILL'
  has_line said 'next.json: 1 experiment: 1 valid'
}

@test "two nights do not run at once: the second names the first, or waits" {
  start_held_night settings.json
  run -75 --separate-stderr nightly settings.json
  [[ $stderr == "nightly: error: another nightly run is still active (pid $night, lock $PWD/results/nightly/lock)" ]]
  [[ -z $output ]]
  (($(printf '%s\n' results/nightly/*.log | wc -l) == 1))
  start_second_night
  echo go >hold
  ended_with 0 "$night"
  wait_until has_lines held 2
  echo go >hold
  ended_with 0 "$second"
  has_line second_said '1 experiment: 1 valid'
}

@test "nothing that a night starts holds its lock" {
  start_held_night settings.json
  for pid in $(below "$night"); do
    [[ $(readlink "/proc/$pid/fd/"*) != *nightly/lock* ]]
  done
  [[ $(readlink "/proc/$night/fd/"*) == *nightly/lock* ]]
  echo go >hold
  ended_with 0 "$night"
}

@test "--until is one moment for the whole night, in the time of the clock on the wall" {
  printf '{' >bad.json
  run -2 "${bare[@]}" TZ=HERE-5:30 "$ROOT/bin/nightly" --results results --until 06:30 \
    bad.json bad.json
  expected=$(TZ=HERE-5:30 date -d 06:30 +%s)
  if ((expected <= $(date +%s))); then expected=$((expected + 86400)); fi
  expected=$(TZ=HERE-5:30 date -d "@$expected" +%FT%T%:z)
  (($(logs | grep -cF -- " --until $expected ") == 2))
}

@test "once the time is over nothing starts, and that is no failure" {
  run -0 --separate-stderr nightly --until 2020-01-01T06:30 settings.json
  [[ $output == 'nightly: settings.json: nothing ran; log '* ]]
  [[ -z $stderr && ! -e trained ]]
  has_line <(logs) '(--until)'
}

@test "an experiment that would end too late waits for the next night" {
  # The first ends a second before the time is over: as long a one has no place any more.
  until_s=$(($(date +%s) + 12))
  train "until (( \$(date +%s) >= $until_s - 1 )); do sleep 0.1; done
    echo trained >>../../trained; echo Test Accuracy: 70"
  settings settings.json 2
  run -0 --separate-stderr nightly --until "$(date -d "@$until_s" +%FT%T)" settings.json
  [[ $output == 'nightly: settings.json: 2 experiments: 1 valid, 1 missing; log '* ]]
  [[ -z $stderr ]]
  has_lines trained 1
  run -0 --separate-stderr nightly settings.json
  [[ $output == 'nightly: settings.json: 2 experiments: 2 valid; log '* ]]
}

@test "a signal ends everything: nothing is left, nothing more starts" {
  for signal in TERM INT HUP; do
    rm -rf hold held results
    start_held_night settings.json settings.json
    pids=$(below "$night")
    kill "-$signal" "$night"
    ended_with $((128 + $(kill -l "$signal"))) "$night"
    for pid in $pids $(cat held); do is_gone "$pid"; done
    has_lines held 1
    [[ $(cat said) == "nightly: error: stopped by SIG$signal; all is in $PWD/results/nightly/"*.log ]]
    [[ ! -s shown ]]
  done
}

@test "a night that a signal stops tells so, and what it starts for that is stopped by the next" {
  printf '#!/bin/bash\nenv | grep ^TANDEM_ >>%q/noted\nread -r <%q/hold\n' "$PWD" "$PWD" >tell
  chmod +x tell
  start_held_night --notify ./tell settings.json
  kill -TERM "$night"
  wait_until has_line noted 'TANDEM_EXIT_CODE=143'
  pids=$(below "$night")
  kill -TERM "$night"
  ended_with 143 "$night"
  for pid in $pids; do wait_until is_gone "$pid"; done
}

@test "a night that waits for another ends at once when it is told to" {
  start_held_night settings.json
  start_second_night
  wait_until pgrep --parent "$second" flock
  pid=$(below "$second")
  kill -TERM "$second"
  ended_with 143 "$second"
  is_gone "$pid"
  has_line second_said 'stopped by SIGTERM'
  echo go >hold
  ended_with 0 "$night"
}

@test "a night that is killed leaves nothing, and the next goes on" {
  start_held_night settings.json
  pids=$(below "$night")
  kill -KILL "$night"
  for pid in $pids; do wait_until is_gone "$pid"; done
  train 'echo Test Accuracy: 70'
  run -0 --separate-stderr nightly settings.json
  [[ $output == 'nightly: settings.json: 1 experiment: 1 valid; '* ]]
  (($(printf '%s\n' results/run_* | wc -l) == 1))
}

@test "a reader of the messages who is gone ends no night" {
  train 'echo trained >>../../trained; exit 3'
  settings other.json 1
  run -2 bash -c 'set -o pipefail; "$@" 2>&1 | true' - "${bare[@]}" "$ROOT/bin/nightly" \
    --results results nonesuch.json settings.json other.json -- --registry registry.json --root .
  has_lines trained 2
  logs | grep -q '1 experiment: 1 not valid'
}
