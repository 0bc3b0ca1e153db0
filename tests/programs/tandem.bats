#!/usr/bin/env bats
# bin/tandem, as a person types it.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
}

# Makes a project whose driver is a Bash script, beside a .venv that is whole.
make_project() { # FOLDER DRIVER_LINE ...
  mkdir -p "$1/.venv/bin" "$1/.venv/lib/python3/site-packages"
  cp -r "$ROOT/bin" "$ROOT/lib" "$1/"
  printf '%s\n' "${@:2}" >"$1/driver.py"
  cp "$BASH" "$1/.venv/bin/python"
  touch "$1/requirements.txt" "$1/.venv/lib/python3/site-packages/"{sh,jsonschema,pynvml}.py
  touch "$1/.venv/.run-installed"
}

@test "the arguments arrive as they were typed, from anywhere, through links, with any name" {
  make_project 'a $(touch pwned) "project"' 'printf "<%s>" "$@"'
  ln -s 'a $(touch pwned) "project"/bin/tandem' link
  mkdir elsewhere
  ln -s ../link elsewhere/tandem
  run -0 --separate-stderr elsewhere/tandem run '' 'a b' '$HOME' --x=-- '*'
  [[ $output == '<run><><a b><$HOME><--x=--><*>' && -z $stderr ]]
  cd elsewhere
  PATH=$PWD:$PATH run -0 --separate-stderr tandem list
  [[ $output == '<list>' && ! -e pwned && ! -e ../pwned ]]
}

@test "exit codes arrive unchanged" {
  make_project project 'exit "$1"'
  local code
  for code in 0 1 2 3 75 130 255; do
    run "-$code" project/bin/tandem "$code"
  done
}

@test "a signal reaches the driver, which is the same process" {
  make_project project 'trap "echo \$\$ >ended; exit 7" "$1"' 'echo ready >ready' 'while :; do sleep 0.02; done'
  local signal pid status
  for signal in TERM HUP USR1; do
    rm -f ready ended
    project/bin/tandem "$signal" 3>&- &
    pid=$!
    wait_until test -s ready
    kill "-$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    [[ $status == 7 && $(<ended) == "$pid" ]]
  done
  make_project deaf 'kill -KILL "$$"'
  run -137 deaf/bin/tandem
}
