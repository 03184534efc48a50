#!/usr/bin/env bash
# snakemake --lint and a dry run of every engine's rules, on the tiny trial.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for engine in dada2 unoise3; do
    python tests/tiny_trial.py "$work/$engine" "$engine" >/dev/null
    snakemake --snakefile workflow/Snakefile --directory "$work/$engine" --configfile "$work/$engine/config.yaml" --lint
    snakemake --snakefile workflow/Snakefile --directory "$work/$engine" --configfile "$work/$engine/config.yaml" \
        --cores 1 --dry-run --quiet all
done
