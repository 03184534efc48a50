"""Hand-made KO sets of well-studied organisms and genera, each with where its genes were shown.

`GENERA` is for tables that know genera only. It was fixed before any measured compound was looked at and is
not changed to please one: a set holds the traits that nearly all gut members of a genus share, one accepted
KO a step. What is unsure is left out: GABA of Phocaeicola, and of Bifidobacterium, where few infant species
have the gene; the acids of Collinsella and of relatives of Clostridium; tryptophan of most genera.
"""

from __future__ import annotations

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

# One accepted KO for each step of a trait.
ACETATE = "K00625 K00925"
PROPIONATE_SUCCINATE = "K01847 K05606 K11264"
PROPIONATE_PROPANEDIOL = "K01699 K13919 K13920 K13922 K13923 K00932"
BUTYRATE_TRANSFERASE = "K00626 K00074 K01715 K00248 K01034 K01035"
BUTYRATE_KINASE = "K00626 K00074 K01715 K00248 K00634 K00929"
WOOD_LJUNGDAHL = "K01938 K01491 K00297 K15023 K14138"
TRYPTOPHAN = "K01657 K01658 K00766 K01609 K01817 K01695 K01696"
L_LACTATE, D_LACTATE = "K00016", "K03778"
GLUTAMATE_DECARBOXYLASE, TRYPTOPHANASE = "K01580", "K01667"
BUTYRATE_BY_TRANSFERASE = "BUT_acetylCoA BUT_terminal BUT_terminal_transferase"
BUTYRATE_BY_KINASE = "BUT_acetylCoA BUT_terminal BUT_terminal_kinase"
ECOLI = PANEL["Escherichia coli K-12"]

# Genera, by their names in GTDB -> (source, KOs, modules present).
GENERA = {
    # Acetate and L-lactate of the bifid shunt, all of tryptophan.
    "Bifidobacterium": (
        "doi:10.1073/pnas.212527599",
        f"{ACETATE} {L_LACTATE} {TRYPTOPHAN}",
        "ACE_pta_ack LAC_L TRP_synthesis",
    ),
    # Grows on ammonia without amino acids; GABA and indole as in the panel.
    "Bacteroides": (
        "doi:10.1038/ismej.2014.14 doi:10.1038/s41564-018-0307-3 doi:10.1128/am.28.2.251-257.1974",
        f"{PROPIONATE_SUCCINATE} {ACETATE} {GLUTAMATE_DECARBOXYLASE} {TRYPTOPHANASE} {TRYPTOPHAN}",
        "PRO_succinate ACE_pta_ack GABA_gad INDOLE TRP_synthesis",
    ),
    # Bacteroides distasonis and B. vulgatus, as they were called, grow on ammonia too.
    "Parabacteroides": (
        "doi:10.1038/ismej.2014.14 doi:10.1038/s41564-018-0307-3 doi:10.1128/am.28.2.251-257.1974",
        f"{PROPIONATE_SUCCINATE} {ACETATE} {GLUTAMATE_DECARBOXYLASE} {TRYPTOPHAN}",
        "PRO_succinate ACE_pta_ack GABA_gad TRP_synthesis",
    ),
    "Phocaeicola": (
        "doi:10.1038/ismej.2014.14 doi:10.1128/am.28.2.251-257.1974",
        f"{PROPIONATE_SUCCINATE} {ACETATE} {TRYPTOPHAN}",
        "PRO_succinate ACE_pta_ack TRP_synthesis",
    ),
    "Prevotella Alistipes": (
        "doi:10.1038/ismej.2014.14",
        f"{PROPIONATE_SUCCINATE} {ACETATE}",
        "PRO_succinate ACE_pta_ack",
    ),
    "Akkermansia": (
        "doi:10.1038/ismej.2014.14 doi:10.1128/AEM.01014-17",
        f"{PROPIONATE_SUCCINATE} {ACETATE}",
        "PRO_succinate ACE_pta_ack",
    ),
    # Propionate from lactate over succinate.
    "Veillonella": (
        "doi:10.1038/ismej.2014.14",
        f"{PROPIONATE_SUCCINATE} {ACETATE}",
        "PRO_succinate ACE_pta_ack",
    ),
    "Dialister Phascolarctobacterium": ("doi:10.1038/ismej.2014.14", PROPIONATE_SUCCINATE, "PRO_succinate"),
    "Faecalibacterium Roseburia Agathobacter Anaerostipes Anaerobutyricum": (
        "doi:10.1128/mBio.00889-14 doi:10.1128/JB.186.7.2099-2106.2004",
        BUTYRATE_TRANSFERASE,
        BUTYRATE_BY_TRANSFERASE,
    ),
    "Coprococcus": (
        "doi:10.1128/mBio.00889-14 doi:10.1128/JB.186.7.2099-2106.2004",
        BUTYRATE_KINASE,
        BUTYRATE_BY_KINASE,
    ),
    "Clostridium": (
        "doi:10.1128/mBio.00889-14",
        f"{BUTYRATE_KINASE} {ACETATE}",
        f"{BUTYRATE_BY_KINASE} ACE_pta_ack",
    ),
    # Acetogens; Blautia obeum and its kin take propanediol to propionate.
    "Blautia": (
        "doi:10.1080/19490976.2025.2609406",
        f"{WOOD_LJUNGDAHL} {ACETATE}",
        "ACE_woodljungdahl ACE_pta_ack",
    ),
    "Blautia_A": (
        "doi:10.1080/19490976.2025.2609406 doi:10.1038/ismej.2014.14",
        f"{WOOD_LJUNGDAHL} {ACETATE} {PROPIONATE_PROPANEDIOL}",
        "ACE_woodljungdahl ACE_pta_ack PRO_propanediol",
    ),
    # Ruminococcus gnavus.
    "Ruminococcus_B": (
        "doi:10.1371/journal.pone.0076341 doi:10.1016/j.chom.2014.09.001",
        f"{ACETATE} {PROPIONATE_PROPANEDIOL} K01593",
        "ACE_pta_ack PRO_propanediol TRYPTAMINE",
    ),
    "Escherichia": ECOLI,
    "Enterococcus Enterococcus_B": (
        "doi:10.1126/science.aau6323 doi:10.3934/microbiol.2018.4.665",
        f"{L_LACTATE} K22330",
        "LAC_L TYRDC",
    ),
    "Streptococcus": ("doi:10.3934/microbiol.2018.4.665", L_LACTATE, "LAC_L"),
    "Staphylococcus": ("doi:10.1126/science.1155207", L_LACTATE, "LAC_L"),
    "Lacticaseibacillus Ligilactobacillus": ("doi:10.1099/ijsem.0.004107", L_LACTATE, "LAC_L"),
    "Lactobacillus Lactiplantibacillus Limosilactobacillus": (
        "doi:10.1099/ijsem.0.004107",
        f"{L_LACTATE} {D_LACTATE}",
        "LAC_L LAC_D",
    ),
    "Clostridioides": (
        "doi:10.1371/journal.ppat.1007191",
        f"{ACETATE} K18427 K18428",
        "ACE_pta_ack P_CRESOL",
    ),
    "Desulfovibrio": PANEL["Desulfovibrio desulfuricans, trimethylamine and sulfide"],
}


def genus_sets() -> dict[str, frozenset[str]]:
    """Return genus -> KOs."""
    return {genus: frozenset(kos.split()) for names, (_, kos, _) in GENERA.items() for genus in names.split()}
