"""Given names that one person may go by: short forms, and forms in other languages and scripts.

A short form may stand for several names ("Kate" for Katherine and Catherine), but not for names of
both sexes: "Alex", "Chris" and "Sam" are left out.
"""

_SHORT = """
    abigail: abby gail; abraham: abe; agatha: aggie; albert: bert; andrew: andy; anna: annie;
    anthony: tony antony; archibald: archie; arthur: art; barbara: barb babs; barnabas: barney;
    bartholomew: bart; benjamin: ben benny; bernard: bernie; bradley: brad;
    catherine: cathy kate katie; charles: charlie chuck; christina: tina; christopher: topher;
    clifford: cliff; cynthia: cindy; daniel: dan danny; david: dave davey; deborah: deb debbie;
    dennis: denny; dmitry: dima; donald: don donny; dorothy: dottie dolly; douglas: doug;
    edward: eddie ned ed ted teddy; edwin: ed eddie; eleanor: ellie nora nell;
    elizabeth: beth betsy betty eliza liz lizzie bess libby; ernest: ernie; eugene: gene;
    ezekiel: zeke; florence: flo florrie; frances: fanny francie; francis: frank; francisco: paco
    pancho; franklin: frank; frederick: fred freddie freddy; friedrich: fritz; geoffrey: geoff;
    gabriel: gabe; gerald: gerry jerry; gerard: gerry; gertrude: trudy; giovanni: gianni;
    giuseppe: beppe; gregory: greg; gwendolyn: gwen; harold: hal harry; henrietta: hattie etta;
    henry: hank harry hal; herbert: bert herb; hubert: bert; ignacio: nacho; isaac: ike; isabella:
    bella; jacob: jake; james: jim jimmy jimbo; jane: jenny; jeffrey: jeff; jennifer: jen jenny;
    jeremiah: jerry; jerome: jerry; johannes: hans; john: johnny jack; jonathan: jon; jose: pepe;
    joseph: joe joey; joshua: josh; judith: judy; katherine: kate katie kathy kathryn katharine;
    ekaterina: katya; kenneth: ken kenny; konstantin: kostya; lawrence: larry laurence; leonard:
    len lenny; leopold: leo; lewis: lew; louis: louie; lucille: lucy; madeline: maddy; manuel:
    manny manolo; margaret: maggie meg peggy marge margie madge; mary: molly polly mamie;
    matthew: matt; maximilian: max; maxwell: max; mikhail: misha; michael: mike mick mickey;
    nathan: nate; nathaniel: nate nat; natalia: natasha; nicholas: nick; oliver: ollie;
    pamela: pam; patricia: patty tricia; patrick: paddy; peter: pete; philip: phil; raymond: ray;
    rebecca: becky; reginald: reg reggie; richard: rick dick ricky richie rich; robert: bob bobby
    rob robbie; roderick: rod; rodney: rod; ronald: ron ronnie; rosemary: rosie; rudolph: rudy;
    salvatore: sal; sebastian: seb; solomon: sol; stanislav: stas; stanley: stan; stephen: steve
    stevie steven; susan: sue susie suzie; tatiana: tanya; terence: terry; theodore: ted teddy
    theo; theresa: tess tessa; thomas: tom tommy; timothy: tim timmy; tobias: toby; victor: vic;
    victoria: vicky; vincent: vince vinnie; virginia: ginny; vladimir: vlad volodya; walter: walt;
    wilfred: wilf; wilhelm: willi; william: bill billy will willy willie; yosef: yossi; zachary:
    zach zack
"""
_ABROAD = """
    albert: alberto; alexander: aleksandr oleksandr alexandre alessandro alejandro aleksander;
    alexandra: aleksandra oleksandra alessandra alejandra; alexei: alexey aleksei aleksey oleksii;
    andrew: andrei andrey andrzej andre andres andreas andriy; anna: hanna; anthony: antonio anton
    antoine; arthur: arturo artur; bernard: bernardo bernhard; catherine: katherine katarina
    katerina ekaterina yekaterina kateryna; charles: carlos karl carl carlo karol; daniel: daniil
    danilo danylo; david: dawid; dennis: denis denys; dmitry: dmitri dmitriy dimitri dmytro; edward:
    eduardo edouard eduard; elena: olena yelena jelena; elizabeth: elisabeth elisabetta isabel;
    ernest: ernst ernesto; eugene: yevgeny evgeny evgeniy eugenio yevhen; ferdinand: fernando;
    francis: francisco franz francois francesco frans; frederick: friedrich frederic federico
    fryderyk frederik; fyodor: fedor feodor theodore theodor fedir; george: georg georges jorge
    giorgio georgy georgi jerzy juri yuri yury yuriy; gregory: grigory grigori hryhoriy gregor;
    henry: heinrich henri enrique enrico hendrik henryk; hugh: hugo hugues; igor: ihor; jacob:
    yakov jakob yaakov jakub; james: jaime jacques giacomo; john: juan ivan giovanni johann
    johannes jan joao; joseph: josef jose josip yusuf giuseppe iosif jozef osip; julius: julio
    jules; lawrence: lorenzo laurent; leo: lev leon; louis: luis ludwig luigi lajos; lucas: luke
    luca lukas; mark: marc marcus marco marko marek; matthew: matteo mateo matthias matthieu;
    michael: mikhail miguel michel michele mykhailo mikael; mohammed: muhammad mohamed mohammad
    mohamad muhammed mehmet mohamet; natalia: nataliya natalya natalie; nicholas: nicolas nikolai
    nikolay mykola nicola nikolaus klaus mikolaj; nikita: mykyta; olga: olha; paul: pavel pablo
    paolo pavlo paulo pawel; peter: pyotr petr petro pedro pierre pietro piotr; philip: felipe
    philippe filip; raymond: ramon raimund; richard: ricardo riccardo; robert: roberto; rudolph:
    rudolf rodolfo; sergei: sergey serhiy sergiy serge sergio; solomon: suleiman; sophia: sofia
    sophie sofya zofia; stephen: stefan stephan etienne esteban stepan istvan stefano; tatiana:
    tatyana tetiana; theresa: teresa therese; thomas: tomas tommaso tomasz; vasily: vasyl vasiliy
    basil; victor: viktor; victoria: viktoria; vincent: vincenzo vicente; vladimir: volodymyr
    wladimir; william: wilhelm guillermo guillaume guglielmo willem
"""


def _lines_of(table: str) -> dict[str, frozenset[str]]:
    """For each name the first names of all the lines that it stands in."""
    found: dict[str, set[str]] = {}
    for entry in " ".join(table.split()).split(";"):
        formal, _, others = entry.partition(":")
        for name in (formal, *others.split()):
            found.setdefault(name.strip(), set()).add(formal.strip())
    return {name: frozenset(formal) for name, formal in found.items()}


FORMAL = _lines_of(_SHORT)
ABROAD = _lines_of(_ABROAD)
