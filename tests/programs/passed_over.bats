#!/usr/bin/env bats
# results/run_*: what is no run there is named once and passed over, whatever command reads it.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup_file() {
  load helpers.bash
  cd "$BATS_FILE_TMPDIR"
  mkdir -p results/run_empty results/run_foreign/notes
  make_fast_repository 'echo Test Accuracy: 70'
  touch results/run_notes.txt results/run_foreign/notes/a
  TANDEM_LOCKS=$PWD driver run --registry registry.json --root . --results results --repo fast --model tiny
}

setup() {
  load helpers.bash
  cd "$BATS_FILE_TMPDIR"
}

driver() {
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" "$@"
}

# Whether each of the three that are no run is named once.
names_each_once() { # TEXT
  local name
  for name in run_empty run_foreign run_notes.txt; do
    (($(grep -c "results/$name: " <<<"$1") == 1))
  done
}

@test "verify and report go on without what is no run" {
  run -0 --separate-stderr driver verify results/run_*
  names_each_once "$stderr"
  [[ $output == results/run_2*': every figure is what they say' ]]
  run -0 --separate-stderr driver report results/run_*
  names_each_once "$stderr"
  [[ $output == 'report: results/run_2'*'/report.html' ]]
}

@test "compare and table name it too" {
  run -0 --separate-stderr driver compare results/run_*
  names_each_once "$output"
  run -1 --separate-stderr driver table results/run_*
  names_each_once "$stderr"
  has_line <(printf '%s' "$output") fast_tiny_001
}

@test "where nothing is left, all of it is an error" {
  for command in verify report compare table; do
    run -2 --separate-stderr driver "$command" results/run_empty results/run_notes.txt
    [[ $stderr == *'results/run_empty: '* && $stderr == *'results/run_notes.txt: '* && -z $output ]]
  done
}

@test "prune leaves it alone, and says so; a run beside it is made, and its time is foretold" {
  run -0 --separate-stderr driver prune --results results --keep logs=0
  [[ $output == *'results/run_empty: skipped: no run'*'results/run_foreign: skipped: no run'* ]]
  [[ -e results/run_foreign/notes/a ]]
  run -0 driver check --registry registry.json --root . --results results --repo fast --model tiny
  [[ $output != *Traceback* ]]
}

@test "a pipe in the place of a record keeps nobody waiting" {
  mkdir -p piped/one
  mkfifo piped/one/experiment.json
  run -2 --separate-stderr timeout 30 "$ROOT/.venv/bin/python" "$ROOT/driver.py" compare piped
  [[ $stderr == *"piped/one/experiment.json: cannot be read: not a regular file"* ]]
}
