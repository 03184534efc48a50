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
# The shotgun half: every engine's rules parse and find what they need.
python scripts/vagus/demo/simulate_trial.py --out "$work/demo" --depth 50 --shotgun-pairs 50 >/dev/null
for engines in "kraken2 sketch" "bowtie2 diamond" "sourmash sketch"; do
    set -- $engines
    snakemake --snakefile workflow/Snakefile --directory "$work/demo" --cores 1 --dry-run --quiet all \
        --configfile "$work/demo/config.yaml" --config shotgun="{taxonomy: $1, function: $2}"
done
snakemake --snakefile workflow/Snakefile --directory "$work/demo" --configfile "$work/demo/config.yaml" --lint
