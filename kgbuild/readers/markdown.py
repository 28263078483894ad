"""Markdown without its marks: what a reader of the rendered page would see, links without targets.

Every pattern stops at the next character that could start it again, so that each takes linear
time on any text.
"""

import re

_FRONT_MATTER = re.compile(r"---[ \t]*\n((?:[^\n]*\n){0,100}?)---[ \t]*(?:\n|\Z)")
_SETTING = re.compile(r"(?m)^(\w[\w .-]{0,60}):[ \t]+(\S[^\n]*)$")

_MARKS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^ {0,3}(?:`{3}|~{3})[^\n]*$", ""),  # fences of code
        (r"<!--[^<>]*-->", ""),
        (r"</?[A-Za-z][\w-]{0,20}(?:\s[^<>\n]*)?/?>", ""),
        (r"^ {0,3}\[[^\[\]\n]+\]:[ \t]+\S[^\n]*$", ""),  # link definitions
        (r"!?\[([^\[\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)", r"\1"),  # links and images
        (r"!?\[([^\[\]\n]+)\]\[[^\[\]\n]*\]", r"\1"),
        (r"^ {0,3}#{1,6}[ \t]+([^\n]*)", r"\n\1\n"),
        (r"^[ \t|:=*_-]{3,}$", ""),  # rules, underlined headings, the second line of tables
        (r"^(?: {0,3}>)+ ?", ""),
        (r"(?<![`\\])`++([^`\n]+)`++", r"\1"),
        (r"(?<![\w*\\])\*{1,3}(?=\S)([^*\n]+)(?<=\S)\*{1,3}(?!\w)", r"\1"),
        (r"(?<![\w\\])_{1,3}(?=\S)([^_\n]+)(?<=\S)_{1,3}(?!\w)", r"\1"),
        (r"\\([\\`*_{}\[\]()#+.!|>~-])", r"\1"),
    )
)


def plain(markdown: str) -> str:
    """The text of a Markdown document without markup."""
    for pattern, replacement in _MARKS:
        markdown = pattern.sub(replacement, markdown)
    return markdown


def front_matter(markdown: str) -> tuple[dict[str, str], str]:
    """The `key: value` lines between the two `---` at the top, and the rest of the document."""
    match = _FRONT_MATTER.match(markdown)
    if not match:
        return {}, markdown
    settings = {key: value.strip("\"' \t") for key, value in _SETTING.findall(match[1])}
    return settings, markdown[match.end() :]
