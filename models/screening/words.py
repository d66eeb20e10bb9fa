"""Words of names that tell little: legal forms, and what many companies, ships and people are called by.

They weigh less (reference/banking.md §3.9: nothing is deleted, least of all a digit; a name that is made of such words
alone is compared by them). Written as they are after transliteration, in lower case.
"""

from typing import Final

LEGAL_FORM_WEIGHT: Final = 0.1
GENERIC_WEIGHT: Final = 0.35
PARTICLE_WEIGHT: Final = 0.2

# fmt: off
LEGAL_FORMS: Final = frozenset({
    "ab", "ad", "ag", "aktiengesellschaft", "as", "asa", "bhd", "bv", "co", "company", "corp", "corporation", "cv",
    "dd", "dmcc", "doo", "ead", "eood", "ev", "fzc", "fzco", "fze", "gesellschaft", "gmbh", "inc", "incorporated",
    "jsc", "kft", "kg", "kk", "limited", "llc", "llp", "lp", "ltd", "ltda", "mbh", "nv", "oao", "ohg", "ood", "ooo",
    "oy", "oyj", "pao", "pjsc", "plc", "pte", "pty", "pvt", "sa", "sae", "sal", "sarl", "sas", "sdn", "se", "sl",
    "spa", "srl", "sro", "the", "tov", "tbk", "ug", "zao", "zoo",
})
# The same in several words, each with the one that stands for them.
LEGAL_PHRASES: Final[dict[tuple[str, ...], str]] = {
    ("limited", "liability", "company"): "llc",
    ("limited", "liability", "partnership"): "llp",
    ("public", "limited", "company"): "plc",
    ("public", "joint", "stock", "company"): "pjsc",
    ("closed", "joint", "stock", "company"): "zao",
    ("open", "joint", "stock", "company"): "oao",
    ("joint", "stock", "company"): "jsc",
    ("free", "zone", "establishment"): "fze",
    ("free", "zone", "company"): "fzco",
    ("societe", "anonyme"): "sa",
    ("societe", "a", "responsabilite", "limitee"): "sarl",
    ("sociedad", "anonima"): "sa",
    ("societa", "per", "azioni"): "spa",
    ("gesellschaft", "mit", "beschrankter", "haftung"): "gmbh",
    ("besloten", "vennootschap"): "bv",
    ("naamloze", "vennootschap"): "nv",
    ("obshchestvo", "s", "ogranichennoy", "otvetstvennostyu"): "ooo",
    ("publichnoe", "aktsionernoe", "obshchestvo"): "pao",
    ("otkrytoe", "aktsionernoe", "obshchestvo"): "oao",
    ("zakrytoe", "aktsionernoe", "obshchestvo"): "zao",
    ("aktsionernoe", "obshchestvo"): "jsc",
}
GENERIC: Final = frozenset({
    "agency", "airlines", "and", "association", "bank", "banque", "brothers", "bureau", "business", "capital",
    "center", "central", "centre", "chemical", "commercial", "committee", "construction", "consulting", "cooperative",
    "council", "data", "de", "department", "design", "development", "electronics", "energy", "engineering",
    "enterprise", "enterprises", "equipment", "establishment", "exchange", "export", "factory", "finance", "financial",
    "for", "foundation", "freight", "fund", "general", "global", "group", "holding", "holdings", "import", "industrial",
    "industries", "industry", "institute", "international", "investment", "investments", "logistics", "management",
    "marine", "maritime", "marketing", "mining", "ministry", "national", "of", "office", "oil", "organization",
    "partners", "petroleum", "plant", "power", "production", "products", "property", "research", "resources", "service",
    "services", "shipping", "society", "solutions", "state", "steel", "studies", "supplies", "supply", "systems",
    "technical", "technologies", "technology", "the", "trade", "traders", "trading", "transport", "trust", "union",
    "university", "ventures", "works", "world", "worldwide",
})
# Parts of names of people that are left out or joined at will, and how people are addressed.
PARTICLES: Final = frozenset({
    "abd", "abu", "al", "ad", "as", "at", "ar", "an", "bar", "ben", "bin", "bint", "da", "dal", "das", "de", "del",
    "della", "der", "di", "dos", "du", "el", "ibn", "ibnu", "la", "le", "les", "mac", "mc", "o", "oglu", "ould", "san",
    "st", "ter", "ul", "van", "von", "y", "z", "zu",
})
TITLES: Final = frozenset({
    "admiral", "capt", "captain", "col", "colonel", "comrade", "dame", "dr", "eng", "excellency", "gen", "hajji",
    "haji", "herr", "hon", "lady", "lord", "major", "mme", "mr", "mrs", "ms", "prof", "professor", "rev", "sayyid",
    "sheikh", "shaikh", "sir",
})
# What a ship is called before its name; beside a name of one word it says that the name is a ship's.
SHIP_PREFIXES: Final = frozenset({
    "fv", "imo", "msv", "mt", "mv", "my", "ship", "ss", "tanker", "vessel", "vlcc", "vsl",
})
# fmt: on


def base_weight(token: str) -> float:
    """How much a word tells before its rarity is asked for, from 0 to 1. An initial tells little."""
    if token.isdigit():
        return 1.0
    if token in LEGAL_FORMS or token in TITLES or token in SHIP_PREFIXES:
        return LEGAL_FORM_WEIGHT
    if token in PARTICLES:
        return PARTICLE_WEIGHT
    if token in GENERIC or len(token) == 1:
        return GENERIC_WEIGHT
    return 1.0
