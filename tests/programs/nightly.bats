#!/usr/bin/env bats
# bin/nightly, as cron starts it: with nearly no environment.

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

@test "on failure stderr has all that is needed" {
  train 'echo broken; exit 3'
  settings 'two words.json' 2
  run -1 --separate-stderr nightly 'two words.json'
  [[ -z $output ]]
  [[ $stderr == 'nightly: error: two words.json: exit code 1, some experiments failed or are not valid; '* ]]
  [[ $stderr == *'fast_tiny_002 is not valid: '* ]]
  run=$(echo results/run_*)
  [[ $stderr == *"the report: $PWD/$run/report.html"* && -s $run/report.html ]]
  [[ $stderr == *"all of the run: cd $PWD && $ROOT/bin/tandem status $PWD/$run"$'\n'* ]]
  [[ $stderr == *"what is known of one: cd $PWD && $ROOT/bin/tandem show $PWD/$run/fast_tiny_001"$'\n'* ]]
  [[ $stderr == *"to run again what is not valid: cd $PWD && $ROOT/bin/tandem run --resume $PWD/$run --rerun-invalid"$'\n'* ]]
  [[ ${stderr##*$'\n'} == 'nightly: two\ words.json: 2 experiments: 2 not valid; log '* ]]
  [[ -s ${stderr##*; log } ]]
}

# Runs the command that stands behind a label in what a night said.
by_hand() { # LABEL TEXT
  local command=${2#*"$1": }
  (cd / && TANDEM_LOCKS=$BATS_TEST_TMPDIR bash -c "${command%%$'\n'*}")
}

@test "the command for what is not valid runs it again" {
  train 'exit 3'
  settings settings.json 2
  run -1 --separate-stderr nightly settings.json
  said=$stderr
  run -0 by_hand 'what is known of one' "$said"
  [[ $output == *fast_tiny_001*'exit code 3'* ]]
  train 'echo trained >>../../trained; echo Test Accuracy: 70'
  run -1 --separate-stderr nightly settings.json
  said=$stderr
  [[ ! -e trained ]]
  run -0 by_hand 'to run again what is not valid' "$said"
  has_lines trained 2
}

@test "the command for going on by hand does so" {
  printf '{' >settings.json
  run -2 --separate-stderr nightly settings.json
  said=$stderr
  train 'echo trained >>../../trained; echo Test Accuracy: 70'
  settings settings.json 1
  run -0 by_hand 'by hand' "$said"
  has_lines trained 1
}

@test "--notify tells once of the whole night" {
  printf '#!/bin/bash\n{ env | grep ^TANDEM_; echo "$@"; cat; } >>%q/noted\n' "$PWD" >'tell me'
  chmod +x 'tell me'
  train '[[ $* != *--seed* ]] && echo Test Accuracy: 70'
  settings good.json 2
  sed 's/"tiny"/"tiny", "hyperparameters": {"seed": 2}/' settings.json >failing.json
  run -1 --separate-stderr nightly --notify "'$PWD/tell me' 'a b' ';touch pwned'" good.json failing.json
  has_line noted 'a b ;touch pwned'
  for line in EXIT_CODE=1 VALID=2 NOT_VALID=1 MISSING=0 "RUN=$PWD/results/run_" \
    'SUMMARY=good.json: 2 experiments: 2 valid; failing.json: 1 experiment: 1 not valid; log '; do
    (($(grep -c "^TANDEM_$line" noted) == 1))
  done
  has_line noted 'failing.json: exit code 1, some experiments failed or are not valid'
  has_line noted '    results: results/run_'
  [[ ! -e pwned ]]
}

@test "a --notify that fails is one line, and changes no exit code" {
  run -0 --separate-stderr nightly --notify "bash -c 'echo no network; exit 6'" settings.json
  [[ $stderr == "nightly: warning: --notify bash -c 'echo no network; exit 6': exit code 6: no network" ]]
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

@test "the newest logs stay, and what is no log" {
  mkdir -p results/nightly
  touch results/nightly/nightly_2020010{1,2,3,4}_000000.log results/nightly/{notes,nightly_x.log}
  run -0 nightly --logs 2 settings.json
  (($(printf '%s\n' results/nightly/nightly_20* | wc -l) == 2))
  [[ -e results/nightly/nightly_20200104_000000.log ]]
  [[ -e results/nightly/notes && -e results/nightly/nightly_x.log ]]
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
  refused '--notify takes a command, not "no_such_program -x"' --notify 'no_such_program -x' settings.json
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
