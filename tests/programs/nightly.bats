#!/usr/bin/env bats
# bin/nightly, as cron starts it: with nearly no environment.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  mkdir -p repos/fast
  train 'echo trained >>../../trained; echo Test Accuracy: 70'
  cat >registry.json <<'JSON'
{"models": {"fast": {"path": "repos/fast", "train_script": "./train.sh", "models": ["tiny"],
  "model_flag": "-n", "supported_hyperparams": {"seed": {"flag": "--seed", "type": "int",
  "default": 1, "range": [0, 9]}},
  "performance_metrics": {"log_patterns": {"accuracy": "Test Accuracy: ([0-9.]+)"}}}}}
JSON
  settings settings.json 1
}

# A failed test must not leave a night that waits for ever.
teardown() {
  kill -TERM ${night:+"$night"} ${second:+"$second"} 2>/dev/null || true
}

# Writes the training.
train() { # COMMANDS
  printf '#!/bin/bash\n%s\n' "$1" >repos/fast/train.sh
  chmod +x repos/fast/train.sh
}

# Writes a settings file of so many experiments.
settings() { # FILE EXPERIMENTS
  printf '{"mode": "default", "max_retries": 0, "runs_per_config": %s,
    "experiments": [{"repo": "fast", "model": "tiny"}]}' "$2" >"$1"
}

# With nothing in the environment but where this test's locks are.
bare=(env -i --default-signal "TANDEM_LOCKS=$BATS_TEST_TMPDIR")

nightly() { # ARGUMENT ...
  "${bare[@]}" "$ROOT/bin/nightly" --results results "$@" \
    -- --registry registry.json --root .
}

# Starts a night whose trainings write their process id to `held`, a line each, and wait for a
# line from the pipe `hold`.
start_held_night() { # ARGUMENT ...
  mkfifo hold
  train 'echo "$$" >>../../held; read -r <../../hold; echo Test Accuracy: 1'
  "${bare[@]}" "$ROOT/bin/nightly" --results results "$@" \
    -- --registry registry.json --root . >shown 2>said 3>&- &
  night=$!
  wait_until has_lines held 1
}

# Starts another, which waits for the first.
start_second_night() {
  "${bare[@]}" "$ROOT/bin/nightly" --results results --wait-lock 60 --fresh settings.json \
    -- --registry registry.json --root . >second_said 2>&1 3>&- &
  second=$!
}

# Waits for the end of a night, not for ever, and compares its exit code.
ended_with() { # EXIT_CODE PID
  local status=0
  wait_until is_gone "$2"
  wait "$2" || status=$?
  ((status == $1))
}

has_lines() { # FILE COUNT
  (($(wc -l <"$1") == $2))
}

# Prints all processes below one.
below() { # PID
  local child
  local -a children
  read -r -a children <"/proc/$1/task/$1/children" || true
  for child in "${children[@]}"; do
    echo "$child"
    below "$child"
  done
}

logs() {
  cat results/nightly/nightly_*.log
}

@test "a good night is one line, and the log has the rest" {
  run -0 --separate-stderr nightly settings.json
  log=${output#*; log }
  [[ $output == "nightly: settings.json: 1 experiment: 1 valid; log $PWD/results/nightly/nightly_"*.log ]]
  [[ -z $stderr ]]
  has_line "$log" 'fast_tiny_001 started'
  has_line "$log" 'results: results/run_'
}

@test "the environment is that of cron, with a path of its own" {
  train 'env >../../environment; echo Test Accuracy: 70'
  run -0 nightly settings.json
  has_line environment 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  grep -q '^HOME=/' environment
  run ! grep -E '^(TZ|LC_ALL|TERM)=' environment
  run -0 nightly --fresh --path '/opt/a b:/opt/c' settings.json
  has_line environment 'PATH=/opt/a b:/opt/c:/usr/local/sbin:'
}

@test "names are those of the folder in which it is called" {
  mkdir elsewhere
  cd elsewhere
  run -0 --separate-stderr "${bare[@]}" "$ROOT/bin/nightly" --results here ../settings.json \
    -- --registry ../registry.json --root ..
  [[ $output == *"log $PWD/here/nightly/"* ]]
  [[ -s $(echo here/run_*/summary.csv) ]]
}

@test "a name with spaces, quotes and dollars is only a name" {
  mkdir '$(touch pwned) "a" b'
  cp settings.json '$(touch pwned) "a" b/it'\''s.json'
  run -0 --separate-stderr "${bare[@]}" "$ROOT/bin/nightly" --results '$(touch pwned) "a" b/out' \
    '$(touch pwned) "a" b/it'\''s.json' -- --registry registry.json --root .
  [[ $output == *'1 experiment: 1 valid'* ]]
  [[ -s $(echo '$(touch pwned) "a" b/out'/run_*/summary.csv) ]]
  run -2 --separate-stderr nightly '$(touch pwned) "b".json'
  by_hand=${stderr#*by hand: }
  TANDEM_LOCKS=$PWD run -2 --separate-stderr bash -c "${by_hand%%$'\n'*}"
  [[ $stderr == *'error: $(touch pwned) "b".json: no such file'* ]]
  [[ ! -e pwned ]]
}

@test "where all is done nothing runs, and --fresh begins anew" {
  run -0 nightly settings.json
  run -0 --separate-stderr nightly settings.json
  [[ $output == 'nightly: settings.json: 1 experiment: 1 valid; log '* ]]
  [[ -z $stderr ]]
  has_lines trained 1
  run -0 nightly --fresh settings.json
  has_lines trained 2
  (($(printf '%s\n' results/run_* | wc -l) == 2))
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

@test "on failure stderr has all that is needed" {
  train 'echo broken; exit 3'
  settings 'two words.json' 2
  run -1 --separate-stderr nightly 'two words.json'
  [[ -z $output ]]
  [[ $stderr == 'nightly: error: two words.json: exit code 1, some experiments failed or are not valid; '* ]]
  [[ $stderr == *'fast_tiny_002 is not valid: '* ]]
  [[ $stderr == *"by hand: cd $PWD && $ROOT/.venv/bin/python $ROOT/driver.py run --continue "*' -- two\ words.json'* ]]
  [[ ${stderr##*$'\n'} == 'nightly: two\ words.json: 2 experiments: 2 not valid; log '* ]]
  [[ -s ${stderr##*; log } ]]
}

@test "the command for going on by hand does so" {
  train 'exit 3'
  settings settings.json 2
  run -1 --separate-stderr nightly settings.json
  rm -r results/run_*
  train 'echo trained >>../../trained; echo Test Accuracy: 70'
  by_hand=${stderr#*by hand: }
  cd /
  TANDEM_LOCKS=$BATS_TEST_TMPDIR run -0 bash -c "${by_hand%%$'\n'*}"
  cd "$BATS_TEST_TMPDIR"
  has_lines trained 2
}

@test "one that fails keeps no other from running; the first exit code counts" {
  printf '{' >bad.json
  train 'echo trained >>../../trained; [[ $* != *--seed* ]] && echo Test Accuracy: 70'
  settings good.json 1
  sed 's/"tiny"/"tiny", "hyperparameters": {"seed": 2}/' good.json >failing.json
  run -2 --separate-stderr nightly bad.json good.json failing.json
  [[ $stderr == *'bad.json: exit code 2, the usage, the settings'*'not JSON at line 1'* ]]
  [[ $stderr == *'failing.json: exit code 1, some experiments failed'* ]]
  [[ $stderr != *'good.json: exit code'* ]]
  [[ $stderr == *'nightly: bad.json: nothing ran; good.json: 1 experiment: 1 valid; failing.json: 1 experiment: 1 not valid; log '* ]]
  has_lines trained 2
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

@test "the newest logs stay, and what is no log" {
  mkdir -p results/nightly
  touch results/nightly/nightly_2020010{1,2,3,4}_000000.log results/nightly/{notes,nightly_x.log}
  run -0 nightly --logs 2 settings.json
  (($(printf '%s\n' results/nightly/nightly_20* | wc -l) == 2))
  [[ -e results/nightly/nightly_20200104_000000.log ]]
  [[ -e results/nightly/notes && -e results/nightly/nightly_x.log ]]
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
  until_s=$(($(date +%s) + 8))
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

@test "--keep removes old logs afterwards" {
  run -0 --separate-stderr nightly --keep logs=0d --keep samples=0 settings.json
  [[ ! -e $(echo results/run_*/fast_tiny_001/attempts/1)/training.log ]]
  [[ ! -e $(echo results/run_*/fast_tiny_001/energy)/cpu.csv ]]
  [[ -s $(echo results/run_*/fast_tiny_001/experiment.json) ]]
  has_line <(logs) 'files of logs, 0.0 MiB, were removed'
}

@test "under sudo what a night leaves belongs to the caller" {
  ((EUID == 0)) || skip 'only root can give files away'
  for settings in nowhere.json settings.json; do
    "${bare[@]}" SUDO_UID=12345 SUDO_GID=12345 "$ROOT/bin/nightly" --results results "$settings" \
      -- --registry registry.json --root . || true
    [[ -d results/nightly && -z $(find results ! -uid 12345) ]]
  done
  [[ -s $(echo results/run_*/summary.csv) ]]
}

@test "what is wrong with the call is said before anything is made" {
  refused() { # TEXT ARGUMENT ...
    local expected=$1
    shift
    run -2 --separate-stderr nightly "$@"
    [[ $stderr == 'nightly: error: '*"$expected"* && -z $output && $stderr != *Traceback* ]] || {
      printf 'not "%s" in: %s\n' "$expected" "$stderr"
      return 1
    }
    [[ ! -e results && ! -e trained ]]
  }
  refused 'give a settings file'
  refused 'unknown option "--util"' --util 06:30 settings.json
  refused '--until takes HH:MM, or a date and time in ISO 8601, not "25:00"' --until 25:00 settings.json
  refused '--until takes HH:MM' --until 0001-01-01 settings.json
  refused '--logs takes a number from 1, not "0"' --logs 0 settings.json
  refused '--keep "all": not a rule' --keep all settings.json
  refused 'two rules for logs' --keep logs=1 --keep logs=2d settings.json
  refused '--wait-lock takes a number of seconds' --wait-lock 1h settings.json
  refused '--path takes folders that begin with /' --path bin settings.json
  refused '--path takes folders that begin with /' --path /usr/bin: settings.json
  touch file
  refused '--results: ' --results file settings.json
}

@test "nightly --help explains" {
  run -0 --separate-stderr "${bare[@]}" "$ROOT/bin/nightly" --help
  [[ $output == 'Run the experiments of settings files'*'Exit codes: '*'Examples:'* ]]
}

@test "nightly takes the commands of docs/cron.md" {
  local commands=0
  while IFS= read -r line; do
    run -0 bash -c "${bare[*]@Q} ${ROOT@Q}/bin/nightly ${line#*bin/nightly} --help"
    commands=$((commands + 1))
  done < <(grep 'bin/nightly --until' "$ROOT/docs/cron.md")
  ((commands == 2))
}
