#!/usr/bin/env bats
# The programs of bin/ on a machine without python3, and without a .venv.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  mkdir tools copy
  ln -s /usr/bin/* /bin/* tools/ 2>/dev/null || true
  rm -f tools/python*
  cp -r "$ROOT/bin" "$ROOT/lib" "$ROOT/templates" copy/
  sed -i "s|^export PATH=.*|export PATH=$PWD/tools|" copy/bin/nightly
}

@test "each program says it in a sentence, and exits 3" {
  local -A words=(
    [bgrun]='--logs logs -- true' [fgrun]='--out out -- true' [energy]='.' [nightly]='settings.json'
    [dose]='--out dose --intensity 1 --keeper 1' [powermon]='--out power' [tandem]='list'
  )
  local program
  for program in copy/bin/*; do
    program=${program##*/}
    # shellcheck disable=SC2086
    PATH=$PWD/tools run -3 --separate-stderr "copy/bin/$program" ${words[$program]}
    [[ -z $output ]]
    [[ $stderr == "$program: error: there is no python3 (install Python 3.10 or newer)" ]]
  done
}

@test "a rendered script whose Python is gone says so, and exits 3" {
  run -0 "$ROOT/bin/fgrun" --out out -- true
  sed -i "s|^readonly PYTHON=.*|readonly PYTHON='/nowhere/python'|" out/fg_run.sh
  run -3 --separate-stderr "$ROOT/bin/fgrun" out/fg_run.sh
  [[ $stderr == 'fgrun: error: there is no Python at "/nowhere/python" (render this script again)' ]]
  run -127 "$ROOT/bin/bgrun" --logs logs -- nonesuch
  sed -i "s|^readonly PYTHON=.*|readonly PYTHON='/nowhere/python'|" logs/bg_loop.sh
  run -3 --separate-stderr "$ROOT/bin/bgrun" logs/bg_loop.sh
  [[ $stderr == 'bgrun: error: there is no Python at "/nowhere/python" (render this script again)' ]]
}
