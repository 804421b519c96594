from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.core.certificates import Certificates, make_certificates
from tests.core.tiny_engine import TinyEngine


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with the tutorial's project in it."""
    project = tmp_path / "production" / "proj002"
    for name, size in (("DATASET_001_1203/scan.dat", 3000), ("DATASET_001_1203/små/håll 1.txt", 5)):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    for frame in range(1, 4):
        (project / f"DATASET_001_1203/frames.{frame:04d}.raw").write_bytes(b"f" * 100)
    (project / "TO_VENDORS").mkdir()
    (project / "TO_VENDORS/analysis_task_description.txt").write_text("Clean it.", encoding="utf-8")
    return tmp_path / "production"


@pytest.fixture
def engine(volume: Path, certificates: Certificates) -> Iterator[TinyEngine]:
    with TinyEngine(volume, certificates.chain).serving() as running:
        yield running
