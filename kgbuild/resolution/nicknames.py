"""English short forms of given names that stand for one name only, of one sex."""

_SHORT = """
    abigail: abby gail; abraham: abe; agatha: aggie; andrew: andy; anthony: tony; archibald:
    archie; barbara: barb babs; barnabas: barney; bartholomew: bart; benjamin: ben benny; bradley:
    brad; catherine: cathy; charles: charlie chuck; christopher: topher; clifford: cliff; cynthia:
    cindy; daniel: dan danny; david: dave davey; deborah: deb debbie; dennis: denny; donald: don
    donny; dorothy: dottie; douglas: doug; edward: eddie ned; eleanor: ellie nora; elizabeth: beth
    betsy betty eliza liz lizzie; eugene: gene; ezekiel: zeke; frederick: fred; geoffrey: geoff;
    gregory: greg; gwendolyn: gwen; harold: hal; henry: hank; isaac: ike; jacob: jake; james: jim
    jimmy jimbo; jeffrey: jeff; jennifer: jen; john: johnny; jonathan: jon; joseph: joe joey;
    joshua: josh; judith: judy; katherine: kate katie kathy; kenneth: ken kenny; lawrence: larry;
    leonard: len lenny; margaret: maggie meg peggy; matthew: matt; michael: mike mick mickey;
    nathaniel: nate; nicholas: nick; pamela: pam; patricia: patty tricia; peter: pete; philip:
    phil; rebecca: becky; reginald: reg; richard: rick dick ricky richie; robert: bob bobby rob
    robbie; ronald: ron; rudolph: rudy; solomon: sol; stanley: stan; stephen: steve stevie; susan:
    sue susie; thomas: tom tommy; timothy: tim; tobias: toby; victoria: vicky; vincent: vince;
    virginia: ginny; walter: walt; wilfred: wilf; william: bill billy will willy; zachary: zach
"""
FORMAL = {
    short: formal.strip()
    for entry in " ".join(_SHORT.split()).split(";")
    for formal, _, shorts in [entry.partition(":")]
    for short in shorts.split()
}
