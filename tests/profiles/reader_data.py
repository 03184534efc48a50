"""Where the real tables are, and a design that knows their samples."""

from pathlib import Path

import pytest

from vagus.design.model import Design, Participant, Sample
from vagus.profile import Profile
from vagus.profiles.import_profile import import_table

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FIXTURES = DATA / "import_fixtures" / "inst" / "extdata"


def need(path: Path) -> Path:
    """Skip the test where a file of others is absent."""
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


def design_of(*samples: str) -> Design:
    """Each sample is of its own participant at the only visit."""
    people = [Participant(f"p{i}", "A") for i in range(len(samples))]
    rows = [Sample(s, f"p{i}", "v1", "shotgun", "stool") for i, s in enumerate(samples)]
    return Design({"arms": ["A"], "visits": ["v1"], "baseline": "v1"}, people, rows)


def bring(path: Path, name: str, fmt: str, *samples: str, kind: str = "", **more: str) -> Profile:
    """Import a table under a design of these samples."""
    return import_table(path, name, fmt, kind, design_of(*samples), more)
