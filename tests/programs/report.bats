#!/usr/bin/env bats
# The report: at the end of a run, and as a person asks for one.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  make_fast_repository 'echo Test Accuracy: 70'
  printf '{"mode": "default", "experiments": [{"repo": "fast", "model": "tiny"}]}' >settings.json
}

driver() { # WORD ...
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" "$@"
}

driver_run() { # ARGUMENT ...
  driver run --registry registry.json --root . --results results "$@"
}

@test "a run makes its report, and says where it is; the same files give the same bytes" {
  run -0 --separate-stderr driver_run settings.json
  [[ ${lines[-2]} == 'results: results/run_'* ]]
  [[ ${lines[-1]} == 'report: results/run_'*'/report.html' ]]
  report=${lines[-1]#report: }
  [[ $(cat "$report") == *'1 experiment'*'</html>' ]]
  cp "$report" first
  rm "$report"
  run -0 --separate-stderr driver report "${report%/*}"
  [[ $output == "report: $report" && -z $stderr ]]
  cmp first "$report"
  driver report -o - "${report%/*}" >second
  cmp first second
  driver report -o third "${report%/*}"
  cmp first third
  RUN=$PWD/${report%/*} run -0 make -C "$ROOT" --no-print-directory report
  [[ $output == "report: $PWD/$report" ]]
  run -0 --separate-stderr driver run --resume "${report%/*}"
  [[ $output != *'report: '* && $stderr == *'nothing is missing'* ]]
}

@test "--no-report makes none, and one that cannot be made changes nothing else" {
  run -0 --separate-stderr driver_run --no-report settings.json
  [[ ${lines[-1]} == 'results: '* ]]
  run=$(echo results/run_*)
  [[ ! -e $run/report.html ]]
  rm -r "$run"
  printf '#!/bin/bash\nfor run in ../../results/run_*; do mkdir "$run/report.html"; done; echo Test Accuracy: 70\n' \
    >repos/fast/train.sh
  run -0 --separate-stderr driver_run settings.json
  [[ ${lines[-1]} == 'results: '* ]]
  [[ ${stderr_lines[-1]} == 'no report: IsADirectoryError '*"tandem report ${lines[-1]#results: })" ]]
  [[ -s $(echo results/run_*/*/experiment.json) ]]
}

@test "what is no run is refused, and where nobody may write too" {
  run -2 --separate-stderr driver report nowhere
  [[ $stderr == *'nowhere: no such folder'* ]]
  mkdir empty
  run -2 --separate-stderr driver report -o nowhere/report.html empty
  [[ $stderr == *'nowhere/report.html: cannot be written: No such file or directory'* ]]
  run -0 --separate-stderr driver report empty
  [[ $output == 'report: empty/report.html' ]]
}

@test "after Ctrl-C there is a report of what there is, and the exit code is that of the signal" {
  mkfifo hold
  printf '#!/bin/bash\necho Test Accuracy: 1; touch ../../held; read -r <../../hold\n' \
    >repos/fast/train.sh
  "$ROOT/.venv/bin/python" "$ROOT/driver.py" run --registry registry.json --root . \
    --results results settings.json >said 2>&1 3>&- &
  first=$!
  wait_until test -e held
  kill -INT "$first"
  status=0
  wait "$first" || status=$?
  ((status == 130))
  [[ $(tail -n 1 said) == 'report: results/run_'*'/report.html' ]]
  [[ $(cat results/run_*/report.html) == *'This run was stopped in the middle of fast_tiny_001'* ]]
}
