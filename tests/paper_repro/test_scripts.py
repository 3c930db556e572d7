from __future__ import annotations

from paper_repro.registry.artefacts import ARTEFACTS
from paper_repro.scripts import SCRIPTS, script_of


def test_every_artefact_has_one_script() -> None:
    assert [script.artefact for script in SCRIPTS] == list(ARTEFACTS)
    assert all(script_of(artefact).artefact is artefact for artefact in ARTEFACTS)


def test_small_models_are_listed_where_a_script_looks_at_them() -> None:
    for script in SCRIPTS:
        assert (script.on_digits is not None) == bool(script.artefact.stand_ins), script.artefact.name
