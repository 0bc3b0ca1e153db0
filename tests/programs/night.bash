# Shared by the files of bin/nightly: a training, its settings, and a night as cron starts it.
# shellcheck shell=bash
# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2034,SC2164

night_setup() {
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
night_teardown() {
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
