#!/usr/bin/env bats
# driver.py and the make targets, as a person types them.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  mkdir -p repos/fast
  cat >repos/fast/train.sh <<'BASH'
#!/bin/bash
printf '%s ' "$@" >arguments
echo Test Accuracy: 70
BASH
  chmod +x repos/fast/train.sh
  cat >registry.json <<'JSON'
{"models": {"fast": {"path": "repos/fast", "train_script": "./train.sh", "models": ["tiny"],
  "model_flag": "-n", "supported_hyperparams": {"learning_rate": {"flag": "--lr", "type": "float",
  "default": 0.1, "range": [1e-7, 1.0], "distribution": "log_uniform"}},
  "performance_metrics": {"log_patterns": {"accuracy": "Test Accuracy: ([0-9.]+)"}}}}}
JSON
  printf '{"mode": "default", "experiments": [{"repo": "fast", "model": "tiny"}]}' >settings.json
}

# A failed test must not leave a driver that waits for ever.
teardown() {
  if [[ -n ${first_driver-} ]]; then kill -TERM "$first_driver" 2>/dev/null || true; fi
}

driver() { # SUBCOMMAND ARGUMENT ...
  local subcommand=$1
  shift
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" "$subcommand" --registry registry.json "$@"
}

driver_run() { # ARGUMENT ...
  driver run --root . --results results "$@"
}

# Starts a run whose training waits until something is written to the pipe `hold`.
start_held_driver() {
  mkfifo hold
  printf '#!/bin/bash\necho >../../held; read -r <../../hold; echo Test Accuracy: 1\n' \
    >repos/fast/train.sh
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" run --registry registry.json --root . \
    --results results settings.json >first 2>&1 3>&- &
  first_driver=$!
  wait_until test -s held
}

@test "a run without settings: one training, drawn values, no background" {
  run -0 --separate-stderr driver_run --repo fast --model tiny --mutate learning_rate --seed 3
  [[ $output == *'fast_tiny_001 '*' yes'*'results: results/run_'* ]]
  [[ $stderr == *'ended after'*', valid'* ]]
  [[ $(cat repos/fast/arguments) =~ ^'-n tiny --lr '[0-9.e-]+' '$ ]]
  [[ ! -e $(echo results/run_*/*/bg_loop.sh) ]]
  first=$(cat repos/fast/arguments)
  run -0 driver_run --repo fast --model tiny --mutate learning_rate --seed 3
  [[ $(cat repos/fast/arguments) == "$first" ]]
}

@test "a settings file without a mode of parallel starts no background" {
  cat >both.json <<'JSON'
{"experiments": [{"foreground": {"repo": "fast", "model": "tiny"},
  "background": {"repo": "fast", "model": "tiny"}}]}
JSON
  run -2 --separate-stderr driver_run both.json
  [[ $stderr == *'both.json: experiments[0]'*'parallel'* ]]
  [[ ! -e results ]]
}

@test "check prints the design and runs nothing" {
  run -0 --separate-stderr driver check --root . settings.json
  [[ $output == *$'\n  values     repeats  background\nfast tiny\n  no values  1        none'* ]]
  [[ $output != *'./train.sh'* ]]
  COLUMNS=40 run -0 --separate-stderr driver check --root . settings.json
  [[ $output == *$'\nfast tiny\n  no values\n    repeats 1\n    background none'* ]]
  [[ ! -e repos/fast/arguments && ! -e results ]]
}

@test "check of a design says what it can tell, and after a first run how long it takes" {
  cat >design.json <<'JSON'
{"settings_version": 2, "repeats": 6, "controls": {"solo": true},
 "factors": {"background": [{"repo": "fast", "model": "tiny"}], "intensity": [0.5, 1]},
 "experiments": [{"foreground": {"repo": "fast", "model": "tiny"}}]}
JSON
  run -0 --separate-stderr driver check --root . --results results design.json
  [[ $output == *$'\n  no values  6        b2: fast tiny  intensity 1\n'* ]]
  [[ $output == *$'\n  order   6 blocks of 1 group of 3 experiments'* ]]
  [[ $output == *$'\n  time    unknown: these trainings are not among'*$'\n  energy  unknown\n'* ]]
  [[ $output == *$'\n  slowdown             6 pairs a line: verdict\n'* ]]
  [[ $output == *$'\n  by intensity         0.5, 1: 6 pairs a level: verdict\n'* ]]
  run -0 driver_run settings.json
  run -0 --separate-stderr driver check --root . --results results design.json
  [[ $output == *$'\n  time    more than '*'; unknown of 12 experiments: fast tiny beside fast tiny'* ]]
  run -0 --separate-stderr driver check --root . --results results settings.json
  [[ $output == *$'\n  time    about '* ]]
}

@test "check --lines prints every command line, --json the plan, and both run nothing" {
  run -0 --separate-stderr driver check --root . --lines settings.json
  [[ $output == *'./train.sh -n tiny'* ]]
  [[ ! -e repos/fast/arguments ]]
  run -0 --separate-stderr driver check --root . --json settings.json
  [[ $output == $'{\n"problems": [],\n"plan": {\n"plan_version": '*'"command": ["./train.sh", "-n", "tiny"]'* ]]
}

@test "several registries: a later entry counts whole, and paths begin at their own file" {
  mkdir -p other/config other/repos/fast
  printf '#!/bin/bash\necho Test Accuracy: 71\n' >other/repos/fast/train.sh
  chmod +x other/repos/fast/train.sh
  sed 's/"-n"/"--name"/' registry.json >other/config/registry.json
  local tandem=("$ROOT/.venv/bin/python" "$ROOT/driver.py")
  local both=(--registry registry.json --registry other/config/registry.json)
  run -0 --separate-stderr "${tandem[@]}" check --lines "${both[@]}" settings.json
  [[ $output == *"  registry  $PWD/registry.json"$'\n'"  registry  $PWD/other/config/registry.json"* ]]
  [[ $output == *"in   $PWD/other/repos/fast"*'run  ./train.sh --name tiny'* ]]
  [[ $output == *'other/config/registry.json: models.fast: counts in place of that in registry.json' ]]
  run -0 --separate-stderr "${tandem[@]}" list "${both[@]}"
  [[ $output == $'fast\n  file    other/config/registry.json\n'* ]]
  printf '{"extends": "../../registry.json", "models": {"own": {"path": "repos/fast",
    "train_script": "./train.sh", "models": ["tiny"]}}}' >other/config/mine.json
  run -0 --separate-stderr "${tandem[@]}" repos --registry other/config/mine.json
  run -2 --separate-stderr "${tandem[@]}" run --registry other/config/mine.json --registry no.json settings.json
  [[ $stderr == *'no.json: no such file (check the path)'* && ! -e results ]]
}

@test "check and run take the same commands from the same seed" {
  printf '{"experiments": [{"repo": "fast", "model": "tiny", "mutate": ["learning_rate"]}]}' >draw.json
  run -0 --separate-stderr driver check --root . --seed 11 --lines draw.json
  planned=$(grep -o -- '--lr .*' <<<"$output")
  run -0 driver_run --seed 11 draw.json
  [[ $(cat repos/fast/arguments) == "-n tiny $planned " ]]
}

@test "every bad input is a sentence with its place, exit 2, and nothing started" {
  bad() { # NAME TEXT EXPECTED
    printf '%s' "$2" >"$1.json"
    run -2 --separate-stderr driver_run "$1.json"
    [[ $stderr == *"$1.json"*"$3"* ]] || {
      printf 'not "%s" in: %s\n' "$3" "$stderr"
      return 1
    }
    [[ $stderr != *Traceback* ]]
    [[ ! -e results && ! -e repos/fast/arguments ]]
  }
  bad empty '' 'the file is empty'
  bad text 'hello' 'not JSON at line 1, column 1'
  bad list '[1, 2]' 'list'
  bad types '{"experiments": "all"}' 'experiments'
  bad negative '{"mode": "default", "experiments": [{"repo": "fast", "model": "tiny", "max_retries": -1}]}' 'experiments[0].max_retries'
  bad deep "$(printf '{"a":%.0s' {1..2000})1$(printf '}%.0s' {1..2000})" 'deep'
  bad repo '{"mode": "default", "experiments": [{"repo": "fest", "model": "tiny"}]}' 'did you mean "fast"'
  bad model '{"mode": "default", "experiments": [{"repo": "fast", "model": "tinny"}]}' 'did you mean "tiny"'
  bad hyper '{"experiments": [{"repo": "fast", "model": "tiny", "mutate": ["lerning_rate"]}]}' 'experiments[0].mutate[0]'
  bad twice '{"mode": "default", "mode": "parallel", "experiments": []}' 'twice'
  bad strict '{"settings_version": 2, "experiments": [{"repo": "fast", "model": "tiny", "mode": "default"}]}' 'experiments[0].mode: not a key of version 2'
  bad two '{"experiments": [{"repo": "fest", "model": "tiny"}, {"repo": "fast", "model": "x"}]}' 'experiments[1]'
}

@test "what has no effect comes first, on stderr, with IGNORED; check --strict makes it an error" {
  cat >odd.json <<'JSON'
{"runs_per_confg": 2, "experiments": [{"repo": "fast", "model": "tiny", "mode": "default",
  "repeats": 5, "hyperparameters": {"learning_rat": 0.1}, "governor": "warp"}]}
JSON
  ignored=(
    'tandem: warning: odd.json: runs_per_confg: IGNORED: unknown key (did you mean "runs_per_config"?)'
    'tandem: warning: odd.json: experiments[0].repeats: IGNORED: unknown key (it works in a file with "settings_version": 2)'
    'tandem: warning: odd.json: experiments[0].governor: IGNORED: no effect in this place (entry)'
    'tandem: warning: odd.json: experiments[0].hyperparameters.learning_rat: IGNORED: not a hyperparameter of fast, not passed (did you mean "learning_rate"?)'
  )
  run -0 --separate-stderr driver check --root . odd.json
  [[ $stderr == "$(printf '%s\n' "${ignored[@]}")" ]]
  [[ $output == *'fast tiny'* && $output != *IGNORED* && $output != *warning* ]]
  run -0 driver check --root . odd.json
  [[ $output == "${ignored[0]}"$'\n'*'fast tiny'* ]]
  run -0 --separate-stderr driver_run odd.json
  [[ $stderr == "$(printf '%s\n' "${ignored[@]}")"$'\n'* ]]
  run -2 --separate-stderr driver check --strict --root . odd.json
  [[ $stderr == "$(printf '%s\n' "${ignored[@]/warning/error}")" ]]
  [[ $output == 'nothing is planned'*'4 errors:'*'experiments[0].repeats: IGNORED'* ]]
  run -0 --separate-stderr driver check --strict --root . settings.json
  [[ -z $stderr ]]
}

@test "a missing or unexecutable train script is found before anything starts" {
  chmod -x repos/fast/train.sh
  run -2 --separate-stderr driver_run settings.json
  [[ $stderr == *'not executable'* ]]
  rm repos/fast/train.sh
  run -2 --separate-stderr driver_run settings.json
  [[ $stderr == *'train.sh'* ]]
  [[ ! -e results ]]
}

@test "--skip-invalid runs the rest" {
  printf '{"mode": "default", "experiments": [{"repo": "fest", "model": "tiny"}, {"repo": "fast", "model": "tiny"}]}' >mixed.json
  run -2 driver_run mixed.json
  run -0 --separate-stderr driver_run --skip-invalid mixed.json
  [[ $stderr == *'error: '*'fest'* ]]
  (($(grep -c . results/run_*/summary.csv) == 2))
}

@test "a training that fails gives exit 1 and its log is kept" {
  printf '#!/bin/bash\necho broken; exit 3\n' >repos/fast/train.sh
  run -1 --separate-stderr driver_run settings.json
  [[ $stderr == *'foreground failed: exit code 3, trying again (2 of 3)'* ]]
  (($(grep -l broken results/run_*/*/attempts/*/training.log | wc -l) == 3))
}

@test "a second run at the same time stops with 75 and names the first" {
  start_held_driver
  run -75 --separate-stderr driver_run settings.json
  [[ $stderr == *'another run uses this machine: process '*'driver.py'* ]]
  echo go >hold
  wait "$first_driver"
}

@test "different GPUs are used side by side" {
  CUDA_VISIBLE_DEVICES=0 start_held_driver
  CUDA_VISIBLE_DEVICES=0 run -75 driver_run settings.json
  printf '#!/bin/bash\necho Test Accuracy: 1\n' >repos/fast/other.sh
  chmod +x repos/fast/other.sh
  run -75 driver_run settings.json
  mv repos/fast/other.sh repos/fast/train.sh
  CUDA_VISIBLE_DEVICES=1 run -0 driver_run settings.json
  echo go >hold
  wait "$first_driver"
}

@test "a name with spaces, quotes and dollars is only a name" {
  mkdir -p '$(touch pwned) "a" b'
  cp settings.json '$(touch pwned) "a" b/se t.json'
  run -0 driver_run '$(touch pwned) "a" b/se t.json' --results '$(touch pwned) "a" b/out'
  [[ -s $(echo '$(touch pwned) "a" b/out'/run_*/summary.csv) ]]
  [[ ! -e pwned ]]
}

@test "list and doctor print and exit 0" {
  run -0 --separate-stderr driver list
  [[ $output == *learning_rate*--lr*log_uniform* ]]
  run -0 --separate-stderr "$ROOT/.venv/bin/python" "$ROOT/driver.py" doctor
  [[ $output == *bash*namespaces*leftovers* ]]
}

@test "bare make explains, and a missing CONFIG is asked for" {
  run -0 make -s -C "$ROOT"
  [[ $output == *'parallel '*'doctor '* ]]
  run -2 --separate-stderr make -s -C "$ROOT" parallel
  [[ $stderr == *'which settings? make parallel CONFIG='* ]]
}

@test "make check passes the name of the settings on as written" {
  run -2 --separate-stderr make -s -C "$ROOT" check CONFIG='no $(touch pwned) "file"; x'
  [[ $output == *'no $(touch pwned) "file"; x: no such file'* ]]
  [[ ! -e $ROOT/pwned ]]
}

@test "make resume goes on with the run of that name, as written" {
  local results=$'a $(touch pwned) "folder"; \'x\''
  driver run --root . --results "$results" settings.json >/dev/null 2>&1
  local found=("$results"/run_*)
  rm "${found[0]}"/journal.jsonl "${found[0]}"/summary.csv "${found[0]}"/fast_tiny_001/outcome.json
  mv "${found[0]}"/fast_tiny_001/experiment.json kept
  run -0 --separate-stderr make -s -C "$ROOT" resume RUN="$PWD/${found[0]}"
  [[ $stderr == *'fast_tiny_001 started'*', valid'* ]]
  [[ -e ${found[0]}/cut_off/fast_tiny_001.1/training.log ]]
  run -0 --separate-stderr make -s -C "$ROOT" resume RUN="$PWD/${found[0]}"
  [[ $stderr == *'nothing is missing'* ]]
  [[ ! -e pwned && ! -e $ROOT/pwned ]]
  run -2 --separate-stderr make -s -C "$ROOT" resume
  [[ $stderr == *'which run? make resume RUN='* ]]
}

@test "a run that is stopped says how to go on" {
  start_held_driver
  kill -INT "$first_driver"
  wait "$first_driver" || [[ $? == 130 ]]
  first_driver=''
  grep -q '^1 experiment: 1 missing (make -C .* resume RUN=/.*/results/run_.*)$' first
}

@test "what is not JSON is shown with a mark below, in settings and in a registry" {
  printf '{"experiments": [\n  {"repo": "digits",},\n]}\n' >"$BATS_TEST_TMPDIR/bad.json"
  cd "$BATS_TEST_TMPDIR"
  local expected='tandem: error: bad.json: not JSON at line 2, column 20: a comma before } (remove it)
      {"repo": "digits",},
                       ^'
  run -2 --separate-stderr "$ROOT/bin/tandem" run bad.json
  [[ $stderr == "$expected" ]]
  run -2 --separate-stderr "$ROOT/bin/tandem" list --registry bad.json
  [[ $stderr == "$expected" ]]
}

@test "bare make is one screen, and points to tandem, whose help is one, too" {
  local words
  for words in "make -s -C $ROOT" "$ROOT/bin/tandem --help"; do
    # shellcheck disable=SC2086
    run -0 --separate-stderr $words
    ((${#lines[@]} <= 24)) && [[ -z $stderr ]]
    run -1 grep -E '.{81}' <<<"$output"
  done
  run -0 make -s -C "$ROOT"
  [[ $output == *'bin/tandem --help has all commands' ]]
}

@test "make status without RUN is that of the latest run, which a run leaves by that name" {
  driver_run settings.json >/dev/null 2>&1
  local found=(results/run_*)
  [[ $(readlink results/latest) == "${found[0]##*/}" ]]
  run -0 --separate-stderr "$ROOT/bin/tandem" verify results/latest
  [[ $output == "${found[0]}: "* ]]
  run -0 --separate-stderr make -s -C "$ROOT" status RUN="$PWD/results/latest"
  [[ $output == *'1 valid'* ]]
  rm results/latest
  mkdir results/latest
  run -0 --separate-stderr driver_run settings.json
  [[ $stderr == *'results/latest is left alone: it is not the link of an earlier run'* ]]
  [[ -z $(ls results/latest) ]]
}

@test "prune says so where nothing is to be removed" {
  mkdir -p "$BATS_TEST_TMPDIR/none"
  run --separate-stderr "$ROOT/bin/tandem" prune --keep logs=30d --results "$BATS_TEST_TMPDIR/none"
  [[ $status -eq 0 && $output == "$BATS_TEST_TMPDIR/none: nothing to remove" && -z $stderr ]]
}
