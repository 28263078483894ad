"""What else countries, states and some cities are called, in English texts.

Only names that mean one place, so not "Congo"; and no adjectives: where a document has "France" and
"French", annotators make them two things more often than one.
"""

_COUNTRIES = """
    united states: us, usa, america, us of america, united states of america, the states; united
    kingdom: uk, britain, great britain; ireland: eire; germany: frg; netherlands: holland;
    czech republic: czechia; greece: hellas; turkey: turkiye; russia: russian federation; soviet
    union: ussr; belarus: byelorussia; north macedonia: fyrom; bosnia and herzegovina: bosnia;
    iran: persia; saudi arabia: ksa; united arab emirates: uae; bangladesh: east pakistan; sri
    lanka: ceylon; myanmar: burma; thailand: siam; cambodia: kampuchea; vietnam: viet nam;
    indonesia: dutch east indies; china: prc, peoples republic of china, mainland china; taiwan:
    formosa; hong kong: hk; japan: nippon; south korea: republic of korea, rok; north korea:
    dprk; new zealand: nz, aotearoa; brazil: brasil; ethiopia: abyssinia; zambia: northern
    rhodesia; zimbabwe: rhodesia; malawi: nyasaland; botswana: bechuanaland; south africa: rsa;
    eswatini: swaziland; ghana: gold coast; ivory coast: cote divoire; burkina faso: upper
    volta; benin: dahomey; democratic republic of the congo: drc, zaire, dr congo; cape verde:
    cabo verde; east timor: timor leste; european union: eu
"""
_STATES = """
    alabama: al; alaska: ak; arizona: az, ariz; arkansas: ar; california: ca, calif; colorado:
    co, colo; connecticut: ct, conn; delaware: de; florida: fl, fla; hawaii: hi; idaho: id;
    illinois: il; indiana: in; iowa: ia; kansas: ks; kentucky: ky; louisiana: la; maine: me;
    maryland: md; massachusetts: ma, mass; michigan: mi, mich; minnesota: mn, minn; mississippi:
    ms; missouri: mo; montana: mt; nebraska: ne; nevada: nv; new hampshire: nh; new jersey: nj;
    new mexico: nm; north carolina: nc; north dakota: nd; ohio: oh; oklahoma: ok, okla; oregon:
    or; pennsylvania: pa, penn; rhode island: ri; south carolina: sc; south dakota: sd;
    tennessee: tn, tenn; texas: tx, tex; utah: ut; vermont: vt; virginia: va; wisconsin: wi,
    wis; wyoming: wy; british columbia: bc; ontario: ont; new south wales: nsw
"""
_OTHER_COUNTRIES = (
    "afghanistan|albania|algeria|angola|argentina|armenia|australia|austria|azerbaijan|bahrain"
    "|barbados|belgium|belize|bhutan|bolivia|bulgaria|cameroon|canada|chile|colombia|costa rica"
    "|croatia|cuba|cyprus|denmark|ecuador|egypt|el salvador|eritrea|estonia|fiji|finland|france"
    "|gabon|guatemala|guyana|haiti|honduras|hungary|iceland|india|iraq|israel|italy|jamaica|jordan"
    "|kazakhstan|kenya|kosovo|kuwait|kyrgyzstan|laos|latvia|liberia|libya|lithuania|luxembourg"
    "|madagascar|malaysia|mali|malta|mauritius|mexico|moldova|mongolia|montenegro|morocco"
    "|mozambique|namibia|nepal|nicaragua|nigeria|norway|oman|pakistan|panama|papua new guinea"
    "|paraguay|peru|philippines|poland|portugal|qatar|romania|rwanda|scotland|senegal|serbia"
    "|sierra leone|singapore|slovakia|slovenia|somalia|spain|sudan|suriname|sweden|switzerland"
    "|syria|tajikistan|tanzania|tunisia|turkmenistan|uganda|ukraine|uruguay|uzbekistan|venezuela"
    "|wales|england|yemen"
).split("|")
_CITIES = """
    new york city: nyc, city of new york; washington dc: dc, district of columbia, washington d
    c; los angeles: la; philadelphia: philly; beijing: peking; guangzhou: canton; nanjing:
    nanking; chongqing: chungking; mumbai: bombay; kolkata: calcutta; chennai: madras;
    bengaluru: bangalore; pune: poona; varanasi: benares, banaras; thiruvananthapuram:
    trivandrum; yangon: rangoon; ho chi minh city: saigon; jakarta: batavia; tokyo: edo; seoul:
    keijo; istanbul: constantinople, byzantium; izmir: smyrna; ankara: angora; kyiv: kiev,
    kyyiv; kharkiv: kharkov; lviv: lvov, lemberg; odesa: odessa; chernivtsi: czernowitz; saint
    petersburg: leningrad, petrograd, st petersburg; volgograd: stalingrad; kaliningrad:
    konigsberg; gdansk: danzig; wroclaw: breslau; szczecin: stettin; krakow: cracow; warsaw:
    warszawa; prague: praha; bratislava: pressburg; tallinn: reval; vilnius: vilna, wilno;
    chisinau: kishinev; tbilisi: tiflis; yerevan: erevan; bucharest: bucuresti; belgrade:
    beograd; ljubljana: laibach; vienna: wien; munich: munchen; cologne: koln; nuremberg:
    nurnberg; copenhagen: kobenhavn; gothenburg: goteborg; oslo: christiania, kristiania;
    helsinki: helsingfors; turku: abo; brussels: bruxelles, brussel; antwerp: anvers, antwerpen;
    ghent: gent; bruges: brugge; the hague: den haag; geneva: geneve, genf; rome: roma;
    florence: firenze; venice: venezia; milan: milano; turin: torino; naples: napoli; genoa:
    genova; lisbon: lisboa; seville: sevilla; athens: athina; thessaloniki: salonica, salonika;
    damascus: dimashq; mecca: makkah; kinshasa: leopoldville; maputo: lourenco marques; harare:
    salisbury; ndjamena: fort lamy; bratislava: pozsony; astana: nur sultan
"""


def _first_of_each(*tables: str) -> dict[str, str]:
    """For each name the first of its line; of two lines, the first counts."""
    found: dict[str, str] = {}
    for entry in ";".join(tables).split(";"):
        name, _, others = " ".join(entry.split()).partition(":")
        for other in (name, *others.split(",")):
            found.setdefault(other.strip(), name)
    return found


PLACE = _first_of_each(_COUNTRIES, _STATES, _CITIES)
STATE = _first_of_each(_STATES)
COUNTRY = _first_of_each(_COUNTRIES) | {name: name for name in _OTHER_COUNTRIES}
_PARTS = dict.fromkeys(("england", "scotland", "wales"), "united kingdom")
_ABROAD = {"british columbia": "canada", "ontario": "canada", "new south wales": "australia"}


def regions(name: str) -> dict[str, str]:
    """The state and the country that a name, in any case, says a place is in."""
    folded = name.casefold()
    if folded in STATE:
        state = STATE[folded]
        return {"state": state, "country": _ABROAD.get(state, "united states")}
    return {"country": _PARTS.get(COUNTRY[folded], COUNTRY[folded])} if folded in COUNTRY else {}
