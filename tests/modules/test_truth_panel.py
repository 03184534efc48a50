"""Modules present and absent in well-studied organisms: hand-made KO sets, and real gene tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modules.made_modules import make_profile

from vagus.modules.module_file import load_modules
from vagus.modules.score_modules import score_modules

ROOT = Path(__file__).parents[2]
MODULES = load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules
ARCHAEA = ROOT.parent / "shared" / "data" / "picrust2_archaea" / "ko.txt.gz"

# Organism -> (source, KOs of the genes that matter here, modules present). All other modules are absent.
PANEL = {
    "Escherichia coli K-12": (
        "doi:10.1126/science.277.5331.1453",
        # indole, GABA by gad and by puu, GABA degradation
        "K01667 K01580 K20265 K09470 K09471 K09472 K09473 K07250 K00823 K00135 "
        # tryptophan, glutamate, polyamines
        "K01657 K13497 K13498 K01695 K01696 K00262 K00265 K00266 K01585 K01480 K01581 K01611 K00797 "
        # fermentation, lactate, nitrite, NO, TMAO, carnitine
        "K00625 K00925 K03778 K00101 K03777 K03385 K05916 K07811 K05245 K08298 K08299 K08297 "
        # lipid A, flagellin, ClpB, SAM, glucuronidase, 7alpha-HSDH
        "K00677 K02535 K02536 K00748 K00912 K02527 K02517 K02560 K02406 K03695 K00789 K01195 K00076 "
        # menaquinone, folate, quinolinate for NAD
        "K02552 K02551 K08680 K02549 K01911 K01661 K02548 K03183 K01495 K01633 K00950 K00796 K11754 K00287 "
        "K00278 K03517 K00767",
        "INDOLE GABA_gad GABA_putrescine_puu GABA_degradation TRP_synthesis GLU_dehydrogenase GLU_synthase "
        "PUTRESCINE_arginine PUTRESCINE_ornithine SPERMIDINE_sam ACE_pta_ack LAC_D LAC_utilisation "
        "NITRITE_ammonia NO_removal TMAO_reduction CARNITINE_cai LPS_core LPS_hexaacyl FLAGELLIN CLPB SAM "
        "BETA_GLUCURONIDASE HSDH_7alpha MK_classic FOLATE QUIN_synthesis QUIN_consumption",
    ),
    "Faecalibacterium prausnitzii, butyrate by CoA transferase": (
        "doi:10.1128/mBio.00889-14",
        "K00626 K00074 K01715 K00248 K01034 K01035",
        "BUT_acetylCoA BUT_terminal BUT_terminal_transferase",
    ),
    "Clostridium acetobutylicum, butyrate by kinase": (
        "doi:10.1128/mBio.00889-14",
        "K00626 K00074 K01715 K00248 K00634 K00929 K00625 K00925",
        "BUT_acetylCoA BUT_terminal BUT_terminal_kinase ACE_pta_ack",
    ),
    "Bacteroides thetaiotaomicron, propionate from succinate, GABA": (
        "doi:10.1038/ismej.2014.14 doi:10.1038/s41564-018-0307-3",
        "K01847 K05606 K11264 K01580 K01667",
        "PRO_succinate GABA_gad INDOLE",
    ),
    "Coprococcus catus, propionate over acrylate": (
        "doi:10.1038/ismej.2014.14",
        "K01026 K20626 K20627 K20143",
        "PRO_acrylate",
    ),
    "Salmonella enterica, propionate from propanediol": (
        "doi:10.1038/ismej.2014.14",
        "K01699 K13919 K13920 K13922 K13923 K00932",
        "PRO_propanediol",
    ),
    "Clostridium sporogenes, indolepropionate and tryptamine": (
        "doi:10.1038/nature24661 doi:10.1016/j.chom.2014.09.001",
        "K23109 K13607 K23110 K23111 K01593",
        "IPA_fld TRYPTAMINE",
    ),
    "Desulfovibrio desulfuricans, trimethylamine and sulfide": (
        "doi:10.1073/pnas.1215689109",
        "K20038 K20037 K00958 K00394 K00395 K11180 K11181",
        "TMA_cut H2S_dsr",
    ),
    "Enterococcus faecalis, tyramine and dopamine": ("doi:10.1126/science.aau6323", "K22330", "TYRDC"),
    "Clostridium scindens, secondary bile acids": (
        "doi:10.1038/s41586-020-2396-4",
        "K15868 K15870 K15869 K15872 K15871 K15873",
        "BAI",
    ),
    # Near misses: what is short of a module.
    "bile acids without baiE": ("doi:10.1038/s41586-020-2396-4", "K15868 K15870 K15869 K15871 K15873", ""),
    "half a dehydratase": ("doi:10.1038/nature24661", "K23109 K13607 K23110", ""),
    "butyrate without its last step": ("doi:10.1128/mBio.00889-14", "K00626 K00074 K01715 K00248", ""),
    "choline lyase without its activator": ("doi:10.1073/pnas.1215689109", "K20038", ""),
    "the host's own enzymes of serotonin, noradrenaline and adrenaline": (
        "doi:10.1016/j.cell.2015.02.047",
        "K00502 K00503 K00553 K00463",
        "",
    ),
}


@pytest.mark.parametrize("organism", PANEL)
def test_modules_of_an_organism(organism: str) -> None:
    _, kos, expected = PANEL[organism]
    features = [f"{ko}|{organism}" for ko in kos.split()]
    scores = score_modules(MODULES, make_profile(np.ones((len(features), 1)), features))
    found = {m for m, value in zip(scores.modules, scores.value[:, 0], strict=True) if value > 0}
    assert found == set(expected.split())


@pytest.mark.skipif(not ARCHAEA.exists(), reason=f"{ARCHAEA} is absent")
def test_archaea_have_no_outer_membrane_and_no_bile_acid_dehydroxylation() -> None:
    with gzip.open(ARCHAEA, "rt") as handle:
        table = pd.read_csv(handle, sep="\t", index_col=0)
    table.columns = [c.removeprefix("ko:") for c in table.columns]
    profile = make_profile(table.to_numpy(float).T, list(table.columns))
    present = pd.Series((score_modules(MODULES, profile).value > 0).mean(axis=1), [m.id for m in MODULES])
    print(present[present > 0].sort_values(ascending=False).to_string())
    assert len(table) > 900
    assert (present[["LPS_core", "LPS_hexaacyl", "BAI"]] == 0).all()
    # One genome of 1,002 has bacterial modules of many kinds at once, as a contaminated one would.
    assert (present[["TMA_cut", "BUT_terminal_kinase", "BUT_acetylCoA"]] < 0.002).all()
    assert present["GLU_dehydrogenase"] > 0.3
