"""Writes docs/config-reference.md and docs/config.schema.json from the schema of config.yaml."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from configuration.config_reference import DOCUMENTS  # noqa: E402  # found by the line above

for name, make in DOCUMENTS.items():
    (ROOT / "docs" / name).write_text(make(), encoding="utf-8")
    print(f"wrote docs/{name}")
