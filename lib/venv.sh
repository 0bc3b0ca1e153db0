# The project's own Python, .venv: made on first use, and made anew where it is broken.
# Sourced by bin/tandem and by the Makefile, whose shells end at the first error (set -e); defines
# functions only. In .venv a file .KIND-installed says that requirements-KIND.txt is installed.
# shellcheck shell=bash

# Makes .venv whole, with the packages of these kinds besides (dev, long). Of several that ask at
# the same time one does it, and the others wait.
venv_need() { # ROOT [KIND ...]
  local said kind
  if venv_has "$1" run "${@:2}"; then return 0; fi
  if ! said=$(mkdir -p -- "$1/.venv" 2>&1 && : 2>&1 >>"$1/.venv/.lock"); then
    venv_fail "$1/.venv is not whole, and cannot be made: $said"
  fi
  exec 9>>"$1/.venv/.lock" # pip holds it too: one whose caller was killed is waited for
  if command -v flock >/dev/null && ! flock --nonblock 9; then
    printf 'another command installs into .venv, or a run uses it: waiting for its end\n' >&2
    flock 9
  fi
  if ! venv_has "$1" run; then venv_make "$1"; fi
  for kind in "${@:2}"; do
    if ! venv_has "$1" "$kind"; then venv_install "$1" "$kind"; fi
  done
  exec 9>&-
}

# Succeeds if .venv is whole and has the packages of all these kinds.
venv_has() { # ROOT KIND ...
  local kind stamp
  for kind in "${@:2}"; do
    stamp=$1/.venv/.$kind-installed
    [[ -e $stamp && ! $(venv_requirements "$1" "$kind") -nt $stamp ]] || return 1
  done
  [[ -z $(venv_flaw "$1/.venv") ]]
}

venv_requirements() { # ROOT KIND
  local kind=${2/#run/}
  printf '%s/requirements%s.txt' "$1" "${kind:+-$kind}"
}

# Prints why a .venv that is there cannot be used; nothing where it can.
venv_flaw() { # VENV
  local python module
  if [[ -e $1/.installing ]]; then printf 'its installation did not end' && return 0; fi
  if [[ ! -e $1/bin && ! -e $1/.run-installed ]]; then return 0; fi
  if [[ ! -x $1/bin/python ]]; then printf 'its Python is gone' && return 0; fi
  python=$(readlink -f -- "$1/bin/python")
  python=${python##*/}
  if [[ $python == python3.* && ! -d $1/lib/$python ]]; then
    printf 'its Python is now %s' "$python" && return 0
  fi
  if [[ ! -e $1/.run-installed ]]; then return 0; fi
  for module in sh jsonschema pynvml; do # what pyproject.toml names
    if ! compgen -G "$1/lib/python3*/site-packages/$module.py" &&
      ! compgen -G "$1/lib/python3*/site-packages/$module/__init__.py"; then
      printf 'the Python package %s is missing in it' "$module" >&3 && return 0
    fi >/dev/null
  done 3>&1
}

# Makes .venv, anew where it is broken, with the packages of requirements.txt.
venv_make() { # ROOT
  local venv=$1/.venv python=${PYTHON3:-python3} flaw said
  command -v "$python" >/dev/null || venv_fail "there is no $python (install Python 3.10 or newer)"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    venv_fail "Python 3.10 or newer is needed, and $python is older (PYTHON3=python3.12 names another)"
  flaw=$(venv_flaw "$venv")
  if [[ -n $flaw ]]; then
    printf '.venv is broken (%s): making it anew\n' "$flaw" >&2
    find "$venv/" -mindepth 1 ! -path "$venv/.lock" -delete
  fi
  if [[ ! -e $venv/.run-installed ]]; then : >"$venv/.installing"; fi
  said=$("$python" -m venv "$venv" 2>&1) ||
    venv_fail "no .venv can be made (on Debian and Ubuntu python3-venv is needed): $said"
  venv_install "$1" run
  rm -f -- "$venv/.installing"
}

# Installs the packages of a kind.
venv_install() { # ROOT KIND
  local file said why packages
  file=$(venv_requirements "$1" "$2")
  printf 'installing %s into .venv (once)\n' "${file##*/}" >&2
  if ! said=$("$1/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$file" 2>&1); then
    why=${said##*ERROR: }
    if [[ $said == *'connection broken'* ]]; then why="no package index can be reached (is there a network?); $why"; fi
    venv_fail "${file##*/} could not be installed into .venv: $why"
  fi
  for packages in "$1"/.venv/lib/python3*/site-packages; do
    ln -sfn ../../../../lib/tandem "$packages/tandem" # for `import tandem` in it
  done
  : >"$1/.venv/.$2-installed"
}

# Ends the script because the machine is not ready.
venv_fail() { # TEXT
  printf 'tandem: error: %s\n' "$1" >&2
  exit 3
}
