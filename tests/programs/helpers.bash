# Shared by the bats files: where the project is, and waiting for conditions.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
export ROOT=${BATS_TEST_DIRNAME%/tests/programs}
export TANDEM_LOCKS=$BATS_TEST_TMPDIR

# Waits until a command succeeds; fails after 60 s, which is a guard and not a figure.
wait_until() { # COMMAND ...
  local end=$((SECONDS + 60))
  until "$@" 2>/dev/null; do
    if ((SECONDS >= end)); then
      printf 'never true: %s\n' "$*" >&2
      return 1
    fi
    sleep 0.02
  done
}

# Succeeds while a process runs; a zombie has ended.
is_running() { # PID
  local stat
  read -r stat <"/proc/$1/stat" || return 1
  [[ ${stat##*) } != [ZX]* ]]
}

is_gone() { # PID
  ! is_running "$1"
}

is_called() { # PID NAME
  local name
  read -r name <"/proc/$1/comm" && [[ $name == "$2" ]]
}

has_line() { # FILE TEXT
  grep -qF -- "$2" "$1"
}

# Makes repos/fast, whose train.sh has these lines, and registry.json, which knows it as fast tiny.
make_fast_repository() { # LINE ...
  mkdir -p repos/fast
  printf '%s\n' '#!/bin/bash' "$@" >repos/fast/train.sh
  chmod +x repos/fast/train.sh
  cat >registry.json <<'JSON'
{"models": {"fast": {"path": "repos/fast", "train_script": "./train.sh", "models": ["tiny"],
  "supported_hyperparams": {},
  "performance_metrics": {"log_patterns": {"accuracy": "Test Accuracy: ([0-9.]+)"}}}}}
JSON
}
