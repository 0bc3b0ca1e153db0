#!/usr/bin/env bats
# tandem submit and make submit, as a person types them; a stand-in of Slurm's commands is on PATH.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  cd "$BATS_TEST_TMPDIR"
  make_fast_repository 'echo Test Accuracy: 70'
  printf '{"mode": "default", "runs_per_config": 6, "experiments": [{"repo": "fast", "model": "tiny"}]}' \
    >settings.json
  mkdir slurm
  export STANDIN_SLURM=$PWD/slurm PATH=$ROOT/tests/support/slurm:$PATH
}

resume() { # RUN ARGUMENT ...
  "$ROOT/bin/tandem" submit --results results --resume "$@"
}

submit() { # ARGUMENT ...
  "$ROOT/bin/tandem" submit --registry registry.json --root . --results results "$@"
}

# Prints what a command was called with, a line an argument.
arguments_of() { # COMMAND.NUMBER
  tr '\0' '\n' <"slurm/$1.argv"
}

@test "a submission: the run's folder, one array, the job noted, what to type next" {
  run -0 --separate-stderr submit --partition gpu --time 8:00:00 --gpus a100 --cpus 8 --memory 60G settings.json
  local folder
  folder=$(echo results/run_*)
  [[ $output == "submitted job 1234: 4 workers"$'\n'"results: $folder"$'\n'* && -z $stderr ]]
  [[ $output == *" status $folder"*" watch $folder"*" report $folder"*'scancel 1234' ]]
  [[ $(arguments_of sbatch.1) == "--parsable"$'\n'"$PWD/$folder/jobs/worker.sbatch" ]]
  grep -q '^#SBATCH --job-name=tandem-run_[0-9_]*-[0-9a-f]* --array=0-3$' "$folder/jobs/worker.sbatch"
  has_line "$folder/jobs/worker.sbatch" "#SBATCH --output=$PWD/$folder/jobs/%A_%a.log"
  has_line "$folder/jobs/worker.sbatch" \
    '#SBATCH --gres=gpu:a100:1 --cpus-per-task=8 --mem=60G --partition=gpu --time=8:00:00'
  has_line "$folder/jobs/worker.sbatch" '#SBATCH --requeue --open-mode=append --signal=B:USR1@180'
  has_line "$folder/jobs/worker.sbatch" "COMMAND=($ROOT/bin/tandem work -- $PWD/$folder)"
  [[ $(cat "$folder/jobs/jobs.jsonl") == '{"job": "1234", "name": "tandem-run_'*'"workers": 4, '* ]]
  [[ -f $folder/plan.json && -f $folder/settings.json && $(readlink results/latest) == "${folder#*/}" ]]
}

@test "values are data: folders, and what is added for sbatch, which comes last" {
  local odd=$'odd %j "q\' $(touch pwned) #x'
  run -0 --separate-stderr submit --results "$odd" --exclusive \
    --sbatch-args "--account='a b' --comment=\"\$(touch pwned) it's\" --array=0-1" settings.json
  local folder script
  folder=$(echo "$PWD/$odd"/run_*)
  script=$folder/jobs/worker.sbatch
  [[ $(arguments_of sbatch.1) == $'--parsable\n--account=a b\n--comment=$(touch pwned) it\'s\n--array=0-1\n'"$script" ]]
  has_line "$script" '#SBATCH --gres=gpu:1 --exclusive --mem=0'
  bash -c 'source <(sed "/^main \"/d" "$1"); printf "%s\n" "${COMMAND[@]}"' - "$script" >words
  [[ $(<words) == "$ROOT"$'/bin/tandem\nwork\n--gpus\nall\n--\n'"$folder" && ! -e pwned ]]
  local words=()
  eval "words=($(sed -n 's/^#SBATCH \(.*--output=.*\)/\1/p' "$script"))" # sbatch reads quotes as Bash does
  [[ ${words[*]} == "--output=${folder//\%/%%}/jobs/%A_%a.log" && ! -e pwned ]]
}

@test "a folder that Slurm cannot write logs into is refused, and nothing is left" {
  run -3 --separate-stderr submit --results 'a\b' settings.json
  [[ $stderr == *'a\\b'*'Slurm cannot write a log there'*'--results'* ]]
  [[ ! -e slurm/sbatch.1.argv && ! -e 'a\b' ]]
}

@test "--dry-run prints the plan, the script and the command, and makes nothing" {
  run -0 --separate-stderr submit --dry-run --workers 2 --sbatch-args '--qos=night' settings.json
  [[ $output == *'6 experiments'*'#SBATCH --job-name='*'--array=0-1'*'COMMAND=('* ]]
  [[ $output == *"sbatch --parsable --qos=night $PWD/results/run_"*'nothing was submitted' ]]
  [[ ! -e results && -z $(ls slurm) ]]
}

@test "never more workers than groups" {
  run -0 --separate-stderr submit --workers 50 settings.json
  [[ $output == 'submitted job 1234: 6 workers'* && $stderr == *'6 groups'* ]]
  grep -q -- '--array=0-5$' results/run_*/jobs/worker.sbatch
}

@test "settings that are wrong are told as for a run, and nothing is submitted" {
  printf '{"experiments": [{"repo": "fats", "model": "tiny"}]}' >settings.json
  run -2 --separate-stderr submit settings.json
  [[ $stderr == *'error: settings.json: experiments[0]'*'did you mean "fast"?'* ]]
  [[ ! -e results && -z $(ls slurm) ]]
}

@test "what sbatch refuses is shown as it says it, with what would help; no folder is left" {
  echo 1 >slurm/sbatch.rc
  printf 'sbatch: error: %s\n' 'invalid partition specified: $(x)' \
    'Batch job submission failed: Invalid partition name specified' >slurm/sbatch.err
  run -3 --separate-stderr submit settings.json
  [[ $stderr == *'sbatch: error: invalid partition specified: $(x)'*'Invalid partition name specified'* ]]
  [[ $stderr == *'what would help: another partition'* && -z $output && -z $(ls results) ]]
  echo 'sbatch: error: Batch script is empty!' >slurm/sbatch.err
  run -3 --separate-stderr submit --sbatch-args=--account settings.json
  [[ $stderr == *'what would help: look at --sbatch-args: does an option lack its value?'* ]]
}

@test "without Slurm it says so, and makes nothing" {
  mkdir tools
  ln -s /usr/bin/* tools/
  rm -f tools/sbatch
  PATH=$PWD/tools run -3 --separate-stderr submit settings.json
  [[ $stderr == *'there is no sbatch on this machine'* && ! -e results ]]
}

@test "--resume submits workers for what is missing, with the options of before" {
  run -0 submit --partition gpu --workers 3 --sbatch-args=--qos=night settings.json
  local folder
  folder=$(echo results/run_*)
  printf '1234|0|RUNNING|n1|None|tandem\n1234|1|PENDING||Resources|tandem\n99|0|RUNNING|n1|None|x\n' \
    >slurm/squeue.out
  run -0 --separate-stderr resume "$folder" --time 60
  [[ $output == 'submitted job 1234: 1 worker'$'\n'* ]] # two of the three wait or run
  [[ $(arguments_of sbatch.2) == *$'--qos=night\n'* ]]
  has_line "$folder/jobs/worker.sbatch" '#SBATCH --gres=gpu:1 --partition=gpu --time=60'
  printf '1234|%s|RUNNING|n1|None|tandem\n' 0 1 2 >slurm/squeue.out
  run -0 --separate-stderr resume "$folder"
  [[ $output == 'nothing was submitted: 3 workers of this run wait or run already (--workers K'* ]]
  printf '1234|%s|RUNNING|n1|None|tandem\n' 0 1 >slurm/squeue.out
  run -0 --separate-stderr resume "$folder" --workers 6
  [[ $output == 'submitted job 1234: 4 workers'* ]] # two of six groups have a worker
  printf '1234|%s|RUNNING|n1|None|tandem\n' 0 1 2 3 4 5 >slurm/squeue.out
  run -0 --separate-stderr resume "$folder"
  [[ $output == *'nothing was submitted: 6 workers'*'no more than 6 groups are left'* ]]
  [[ ! -e slurm/sbatch.4.argv ]]
  run -2 resume "$folder" settings.json
}

@test "where nothing is missing, nothing is submitted" {
  run -0 "$ROOT/bin/tandem" run --no-report --registry registry.json --root . --results results \
    --repo fast --model tiny
  run -0 --separate-stderr resume latest
  [[ $output == 'nothing is missing'* && -z $(ls slurm) ]]
}

@test "make submit: values reach it as written; make resume of its run submits again" {
  run -0 --separate-stderr env PARTITION=other make -s -C "$ROOT" submit CONFIG="$PWD/settings.json" \
    PARTITION='$(touch pwned)' WORKERS=2 SBATCH_ARGS='--comment="$$(x) it'"'"'s"' \
    OPTIONS="--registry $PWD/registry.json --root $PWD --results $PWD/results"
  [[ $output == 'submitted job 1234: 2 workers'* && ! -e $ROOT/pwned ]]
  [[ $(arguments_of sbatch.1) == *$'\n--comment=$$(x) it\'s\n'* ]]
  has_line results/run_*/jobs/worker.sbatch "'--partition=\$(touch pwned)'"
  run -0 --separate-stderr make -s -C "$ROOT" resume RUN="$PWD/$(echo results/run_*)" WORKERS=1
  [[ $output == 'submitted job 1234: 1 worker'* && -e slurm/sbatch.2.argv ]]
}

@test "stopped while sbatch has not answered: it says what to do, and the job is known by its name" {
  mkdir slow
  printf '#!/bin/sh\ntouch begun\nexec sleep 60\n' >slow/sbatch
  chmod +x slow/sbatch
  PATH=$PWD/slow:$PATH "$ROOT/bin/tandem" submit --registry registry.json --root . \
    --results results settings.json >out 2>err 3>&- &
  until [[ -e begun ]]; do sleep 0.02; done
  kill -TERM $!
  local code=0
  wait $! || code=$?
  [[ $code -eq 143 ]]
  grep -q 'stopped by SIGTERM' err
  grep -q 'whether Slurm has taken the job is not known.*submit --resume results/run_' err
  grep -q '"job": null' results/run_*/jobs/jobs.jsonl
}
