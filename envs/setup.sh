#!/usr/bin/env bash
# Installs what Vagus needs and is missing, without a question; says which road the tools came by.
#
#   envs/setup.sh [run|dev|micom]
#
# run   what `make demo` needs; dev adds what the tests and checks need, MICOM with it; micom is MICOM alone.
# Roads for the tools: conda (conda, mamba or micromamba on PATH), debian (apt-get and root), path (what is there).
# VAGUS_ROAD=conda|debian|path chooses one. The choice is written to .tools/road, which the Makefile reads.
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}
case $want in run | dev | micom) ;; *)
    echo "setup: '$want' is not known; allowed: run, dev, micom" >&2
    exit 2
    ;;
esac
mkdir -p .tools
PATH=$PWD/.tools/tools/bin:${PATH//"$PWD/.venv/bin:"/} # the Makefile puts it first; the environment must not be built from itself
say() { printf 'setup: %s\n' "$*"; }
stamp() { sha256sum "$1" | cut -d' ' -f1; }

# ---- the tools ---------------------------------------------------------------------------------------
# needed lists "package thing" for every line of debian.txt; a thing is a command, or R:package.
needed() { grep -Ev '^[[:space:]]*(#|$)' envs/debian.txt; }

has() {
    case $1 in
        R:*)
            command -v Rscript >/dev/null 2>&1 &&
                Rscript --vanilla -e "quit(status = !requireNamespace('${1#R:}', quietly = TRUE))" >/dev/null 2>&1
            ;;
        fasttree) command -v fasttree >/dev/null 2>&1 || command -v FastTree >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing_packages() {
    local package thing
    while read -r package thing; do
        # python3 without its venv module is a classic of a fresh Debian
        if [[ $package == python3-venv ]]; then
            pick_python >/dev/null || echo "$package"
        elif ! has "$thing"; then
            echo "$package"
        fi
    done < <(needed)
}

pick_python() {
    local candidate
    for candidate in .tools/python/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

conda_command() {
    local name
    for name in conda mamba micromamba; do
        command -v "$name" >/dev/null 2>&1 && { echo "$name"; return 0; }
    done
    return 1
}

# Snakemake builds one environment per tool family itself (--sdm conda); it needs the command `conda`, and we a Python.
take_conda() {
    local conda
    conda=$(conda_command) || return 1
    if [[ $conda != conda && ! -x .tools/conda/bin/conda ]]; then
        say "installing conda by $conda, which Snakemake does not drive itself"
        "$conda" create --yes --quiet --prefix .tools/conda --override-channels --channel conda-forge conda || return 1
    fi
    if ! pick_python >/dev/null; then
        say "installing Python by $conda"
        "$conda" create --yes --quiet --prefix .tools/python --override-channels --channel conda-forge 'python>=3.11,<3.14' || return 1
    fi
    if [[ ! -f .tools/conda.works ]]; then
        # A conda that cannot reach its channels is no road: find out now, with a small environment, not in the run.
        "$conda" create --yes --quiet --dry-run --prefix .tools/probe --override-channels \
            --channel conda-forge --channel bioconda vsearch >/dev/null 2>.tools/conda.log || return 1
        touch .tools/conda.works
    fi
    # The demo's simulator reads DADA2's own reference and the tests call the tools: both run outside Snakemake's environments.
    if [[ -n $(missing_packages) ]]; then
        say "installing the tools by $conda into .tools/tools, for the demo's simulator and the tests"
        "$conda" create --yes --quiet --prefix .tools/tools --override-channels --channel conda-forge --channel bioconda \
            vsearch bowtie2 mafft fasttree bioconductor-dada2 fastp minimap2 kraken2 diamond >.tools/conda.log 2>&1 || return 1
    fi
}

take_debian() {
    command -v apt-get >/dev/null 2>&1 && [[ $(id -u) == 0 ]] || return 1
    local packages
    packages=$(missing_packages)
    [[ -z $packages ]] && return 0
    say "installing Debian packages:" $packages
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >.tools/apt.log 2>&1 ||
        { say "apt-get failed; its words are in .tools/apt.log"; return 1; }
}

take_path() {
    local packages
    packages=$(missing_packages)
    [[ -z $packages ]] && return 0
    {
        echo "setup: these are missing, and there is neither a working conda nor apt-get with root to install them:"
        local package thing
        while read -r package thing; do
            grep -qx "$package" <<<"$packages" && printf '  %-12s (Debian package %s)\n' "$thing" "$package"
        done < <(needed)
        echo "Ways to get them: install conda, mamba or micromamba (https://conda-forge.org/download) and run this again;"
        echo "or load your cluster's modules; or ask an administrator: apt-get install" $packages
    } >&2
    return 1
}

# MICOM in .tools/micom: its libraries want another pandas, and those under the (L)GPL stay out of our own Python.
install_micom() {
    local lock=envs/requirements-micom.txt home=.tools/micom python uv
    if [[ -x $home/bin/python && $(cat $home/vagus.lock 2>/dev/null) == "$(stamp $lock)" ]]; then
        say "MICOM: $home is as locked"
        return 0
    fi
    python=$(pick_python) || { say "MICOM: no Python 3.11 or newer with venv on PATH"; return 1; }
    say "MICOM: installing $lock into $home"
    rm -f $home/vagus.lock
    "$python" -m venv --clear $home || return 1
    uv=$(command -v uv || ls .venv/bin/uv 2>/dev/null || true)
    if [[ -z $uv ]] || ! "$uv" pip install -q --compile-bytecode --python $home/bin/python --require-hashes -r $lock; then
        $home/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $lock || return 1
    fi
    stamp $lock >$home/vagus.lock
}
if [[ $want == micom ]]; then
    install_micom || { echo "setup: MICOM could not be installed; the lines above say why" >&2; exit 1; }
    exit 0
fi

road=""
if [[ -n ${VAGUS_ROAD:-} ]]; then
    case $VAGUS_ROAD in conda | debian | path) ;; *)
        echo "setup: VAGUS_ROAD=$VAGUS_ROAD is not known; allowed: conda, debian, path" >&2
        exit 2
        ;;
    esac
    "take_$VAGUS_ROAD" || { echo "setup: the road '$VAGUS_ROAD' cannot be taken here" >&2; exit 1; }
    road=$VAGUS_ROAD
elif conda_command >/dev/null && take_conda; then
    road=conda
else
    if conda_command >/dev/null; then
        say "$(conda_command) is here but cannot fetch packages (see .tools/conda.log); trying the next road"
    fi
    if [[ -z $(missing_packages) ]]; then
        road=path
    elif take_debian; then
        road=debian
    elif take_path; then
        road=path
    else
        exit 1
    fi
fi
echo "$road" >.tools/road
case $road in
    conda) say "tools: by conda; Snakemake makes the environments of envs/*.yaml at first use" ;;
    debian) say "tools: by Debian packages" ;;
    path) say "tools: all on PATH already" ;;
esac

# ---- Python ------------------------------------------------------------------------------------------
lock=envs/requirements.txt
[[ $want == dev ]] && lock=envs/requirements-dev.txt
also_micom() { [[ $want != dev ]] || install_micom || say "MICOM: could not be installed; its tests will be skipped"; }
have=$(cat .venv/vagus.lock 2>/dev/null || true)
if [[ -x .venv/bin/snakemake && ($have == "$(stamp "$lock")" || $have == "$(stamp envs/requirements-dev.txt)") ]]; then
    say "Python: .venv is as locked"
    also_micom
    exit 0
fi
python=$(pick_python) || { echo "setup: no Python 3.11 or newer with venv on PATH; install python3-venv or conda" >&2; exit 1; }
say "Python: installing $lock into .venv with $("$python" --version)"
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
rm -f .venv/vagus.lock
uv=$(command -v uv || true)
if [[ -z $uv ]] && .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
    -r envs/requirements-uv.txt >.tools/uv.log 2>&1; then
    uv=.venv/bin/uv
fi
# Compiled once here: every job starts a Python, and some sites forbid it to write bytecode.
if [[ -n $uv ]] && "$uv" pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r "$lock"; then
    say "Python: installed by uv"
else
    say "Python: uv is not to be had or failed; falling back to pip"
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
fi
stamp "$lock" >.venv/vagus.lock
also_micom
