#!/usr/bin/env bats
# `tandem work`: groups of a run that several workers drain.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

# Makes run/, the folder of a run with two experiments that nobody has begun.
plan() {
  make_fast_repository 'echo "Test Accuracy: 97.5"'
  "$ROOT/bin/tandem" run --plan-only --repo fast --model tiny --runs 2 --registry registry.json \
    --root . --results results 2>/dev/null
  mv results/run_* run
}

work() {
  run --separate-stderr "$ROOT/bin/tandem" work --no-report --proc none "$@"
}

@test "a worker runs what is missing, group by group, and says what it did" {
  plan
  work run --max-groups 1
  [[ $status -eq 1 ]]
  [[ $output == *"2 experiments: 1 valid, 1 missing"* ]]
  [[ $output == *'nobody is at work on 1 group: fast_tiny_002'*'to go on: '*'bin/tandem work run'* ]]
  work run
  [[ $status -eq 0 ]]
  [[ $output == *"this worker: fast_tiny_002: 1 valid"*"2 experiments: 2 valid"*"results: run" ]]
  [[ -L run/fast_tiny_001 && -L run/fast_tiny_002 && -z $(ls -A run/claims) ]]
  work run
  [[ $status -eq 0 && $stderr == "nothing is missing: all experiments have ended" ]]
  local workers=(run/workers/*)
  [[ ${#workers[@]} -eq 2 ]]
}

@test "what is no run of this version is refused, and left as it is" {
  mkdir empty
  work empty
  [[ $status -eq 2 && $stderr == *"empty: holds no plan.json: nothing to go on with"* ]]
  [[ -z $(ls -A empty) ]]
  plan
  sed -i 's/"plan_version": 5/"plan_version": 3/' run/plan.json
  work run
  [[ $status -eq 2 && $stderr == *"not as this version of Tandem wrote it"* ]]
  [[ ! -e run/workers ]]
  work nowhere
  [[ $status -eq 2 && $stderr == *"nowhere"* ]]
}

@test "values of options that cannot be are refused" {
  plan
  local each
  for each in "--claim-expires 0" "--claim-expires soon" "--max-groups 0" "--until soon"; do
    # shellcheck disable=SC2086
    work run $each
    [[ $status -eq 2 && $stderr == *"${each%% *}"* && ! -e run/workers ]]
  done
}

@test "where something else lies in the place of a file or folder of the run, it says what and where" {
  local each
  for each in claims workers fast_tiny_001; do
    rm -rf run results
    plan
    touch "run/$each"
    work run
    [[ $status -eq 3 && $stderr == *"run/$each"*": "*[Nn]"either a folder"* || $stderr == *"run/$each"*": Not a directory"* ]]
    [[ $stderr != *Traceback* ]]
  done
  rm -rf run results
  plan
  mkdir -p run/claims/notes
  touch run/claims/backup~
  work run
  [[ $status -eq 0 ]]
}
