"""The set-up takes the right road, says so, and lists what is missing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COREUTILS = [
    "ls",
    "bash",
    "cat",
    "cut",
    "dirname",
    "grep",
    "id",
    "mkdir",
    "rm",
    "sha256sum",
    "tee",
    "touch",
    "sed",
]
TOOLS = ["vsearch", "bowtie2", "mafft", "fasttree", "Rscript", "fastp", "minimap2", "kraken2", "diamond"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose Python half is done, and a PATH that holds only what a test puts there."""
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    make_command(binaries / "snakemake")
    lock = hashlib.sha256((ROOT / "envs" / "requirements.txt").read_bytes()).hexdigest()
    (tmp_path / ".venv" / "vagus.lock").write_text(lock + "\n")
    (tmp_path / "bin").mkdir()
    for name in COREUTILS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    make_command(tmp_path / "bin" / "python3", f'exec {sys.executable} "$@"')
    return tmp_path


def make_command(path: Path, body: str = "exit 0") -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
    path.chmod(0o755)


def run_setup(clone: Path, want: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(clone / "bin"), "HOME": str(clone), **environment}
    return subprocess.run(
        [str(clone / "bin" / "bash"), "envs/setup.sh", want],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def road(clone: Path) -> str:
    return (clone / ".tools" / "road").read_text().strip()


def test_all_on_path(clone: Path) -> None:
    for tool in TOOLS:
        make_command(clone / "bin" / tool)
    done = run_setup(clone)
    assert done.returncode == 0, done.stderr
    assert "tools: all on PATH already" in done.stdout
    assert road(clone) == "path"


def test_conda_is_taken_when_present(clone: Path) -> None:
    make_command(clone / "bin" / "conda", f'echo "$@" >> {clone}/calls')
    done = run_setup(clone)
    assert done.returncode == 0, done.stderr
    assert road(clone) == "conda"
    assert "tools: by conda" in done.stdout
    calls = (clone / "calls").read_text()
    assert "--dry-run" in calls
    # the simulator and the tests need the tools outside Snakemake's own environments
    assert "--prefix .tools/tools" in calls
    assert "bioconductor-dada2" in calls


def test_conda_with_the_tools_there_makes_no_second_set(clone: Path) -> None:
    make_command(clone / "bin" / "conda", f'echo "$@" >> {clone}/calls')
    for tool in TOOLS:
        make_command(clone / "bin" / tool)
    assert run_setup(clone).returncode == 0
    assert ".tools/tools" not in (clone / "calls").read_text()


def test_micromamba_brings_conda(clone: Path) -> None:
    make_command(clone / "bin" / "micromamba", f'echo "$@" >> {clone}/calls')
    done = run_setup(clone)
    assert done.returncode == 0, done.stderr
    assert "create --yes --quiet --prefix .tools/conda" in (clone / "calls").read_text()
    assert road(clone) == "conda"


def test_conda_without_channels_falls_through(clone: Path) -> None:
    make_command(clone / "bin" / "conda", "exit 1")
    for tool in TOOLS:
        make_command(clone / "bin" / tool)
    done = run_setup(clone)
    assert done.returncode == 0, done.stderr
    assert "cannot fetch packages" in done.stdout
    assert road(clone) == "path"


def test_debian_installs_only_what_is_missing(clone: Path) -> None:
    for tool in TOOLS[1:]:
        make_command(clone / "bin" / tool)
    (clone / "bin" / "id").unlink()
    make_command(clone / "bin" / "id", "echo 0")
    make_command(clone / "bin" / "apt-get", f'echo "$@" >> {clone}/calls')
    done = run_setup(clone)
    assert done.returncode == 0, done.stderr
    assert road(clone) == "debian"
    install = (clone / "calls").read_text().splitlines()[-1]
    assert install.split()[-1] == "vsearch"
    assert "mafft" not in install


def test_missing_tools_are_listed_once(clone: Path) -> None:
    make_command(clone / "bin" / "vsearch")
    done = run_setup(clone)
    assert done.returncode == 1
    assert "these are missing" in done.stderr
    for tool in ("bowtie2", "mafft", "fasttree", "R:dada2", "kraken2"):
        assert tool in done.stderr
    assert "(Debian package vsearch)" not in done.stderr
    assert not (clone / ".tools" / "road").exists()


def test_unknown_road_is_refused(clone: Path) -> None:
    done = run_setup(clone, VAGUS_ROAD="brew")
    assert done.returncode == 2
    assert "allowed: conda, debian, path" in done.stderr


def test_micom_is_installed_alone_and_once(clone: Path) -> None:
    make_command(clone / "bin" / "uv", f'echo "$@" >> {clone}/calls')
    done = run_setup(clone, "micom")
    assert done.returncode == 0, done.stderr
    calls = (clone / "calls").read_text()
    assert "--python .tools/micom/bin/python --require-hashes -r envs/requirements-micom.txt" in calls
    assert (clone / ".tools/micom/bin/python").exists()
    assert not (clone / ".tools" / "road").exists()
    again = run_setup(clone, "micom")
    assert "MICOM: .tools/micom is as locked" in again.stdout
    assert (clone / "calls").read_text() == calls


def test_a_run_brings_no_micom_and_the_tests_do(clone: Path) -> None:
    for tool in TOOLS:
        make_command(clone / "bin" / tool)
    make_command(clone / "bin" / "uv", f'echo "$@" >> {clone}/calls')
    assert run_setup(clone).returncode == 0
    assert not (clone / ".tools/micom").exists()
    lock = hashlib.sha256((ROOT / "envs" / "requirements-dev.txt").read_bytes()).hexdigest()
    (clone / ".venv" / "vagus.lock").write_text(lock + "\n")
    assert run_setup(clone, "dev").returncode == 0
    assert "requirements-micom.txt" in (clone / "calls").read_text()


def test_tests_go_on_where_micom_cannot_be_had(clone: Path) -> None:
    for tool in TOOLS:
        make_command(clone / "bin" / tool)
    lock = hashlib.sha256((ROOT / "envs" / "requirements-dev.txt").read_bytes()).hexdigest()
    (clone / ".venv" / "vagus.lock").write_text(lock + "\n")
    (clone / "envs" / "requirements-micom.txt").write_text("micom==0.0.0 --hash=sha256:00\n")
    done = run_setup(clone, "dev", PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stderr
    assert "its tests will be skipped" in done.stdout
    assert not (clone / ".tools/micom/vagus.lock").exists()
    assert run_setup(clone, "micom", PIP_NO_INDEX="1").returncode == 1


def test_unknown_work_is_refused(clone: Path) -> None:
    done = run_setup(clone, "brew")
    assert done.returncode == 2
    assert "allowed: run, dev, micom" in done.stderr


def test_lock_files_carry_hashes_and_no_host() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt", "requirements-micom.txt"):
        text = (ROOT / "envs" / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text


def test_ci_runs_the_readme_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
