#!/usr/bin/env bats
# One experiment on the terminal, as a person asks for it.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup_file() {
  load helpers.bash
  cd "$BATS_FILE_TMPDIR"
  make_fast_repository 'echo Epoch 1' 'echo Test Accuracy: 70' 'exit 3'
  printf '{"mode": "default", "experiments": [{"repo": "fast", "model": "tiny"}]}' >settings.json
  run -1 driver run --registry registry.json --root . --results results settings.json
}

setup() {
  load helpers.bash
  cd "$BATS_FILE_TMPDIR"
}

driver() { # WORD ...
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" "$@"
}

@test "show says how an experiment stands and why, what was measured, and how its log ends" {
  run -0 --separate-stderr driver show results/run_*/fast_tiny_001
  [[ -z $stderr && ${lines[0]} == fast_tiny_001 && ${lines[1]} == *'not valid' ]]
  [[ $output == *'Attempts'*'exit code 3'*'End of attempts/3/training.log'*'Test Accuracy: 70'* ]]
  [[ $output == *'Timeline, in seconds since the experiment began'* ]]
}

@test "an experiment is named by its id and its run, and a wrong name gets the nearest" {
  run -0 --separate-stderr driver show fast_tiny_001 --run results/run_*
  [[ ${lines[0]} == fast_tiny_001 ]]
  run -2 --separate-stderr driver show fast_tiny_01 --run results/run_*
  [[ -z $output && $stderr == *'no experiment "fast_tiny_01"'*'did you mean "fast_tiny_001"'* ]]
  run -2 --separate-stderr driver show results/run_1/a
  [[ $stderr == *'no such folder'* && $stderr != *Traceback* ]]
}

@test "no line of show is longer than the terminal, and without UTF-8 there is only ASCII" {
  for columns in 40 80 120; do
    COLUMNS=$columns LC_ALL=C.UTF-8 run -0 driver show results/run_*/fast_tiny_001
    for line in "${lines[@]}"; do [ "${#line}" -le "$columns" ]; done
  done
  PYTHONIOENCODING=ascii run -0 driver show results/run_*/fast_tiny_001
  run -1 grep -P '[^\x00-\x7f]' <<<"$output"
}
