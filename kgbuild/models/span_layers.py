"""Span vectors in the modes that no published checkpoint of the joint model uses.

`Spans` in `relex.py` is the mode they do use (`markerV0`). The ones here make the vectors of all
spans at once, and score them by a dot product with the labels.

Sizes: B texts, W words, K widths, C entity labels, H width, N spans. [b, s, k] is the span of the
words s … s + k.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Sides = tuple[Tensor, ...]
"""What a mode makes of the words of a batch, once, before it looks at spans."""


def head(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """A two-layer head, four times as wide inside as its output."""
    return nn.Sequential(
        nn.Linear(inputs, 4 * outputs),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(4 * outputs, outputs),
    )


class Grid(nn.Module):
    """What they share: `forward` makes a grid of span vectors, (B, W, K, H)."""

    def sides(self, words: Tensor, n_words: Tensor) -> Sides:
        """Return the grid for words (B, W, H), of which the first `n_words` (B) are no padding."""
        return (self(words, n_words),)

    def logits(self, sides: Sides, labels: Tensor) -> Tensor:
        """Score all spans against labels (B, C, H): (B, W, K, C)."""
        (grid,) = sides
        return torch.einsum("bwkh,bch->bwkc", grid, labels).float()

    def vectors(self, sides: Sides, spans: Tensor) -> Tensor:
        """Vectors (N, H) of `spans` (N, 3): row of the batch, first word, last word."""
        (grid,) = sides
        row, first, last = spans.unbind(1)
        return grid[row, first, last - first]


class Marker(Grid):
    """First and last word: W relu([a(first); b(last)])."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self._max_width = max_width
        self.project_start = self._projection(width, dropout)
        self.project_end = self._projection(width, dropout)
        self.out_project = nn.Linear(2 * width, width)

    @staticmethod
    def _projection(width: int, dropout: float) -> nn.Sequential:
        """Twice as wide inside, where `head` is four times as wide."""
        return nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        ends = _ahead(self.project_end(words), self._max_width)
        starts = self.project_start(words)[:, :, None].expand_as(ends)
        grid: Tensor = self.out_project(functional.relu(torch.cat([starts, ends], dim=-1)))
        return grid


class MarkerInContext(Grid):
    """First and last word and one vector for the whole text.

    Args:
        width: H.
        max_width: K.
        dropout: Of the heads.
        last_word: Whether the text's vector is made of its last word (`markerV2`); otherwise it is
            the mean of its words (`markerV1`).
    """

    def __init__(self, width: int, max_width: int, dropout: float, *, last_word: bool) -> None:
        super().__init__()
        self._max_width = max_width
        self.project_start = head(width, width, dropout)
        self.project_end = head(width, width, dropout)
        self.project_context = head(width, width, dropout) if last_word else None
        self.out_project = head(3 * width, width, dropout)

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        ends = _ahead(self.project_end(words), self._max_width)
        starts = self.project_start(words)[:, :, None].expand_as(ends)
        counts = n_words.clamp(min=1)
        if self.project_context is None:
            context = words.sum(dim=1) / counts[:, None]  # padding is zeros
        else:
            context = self.project_context(words[torch.arange(len(words)), counts - 1])
        everywhere = context[:, None, None].expand_as(ends)
        grid: Tensor = self.out_project(
            functional.relu(torch.cat([starts, ends, everywhere], dim=-1))
        )
        return grid


class Query(Grid):
    """First word times a learned vector for each width."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self.query_seg = nn.Parameter(torch.empty(width, max_width).uniform_(-1, 1))
        self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU())

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        grid: Tensor = self.project(words[:, :, None] * self.query_seg.T)
        return grid


class Mlp(Grid):
    """A linear map of the first word for each width."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self._max_width = max_width
        self.mlp = nn.Linear(width, width * max_width)

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        return functional.relu(self.mlp(words)).view(*words.shape[:2], self._max_width, -1)


class Cat(Grid):
    """First word beside a learned vector for each width."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self.query_seg = nn.Parameter(torch.randn(128, max_width))
        self.project = nn.Sequential(nn.Linear(width + 128, width), nn.ReLU())

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        widths = self.query_seg.reshape(-1, 128)  # the public layout: rows read on, not columns
        shape = (*words.shape[:2], *widths.shape)
        starts = words[:, :, None].expand(*shape[:3], words.shape[-1])
        grid: Tensor = self.project(torch.cat([starts, widths.expand(shape)], dim=-1))
        return grid


class Pooled(Grid):
    """All words of a span: their largest value, mean or sum."""

    def __init__(self, width: int, max_width: int, dropout: float, *, how: str) -> None:
        super().__init__()
        self._max_width, self._how = max_width, how
        self.project = nn.Sequential(nn.ReLU(), nn.Linear(width, width))

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        inside = [words]
        for k in range(1, self._max_width):
            following = functional.pad(words[:, k:], (0, 0, 0, min(k, words.shape[1])))
            last = inside[-1]
            inside.append(
                torch.maximum(last, following) if self._how == "max" else last + following
            )
        spans = torch.stack(inside, dim=2)
        if self._how == "mean":
            spans = spans / torch.arange(1, self._max_width + 1).to(spans)[:, None]
        grid: Tensor = self.project(spans)
        return grid


class Convolved(Grid):
    """All words of a span, by a convolution of its own for each width."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.ModuleDict({"conv": nn.Conv1d(width, width, kernel_size=k)})
            for k in range(2, max_width + 1)
        )
        self.project = nn.Sequential(nn.ReLU(), nn.Linear(width, width))

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        sequence = words.mT  # (B, H, W)
        spans = [words] + [
            one["conv"](functional.pad(sequence, (0, k))).mT  # type: ignore[index]
            for k, one in enumerate(self.convs, start=1)
        ]
        grid: Tensor = self.project(torch.stack(spans, dim=2))
        return grid


class ConvolvedAlike(Grid):
    """All words of a span, by the beginning of one convolution."""

    def __init__(self, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self.conv_weigth = nn.Parameter(torch.randn(width, width, max_width))  # the public name
        self.project = nn.Sequential(nn.ReLU(), nn.Linear(width, width))

    def forward(self, words: Tensor, n_words: Tensor) -> Tensor:
        sequence = words.mT  # (B, H, W)
        spans = [
            functional.conv1d(functional.pad(sequence, (0, k)), self.conv_weigth[:, :, : k + 1]).mT
            for k in range(self.conv_weigth.shape[2])
        ]
        grid: Tensor = self.project(torch.stack(spans, dim=2))
        return grid


def _ahead(words: Tensor, max_width: int) -> Tensor:
    """[b, s, k] = the word s + k, (B, W, K, H); zeros after the last word."""
    padded = functional.pad(words, (0, 0, 0, max_width - 1))
    return padded.unfold(1, max_width, 1).mT


GRIDS: dict[str, Callable[[int, int, float], Grid]] = {
    "marker": Marker,
    "markerV1": lambda *sizes: MarkerInContext(*sizes, last_word=False),
    "markerV2": lambda *sizes: MarkerInContext(*sizes, last_word=True),
    "query": Query,
    "mlp": Mlp,
    "cat": Cat,
    "conv_conv": Convolved,
    "conv_max": lambda *sizes: Pooled(*sizes, how="max"),
    "conv_mean": lambda *sizes: Pooled(*sizes, how="mean"),
    "conv_sum": lambda *sizes: Pooled(*sizes, how="sum"),
    "conv_share": ConvolvedAlike,
}
"""By the names of the configuration."""
