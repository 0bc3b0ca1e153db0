#!/usr/bin/env bats
# What README says is needed, and no more: programs that are not there are missed only where it says so.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  mkdir -p few
  make_fast_repository 'echo Test Accuracy: 70'
  printf '{"mode": "default", "experiments": [{"repo": "fast", "model": "tiny"}]}' >settings.json
}

# Makes the folder `few`: all programs of this machine but some.
all_but() { # PROGRAM ...
  local folder name
  for folder in /usr/local/bin /usr/bin /bin; do
    ln -s --target-directory=few "$folder"/* 2>/dev/null || true
  done
  for name; do rm "few/$name"; done
}

@test "without git and util-linux's tools a run is whole, and its record says that no commit is known" {
  all_but git flock setpriv unshare
  PATH=$PWD/few run -0 "$ROOT/bin/tandem" run --registry registry.json --root . --results results settings.json
  [[ $output == *'1 experiment: 1 valid'* ]]
  record=$(echo results/run_*/fast_tiny_001/experiment.json)
  run -0 "$ROOT/.venv/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["environment"]["tandem_git"]["commit"])' "$record"
  [[ $output == None ]]
}

@test "what needs git says so" {
  all_but git
  printf '{"models": {"far": {"path": "repos/far", "url": "https://example.org/far", "commit": "%040d",
    "train_script": "./train.sh", "models": ["tiny"], "supported_hyperparams": {}}}}' 1 >far.json
  PATH=$PWD/few run --separate-stderr -3 "$ROOT/bin/tandem" repos --registry far.json --root .
  [[ $stderr == 'tandem: error: '*git* ]]
}

@test "bin/nightly names the tool of util-linux that is missing, before anything is made" {
  local tool
  mkdir -p copy/bin
  ln -s "$ROOT"/{lib,.venv,driver.py} copy/
  sed "s|^export PATH=.*|export PATH=$PWD/few|" "$ROOT/bin/nightly" >copy/bin/nightly
  chmod +x copy/bin/nightly
  for tool in flock setpriv; do
    rm -rf few && mkdir few
    all_but "$tool"
    run -3 --separate-stderr copy/bin/nightly --results results settings.json
    [[ $stderr == "nightly: error: there is no $tool (of util-linux)" && ! -e results ]]
  done
}

@test "a Python without venv: the message names the package of Debian and Ubuntu" {
  mkdir -p copy/bin
  ln -s "$ROOT"/{lib,requirements.txt,driver.py} copy/
  cp "$ROOT/bin/tandem" copy/bin
  # Debian's python3 without python3-venv: the module is there, ensurepip is not.
  printf '#!/bin/bash\nif [[ "$1 $2" == "-m venv" ]]; then echo "ensurepip is not available" >&2; exit 1; fi\nexec %q "$@"\n' \
    "$(command -v python3)" >python
  chmod +x python
  PYTHON3=$PWD/python run -3 --separate-stderr copy/bin/tandem list
  [[ $stderr == *'tandem: error: no .venv can be made (on Debian and Ubuntu python3-venv is needed)'* ]]
  [[ -z $output ]]
}
